from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.guard import codec, messages
from tests.engine.guard.bench import terms

GOOD: dict[str, Any] = json.loads(codec.encode(messages.Propose(terms(), "why", True, False), 3))


def test_a_message_survives_the_wire() -> None:
    sent = messages.Propose(terms("2001:db8::/64"), "naïve \x1b[31m 🙂", handshake=True, reported_only=False)
    assert messages.decode_request(codec.encode(sent, 3)) == (sent, 3)


def with_field(path: tuple[str, ...], value: object) -> bytes:
    changed = json.loads(json.dumps(GOOD))
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"[" * 60000, "not JSON", id="deep"),
        pytest.param(b"x" * 70000, "larger", id="oversize"),
        pytest.param(b"[]", "object of", id="no object"),
        pytest.param(b'{"v":1,"v":1}', "repeats", id="repeated field"),
        pytest.param(with_field(("v",), 2), "version", id="other version"),
        pytest.param(with_field(("v",), True), "version", id="version is a boolean"),
        pytest.param(with_field(("n",), "3"), "n must be int", id="number is text"),
        pytest.param(with_field(("n",), 1 << 70), "out of range", id="number too large"),
        pytest.param(with_field(("type",), "Shutdown"), "unknown type", id="unknown type"),
        pytest.param(with_field(("type",), ["Hello"]), "unknown type", id="type is a list"),
        pytest.param(with_field(("body", "extra"), 1), "exactly the fields", id="unknown field"),
        pytest.param(with_field(("body", "terms", "force"), True), "exactly the fields", id="unknown inner field"),
        pytest.param(with_field(("body", "handshake"), 1), "must be bool", id="number for a boolean"),
        pytest.param(with_field(("body", "handshake"), "true"), "must be bool", id="text for a boolean"),
        pytest.param(with_field(("body", "terms"), None), "must be an object", id="no terms"),
        pytest.param(with_field(("body", "terms", "ifaces"), "eth0"), "must be a list", id="text for a list"),
        pytest.param(with_field(("body", "terms", "ttl_s"), "60"), "must be float", id="text for a number"),
        pytest.param(with_field(("body", "terms", "ttl_s"), False), "must be float", id="boolean for a number"),
        pytest.param(with_field(("body", "reason"), "x" * 9000), "longer", id="long text"),
        pytest.param(with_field(("body", "reason"), "\ud800"), "valid text", id="half a character"),
        pytest.param(b'{"v":1,"n":1,"type":"Blocks","body":{"offset":NaN}}', "number NaN", id="not a number"),
    ],
)
def test_a_bad_message_is_refused_in_words(packet: bytes, words: str) -> None:
    with pytest.raises(codec.MessageError, match=words):
        messages.decode_request(packet)


def test_a_reply_larger_than_a_packet_is_not_sent() -> None:
    with pytest.raises(codec.MessageError, match="larger"):
        codec.encode(messages.Audit(1, ("x" * 8000,) * 10), 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_raises_a_message_error_and_nothing_else(packet: bytes) -> None:
    codec.sent_number(packet)
    with pytest.raises(codec.MessageError):
        messages.decode_request(packet)


@given(st.sampled_from(sorted(messages.REQUESTS)), JSON)
def test_a_garbage_body_raises_a_message_error_or_is_valid(kind: str, body: object) -> None:
    packet = json.dumps({"v": 1, "n": 1, "type": kind, "body": body}).encode()
    try:
        messages.decode_request(packet)
    except codec.MessageError:
        return
    assert body == {} or "offset" in str(body)
