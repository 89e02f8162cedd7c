"""Rows of a table as a file: lines of JSON, or CSV in which a spreadsheet finds nothing to work out.

Field names are those of ``docs/json.md``; in CSV a field inside another is named with dots.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from engine import wire
from engine.text import escape
from engine.types import Alert, Block, Flow, Incident, Proposal

NOUNS: Mapping[type, str] = {
    Flow: "flow",
    Alert: "alert",
    Incident: "incident",
    Block: "block",
    Proposal: "proposal",
}
"""What has rows to write, and what one is called."""

NO_SCORES: Mapping[str, float] = {}

_BYTES = frozenset({"head", "excerpt"})
"""Captured bytes: in evidence packs, and an excerpt in the JSON of an alert."""
_PAIRS = frozenset({"packets", "bytes", "payload_bytes"})
_DULL = re.compile(r"[\w.:/ ]*", re.ASCII)
"""Most texts: nothing in them begins anything."""
_NO_HEAD = (b"", b"")
"""Not worth encoding: it is left out."""
_MOMENT = re.compile(r"(?:^|[._])(?:at|seen)\Z")
_FORMULA = re.compile(r'(^|[;,|"])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])')
"""Where a spreadsheet could begin to work something out: at the start of a cell, full-width signs too, and after what
separates cells in another locale than the writer's."""


def json_lines(things: Iterable[Any], scores: Mapping[str, float] = NO_SCORES) -> Iterator[str]:
    """Return one line of JSON for each; ``scores`` are the model's, by flow."""
    for thing in things:
        yield json.dumps(_body(thing, scores), ensure_ascii=True)


def csv_lines(things: Iterable[Any], scores: Mapping[str, float] = NO_SCORES) -> Iterator[str]:
    """Return a line of titles and one for each; times are UTC, texts inert for terminals and spreadsheets."""
    rows = [dict(_fields(_body(thing, scores))) for thing in things]
    titles = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="")
    for cells in (titles, *([row.get(name, "") for name in titles] for row in rows)):
        writer.writerow(cells)
        yield written.getvalue()
        written.seek(0)
        written.truncate()


def _body(thing: Any, scores: Mapping[str, float]) -> dict[str, Any]:
    if isinstance(thing, Flow):
        return {**_encoded(replace(thing, head=_NO_HEAD)), "score": scores.get(thing.id)}
    if isinstance(thing, Alert):
        return _encoded(replace(thing, flow=replace(thing.flow, head=_NO_HEAD)))
    return _encoded(thing)


def _encoded(thing: Any) -> dict[str, Any]:
    body = cast("dict[str, Any]", wire.encode(thing))
    body.get("flow", body).pop("head", None)
    return {"type": NOUNS[type(thing)], **body}


def harmless(text: str) -> str:
    """Return a text that no terminal takes for a command, and no spreadsheet for a formula."""
    shown = escape(text)
    return shown if _DULL.fullmatch(shown) else _FORMULA.sub(r"\1'", shown)


def _fields(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        title = f"{before}{name}"
        if name in _BYTES:
            continue
        if isinstance(inner, dict):
            yield from _fields(inner, f"{title}.")
        elif isinstance(inner, list) and name in _PAIRS:
            yield from ((f"{title}.{way}", _cell(title, one)) for way, one in zip(_WAYS, inner, strict=True))
        else:
            yield title, _cell(title, inner)


_WAYS = ("to_server", "to_client")


@cache
def _is_moment(title: str) -> bool:
    return bool(_MOMENT.search(title))


def _cell(title: str, value: Any) -> str:
    if value is None or (value == 0 and _is_moment(title)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _moment(value) if _is_moment(title) else str(value)
    if isinstance(value, str):
        return harmless(value)
    if all(isinstance(one, str | int | float) for one in value):
        return harmless(" ".join(str(one) for one in value))
    return harmless(json.dumps(value, ensure_ascii=True))


def _moment(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return str(at)
