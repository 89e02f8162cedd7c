"""Turns frozen dataclasses into one JSON packet and back, strictly: nothing is guessed or coerced."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

VERSION = 1
PACKET_BYTES = 64 * 1024
"""Largest message; a longer list is paged."""
TEXT_CHARACTERS = 8192
LIST_ITEMS = 4096
INTEGER_LIMIT = 1 << 63


class MessageError(ValueError):
    """What is wrong with a message, in words that may be sent back."""


def encode(message: Any, number: int) -> bytes:
    """Return the packet; ``number`` pairs a reply with its request."""
    envelope = {"v": VERSION, "n": number, "type": type(message).__name__, "body": _plain(message)}
    packet = json.dumps(envelope, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
    if len(packet) > PACKET_BYTES:
        raise MessageError(f"message of {len(packet)} bytes is larger than {PACKET_BYTES}")
    return packet


def decode(packet: bytes, known: Mapping[str, type[Any]]) -> tuple[Any, int]:
    """Return the message and its number; raises ``MessageError`` and nothing else."""
    if len(packet) > PACKET_BYTES:
        raise MessageError(f"message is larger than {PACKET_BYTES} bytes")
    try:
        envelope = json.loads(packet, object_pairs_hook=_unique, parse_constant=_no_constant)
    except MessageError:
        raise
    except (ValueError, RecursionError):
        raise MessageError("message is not JSON") from None
    if not isinstance(envelope, dict) or set(envelope) != {"v", "n", "type", "body"}:
        raise MessageError("message must be an object of v, n, type and body")
    if envelope["v"] != VERSION or type(envelope["v"]) is not int:
        raise MessageError(f"message is not of version {VERSION}")
    number: int = _value(int, envelope["n"], "n")
    kind = envelope["type"]
    if not isinstance(kind, str) or kind not in known:
        raise MessageError("message is of an unknown type")
    return _value(known[kind], envelope["body"], kind), number


def size(value: Any) -> int:
    """Return about how many bytes a value takes in a packet."""
    return len(json.dumps(_plain(value), ensure_ascii=False).encode())


def sent_number(packet: bytes) -> int:
    """Return the number of a packet that could not be decoded, 0 where it has none."""
    try:
        number = json.loads(packet[:PACKET_BYTES])["n"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return 0
    return number if type(number) is int and abs(number) < INTEGER_LIMIT else 0


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, where)
    if get_origin(hint) in (Union, types.UnionType):
        return None if value is None else _value(get_args(hint)[0], value, where)
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        return _record(hint, value, where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if value not in list(hint):
            raise MessageError(f"{where} is not one of {', '.join(hint)}")
        return hint(value)
    return _scalar(hint, value, where)


def _scalar(hint: type[Any], value: Any, where: str) -> Any:
    if hint is float and value == "inf":
        return math.inf
    if hint is float and type(value) is int and abs(value) < INTEGER_LIMIT:
        return float(value)
    if type(value) is not hint:
        raise MessageError(f"{where} must be {hint.__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise MessageError(f"{where} is out of range")
    if isinstance(value, int) and abs(value) >= INTEGER_LIMIT:
        raise MessageError(f"{where} is out of range")
    if isinstance(value, str):
        _check_text(value, where)
    return value


def _check_text(value: str, where: str) -> None:
    if len(value) > TEXT_CHARACTERS:
        raise MessageError(f"{where} is longer than {TEXT_CHARACTERS} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise MessageError(f"{where} is not valid text")


def _tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > LIST_ITEMS:
        raise MessageError(f"{where} must be a list of at most {LIST_ITEMS}")
    return tuple(_value(arguments[0], item, where) for item in value)


def _record(kind: Any, value: Any, where: str) -> Any:
    hints = _resolved(kind)
    if isinstance(value, list) and hasattr(kind, "_fields") and len(value) == len(hints):
        value = dict(zip(hints, value, strict=True))
    if not isinstance(value, dict):
        raise MessageError(f"{where} must be an object")
    if set(value) != set(hints):
        raise MessageError(f"{where} must have exactly the fields {', '.join(hints) or 'none'}")
    return kind(**{name: _value(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})


@cache
def _resolved(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MessageError("message repeats a field")
    return found


def _no_constant(text: str) -> NoReturn:
    raise MessageError(f"message holds the number {text}")
