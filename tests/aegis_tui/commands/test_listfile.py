"""Lists of addresses: every dialect that block lists come in, and every way in which a line can be bad."""

from __future__ import annotations

import io
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis_tui.commands import listfile
from aegis_tui.commands.listfile import parse

ONE = "203.0.113.9/32"
GOOD = {
    "an IPv4 address": (b"203.0.113.9\n", [ONE]),
    "an IPv4 prefix": (b"198.51.100.0/24\n", ["198.51.100.0/24"]),
    "an IPv6 address": (b"2001:DB8::1\n", ["2001:db8::1/128"]),
    "an IPv6 prefix": (b"2001:db8::/48\n", ["2001:db8::/48"]),
    "an IPv6 address written in full": (b"2001:0db8:0000:0000:0000:0000:0000:0001\n", ["2001:db8::1/128"]),
    "an IPv4-mapped address": (b"::ffff:203.0.113.9\n", [ONE]),
    "an IPv4-mapped prefix": (b"::ffff:198.51.100.0/120\n", ["198.51.100.0/24"]),
    "a zone": (b"2001:db8::1%eth0\n", ["2001:db8::1/128"]),
    "no newline at the end": (b"203.0.113.9", [ONE]),
    "CRLF": (b"203.0.113.9\r\n198.51.100.0/24\r\n", [ONE, "198.51.100.0/24"]),
    "a byte order mark": (b"\xef\xbb\xbf203.0.113.9\n", [ONE]),
    "a byte order mark before a comment": (b"\xef\xbb\xbf# list\r\n203.0.113.9\r\n", [ONE]),
    "a # comment line": (b"# bad ones\n203.0.113.9\n", [ONE]),
    "a ; comment line": (b"; Spamhaus DROP List\n203.0.113.9\n", [ONE]),
    "a // comment line": (b"// bad ones\n203.0.113.9\n", [ONE]),
    "blank lines": (b"\n \n\t\n203.0.113.9\n\n", [ONE]),
    "spaces around": (b"  \t203.0.113.9 \t\n", [ONE]),
    "a trailing # comment": (b"203.0.113.9 # seen on Monday\n", [ONE]),
    "a trailing # comment without a space": (b"203.0.113.9#seen\n", [ONE]),
    "a trailing ; comment (Spamhaus DROP)": (b"198.51.100.0/24 ; SBL256894\n", ["198.51.100.0/24"]),
    "CSV": (b"203.0.113.9,2026-11-21,ssh,12\n", [ONE]),
    "CSV with quotes": (b'"203.0.113.9","ssh"\n', [ONE]),
    "tabs (ipsum)": (b"203.0.113.9\t8\n", [ONE]),
    "a name behind it": (b"203.0.113.9 mail.example\n", [ONE]),
    "ipset save": (b"add drop 203.0.113.9 timeout 300\n", [ONE]),
    "ipset save with a prefix": (b"add drop 198.51.100.0/24\n", ["198.51.100.0/24"]),
    "defanged": (b"203[.]0[.]113[.]9\n", [ONE]),
    "an address that only the guard refuses": (b"127.0.0.1\n", ["127.0.0.1/32"]),
    "the widest prefix, which only the guard refuses": (b"0.0.0.0/0\n", ["0.0.0.0/0"]),
    "a comment with bytes that are no UTF-8": (b"203.0.113.9 # \xff\xfe\n", [ONE]),
    "a very long line": (ONE.encode() + b"#" + b"x" * 9000 + b"\n192.0.2.1", [ONE, "192.0.2.1/32"]),
    "nothing": (b"", []),
    "only comments": (b"# a\n; b\n", []),
}  # fmt: skip
BAD = {
    "an octet too large": (b"300.1.1.1\n", "300.1.1.1 is no address"),
    "three octets": (b"1.2.3\n", "1.2.3 is no address"),
    "octets with leading zeros": (b"203.000.113.009\n", "203.000.113.009 is no address"),
    "a number": (b"3405803785\n", "3405803785 is no address"),
    "a name": (b"mail.example\n", "mail.example is no address"),
    "a port": (b"203.0.113.9:8080\n", "203.0.113.9:8080 is no address"),
    "brackets": (b"[2001:db8::1]\n", "[2001:db8::1] is no address"),
    "a URL": (b"https://203.0.113.9/x\n", "https: is no address"),
    "host bits": (b"203.0.113.9/24\n", "203.0.113.9/24 is no prefix: host bits are set"),
    "a prefix too long": (b"203.0.113.9/33\n", "is no prefix"),
    "a negative length": (b"203.0.113.9/-1\n", "is no prefix"),
    "a length that is a mask": (b"198.51.100.0/255.255.255.0\n", "is no prefix"),
    "an empty length": (b"203.0.113.9/\n", "is no prefix"),
    "a range": (b"203.0.113.9-203.0.113.20\n", "is a range: write it as prefixes"),
    "a range with spaces": (b"203.0.113.9 - 203.0.113.20\n", "is a range: write it as prefixes"),
    "a range in two columns (DShield)": (b"198.51.100.0\t198.51.100.255\t24\n", "is a range: write it as prefixes"),
    "the set of ipset save": (b"create drop hash:ip family inet\n", "create is no address"),
    "UTF-16": ("203.0.113.9\n".encode("utf-16-le"), "is no address"),
    "binary": (b"\x7fELF\x02\x01\n", "is no address"),
    "a command for the terminal": (b"\x1b]0;pwned\x07\n", "\\x1b]0 is no address"),
    "digits of another script": ("٢٠٣.٠.١١٣.٩\n".encode(), "is no address"),
}


