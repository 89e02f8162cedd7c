"""Values as JSON and back: the one schema of everything that leaves the program or is stored.

Field names are those of ``engine/types.py``; bytes are base64, enums their value, tuples lists,
``inf`` is null. ``docs/json.md`` describes the result for readers outside the program.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import math
import types as builtin_types
import typing
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from engine import types

JsonValue = None | bool | int | float | str | list[Any] | dict[str, Any]

_NAMES: dict[type, str] = {
    types.Flow: "flow",
    types.Detection: "detection",
    types.Alert: "alert",
    types.Incident: "incident",
    types.Evidence: "evidence",
    types.TraceStep: "step",
    types.Verdict: "verdict",
    types.Proposal: "proposal",
    types.Block: "block",
    types.Fault: "fault",
    types.Recovery: "recovery",
}


def encode(value: Any) -> JsonValue:  # noqa: PLR0911 - one return for each kind of value
    """Return the JSON form of any value built from the types of ``engine/types.py``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: encode(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [encode(item) for item in (sorted(value) if isinstance(value, frozenset | set) else value)]
    return typing.cast(JsonValue, value)


def event_line(event: Any) -> str:
    """Return one line of JSON for an event: ``type`` first, then its fields; an alert without its flow's bytes."""
    body = typing.cast("dict[str, Any]", encode(event))
    if isinstance(event, types.Alert):
        del body["flow"]["head"]
    return json.dumps({"type": _NAMES[type(event)], **body}, ensure_ascii=True)


def dumps(value: Any) -> str:
    """Return the canonical JSON text of a value: sorted keys, no spaces."""
    return json.dumps(encode(value), ensure_ascii=True, sort_keys=True, separators=(",", ":"))


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def decode(cls: Any, value: Any) -> Any:
    """Return the value of type ``cls`` that ``encode`` made ``value`` from.

    Raises:
        ValueError: ``value`` is not the JSON form of a ``cls``.
    """
    try:
        return _decode(cls, value)
    except (TypeError, KeyError, AttributeError) as error:
        msg = f"not a stored {getattr(cls, '__name__', cls)}: {error}"
        raise ValueError(msg) from error


def _decode(cls: Any, value: Any) -> Any:  # noqa: PLR0911 - one return for each kind of type
    origin = typing.get_origin(cls)
    if origin in (builtin_types.UnionType, typing.Union):
        options = [option for option in typing.get_args(cls) if option is not type(None)]
        return None if value is None else _decode(options[0], value)
    if origin is tuple:
        return _decode_tuple(typing.get_args(cls), value)
    if origin is not None and issubclass(origin, Mapping):
        item = typing.get_args(cls)[1]
        return {key: _decode(item, entry) for key, entry in value.items()}
    if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"):
        hints = _hints(cls)
        return cls(**{name: _decode(hints[name], entry) for name, entry in value.items()})
    if cls is bytes:
        return base64.b64decode(value, validate=True)
    if cls is float:
        return math.inf if value is None else float(value)
    if isinstance(cls, type) and issubclass(cls, StrEnum):
        return cls(value)
    return value


def _decode_tuple(items: tuple[Any, ...], value: list[Any]) -> tuple[Any, ...]:
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(items[0], entry) for entry in value)
    return tuple(_decode(item, entry) for item, entry in zip(items, value, strict=True))


def loads(cls: Any, text: str) -> Any:
    """Return the value of type ``cls`` that ``dumps`` wrote.

    Raises:
        ValueError: the text is not JSON, or not the JSON form of a ``cls``.
    """
    return decode(cls, json.loads(text))


def plans(steps: Iterable[types.TraceStep]) -> list[JsonValue]:
    """Return the plans in a trace: objects, or texts where they are not JSON."""
    found: list[JsonValue] = []
    for step in steps:
        if step.kind is types.StepKind.PLAN:
            try:
                found.append(json.loads(step.content))
            except ValueError:
                found.append(step.content)
    return found
