"""The byte-level window that training and run time share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.detect.tokens import BYTE_OFFSET, CLS, PAD, SEP, encode, encryption


def test_a_payload_becomes_cls_bytes_sep_and_padding() -> None:
    ids, mask = encode([b"A\x00\xff"])
    assert ids.shape == mask.shape == (1, 512)
    assert ids[0, :6].tolist() == [CLS, 0x41 + 3, 0 + 3, 0xFF + 3, SEP, PAD]
    assert mask[0, :6].tolist() == [1, 1, 1, 1, 1, 0]


def test_only_the_first_510_bytes_enter_a_window() -> None:
    ids, mask = encode([b"x" * 510 + b"never seen"])
    assert ids[0, 510] == ord("x") + BYTE_OFFSET
    assert ids[0, 511] == SEP
    assert mask.sum() == 512


def test_an_empty_payload_is_cls_and_sep() -> None:
    ids, mask = encode([b""])
    assert ids[0, :3].tolist() == [CLS, SEP, PAD]
    assert mask.sum() == 2


@given(st.lists(st.binary(max_size=600), max_size=4))
def test_the_bytes_can_be_read_back_from_the_tokens(payloads: list[bytes]) -> None:
    ids, mask = encode(payloads)
    for payload, row, marks in zip(payloads, ids, mask, strict=True):
        assert bytes((row[1 : marks.sum() - 1] - BYTE_OFFSET).tolist()) == payload[:510]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "tls"),
        (b"\x17\x03\x03\x00\x20", "tls"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "ssh"),
        (b"\x16\x09\x01", ""),
        (b"GET / HTTP/1.1\r\n", ""),
        (b"\x16", ""),
        (b"", ""),
    ],
    ids=["client hello", "application data", "ssh", "not a tls version", "http", "one byte", "empty"],
)
def test_encrypted_sessions_are_told_by_their_first_bytes(payload: bytes, expected: str) -> None:
    assert encryption(payload) == expected
