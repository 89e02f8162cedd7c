"""Long lists of targets: handed over in parts, and each target judged by the same rules as any other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from ipaddress import ip_network
from typing import NamedTuple, TypeVar

from engine.guard import fields
from engine.guard.policy import Judgement, canonical_prefix
from engine.types import Listed

TARGETS = 100_000
"""Most prefixes of one list."""
BATCHES, OWNERS = 2, 8
"""Lists of one channel that are handed over at once, and channels that do so; the oldest gives way."""
PREFIX_TEXT = 64
SAMPLE = 16
MOST_ADDRESSES = 1 << 62
WARNINGS = 12

Key = TypeVar("Key")
Value = TypeVar("Value")


class Sifted(NamedTuple):
    """A list after the rules saw it."""

    targets: tuple[str, ...]
    """Canonical, sorted, each once."""
    refused: tuple[str, ...]
    """What is left out, each with its reason."""
    warnings: tuple[str, ...]

    def listed(self) -> Listed:
        """Return what a proposal tells of the list."""
        addresses = _addresses(self.targets)
        left_out = tuple(text[:256] for text in self.refused[:SAMPLE])
        most = min(addresses, MOST_ADDRESSES)
        return Listed(len(self.targets), most, self.targets[:SAMPLE], len(self.refused), left_out)


def _addresses(prefixes: Iterable[str]) -> int:
    """Return how many addresses prefixes hold together: one that lies within another adds none."""
    networks = map(ip_network, prefixes)
    spans = [(net.version, int(net.network_address), -net.num_addresses) for net in networks]
    total, end = 0, (0, 0)
    for version, first, less in sorted(spans):
        if (version, first) >= end:
            total, end = total - less, (version, first - less)
    return total


class Stage:
    """Lists on their way in, in memory only: nothing is asked for until the whole list is there."""

    def __init__(self) -> None:
        self._by_owner: dict[Hashable, dict[str, list[str]]] = {}

    def put(self, owner: Hashable, batch: str, prefixes: Iterable[str]) -> int:
        """Add a part and return how many prefixes the list has; raises ``PermissionError``."""
        added = list(prefixes)
        if any(len(prefix) > PREFIX_TEXT for prefix in added):
            raise PermissionError(f"a prefix of the list is longer than {PREFIX_TEXT} characters")
        batches = self._by_owner.get(owner, {})
        staged = batches.get(batch, [])
        if len(staged) + len(added) > TARGETS:
            raise PermissionError(f"a list has more than {TARGETS} prefixes")
        _put(batches, batch, [*staged, *added], BATCHES)
        _put(self._by_owner, owner, batches, OWNERS)
        return len(staged) + len(added)

    def take(self, owner: Hashable, batch: str, count: int, digest: str) -> list[str]:
        """Return a whole list and forget it; raises ``PermissionError`` when a part of it is missing."""
        staged = self._by_owner.get(owner, {}).pop(batch, [])
        if not staged or len(staged) != count or fields.list_digest(staged) != digest:
            raise PermissionError(f"the list has {len(staged)} prefixes here, not the {count} that were handed over")
        return staged


def _put(kept: dict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Keep a value as the newest of so many."""
    kept.pop(key, None)
    while len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value


def sift(prefixes: Iterable[str], judge: Callable[[str], Judgement]) -> Sifted:
    """Return which prefixes may be blocked; ``judge`` gets them in canonical form."""
    targets: dict[str, None] = {}
    refused: list[str] = []
    warnings: dict[str, None] = {}
    for text in prefixes:
        try:
            prefix = canonical_prefix(text)
        except ValueError as error:
            refused.append(fields.plain(str(error)))
            continue
        judgement = judge(prefix)
        if judgement.refusals:
            refused.append(f"{prefix}: {judgement.refusals[0]}")
            continue
        if judgement.typed_confirmation:
            refused.append(f"{prefix}: propose it alone: {judgement.warnings[0]}")
            continue
        targets[prefix] = None
        if len(warnings) < WARNINGS:
            warnings.update(dict.fromkeys(judgement.warnings))
    return Sifted(tuple(sorted(targets)), tuple(refused), tuple(warnings)[:WARNINGS])
