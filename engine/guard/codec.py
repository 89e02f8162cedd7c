"""Turns frozen dataclasses into one JSON packet and back, strictly: nothing is guessed or coerced."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NoReturn, Self, Union, get_args, get_origin, get_type_hints

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
        envelope = json.loads(packet.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
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
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is float:
        return value if math.isfinite(value) or math.isnan(value) else "inf" if value > 0 else "-inf"
    if kind is tuple or kind is list or hasattr(kind, "_fields"):
        return [_plain(item) for item in value]
    if is_dataclass(kind):
        return {name: _plain(getattr(value, name)) for name in _names(kind)}
    return value


_AS_IT_IS = frozenset((str, int, bool, type(None)))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


class _WrongError(Exception):
    """What is wrong with a value, and the names that lead to it, innermost first."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.path: list[str] = []

    def within(self, name: str) -> Self:
        self.path.append(name)
        return self


Check = Callable[[Any], Any]


def _value(hint: Any, value: Any, where: str) -> Any:
    try:
        return _check(hint)(value)
    except _WrongError as error:
        raise MessageError(f"{'.'.join([where, *reversed(error.path)])} {error}") from None


@cache
def _check(hint: Any) -> Check:
    """Return what turns a JSON value into one of a type, or raises ``_WrongError``."""
    if get_origin(hint) is tuple:
        return _tuple(_check(get_args(hint)[0]))
    if get_origin(hint) in (Union, types.UnionType):
        inner = _check(get_args(hint)[0])
        return lambda value: None if value is None else inner(value)
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        return _record(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _choice(hint)
    return {str: _text, float: _float}.get(hint) or _exactly(hint)


def _exactly(kind: type[Any]) -> Check:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise _WrongError(f"must be {kind.__name__}")
        if kind is int and abs(value) >= INTEGER_LIMIT:
            raise _WrongError("is out of range")
        return value

    return check


def _float(value: Any) -> float:
    if value == "inf":
        return math.inf
    if type(value) is int and abs(value) < INTEGER_LIMIT:
        return float(value)
    if type(value) is not float:
        raise _WrongError("must be float")
    if not math.isfinite(value):
        raise _WrongError("is out of range")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _WrongError("must be str")
    if len(value) > TEXT_CHARACTERS:
        raise _WrongError(f"is longer than {TEXT_CHARACTERS} characters")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise _WrongError("is not valid text")
    return value


def _choice(kind: type[StrEnum]) -> Check:
    def check(value: Any) -> Any:
        if value not in list(kind):
            raise _WrongError(f"is not one of {', '.join(kind)}")
        return kind(value)

    return check


def _tuple(inner: Check) -> Check:
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > LIST_ITEMS:
            raise _WrongError(f"must be a list of at most {LIST_ITEMS}")
        return tuple([inner(item) for item in value])

    return check


def _record(kind: Any) -> Check:
    checks = {name: _check(hint) for name, hint in get_type_hints(kind).items()}

    def check(value: Any) -> Any:
        if isinstance(value, list) and hasattr(kind, "_fields") and len(value) == len(checks):
            value = dict(zip(checks, value, strict=True))
        if not isinstance(value, dict):
            raise _WrongError("must be an object")
        if value.keys() != checks.keys():
            raise _WrongError(f"must have exactly the fields {', '.join(checks) or 'none'}")
        found = {}
        for name, inner in checks.items():
            try:
                found[name] = inner(value[name])
            except _WrongError as error:
                raise error.within(name) from None
        return kind(**found)

    return check


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MessageError("message repeats a field")
    return found


def _no_constant(text: str) -> NoReturn:
    raise MessageError(f"message holds the number {text}")
