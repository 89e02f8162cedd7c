"""Names out of DNS answers: as they come, bounded, whatever the bytes say."""

from __future__ import annotations

import socket
import struct
from typing import Any

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.names import MOST_JUMPS, MOST_RECORDS, NAME_BYTES, NAMES_EACH, Names, parse_answers
from engine.types import Direction, FiveTuple, FlowUpdate, UpdateReason
from tests.factories import flow, update

V4, V6 = "203.0.113.7", "2001:db8::7"


def answer(name: str = "shop.example", *addresses: str, alias: str = "", truncate: int | None = None) -> bytes:
    """Return a DNS answer as another library writes it."""
    records = [dpkt.dns.DNS.RR(name=name, type=dpkt.dns.DNS_CNAME, cname=alias)] if alias else []
    for address in addresses or (V4,):
        kind, field = (dpkt.dns.DNS_AAAA, "ip6") if ":" in address else (dpkt.dns.DNS_A, "ip")
        raw = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        records.append(dpkt.dns.DNS.RR(name=alias or name, type=kind, **{field: raw}))
    message = dpkt.dns.DNS(id=7, qr=1, op=0x8180, qd=[dpkt.dns.DNS.Q(name=name)], an=records)
    return bytes(message)[:truncate]


def seen(chunk: bytes, **changes: Any) -> FlowUpdate:
    ends = FiveTuple("192.0.2.10", 5353, "192.0.2.53", 53, changes.pop("proto", "udp"))
    of = flow(ends, app=changes.pop("app", "dns"), head=(b"", chunk))
    values: dict[str, Any] = {"direction": Direction.TO_CLIENT, "chunk": chunk}
    return update(of, **(values | changes))


def names_after(*updates: FlowUpdate) -> Names:
    names = Names()
    names.see(updates)
    return names


def test_an_answer_names_its_addresses() -> None:
    names = names_after(seen(answer("Shop.Example", V4, V6)))
    assert (names.of(V4), names.of(V6), names.of("192.0.2.9")) == (("shop.example",), ("shop.example",), ())


def test_an_alias_is_told_under_the_name_that_was_asked_for() -> None:
    assert names_after(seen(answer("c2.example", V4, alias="cdn.example"))).of(V4) == ("c2.example",)


def test_answers_over_tcp_are_read_at_the_end_of_the_flow() -> None:
    both = b"".join(struct.pack(">H", len(one)) + one for one in (answer("a.example"), answer("b.example", V6)))
    names = names_after(seen(both, proto="tcp", reason=UpdateReason.END))
    assert (names.of(V4), names.of(V6)) == (("a.example",), ("b.example",))


def test_an_ipv4_address_in_an_ipv6_record_is_ipv4() -> None:
    assert names_after(seen(answer("a.example", "::ffff:203.0.113.7"))).of(V4) == ("a.example",)


UNHEARD = {
    "a question": seen(bytes(dpkt.dns.DNS(qd=[dpkt.dns.DNS.Q(name="a.example")]))),
    "another protocol": seen(answer(), app="tls"),
    "the other direction": seen(answer(), direction=Direction.TO_SERVER),
    "a new flow": seen(answer(), reason=UpdateReason.NEW),
    "a piece of a stream": seen(answer(), proto="tcp"),
}


@pytest.mark.parametrize("of", UNHEARD.values(), ids=UNHEARD.keys())
def test_what_is_no_answer_names_nothing(of: FlowUpdate) -> None:
    assert len(names_after(of)) == 0


def test_the_newest_name_comes_first_and_few_are_kept() -> None:
    names = names_after(*(seen(answer(f"n{number}.example")) for number in (*range(20), 18)))
    assert names.of(V4)[:3] == ("n18.example", "n19.example", "n17.example")
    assert len(names.of(V4)) == NAMES_EACH


def test_the_address_named_longest_ago_gives_way() -> None:
    names = Names(most=3)
    for last in (1, 2, 3, 1, 4):
        names.see([seen(answer("x.example", f"192.0.2.{last}"))])
    assert [bool(names.of(f"192.0.2.{last}")) for last in (1, 2, 3, 4)] == [True, False, True, True]


@pytest.mark.parametrize("kept", range(0, 90, 7))
def test_an_answer_that_is_cut_off_gives_what_it_holds(kept: int) -> None:
    whole = answer("a.example", V4, V6)
    assert set(parse_answers(whole[:kept])) <= set(parse_answers(whole))


def test_a_name_that_goes_in_circles_ends() -> None:
    header = struct.pack(">HHHHHH", 1, 0x8180, 1, 1, 0, 0)
    loop = b"\xc0\x0c" + b"\0\1\0\1" + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(V4)
    assert parse_answers(header + loop) == ()


class Counted(bytes):
    """Bytes that count how often one of them is looked at."""

    looks = 0

    def __getitem__(self, key: Any) -> Any:
        Counted.looks += not isinstance(key, slice)
        return super().__getitem__(key)


def test_many_names_of_many_labels_that_go_in_circles_are_left_soon() -> None:
    header = struct.pack(">HHHHHH", 1, 0x8180, 1, MOST_RECORDS, 0, 0)
    question = b"\1a" * 300 + b"\xc0\x0c" + b"\0\1\0\1"
    parse_answers(Counted(header + question + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\0" * MOST_RECORDS))
    assert Counted.looks < (MOST_RECORDS + 2) * (NAME_BYTES + MOST_JUMPS)


def test_a_name_is_bounded_and_its_bytes_do_no_harm() -> None:
    labels = b"".join(b"\x3f" + b"\xff" * 63 for _ in range(60))
    message = struct.pack(">HHHHHH", 1, 0x8180, 1, 1, 0, 0) + labels + b"\0\0\1\0\1"
    message += b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(V4)
    ((_, name),) = parse_answers(message)
    assert len(name) == 253


def _mutants() -> st.SearchStrategy[bytes]:
    whole = answer("a.example", V4, V6, alias="b.example")
    return st.tuples(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=4)).map(
        lambda drawn: whole[: drawn[0]] + drawn[1] + whole[drawn[0] + len(drawn[1]) :]
    )


@given(st.binary(max_size=700) | _mutants(), st.sampled_from(["tcp", "udp"]), st.sampled_from(UpdateReason))
def test_no_bytes_raise_and_every_address_is_one(chunk: bytes, proto: str, reason: UpdateReason) -> None:
    names_after(seen(chunk, proto=proto, reason=reason))
    for address, name in parse_answers(chunk):
        socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        assert 0 < len(name) <= 253
