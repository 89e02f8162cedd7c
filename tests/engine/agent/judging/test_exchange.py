"""Tests of the answers that the first bytes of a flow show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.agent.judging.exchange import Answered, answered

GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASKED = b"GET / HTTP/1.1\r\n\r\n"


def seen(back: bytes, total: int = 0, sent: bytes = ASKED) -> Answered:
    return answered((sent, back), (len(sent), total or len(back)))


def test_every_answer_of_a_connection_that_goes_on_is_read() -> None:
    assert seen(GONE + PAGE + GONE, sent=3 * ASKED) == ((404, 200, 404), True)


def test_a_request_that_was_not_answered_leaves_it_open() -> None:
    assert seen(GONE, sent=2 * ASKED) == ((404,), False)
    assert seen(GONE, sent=b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + ASKED) == ((404,), False)
    assert seen(GONE, sent=b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + ASKED) == ((404,), False)


def test_requests_beyond_the_first_bytes_leave_it_open_unless_a_length_tells() -> None:
    put = b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n"
    assert answered((put, GONE), (len(put) + 900, len(GONE))) == ((404,), True)
    assert answered((put, GONE), (len(put) + 950, len(GONE))) == ((404,), False)


def test_an_answer_whose_end_was_not_kept_is_whole_by_its_length() -> None:
    long = b"HTTP/1.1 404 Not Found\r\nContent-Length: 900\r\n\r\n"
    assert seen(long + b"x" * 400, total=len(long) + 900) == ((404,), True)


def test_what_was_answered_beyond_the_first_bytes_is_not_whole() -> None:
    long = b"HTTP/1.1 404 Not Found\r\nContent-Length: 900\r\n\r\n"
    assert seen(long + b"x" * 400, total=len(long) + 900 + len(PAGE)) == ((404,), False)
    assert seen(GONE, total=5_000) == ((404,), False)


def test_an_answer_to_a_question_for_headers_alone_hides_no_answer_behind_it() -> None:
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(PAGE)
    found = seen(head + PAGE, sent=b"HEAD /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
    assert found == ((404, 200), True)


def test_a_length_that_is_more_than_came_hides_nothing() -> None:
    lie = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9000\r\n\r\n"
    assert seen(lie + b"\r\n" + PAGE) == ((404, 200), True)
    assert seen(lie, total=8_000) == ((404,), False)


def test_interim_answers_and_those_without_a_body_are_passed() -> None:
    assert seen(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n" + GONE) == ((204, 404), True)


def test_what_is_no_answer_says_nothing() -> None:
    assert seen(b"+OK\r\n") == ((), False)
    assert answered((b"", b""), (0, 0)) == ((), True)


@given(st.binary(max_size=600), st.binary(max_size=600), st.integers(0, 2_000), st.integers(0, 2_000))
def test_no_bytes_break_it(sent: bytes, back: bytes, asked: int, total: int) -> None:
    heads = (b"GET / HTTP/1.1\r\n" + sent, b"HTTP/1.1 200 \r\n" + back)
    assert all(0 <= code < 1000 for code in answered(heads, (asked, total)).status)
