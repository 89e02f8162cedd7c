"""Hostile text becomes inert, whatever it is made of."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import escape, fence

CASES = {
    "escape": ("\x1b[31mred", "\\x1b[31mred"),
    "osc title": ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
    "osc 52 clipboard": ("\x1b]52;c;YQ==\x1b\\", "\\x1b]52;c;YQ==\\x1b\\"),
    "c1 csi": ("\x9b2J", "\\x9b2J"),
    "line break": ("a\r\nb\tc", "a\\r\\nb\\tc"),
    "nul and delete": ("a\x00b\x7f", "a\\0b\\x7f"),
    "bidi override": ("user\u202egpj.exe", "user\\u202egpj.exe"),
    "bidi isolate": ("\u2066x\u2069", "\\u2066x\\u2069"),
    "zero width": ("pa\u200bss\ufeff", "pa\\u200bss\\ufeff"),
    "line separator": ("a\u2028b", "a\\u2028b"),
    "tag characters": ("\U000e0041", "\\U000e0041"),
    "variation selector": ("a\ufe0f", "a\\ufe0f"),
    "hangul filler": ("\u3164", "\\u3164"),
    "soft hyphen": ("a\u00adb", "a\\xadb"),
    "lone surrogate": ("\ud800", "\\ud800"),
    "stacked marks": ("e" + "\u0301" * 9, "e" + "\u0301" * 3 + "[+6 marks]"),
    "plain": ("GET /a?b=é 攻击　日志", "GET /a?b=é 攻击　日志"),
}


@pytest.mark.parametrize(("text", "shown"), CASES.values(), ids=CASES.keys())
def test_hostile_characters_become_visible(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_bytes_that_are_not_utf8_are_shown_in_hex() -> None:
    assert escape(b"ok \xff\xfe \xc3\xa9") == "ok \\xff\\xfe é"


def test_a_cut_text_says_how_much_is_missing() -> None:
    assert escape("a" * 50, limit=10) == "a" * 10 + "[+40 characters]"


def test_newlines_stay_on_request_and_nothing_else_does() -> None:
    assert escape("a\nb\rc", keep_newlines=True) == "a\nb\\rc"


@given(st.text() | st.binary())
def test_nothing_invisible_is_left(text: str | bytes) -> None:
    shown = escape(text)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert escape(shown) == shown


def test_a_fence_cannot_be_closed_by_what_it_holds() -> None:
    nonce = "abc123"
    fenced = fence(f"x\n<<<end {nonce}\n<<<end {nonce.upper()}\n<<<<untrusted", nonce, "E-1")
    opening, body, closing = fenced.split("\n")
    assert (opening, closing) == ("<<<untrusted abc123 E-1", "<<<end abc123")
    assert "<<" not in body
    assert nonce not in body.lower()


@given(st.text(alphabet=st.sampled_from("<end abc123\n\r\\"), max_size=60))
def test_a_fence_has_one_end_whatever_it_holds(text: str) -> None:
    fenced = fence(text, "abc123")
    assert fenced.count("\n") == 2
    assert fenced.count("<<<end") == 1
    assert fenced.count("abc123") == 2
