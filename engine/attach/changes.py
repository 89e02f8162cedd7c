"""What changed from one snapshot to the next, and the next one made of it again: exactly, whatever happened between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from engine.attach.values import Parts, packer, parts, unpacker
from engine.types import Counters, Snapshot, Status

_UNTOLD = Status("live", "", "", "", "", blocking=False, loading="asking the daemon")
EMPTY = Snapshot(_UNTOLD, Counters(), 0.0, (), {}, (), (), (), (), ())
"""What both ends start from."""
Change = dict[str, Any]
_KEYS = ("id", "prefix", "ability")
"""What names a row: only to find it again, since a found one is compared whole."""


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
            change[name] = _runs(before, now, get_args(hint)[0])
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
            found[name] = _unrolled(before, change[name], get_args(hint)[0])
        elif isinstance(before, Mapping):
            found[name] = _merged(before, change[name], unpacker(get_args(hint)[1]))
        else:
            found[name] = unpacker(hint)(change[name])
    return Snapshot(**found)


def _runs(old: Sequence[Any], new: Sequence[Any], kind: Any) -> list[Any]:
    """Return rows as runs: ``[first, count]`` of the old ones, ``[at, 0, {part: value}]`` for one of them that changed,
    or new ones in a list of their own.
    """
    pack, into = packer(kind), parts(kind)
    places = {_key(row): at for at, row in enumerate(old)}
    runs: list[Any] = []
    for row in new:
        at = places.get(_key(row), -1)
        known = at >= 0 and (old[at] is row or old[at] == row)
        last = runs[-1] if runs else None
        if known and type(last) is list and len(last) == 2 and last[0] + last[1] == at:
            last[1] += 1
        elif known:
            runs.append([at, 1])
        elif at >= 0:
            runs.append([at, 0, _patch(into, old[at], row)])
        elif isinstance(last, dict):
            last["+"].append(pack(row))
        else:
            runs.append({"+": [pack(row)]})
    return runs


def _patch(into: Parts, old: Any, new: Any) -> Change:
    """Return the parts that changed: of a flow its counters, and not again its first bytes."""
    pairs = enumerate(zip(into.take(old), into.take(new), strict=True))
    return {str(at): into.pack[at](now) for at, (before, now) in pairs if before is not now and before != now}


def _patched(into: Parts, old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        msg = "object expected"
        raise ValueError(msg)
    made = list(into.take(old))
    for name, value in patch.items():
        at = int(name)
        if not 0 <= at < len(made):
            msg = f"{len(made)} parts expected"
            raise ValueError(msg)
        made[at] = into.unpack[at](value)
    return into.make(*made)


def _unrolled(old: Sequence[Any], runs: Any, kind: Any) -> tuple[Any, ...]:
    unpack, into = unpacker(kind), parts(kind)
    rows: list[Any] = []
    for run in _list(runs):
        if isinstance(run, dict):
            rows += [unpack(row) for row in _list(run.get("+"))]
            continue
        first, count = (*_list(run), -1, -1)[:2]
        if not (type(first) is int and type(count) is int and 0 <= first < len(old) and 0 <= count <= len(old) - first):
            msg = "a run of rows that are not there"
            raise ValueError(msg)
        rows += old[first : first + count] if len(run) == 2 else [_patched(into, old[first], run[-1])]
    return tuple(rows)


def _entries(old: Mapping[str, Any], new: Mapping[str, Any], pack: Any) -> Change:
    changed = {key: pack(value) for key, value in new.items() if key not in old or old[key] != value}
    return {"+": changed, "-": [key for key in old if key not in new]}


def _merged(old: Mapping[str, Any], change: Any, unpack: Any) -> dict[str, Any]:
    if not (isinstance(change, dict) and isinstance(change.get("+"), dict)):
        msg = "object expected"
        raise ValueError(msg)
    gone = {key for key in _list(change.get("-")) if isinstance(key, str)}
    kept = {key: value for key, value in old.items() if key not in gone}
    return kept | {key: unpack(value) for key, value in change["+"].items()}


def _key(row: Any) -> Any:
    return next((found for name in _KEYS if (found := getattr(row, name, None))), None)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        msg = "list expected"
        raise ValueError(msg)
    return value
