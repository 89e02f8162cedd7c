"""Values as lists in the order of their fields, and back, strictly: compiled once from the types.

Both ends are the same program, which a digest of the types makes sure of; so names are left out, and a flow takes a
fifth of the time that it takes by name. What comes is checked and turned column by column, the same part of all the
rows at once: a tenth of the steps that Python takes value by value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from itertools import chain, islice
from operator import attrgetter
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

Turn = Callable[[Any], Any]
TurnAll = Callable[[Sequence[Any]], Sequence[Any]]
"""Turns all values of a column, or raises ``ValueError`` where one makes no sense."""
Make = Callable[[Sequence[Sequence[Any]]], list[Any]]
"""Makes records of their columns."""
_PLAIN = (str, int, float, bool)


def _same(value: Any) -> Any:
    return value


@cache
def packer(hint: Any) -> Turn:
    """Return what turns a value of a type into what JSON can hold."""
    if hint in _PLAIN or hint is type(None) or _is_choice(hint):
        return _same
    if hint is bytes:
        return lambda value: base64.b64encode(value).decode("ascii")
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _pack_union(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _pack_mapping(packer(arguments[1]))
    if _is_many(hint):
        return _pack_many(packer(arguments[0]))
    return parts(hint).pack_row


def unpacker(hint: Any) -> Turn:
    """Return what turns JSON into a value of a type, or raises ``ValueError``."""
    turn = column(hint)
    return lambda value: turn((value,))[0]


@cache
def column(hint: Any) -> TurnAll:  # noqa: PLR0911 - one return for each kind of type
    """Return what turns many values that JSON held into values of a type."""
    if hint is float:
        return _floats
    if hint in _PLAIN or hint is type(None):
        return partial(_all_of, hint)
    if _is_choice(hint):
        return partial(_choices, {str(member): member for member in hint})
    if hint is bytes:
        return _octets
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_by_one(_unpack_union(arguments))
    if origin is not None and issubclass(origin, Mapping):
        return _one_by_one(partial(_unpack_mapping, column(arguments[1])))
    if _is_many(hint):
        return partial(_lists, column(arguments[0]))
    return parts(hint).rows


class Parts(NamedTuple):
    """How records are taken apart, how each part is sent, and how they are made again."""

    take: Turn
    pack: tuple[Turn, ...]
    turned: tuple[tuple[int, Turn], ...]
    """Those parts that JSON cannot hold as they are."""
    columns: tuple[TurnAll, ...]
    make: Make

    def pack_row(self, row: Any) -> list[Any]:
        """Return a record as JSON can hold it."""
        packed = list(self.take(row))
        for number, pack in self.turned:
            packed[number] = pack(packed[number])
        return packed

    def rows(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the records that JSON held."""
        if not values:
            return values
        columns = list(zip(*_all_of(list, values), strict=True))
        if len(columns) != len(self.columns):
            msg = f"{len(self.columns)} parts expected"
            raise ValueError(msg)
        return self.make([turn(part) for turn, part in zip(self.columns, columns, strict=True)])


@cache
def parts(hint: Any, left_out: str = "", instead: Any = None) -> Parts:
    """Return the parts of a record's type; one may be ``left_out``, and is made again as something else."""
    kinds, make = _kinds(hint, left_out), _maker(hint)
    if left_out:
        make = partial(_with_part, make, _names(hint).index(left_out), instead)
    pack = tuple(map(packer, kinds))
    turned = tuple((number, turn) for number, turn in enumerate(pack) if turn is not _same)
    return Parts(_getter(hint, left_out), pack, turned, tuple(map(column, kinds)), make)


def digest(*hints: Any) -> str:
    """Return a digest over everything that values of these types are made of."""
    told: dict[str, str] = {}
    waiting = list(hints)
    while waiting:
        hint = waiting.pop()
        name = getattr(hint, "__name__", "") + repr(hint)
        if name in told or hint is Ellipsis:
            continue
        if get_origin(hint) is not None:
            told[name], parts = "", list(get_args(hint))
        elif _is_choice(hint):
            told[name], parts = " ".join(hint), []
        elif is_dataclass(hint) or hasattr(hint, "_fields"):
            told[name], parts = " ".join(_names(hint)), _kinds(hint)
        else:
            told[name], parts = "", []
        waiting += parts
    return hashlib.sha256("\n".join(f"{name} {told[name]}" for name in sorted(told)).encode()).hexdigest()[:16]


