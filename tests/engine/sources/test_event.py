from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sources.event import MAX_BYTES, EventError, parse

ENDS = "172.24.158.39:45676 180.215.5.133:2599"
LINE = f"2023/10/9 11:23 {ENDS}  emp3r0r木马攻击 https中疑似存在emp3r0r恶意流量"


def test_a_line_is_taken_apart() -> None:
    event = parse(LINE)
    ends = (event.src_ip, event.src_port, event.dst_ip, event.dst_port)
    assert ends == ("172.24.158.39", 45676, "180.215.5.133", 2599)
    assert (event.name, event.content) == ("emp3r0r木马攻击", "https中疑似存在emp3r0r恶意流量")
    assert event.origin == "line"


def test_a_time_without_a_zone_is_local() -> None:
    assert parse(LINE).at == datetime(2023, 10, 9, 11, 23).timestamp()


@pytest.mark.parametrize(
    "time",
    [
        "2023-10-09T11:23:00Z",
        "2023-10-09 11:23:00 UTC",
        "2023-10-09T13:23:00+02:00",
        "2023/10/9 19:23 +0800",
        "2023-10-09T11:23:00.000Z",
        "2023年10月9日 11:23 Z",
        "２０２３/10/9 11：23 Z",
        "1696850580",
    ],
)
def test_times_come_in_many_forms(time: str) -> None:
    assert parse(f"{time} {ENDS} name content").at == datetime(2023, 10, 9, 11, 23, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("rest", "name", "content"),
    [
        ("one-word the rest of it", "one-word", "the rest of it"),
        ("Several words  the rest of it", "Several words", "the rest of it"),
        ("Several words\tthe rest of it", "Several words", "the rest of it"),
        ("   padded   content  ", "padded", "content"),
        ("alone", "alone", ""),
        ("-> arrow", "->", "arrow"),
        (f"first {'x' * 200}  late gap", "first", f"{'x' * 200}  late gap"),
    ],
)
def test_the_name_is_one_word_or_ends_at_a_gap(rest: str, name: str, content: str) -> None:
    event = parse(f"2023/10/9 11:23 {ENDS} {rest}")
    assert (event.name, event.content) == (name, content)


@pytest.mark.parametrize(
    ("end", "ip", "port"),
    [
        ("[2001:DB8::1]:443", "2001:db8::1", 443),
        ("-> [2001:db8::1]:443", "2001:db8::1", 443),
    ],
)
def test_ipv6_stands_in_brackets(end: str, ip: str, port: int) -> None:
    event = parse(f"2023/10/9 11:23 [fd00::2]:1 {end} name")
    assert (event.dst_ip, event.dst_port) == (ip, port)


def test_a_mapped_address_becomes_ipv4() -> None:
    assert parse("2023/10/9 11:23 [::ffff:192.0.2.7]:1 192.0.2.8:2 name").src_ip == "192.0.2.7"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("", "line"),
        ("  \n ", "line"),
        ("x" * (MAX_BYTES + 1), "line"),
        ("hello", "time"),
        (f"2023/13/9 11:23 {ENDS} a b", "time"),
        (f"2023/10/9 25:23 {ENDS} a b", "time"),
        (f"0001-01-01T00:00:00+23:59 {ENDS} a b", "time"),
        (f"2023/10/9 11:23 +0860 {ENDS}x", "destination port"),
        (f"2023/10/9 11:23 +9900 {ENDS} a", "time"),
        ("2023/10/9 11:23", "source address"),
        ("2023/10/9 11:23 999.1.1.1:1 1.2.3.4:2 a b", "source address"),
        ("2023/10/9 11:23 1.2.3.4:99999 1.2.3.4:2 a b", "source port"),
        ("2023/10/9 11:23 1.2.3.4 1.2.3.4:2 a b", "source port"),
        ("2023/10/9 11:23 1.2.3.4:1", "destination address"),
        ("2023/10/9 11:23 1.2.3.4:1 host.example:2 a b", "destination address"),
        ("2023/10/9 11:23 1.2.3.4:1 2001:db8::1 a b", "destination address"),
        ("2023/10/9 11:23 1.2.3.4:1 [2001:db8::1]:80 a b", "destination address"),
        ("2023/10/9 11:23 [fe80::1%eth0]:1 [2001:db8::1]:80 a b", "source address"),
        ("2023/10/9 11:23 1.2.3.4:1 1.2.3.4:-2 a b", "destination port"),
        ("2023/10/9 11:23 1.2.3.4:1 1.2.3.4: a b", "destination port"),
        (f"2023/10/9 11:23 {ENDS} \t ", "name"),
    ],
)
def test_a_bad_line_names_the_field(line: str, field: str) -> None:
    with pytest.raises(EventError, match=field) as error:
        parse(line)
    assert error.value.field == field


def test_characters_that_do_not_print_become_visible() -> None:
    event = parse(f"2023/10/9 11:23 {ENDS} na\x1b[2Jme con\u202etent\x00 \udcff")
    assert event.name == "na\\x1b[2Jme"
    assert event.content == "con\\u202etent\\x00 \\udcff"


def test_an_error_shows_no_control_characters() -> None:
    with pytest.raises(EventError) as error:
        parse("2023/10/9 11:23 \x1b]52;c;x\x07:1 1.2.3.4:2 a")
    assert str(error.value).isprintable()


@given(st.text(max_size=400) | st.builds("2023/10/9 11:23 {} {}".format, st.just(ENDS), st.text(max_size=300)))
def test_any_text_is_an_event_or_an_event_error(text: str) -> None:
    try:
        event = parse(text)
    except EventError as error:
        assert error.field
        assert str(error).isprintable()
    else:
        assert event.name.isprintable() and event.content.isprintable()


_TOKENS = [
    "2023/10/9",
    "11:23",
    "Z",
    ENDS,
    "[::1]:1",
    "[::ffff:1.2.3.4]:2",
    "：",
    "９",
    "->",
    "%eth0",
    "\t",
    "  ",
    "{",
    "]",
]


@given(st.lists(st.sampled_from(_TOKENS), max_size=12).map(" ".join))
def test_pieces_of_lines_in_any_order_raise_nothing_else(text: str) -> None:
    try:
        parse(text)
    except EventError as error:
        assert error.field
