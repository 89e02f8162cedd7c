"""Credentials taken out of captured text before it leaves the host.

Each pattern has a name, and what it finds becomes ``[redacted:NAME]``. The patterns also read
escaped text, where a line ends in a literal ``\\r`` or ``\\n``. What is encoded once more (base64
inside JSON, a home-made scheme) is not recognised.
"""

from __future__ import annotations

import re

_LINE = r"(?:(?!\\+[rn])[^\r\n])*"
"""The rest of a line, whose end may be escaped once or more."""

_START = r"(?:\b|(?<=\\[nrt]))"
"""The start of a word, also right after an escaped line end."""

_VALUE = r"(?:'[^'\r\n]{0,256}'|\"[^\"\r\n]{0,256}\"|(?:(?!\\+[rn])[^\s\"';&|])+)"
"""A word of a shell's command line, in quotes or without."""

_WORDS = r"[\s\"',](?:[^\r\n|;]{0,256}?[\s\"',])?"
"""What may stand between a command and one of its flags."""

_SENSITIVE = (
    r"[\w.-]{0,32}(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|"
    r"client[_-]?secret|session(?:[_-]?id)?|jsessionid|phpsessid|sessid|credential|csrf)[\w-]{0,16}"
)

PATTERNS: dict[str, re.Pattern[str]] = {
    "private_key": re.compile(
        r"(-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL | re.IGNORECASE
    ),
    "authorization": re.compile(rf"{_START}((?:proxy-)?authorization[\"']?\s*[:=]\s*){_LINE}", re.IGNORECASE),
    "cookie": re.compile(rf"{_START}((?:set-)?cookie2?[\"']?\s*:\s*){_LINE}", re.IGNORECASE),
    "key_header": re.compile(
        rf"{_START}(x-[\w-]{{0,24}}?(?:key|token|auth|secret|session)[\w-]{{0,24}}[\"']?\s*:\s*){_LINE}", re.IGNORECASE
    ),
    "login": re.compile(rf"(?:(?<=[rn\s])|(?<![\w/.]))((?:PASS|AUTH PLAIN|AUTH LOGIN|AUTH)\s+)(?!PLAIN|LOGIN){_LINE}"),
    "url_login": re.compile(r"([a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'<>]{0,64}:)[^\s/@\"'<>]+(?=@)", re.IGNORECASE),
    "bearer": re.compile(rf"{_START}(bearer\s+)[\w.~+/=-]{{8,}}", re.IGNORECASE),
    "jwt": re.compile(rf"{_START}()eyJ[\w-]{{5,}}\.[\w-]{{4,}}(?:\.[\w-]*)?"),
    "aws_key": re.compile(rf"{_START}()(?:AKIA|ASIA)[0-9A-Z]{{16}}\b"),
    "vendor_token": re.compile(
        _START + r"()(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|sk-[\w-]{16,}|"
        r"AIza[\w-]{30,}|hf_\w{20,}|npm_\w{20,}|[sr]k_(?:live|test)_\w{16,}|SG\.[\w-]{16,}\.[\w-]{16,})"
    ),
    "secret_flag": re.compile(
        r"(--?(?:password|passwd|pass|token|secret|api-?key)[\"']?(?:=|\s+|\"?,\s*\"))[^\s\"',&\\]+", re.I
    ),
    # Flags that are secrets only after their own command: elsewhere -p is a port or a path, -a everything, -u a user.
    "mysql_password": re.compile(rf"{_START}((?:mysql|mariadb)[\w-]{{0,16}}{_WORDS}-p){_VALUE}"),
    "sshpass": re.compile(rf"{_START}(sshpass(?:\s+-[veh]){{0,4}}[\s\"',]+-p[\s\"',]*){_VALUE}"),
    "curl_login": re.compile(rf"{_START}(curl{_WORDS}(?:-[uU]|--(?:proxy-)?user)[\s\"',=]*[^\s:\"']{{1,64}}:){_VALUE}"),
    "redis_password": re.compile(rf"{_START}(redis-cli{_WORDS}(?:-a|--pass)[\s\"',=]+){_VALUE}"),
    "secret_field": re.compile(
        rf"({_START}{_SENSITIVE}\\*[\"']?\s*(?:=|%3d|:)\s*\\*[\"']?)(?!\s|\[redacted)[^\s\"'&;,<>\\]+", re.IGNORECASE
    ),
}


def redact(text: str) -> str:
    """Return ``text`` with every credential, cookie, token and key that a pattern names taken out."""
    for name, pattern in PATTERNS.items():
        text = pattern.sub(rf"\g<1>[redacted:{name}]", text)
    return text
