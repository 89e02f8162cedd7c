"""Made-up payloads of kinds the labelled captures lack: server replies, text protocols, attack sessions.

The lines of ``payloads.txt`` are filled in at random; longer text comes from the Python standard
library's own sources, so a run on the same Python version repeats itself.
"""

from __future__ import annotations

import base64
import random
import re
import sysconfig
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import quote

Maker = Callable[[random.Random], bytes]

_PAYLOADS = Path(__file__).with_name("payloads.txt")
_SLOT = re.compile(r"\{(\w+)\}")
_STDLIB_TEXT = ("argparse", "ast", "calendar", "http/client", "json/decoder", "logging/config", "mailbox")
_WORDS = """account order invoice report select update drop union table user admin login search query value script
style index image video product price cart session token config system exec shell root path file upload download
server client request response error warning status health metric alert event message comment post page news insert
delete from where group password email phone address city country weather travel hotel flight music""".split()  # noqa: SIM905 - prose is easier to read
_SERVERS = """nginx|nginx/1.18.0 (Ubuntu)|nginx/1.26.2|Apache/2.4.62 (Debian)|Apache/2.2.15 (CentOS)|Apache|cloudflare
Microsoft-IIS/10.0|Microsoft-IIS/7.5|openresty|gunicorn|lighttpd/1.4.59|Kestrel|Caddy|Jetty(9.4.43)|LiteSpeed|envoy
SimpleHTTP/0.6 Python/3.11.2|Werkzeug/2.3.7 Python/3.11.4|AmazonS3|Varnish|gws""".replace("\n", "|").split("|")
_AGENTS = (
    """curl/8.5.0|Wget/1.21.3|Debian APT-HTTP/1.3 (2.6.1)|python-requests/2.31.0|Go-http-client/1.1|git/2.39.5
Prometheus/2.45.0|okhttp/4.9.0|kube-probe/1.29|ELB-HealthChecker/2.0|Java/1.8.0_391|pip/24.0
Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36
""".strip()
    .replace("\n", "|")
    .split("|")
)
_STATUS = """200 OK|200 OK|200 OK|200 OK|404 Not Found|301 Moved Permanently|304 Not Modified|403 Forbidden
500 Internal Server Error|206 Partial Content|401 Unauthorized|302 Found""".replace("\n", "|").split("|")
_REPLY_HEADERS = """Server: {server}|Server: {server}|Date: {date}|Content-Type: text/html; charset=utf-8
Content-Type: application/json|Content-Type: application/octet-stream|Content-Type: text/plain|Connection: close
Content-Length: {number}|Transfer-Encoding: chunked|Set-Cookie: {word}={hex}; path=/; HttpOnly|ETag: "{hex}"
Last-Modified: {date}|X-Content-Type-Options: nosniff|Location: https://{host}/{word}?next=/{word}|Vary: Accept
Content-Security-Policy: default-src 'self'; script-src 'unsafe-inline'|Access-Control-Allow-Origin: *
Cache-Control: no-cache, private|X-Powered-By: PHP/7.4.33|Connection: keep-alive""".replace("\n", "|").split("|")
_REQUEST_HEADERS = """Host: {host}|User-Agent: {agent}|Accept: */*|Accept-Encoding: gzip, deflate
Accept: text/html,application/xhtml+xml|Connection: keep-alive|Cookie: {word}={hex}; {word}={number}
Referer: https://{host}/{word}|If-None-Match: "{hex}"|Authorization: Basic {b64}""".replace("\n", "|").split("|")
_TARGETS = ("", "/{word}", "/{word}/{word}.html", "/{word}.php?{word}={number}", "/api/v1/{word}?q={word}", "/metrics")


@cache
def _sections() -> dict[str, list[str]]:
    """Payload lines by section, escapes resolved, one character a byte."""
    sections: dict[str, list[str]] = {}
    name = ""
    for line in _PAYLOADS.read_text(encoding="ascii").splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:7] in {"benign", "attack"}:
            name = line[1:-1]
        elif line and name:
            sections.setdefault(name, []).append(line.encode("ascii").decode("unicode_escape"))
    return sections


@cache
def _prose() -> str:
    folder = Path(sysconfig.get_paths()["stdlib"])
    text = "\n".join((folder / f"{name}.py").read_text(encoding="utf-8") for name in _STDLIB_TEXT)
    return text.encode("ascii", "ignore").decode("ascii")


def _text(rng: random.Random) -> str:
    start = rng.randrange(len(_prose()) - 600)
    return _prose()[start : start + rng.randint(10, 600)]


def ip(rng: random.Random) -> str:
    """Return a random IPv4 address."""
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def host(rng: random.Random) -> str:
    """Return a random address or host name."""
    if rng.random() < 0.3:
        return ip(rng)
    name = rng.choice(("www.", "api.", "cdn.", "shop.", "mail.", ""))
    return f"{name}{rng.choice(_WORDS)}{rng.choice(('', '-shop', '24'))}.{rng.choice(('com', 'net', 'io', 'local'))}"


