from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.host import logins


def record(kind: int, pid: int, address: bytes) -> bytes:
    return logins.UTMP_RECORD.pack(kind, pid, b"pts/0", b"0", b"root", b"host", 0, address.ljust(16, b"\0"))


def test_a_login_from_afar_is_read_and_a_logout_is_not() -> None:
    here, local = record(logins.USER_PROCESS, 5, bytes([203, 0, 113, 5])), record(logins.USER_PROCESS, 6, b"")
    gone = record(8, 7, bytes([203, 0, 113, 6]))
    assert logins.parse_utmp(here + local + gone) == [(5, "203.0.113.5")]


def test_a_closing_session_protects_nobody() -> None:
    assert logins.parse_session(b"STATE=active\nREMOTE_HOST=203.0.113.5\n") == "203.0.113.5"
    assert logins.parse_session(b"STATE=closing\nREMOTE_HOST=203.0.113.5\n") == ""


@given(st.binary(max_size=900))
def test_no_parser_raises_on_garbage(content: bytes) -> None:
    logins.parse_utmp(content)
    logins.parse_session(content)