@pytest.mark.parametrize(("content", "prefixes"), GOOD.values(), ids=GOOD.keys())
def test_a_dialect_of_block_lists_is_read(content: bytes, prefixes: list[str]) -> None:
    found = parse(io.BytesIO(content))
    assert (list(found.prefixes), found.bad) == (prefixes, ())


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_with_its_number_and_skipped(content: bytes, said: str) -> None:
    found = parse(io.BytesIO(b"# list\n203.0.113.9\n" + content + b"198.51.100.7\n"))
    assert found.prefixes[0] == ONE
    assert found.bad[0].startswith("line 3: ")
    assert said in found.bad[0]
    assert found.bad[0].isprintable()
    assert "198.51.100.7/32" in found.prefixes or content.endswith(b"\n\x00")


def test_duplicates_are_counted_in_every_spelling() -> None:
    found = parse(io.BytesIO(b"203.0.113.9\n203.0.113.9/32\n::ffff:203.0.113.9\n2001:db8::1\n2001:DB8:0::1\n"))
    assert (found.prefixes, found.duplicates) == ((ONE, "2001:db8::1/128"), 3)


def test_a_prefix_within_another_one_is_told_with_the_widest_that_holds_it() -> None:
    lines = b"203.0.113.9\n203.0.113.0/25\n203.0.113.0/24\n203.0.114.0/24\n2001:db8::1\n2001:db8::/64\n"
    found = parse(io.BytesIO(lines))
    assert set(found.contained) == {
        ("203.0.113.0/25", "203.0.113.0/24"),
        (ONE, "203.0.113.0/24"),
        ("2001:db8::1/128", "2001:db8::/64"),
    }
    assert len(found.prefixes) == 6


def test_more_targets_than_a_list_may_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listfile, "TARGETS", 3)
    assert len(parse(io.BytesIO(b"192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.1\n")).prefixes) == 3
    with pytest.raises(ValueError, match="more than 3 prefixes"):
        parse(io.BytesIO(b"192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.4\n"))


def test_a_stream_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listfile, "LIST_BYTES", 1 << 20)
    with Path("/dev/zero").open("rb") as endless, pytest.raises(ValueError, match="that is no list of addresses"):
        parse(endless)


def test_of_many_bad_lines_the_first_are_named_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listfile, "BAD_NAMED", 2)
    found = parse(io.BytesIO(b"x\n" * 5))
    assert (found.bad, found.bad_lines) == (("line 1: x is no address", "line 2: x is no address"), 5)


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network | IPv6Network:
    """Return any prefix of either family."""
    address = draw(st.ip_addresses())
    return ip_network((address, draw(st.integers(0, address.max_prefixlen))), strict=False)


def _holds(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    return outer != inner and outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


@given(st.lists(networks()))
def test_the_prefixes_told_are_exactly_those_that_lie_within_another_one(made: list[IPv4Network | IPv6Network]) -> None:
    found = parse(io.BytesIO("\n".join(map(str, made)).encode()))
    known = [ip_network(prefix) for prefix in found.prefixes]
    assert {inner for inner, _ in found.contained} == {
        str(inner) for inner in known if any(_holds(outer, inner) for outer in known)
    }
    assert all(_holds(ip_network(outer), ip_network(inner)) for inner, outer in found.contained)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_a_list(content: bytes) -> None:
    found = parse(io.BytesIO(content))
    assert all(str(ip_network(prefix)) == prefix for prefix in found.prefixes)
    assert all(line.isprintable() for line in found.bad)