def date(rng: random.Random) -> str:
    """Return an HTTP date in a random year."""
    day, month = rng.choice(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")), rng.choice(("Jan", "Feb", "May", "Jul", "Oct"))
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
    return f"{day}, {rng.randint(1, 28):02} {month} {rng.randint(1999, 2026)} {clock} GMT"


def _unescaped(rng: random.Random) -> str | bytes:
    """Return what ordinary parameters carry: addresses of pages, JSON, phrases, bytes."""
    kind = rng.choice(
        ("http://{host}/{word}?{word}={number}", '{"{word}":"{word}","{word}":[{number}]}', "{words}", "")
    )
    return _fill(kind, rng) if kind else rng.randbytes(rng.randint(4, 40))


_SLOTS: dict[str, Callable[[random.Random], str]] = {
    "agent": lambda rng: rng.choice(_AGENTS),
    "arch": lambda rng: rng.choice(("mips", "arm7", "x86_64", "bins.sh", "kdevtmpfsi", "mpsl")),
    "b64": lambda rng: base64.b64encode(rng.randbytes(rng.randint(9, 40))).decode(),
    "command": lambda rng: _filled("attack command", rng),
    "date": date,
    "escaped": lambda rng: quote(_unescaped(rng), safe=""),
    "hex": lambda rng: rng.randbytes(rng.choice((4, 8, 16, 20))).hex(),
    "host": host,
    "ip": ip,
    "noise": lambda rng: rng.randbytes(rng.randint(20, 400)).decode("latin-1"),
    "number": lambda rng: str(rng.randint(1, 10 ** rng.randint(1, 6))),
    "pipe": lambda rng: rng.choice(("|", " | ")),
    "run": lambda rng: rng.choice("AaxXB0-=. #*") * rng.randint(8, 500),
    "script": lambda rng: _filled("benign script", rng),
    "server": lambda rng: rng.choice(_SERVERS),
    "small": lambda rng: str(rng.randint(1, 24)),
    "sql": lambda rng: _filled("benign sql", rng),
    "text": _text,
    "word": lambda rng: rng.choice(_WORDS),
    "words": lambda rng: " ".join(rng.choice(_WORDS) for _ in range(rng.randint(2, 9))),
}


def _fill(line: str, rng: random.Random) -> str:
    return _SLOT.sub(lambda slot: _SLOTS[slot[1]](rng) if slot[1] in _SLOTS else slot[0], line)


def _filled(section: str, rng: random.Random) -> str:
    return _fill(rng.choice(_sections()[section]), rng)


def _head(first_line: str, pool: list[str], rng: random.Random) -> bytes:
    headers = [_fill(header, rng) for header in rng.sample(pool, rng.randint(1, min(9, len(pool))))]
    return "\r\n".join((first_line, *headers, "", "")).encode("latin-1")


def http_reply(rng: random.Random) -> bytes:
    """Return an ordinary HTTP reply."""
    body = _filled("benign body", rng).encode("latin-1")
    if rng.random() < 0.25:
        body = rng.choice((zlib.compress(body), rng.randbytes(len(body))))
    return _head(f"HTTP/1.{rng.choice('0111')} {rng.choice(_STATUS)}", _REPLY_HEADERS, rng) + body


def http_request(rng: random.Random) -> bytes:
    """Return a plain request of a tool, a monitor or a browser."""
    method = rng.choice(("GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT"))
    target = _fill(rng.choice(_TARGETS), rng) or "/"
    body = _filled("benign body", rng).encode("latin-1") if method in {"POST", "PUT"} else b""
    return _head(f"{method} {target} HTTP/1.{rng.choice('0111')}", _REQUEST_HEADERS, rng) + body


def opaque(rng: random.Random) -> bytes:
    """Return bytes of an unknown binary protocol: noise, sparse records, base64, deflate."""
    noise = rng.randbytes(rng.randint(1, 510))
    sparse = bytes(b if rng.random() < 0.3 else 0 for b in noise)
    return rng.choice(
        (noise, sparse, len(noise).to_bytes(4, "big") + noise, base64.b64encode(noise), zlib.compress(sparse))
    )


def _text_of(kind: str) -> Maker:
    return lambda rng: _filled(f"{kind} text", rng).encode("latin-1")


def _redis_of(kind: str) -> Maker:
    return lambda rng: b"".join(_resp(_filled(f"{kind} redis", rng).split("|")) for _ in range(rng.randint(1, 4)))


def _resp(parts: list[str]) -> bytes:
    return f"*{len(parts)}\r\n".encode() + b"".join(f"${len(p)}\r\n{p}\r\n".encode("latin-1") for p in parts)


def _sql_of(kind: str) -> Maker:
    """Queries as PostgreSQL and MySQL put them on the wire."""

    def make(rng: random.Random) -> bytes:
        query = _filled(f"{kind} sql", rng).encode("latin-1")
        if rng.random() < 0.5:
            return b"Q" + (len(query) + 5).to_bytes(4, "big") + query + b"\0"
        return (len(query) + 1).to_bytes(3, "little") + b"\0\x03" + query

    return make


BENIGN: tuple[Maker, ...] = (
    *(http_reply, http_reply, http_reply, http_request, opaque),
    *(_text_of("benign"), _text_of("benign"), _redis_of("benign"), _sql_of("benign")),
)
"""Makers of ordinary payloads; replies count more because captures hold few."""

ATTACK: tuple[Maker, ...] = (
    _text_of("attack"),
    _text_of("attack"),
    _text_of("attack"),
    _redis_of("attack"),
    _sql_of("attack"),
)
"""Makers of clear-text attack sessions outside HTTP requests."""
