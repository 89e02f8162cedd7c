"""Every setting says what it means."""

from __future__ import annotations

from dataclasses import fields

from engine.config import LIMITS, UNITS, Settings
from engine.meanings import meanings, span


def test_every_setting_has_a_sentence_under_it() -> None:
    assert list(meanings()) == [item.name for item in fields(Settings)]
    assert [key for key, words in meanings().items() if not words.endswith(".") or "\n" in words] == []


def test_every_number_is_counted_in_something_or_needs_no_unit() -> None:
    numbers = {item.name for item in fields(Settings) if type(item.default) in (int, float)}
    assert numbers - UNITS.keys() == {"threshold", "http_port", "mcp_port"}
    assert UNITS.keys() <= numbers
    assert LIMITS.keys() == numbers


def test_what_a_number_may_be_is_told_in_full() -> None:
    assert (span("block_ttl"), span("tokens_per_day"), span("model")) == ("60 to 604800", "0 to 10000000000", "")
