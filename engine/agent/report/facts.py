"""What a piece of evidence holds, field by field, for a person; the JSON report keeps it as it was stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from engine.agent.report.moments import moment
from engine.text import escape

FIELDS = 40
"""Shown of one piece of evidence."""
_DEPTH = 3
_VALUE_CHARACTERS = 800
_NAME_CHARACTERS = 60
_MOMENTS = frozenset(("at", "start_time", "first_seen", "last_seen", "newest_at"))
_YEARS = (1e8, 1e10)
"""Seconds since 1970 that a field with a moment's name holds; what is less counts from elsewhere."""


def readable(content: str) -> tuple[tuple[str, str], ...]:
    """Return name and value of what is set in a JSON object; any other text is one field without a name."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return (("", escape(content, limit=2 * _VALUE_CHARACTERS)),) if content else ()
    found = list(_fields("", told, _DEPTH))
    more = len(found) - FIELDS
    return (*found[:FIELDS], *((("", f"[+{more} fields]"),) if more > 0 else ()))


def _fields(within: str, told: dict[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    for key, value in told.items():
        name = f"{within} {key}".strip().replace("_", " ")
        if value is None or value in ("", [], {}):
            continue
        if isinstance(value, dict) and depth:
            yield from _fields(name, value, depth - 1)
        elif isinstance(value, list) and depth and all(isinstance(one, dict) for one in value):
            for number, one in enumerate(value, 1):
                yield from _fields(f"{name} {number}", one, depth - 1)
        else:
            yield escape(name, limit=_NAME_CHARACTERS), escape(_in_words(str(key), value), limit=_VALUE_CHARACTERS)


def _in_words(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        is_moment = (key in _MOMENTS or key.endswith("_at")) and _YEARS[0] < value < _YEARS[1]
        return moment(value) if is_moment else f"{value:.6g}" if isinstance(value, float) else str(value)
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        return ", ".join(_in_words("", one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
