"""Hostile packets for the guard: garbage, requests that are broken somewhere, and requests that are only evil."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from engine.guard import codec, messages
from engine.types import FiveTuple, Terms

TERMS = Terms("INC-00000001", "198.18.3.3/32", 60.0, ("eth0",), "ab" * 32)
REQUESTS: tuple[messages.Request, ...] = (
    messages.Hello(),
    messages.Attach(("eth0",)),
    messages.Addresses(),
    messages.Propose(TERMS, "why", True, False, True, True),
    messages.Stage("batch", ("198.18.0.1/32", "198.18.0.2/32")),
    messages.ProposeList("batch", 2, "ab" * 32, 60.0, ("eth0",), "a feed", True),
    messages.Extend("203.0.113.9/32", 60.0),
    messages.Keep(""),
    messages.Proposals(0),
    messages.Show("P-1"),
    messages.Approve("P-2", "ab.cd", ""),
    messages.Blocks(0, False),
    messages.FindOwner(FiveTuple("203.0.113.9", 4000, "192.0.2.2", 22, "tcp")),
    messages.Describe(1, 0.0),
    messages.ListServices(),
    messages.DescribeFile(1, 0.0),
    messages.ListPersistence(),
    messages.SearchLog("203.0.113.9"),
    messages.VerifyAudit(),
    messages.Allowed(0),
    messages.ExportAudit(0),
    messages.NoteTrace("INC-00000001", 12, "ab" * 32, "cd" * 32),
    messages.NotedTraces(0),
    messages.Remover("203.0.113.9/32"),
)
"""One of each request that adds no entry, whoever sends it: a mutant of these that is still valid writes no map."""
WRITING: tuple[messages.Request, ...] = (
    messages.Watch("P-2", 60.0),
    messages.Remove("203.0.113.9/32"),
    messages.Allow("203.0.113.9/32", "ours", 0.0),
    messages.Disallow("203.0.113.9/32"),
    messages.Resume(True),
    messages.NoteHalt(),
    messages.LastHalt(),
    messages.Refuse("P-1"),
)
"""What may rightly change a map: broken, it must not."""

NUMBERS = st.sampled_from([-1, 0, 1 << 31, 1 << 63, -(1 << 63), 1 << 64, 10**400, 1e308, -1e-308, 0.1, 1e400])
PREFIXES = (
    "２０３.0.113.9", "203.0.113.9/３２", "203.0.113.9/032", "203.0.113.9/-1", "203.0.113.009", "0xcb007109",
    "3405803785", "203.0.113.9%eth0", "203.0.113.9/32%0", "::ffff:203.0.113.9", "::ffff:192.0.2.2/128",
    "::ffff:0:0/95", "0.0.0.0/0", "::/0", "0/0", "/", "/32", "203.0.113.9/32/32", " 203.0.113.9", "203.0.113.9\n",
    "203.0.113.9\0/32", "192.0.2.2", "192.0.2.2/32", "192.0.2.0/24", "127.1", "203.0.113.9;drop", "٢٠٣.0.113.9",
    "203\u200b.0.113.9", "\u202e9.311.0.302", "203.0.113.9/255.255.255.255", "203.0.113.9/0.0.0.255",
    "fe80::1%eth0", "2001:db8::%1/64", "1" * 8192, "9" * 5000,
)  # fmt: skip
TEXTS = (*PREFIXES, "", "P--1", "P-0", "P-01", "P-٣", "P-" + "9" * 100, "\ud800", "\x1b]0;x\x07", "eth0\0")
OTHERS: tuple[Any, ...] = (None, True, [], {}, [[]], {"": 1}, ["x"] * 5000)
DEEPEST = 900


def _values() -> st.SearchStrategy[Any]:
    """Return one of any type, where a field of another is wanted or of the same."""
    deep = st.integers(1, DEEPEST).map(lambda depth: json.loads("[" * depth + "]" * depth))
    at = st.integers(0, len(TEXTS) + len(OTHERS) - 1).map(lambda number: (*TEXTS, *OTHERS)[number])
    return at | NUMBERS | st.text(max_size=40) | deep


def broken() -> st.SearchStrategy[bytes]:
    """Packets that are no request any more: cut, with a field too many, too few, twice or of another type."""
    packets = st.sampled_from(REQUESTS + WRITING).map(lambda request: codec.encode(request, 7))
    return (
        st.tuples(packets, st.floats(0, 0.999)).map(lambda drawn: drawn[0][: int(len(drawn[0]) * drawn[1])])
        | packets.flatmap(_misshapen)
        | packets.map(lambda packet: packet.replace(b'{"v":1,', b'{"v":1,"v":1,'))
        | packets.map(lambda packet: packet.replace(b'"v":1', b'"v":2'))
        | packets.map(lambda packet: packet.replace(b'"n":7', b'"n":NaN'))
        | packets.map(lambda packet: packet.replace(b'"n":7', b'"n":' + b"[" * 20_000))
        | packets.map(lambda packet: packet + b" " + packet)
        | packets.map(lambda packet: packet.decode().encode("utf-16"))
        | packets.map(lambda packet: packet + b" " * codec.PACKET_BYTES)
    )


def _misshapen(packet: bytes) -> st.SearchStrategy[bytes]:
    """Give the body a field more, or take one away, or rename the request."""
    told = json.loads(packet)
    more = {**told, "body": {**told["body"], "more": 1}}
    other = {**told, "type": told["type"].lower()}
    shapes = [
        more,
        other,
        {**told, "body": [told["body"]]},
        {**told, "body": None},
        {**told, "type": ["Hello"]},
        [told],
    ]
    shapes += [{**told, "body": {k: v for k, v in told["body"].items() if k != name}} for name in told["body"]]
    return st.sampled_from([json.dumps(shape).encode() for shape in shapes])


def hostile() -> st.SearchStrategy[bytes]:
    """Packets with one or two values put in the place of others; some are requests still."""
    return st.tuples(
        st.sampled_from(REQUESTS), st.lists(st.tuples(st.integers(0, 30), _values()), min_size=1, max_size=2)
    ).map(lambda drawn: _replaced(*drawn))


def _replaced(request: messages.Request, changes: list[tuple[int, Any]]) -> bytes:
    told = json.loads(codec.encode(request, 7))
    for place, value in changes:
        leaves = _leaves(told["body"])
        if leaves:
            holder, name = leaves[place % len(leaves)]
            holder[name] = value
    return json.dumps(told).encode("utf-8", "surrogatepass")[: codec.PACKET_BYTES + 1]


def _leaves(value: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return where every value of a body stands: its holder and its name there."""
    found: list[tuple[dict[str, Any], str]] = []
    for name, inner in value.items():
        found.append((value, name))
        if isinstance(inner, dict):
            found += _leaves(inner)
    return found


def edited(token: str, other: str) -> st.SearchStrategy[str]:
    """Tokens that are nearly the right one."""
    nonce, _, code = token.partition(".")
    other_nonce, _, other_code = other.partition(".")
    flipped = st.integers(0, len(token) - 1).map(
        lambda at: token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1 :]
    )
    fixed = [
        other, f"{nonce}.{other_code}", f"{other_nonce}.{code}", token.upper(), f"{token} ", f" {token}", token[:-1],
        "", ".", f".{code}", f"{nonce}.", f"{nonce}..{code}", f"{token}.{code}", token.replace(".", "．"), code, nonce,
        token * 9,
    ]  # fmt: skip
    return flipped | st.sampled_from(fixed) | st.text(max_size=100)
