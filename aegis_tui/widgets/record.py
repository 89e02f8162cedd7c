"""Recorded JSON in words: fields by name, moments by the calendar, nothing in a programming language's notation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from aegis_tui.clock import NEVER, clock, moment

FENCE_MARKER = re.compile(r"<<<(untrusted|end) [0-9a-f]{12}.*")
"""The marker lines that a model needs around captured text; a person sees the escaped text itself."""
MOMENT = re.compile(r"(?:.*_)?(?:at|seen|time)")
"""Names of fields that hold seconds since the epoch."""
EPOCH_S = 1e8
"""A smaller number under such a name is a duration."""
BOTH_WAYS = frozenset({"bytes", "packets", "payload_bytes"})
"""Pairs of numbers: to the server, to the client."""
NAMES_ONLY = frozenset({"sha256", "exe sha256", "flow id", "id"})
"""Fields that a reader in a hurry can do without: a sentence ends with them."""
PLAIN = re.compile(r"[\w.:/@+=*-]{1,80}", re.ASCII)
"""What needs no quotes in a sentence: it holds nothing that could look like the next field."""
LONGEST = 240
"""Characters of one value in a sentence."""


@lru_cache(maxsize=1024)
def fields(content: str) -> tuple[tuple[str, str], ...] | None:
    """Return name and value of each field that is set, those of an object inside it by both names; None for no JSON."""
    record = _object(content)
    return None if record is None else tuple(_fields(record))


@lru_cache(maxsize=1024)
def sentence(content: str) -> str:
    """Return text in one line, each JSON object in it as names and values; captured values stand in quotes."""
    lines = (line for line in content.splitlines() if not FENCE_MARKER.fullmatch(line.strip()))
    return " ".join(" ".join(map(_in_a_sentence, lines)).split())


def _in_a_sentence(line: str) -> str:
    record = _object(line)
    if record is None:
        return line
    telling_first = sorted(_fields(record), key=lambda field: (field[0] != "title", field[0] in NAMES_ONLY))
    return ", ".join(f"{name} {_quoted(value)}" for name, value in telling_first)


def _object(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _fields(record: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        name = f"{within}{key.replace('_', ' ')}"
        if isinstance(value, dict) and not within:
            yield from _fields(value, f"{name} ")
        elif value not in ("", [], {}, None, False, -1):
            yield name, _value(key, value)


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _when(value) if MOMENT.fullmatch(key) and value > EPOCH_S else _number(value)
    if isinstance(value, list) and key in BOTH_WAYS and len(value) == 2:
        return f"{_value('', value[0])} to server, {_value('', value[1])} to client"
    if isinstance(value, list):
        return (" " if key == "cmdline" else ", ").join(_value("", item) for item in value)
    if isinstance(value, dict):
        return " ".join(_value(name, item) for name, item in value.items() if item not in ("", [], {}, None))
    return str(value).replace("_", " ") if key == "finding" else str(value)


def _when(at: float) -> str:
    return moment(at)[:19] if clock(at) != NEVER else f"{at:g}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4f}".rstrip("0").rstrip(".")


def _quoted(value: str) -> str:
    kept = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    return kept if PLAIN.fullmatch(kept) else '"' + kept.replace('"', "'") + '"'
