from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engine.guard import messages
from tests.engine.guard.bench import Bench
from tests.engine.guard.machine import Machine, World
from tests.fakes import DryRunBlocker


class FullMap(DryRunBlocker):
    """A map that has no room for another prefix; what is there can be written over."""

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Sequence[str], count_only: bool = False
    ) -> None:
        if prefix in self.map:
            failure, self.failure = self.failure, None
            super().add(prefix, deadline_boot_ns, entry_id, ifaces, count_only)
            self.failure = failure
        else:
            super().add(prefix, deadline_boot_ns, entry_id, ifaces, count_only)


def in_memory(bench: Bench) -> World:
    def jump(seconds: float) -> None:
        bench.clock.now += seconds

    def break_writes(broken: bool) -> None:
        bench.blocker.failure = OSError(28, "the map is full") if broken else None

    return World(bench, bench.blocker, bench.clock, bench.clock.advance, jump, break_writes, bench.blocker.halt)


def test_in_ten_thousand_interleavings_nothing_is_in_the_map_without_its_own_approval() -> None:
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None) as folder:
        bench = Bench(Path(folder), FullMap())
        run = Machine(in_memory(bench), random.Random(7), tuple(f"203.0.113.{number}/32" for number in range(20)))
        run.run(10_000)
        audit = bench.ask(messages.VerifyAudit())
        bench.ledger.close()
    assert isinstance(audit, messages.Audit)
    assert audit.problems == ()
    assert min(run.done.get(name, 0) for name in ("Approve", "ProposeList", "Extend", "Watch", "Keep", "Remove")) > 20
