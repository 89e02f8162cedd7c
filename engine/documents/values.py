"""JSON to text: each value with the path to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from engine.documents.sections import Section

LINES = 50_000
"""Of JSON lines."""
NODES = 200_000
"""Values of one JSON document."""
DEPTH = 64

_Placed = tuple[tuple[str, ...] | None, Any]
"""A value and the way to it."""
_END: _Placed = (None, None)


def read_json(text: str) -> tuple[list[Section], list[str]]:
    """Return the values, and what was left out; what is no JSON as a whole may be lines of it.

    Raises:
        ValueError: it is neither.
    """
    try:
        lines, notes = _flat(_parsed(text))
    except ValueError:
        if "\n" in text.strip():
            return read_json_lines(text)
        raise
    return [Section("", "\n".join(lines))], notes


def read_json_lines(text: str) -> tuple[list[Section], list[str]]:
    """Return the values of each line as a paragraph, and what was left out.

    Raises:
        ValueError: a line is no JSON.
    """
    paragraphs: list[str] = []
    notes: list[str] = []
    for number, line in enumerate(filter(str.strip, text.split("\n"))):
        if number == LINES:
            notes.append(f"only the first {LINES:,} lines were read")
            break
        lines, cut = _flat(_parsed(line))
        paragraphs.append("\n".join(lines))
        notes += cut
    return [Section("", "\n\n".join(paragraphs))], list(dict.fromkeys(notes))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error


def _flat(value: Any) -> tuple[list[str], list[str]]:
    """Return every value with the path to it, such as ``rules.0.name: scan``, and what was left out."""
    lines: list[str] = []
    notes: dict[str, None] = {}
    open_values: list[Iterator[_Placed]] = [iter([((), value)])]
    seen = 0
    while open_values:
        path, found = next(open_values[-1], _END)
        if path is None:
            open_values.pop()
            continue
        seen += 1
        if seen > NODES:
            return lines, [*notes, f"only the first {NODES:,} values were read"]
        if isinstance(found, dict | list) and len(path) >= DEPTH:
            notes[f"what is nested deeper than {DEPTH} levels was left out"] = None
        elif isinstance(found, dict | list):
            open_values.append(_inner(path, found))
        else:
            lines.append(f"{'.'.join(path)}: {_scalar(found)}" if path else _scalar(found))
    return lines, list(notes)


def _inner(path: tuple[str, ...], found: dict[str, Any] | list[Any]) -> Iterator[_Placed]:
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        yield (*path, str(key)), value


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
