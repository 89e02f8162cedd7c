"""Bytes become text by the encoding they are in, and what is no text is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.encoding import decode

CHINESE = "发现木马后，先隔离主机。联系安全值班人员。"


@pytest.mark.parametrize(
    ("content", "text", "name"),
    [
        (CHINESE.encode(), CHINESE, "utf-8"),
        (CHINESE.encode("utf-8-sig"), CHINESE, "utf-8"),
        (CHINESE.encode("utf-16"), CHINESE, "utf-16"),
        (CHINESE.encode("gb18030"), CHINESE, "gb18030"),
        ("plain words".encode("utf-16-le"), "plain words", "utf-16-le"),
        ("plain words".encode("utf-16-be"), "plain words", "utf-16-be"),
        ("résumé, naïveté".encode("cp1252"), "résumé, naïveté", "windows-1252"),
        (b"", "", "utf-8"),
    ],
    ids=["utf-8", "utf-8 mark", "utf-16 mark", "gb18030", "utf-16-le", "utf-16-be", "windows-1252", "empty"],
)
def test_the_encoding_is_found_and_said(content: bytes, text: str, name: str) -> None:
    assert decode(content) == (text, name)


@pytest.mark.parametrize("content", [bytes(range(256)) * 10, b"\x7fELF\x02\x01\x01" + bytes(64), b"PK\x03\x04\x14\0\6"])
def test_binary_data_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="binary"):
        decode(content)


@given(st.binary(max_size=400))
def test_any_bytes_are_text_or_refused(content: bytes) -> None:
    try:
        text, _ = decode(content)
    except ValueError:
        return
    assert isinstance(text, str)
