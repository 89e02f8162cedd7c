"""What changed from one snapshot to the next, and the next one made of it again, whatever happened between.

It is the same but for the first bytes of flows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from itertools import accumulate
from operator import attrgetter
from typing import Any, get_args, get_origin, get_type_hints

from engine.attach.values import Parts, column, packer, parts, unpacker
from engine.types import Counters, Flow, Snapshot, Status

_UNTOLD = Status("live", "", "", "", "", blocking=False, loading="asking the daemon")
EMPTY = Snapshot(_UNTOLD, Counters(), 0.0, (), {}, (), (), (), (), ())
"""What both ends start from."""
Change = dict[str, Any]
_KEYS = ("id", "prefix", "ability")
"""What names a row: only to find it again, since a found one is compared whole."""
_MOST_ROWS = 1_000_000
"""Runs may name a row many times over."""
_KEPT: tuple[int, ...] = ()
"""Old rows as they were: no part of them changed."""
_NEW = (-1,)


@cache
def _parts() -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(Snapshot)
    return tuple((field.name, hints[field.name]) for field in fields(Snapshot))


def between(old: Snapshot, new: Snapshot) -> Change:
    """Return what turns one snapshot into the other."""
    change: Change = {}
    for name, hint in _parts():
        before, now = getattr(old, name), getattr(new, name)
        if before is now or before == now:
            continue
        if get_origin(hint) is tuple:
            change[name] = _rows_between(before, now, get_args(hint)[0])
        elif isinstance(now, Mapping):
            change[name] = _entries(before, now, packer(get_args(hint)[1]))
        else:
            change[name] = packer(hint)(now)
    return change


def applied(old: Snapshot, change: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot that a change leads to; raises ``ValueError`` when it is none of this snapshot."""
    found: dict[str, Any] = {}
    for name, hint in _parts():
        before = getattr(old, name)
        if name not in change:
            found[name] = before
        elif get_origin(hint) is tuple:
            found[name] = _rows_applied(before, change[name], get_args(hint)[0])
        elif isinstance(before, Mapping):
            found[name] = _merged(before, change[name], get_args(hint)[1])
        else:
            found[name] = unpacker(hint)(change[name])
    return Snapshot(**found)


def _rows_between(old: Sequence[Any], new: Sequence[Any], kind: Any) -> Change:
    """Return the order of the rows, as runs of the old ones, of ``new`` ones, and of those that went on.

    Those are the old ones with other values in some parts, sent column by column: of a flow its counters, and not
    again its ends. Rows with the same parts changed are in one group of ``more``.
    """
    key, into = _key(kind), _sent(kind)
    places = dict(zip(map(key, old), range(len(old)), strict=True))
    fresh: list[Any] = []
    groups: dict[tuple[int, ...], list[tuple[int, Any]]] = {}
    order: list[tuple[tuple[int, ...], int]] = []
    for row in new:
        at = places.get(key(row))
        if at is None:
            order.append((_NEW, len(fresh)))
            fresh.append(into.pack_row(row))
            continue
        changed = _KEPT if old[at] is row else _changed(into.take(old[at]), into.take(row))
        if changed:
            group = groups.setdefault(changed, [])
            order.append((changed, len(group)))
            group.append((at, into.take(row)))
        else:
            order.append((_KEPT, at))
    sizes = (0, len(old), len(fresh), *map(len, groups.values()))
    starts = dict(zip((_KEPT, _NEW, *groups), accumulate(sizes), strict=False))
    change: Change = {"rows": _runs([starts[pool] + at for pool, at in order])}
    if fresh:
        change["new"] = fresh
    if groups:
        change["more"] = [_group(into, changed, group) for changed, group in groups.items()]
    return change


def _changed(before: Sequence[Any], now: Sequence[Any]) -> tuple[int, ...]:
    pairs = enumerate(zip(before, now, strict=True))
    return tuple([number for number, (one, other) in pairs if one is not other and one != other])


def _group(into: Parts, changed: tuple[int, ...], rows: list[tuple[int, Any]]) -> list[Any]:
    columns = [[into.pack[number](taken[number]) for _, taken in rows] for number in changed]
    return [list(changed), [at for at, _ in rows], *columns]


def _runs(order: list[int]) -> list[int]:
    """Return ``[first, count, first, count ...]``."""
    runs: list[int] = []
    due = -1
    for at in order:
        if at == due:
            runs[-1] += 1
        else:
            runs += (at, 1)
        due = at + 1
    return runs


def _rows_applied(old: Sequence[Any], change: Any, kind: Any) -> tuple[Any, ...]:
    change, into = _object(change), _sent(kind)
    pool = [*old, *into.rows(_list(change.get("new", [])))]
    for group in _list(change.get("more", [])):
        pool += _gone_on(old, _list(group), into)
    runs = _numbers(change.get("rows"), _MOST_ROWS)
    rows: list[Any] = []
    for first, count in zip(runs[::2], runs[1::2], strict=True):
        if first + count > len(pool) or len(rows) > _MOST_ROWS:
            msg = "a run of rows that are not there"
            raise ValueError(msg)
        rows += pool[first : first + count]
    return tuple(rows)


def _gone_on(old: Sequence[Any], group: list[Any], into: Parts) -> list[Any]:
    """Return old rows with the columns of some parts replaced."""
    changed, places, *columns = map(_list, group)
    made = list(zip(*[into.take(old[at]) for at in _numbers(places, len(old))], strict=True))
    for number, values in zip(_numbers(changed, len(made)), columns, strict=True):
        if len(values) != len(places):
            msg = f"{len(places)} values expected"
            raise ValueError(msg)
        made[number] = tuple(into.columns[number](values))
    return into.make(made)


def _entries(old: Mapping[str, Any], new: Mapping[str, Any], pack: Any) -> Change:
    changed = {key: pack(value) for key, value in new.items() if key not in old or old[key] != value}
    return {"+": changed, "-": [key for key in old if key not in new]}


def _merged(old: Mapping[str, Any], change: Any, kind: Any) -> dict[str, Any]:
    change = _object(change)
    gone, more = set(column(str)(_list(change.get("-")))), _object(change.get("+"))
    kept = {key: value for key, value in old.items() if key not in gone}
    return kept | dict(zip(more, column(kind)(list(more.values())), strict=True))


def _sent(kind: Any) -> Parts:
    """Return the parts of a row that are sent: of a flow not its first bytes, up to 1 KiB that no list shows.

    An alert's flow has them.
    """
    return parts(kind, "head", (b"", b"")) if kind is Flow else parts(kind)


@cache
def _key(kind: Any) -> Callable[[Any], Any]:
    names = {field.name for field in fields(kind)}
    return attrgetter(next(name for name in _KEYS if name in names))


def _numbers(value: Any, below: int) -> list[int]:
    """Return the places that a list holds."""
    found: list[int] = column(int)(_list(value))  # type: ignore[assignment]  # the same list
    if found and not (min(found) >= 0 and max(found) < below):
        msg = "a place that is not there"
        raise ValueError(msg)
    return found


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        msg = "list expected"
        raise ValueError(msg)
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = "object expected"
        raise ValueError(msg)
    return value
