"""What it takes to keep a console in step: time at both ends and bytes, by how much changed since the last look."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from engine.attach import frames
from engine.attach.changes import EMPTY, applied, between
from engine.types import Block, BlockState, Snapshot
from tests import factories

ROUNDS = 20
_T = TypeVar("_T")


def full() -> Snapshot:
    """Return a snapshot at its fullest: 400 flows with all their first bytes, 500 of everything else."""
    head = (b"x" * 512, b"y" * 512)
    flows = tuple(factories.flow(id=f"1:{n:027d}", head=head, last_seen=float(n)) for n in range(400))
    blocks = tuple(
        Block(f"203.0.{n // 250}.{n % 250}/32", BlockState.LIVE, ("eth0",), 3600.0 - n, 1, 1, 0.0) for n in range(500)
    )
    alerts = tuple(factories.alert(id=f"A-{n:010x}", flow=flows[n % 400]) for n in range(500))
    incidents = tuple(factories.incident(id=f"INC-{n:08x}") for n in range(500))
    return replace(EMPTY, flows=flows, alerts=alerts, incidents=incidents, blocks=blocks)


def later(state: Snapshot, changed: int) -> Snapshot:
    """Return the state in which so many flows went on, and every block is a second older."""
    gone_on = [replace(flow, last_seen=flow.last_seen + 1, packets=(9, 9)) for flow in state.flows[:changed]]
    older = tuple(replace(block, remaining_s=block.remaining_s - 1) for block in state.blocks)
    return replace(state, flows=(*gone_on, *state.flows[changed:]), blocks=older)


def main() -> None:
    """Print a row for each amount of change."""
    state = full()
    print(f"{'changed':>24} {'engine ms':>10} {'console ms':>10} {'bytes':>10}")
    _row("everything, from nothing", EMPTY, state)
    for changed in (0, 10, 100, 250, 400):
        _row(f"{changed} flows, 500 blocks", state, later(state, changed))


def _row(name: str, old: Snapshot, new: Snapshot) -> None:
    told_ms, data = _timed(lambda: frames.frame({"change": between(old, new)}))
    taken_ms, made = _timed(lambda: applied(old, frames.parse(data[4:])["change"]))
    if replace(made, flows=()) != replace(new, flows=()) or len(made.flows) != len(new.flows):
        raise SystemExit(f"{name}: the mirror differs")
    print(f"{name:>24} {told_ms:10.2f} {taken_ms:10.2f} {len(data):10,}")


def _timed(work: Callable[[], _T]) -> tuple[float, _T]:
    result = work()
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return sorted(took)[ROUNDS // 2] * 1000, result


if __name__ == "__main__":
    main()