def _is_choice(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


def _is_many(hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return len(arguments) == 2 and arguments[1] is Ellipsis
    return origin is not None and issubclass(origin, Sequence)


def _names(kind: Any) -> tuple[str, ...]:
    return tuple(kind._fields) if hasattr(kind, "_fields") else tuple(field.name for field in fields(kind))


def _kinds(hint: Any, left_out: str = "") -> list[Any]:
    """Return the types of a record's parts, in order."""
    if get_origin(hint) is tuple:
        return list(get_args(hint))
    if not (is_dataclass(hint) or hasattr(hint, "_fields")):
        msg = f"values of {hint} cannot be sent"
        raise TypeError(msg)
    told = get_type_hints(hint)
    return [told[name] for name in _names(hint) if name != left_out]


def _getter(hint: Any, left_out: str = "") -> Turn:
    """Return what takes a record apart into a sequence."""
    if get_origin(hint) is tuple or hasattr(hint, "_fields"):
        return _same
    names = [name for name in _names(hint) if name != left_out]
    return attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)


def _pack_many(turn: Turn) -> Turn:
    return list if turn is _same else lambda value: [turn(item) for item in value]


def _pack_mapping(turn: Turn) -> Turn:
    return lambda value: {key: turn(item) for key, item in value.items()}


def _pack_union(kinds: tuple[Any, ...]) -> Turn:
    """Pack one of several: nothing, or the only other kind, or a record with the name of its kind."""
    some = [kind for kind in kinds if kind is not type(None)]
    if len(some) == 1:
        inner = packer(some[0])
        return lambda value: None if value is None else inner(value)
    turns = {kind: packer(kind) for kind in some}
    return lambda value: [type(value).__name__, turns[type(value)](value)]


def _with_part(make: Make, at: int, instead: Any, columns: Sequence[Sequence[Any]]) -> list[Any]:
    return make([*columns[:at], [instead] * len(columns[0]), *columns[at:]])


def _maker(hint: Any) -> Make:
    """Return what makes records of their columns."""
    if get_origin(hint) is tuple:
        return lambda columns: list(zip(*columns, strict=True))
    if hasattr(hint, "_fields"):  # its own constructor takes thrice as long
        make = partial(tuple.__new__, hint)
        return lambda columns: list(map(make, zip(*columns, strict=True)))
    return lambda columns: list(map(hint, *columns))


def _all_of(kind: type, values: Sequence[Any]) -> Sequence[Any]:
    if not {kind}.issuperset(map(type, values)):
        msg = f"{kind.__name__} expected"
        raise ValueError(msg)
    return values


def _floats(values: Sequence[Any]) -> Sequence[Any]:
    found = set(map(type, values))
    if not found <= {int, float}:
        msg = "number expected"
        raise ValueError(msg)
    try:
        return list(map(float, values)) if int in found else values
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _choices(members: Mapping[str, StrEnum], values: Sequence[Any]) -> Sequence[Any]:
    try:
        return list(map(members.__getitem__, _all_of(str, values)))
    except KeyError as error:
        raise ValueError(f"none of those expected: {error}") from None


def _octets(values: Sequence[Any]) -> Sequence[Any]:
    try:
        return [binascii.a2b_base64(value, strict_mode=True) for value in _all_of(str, values)]
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _one_by_one(turn: Turn) -> TurnAll:
    return lambda values: list(map(turn, values))


def _lists(turn: TurnAll, values: Sequence[Any]) -> Sequence[Any]:
    _all_of(list, values)
    turned = iter(turn(list(chain.from_iterable(values))))
    return [tuple(islice(turned, len(value))) for value in values]


def _unpack_mapping(turn: TurnAll, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = "object expected"
        raise ValueError(msg)
    return dict(zip(value, turn(list(value.values())), strict=True))


def _unpack_union(kinds: tuple[Any, ...]) -> Turn:
    some = [kind for kind in kinds if kind is not type(None)]
    if len(some) == 1:
        inner = unpacker(some[0])
        return lambda value: None if value is None else inner(value)
    turns = {kind.__name__: unpacker(kind) for kind in some}

    def unpack(value: Any) -> Any:
        name, part = _pair(value)
        if name not in turns:
            msg = "unknown kind"
            raise ValueError(msg)
        return turns[name](part)

    return unpack


def _pair(value: Any) -> tuple[str, Any]:
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)):
        msg = "a kind and its value expected"
        raise ValueError(msg)
    return value[0], value[1]
