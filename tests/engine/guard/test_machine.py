from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.guard import messages
from tests.engine.guard.bench import Bench
from tests.engine.guard.machine import Machine, World
from tests.fakes import DryRunBlocker

pytestmark = pytest.mark.long

PREFIXES = tuple(f"203.0.113.{number}/32" for number in range(20))
INTERLEAVINGS = int(os.environ.get("AEGIS_TEST_INTERLEAVINGS", "250"))
"""How many short lives of a guard are tried beside the long one; ten thousand take about ten minutes."""
SHORT_LIFE = 20
"""Most steps in one of them."""


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


def folder() -> str:
    shared_memory = Path("/dev/shm")
    return tempfile.mkdtemp(prefix="aegis-", dir=shared_memory if os.access(shared_memory, os.W_OK) else None)


def begun(seed: int) -> Machine:
    return Machine(in_memory(Bench(Path(folder()), FullMap())), random.Random(seed), PREFIXES)


def ended(machine: Machine) -> messages.Reply:
    """Return what the audit chain says at the end, and take the guard's folder away."""
    audit = machine.bench.ask(messages.VerifyAudit())
    machine.bench.ledger.close()
    shutil.rmtree(machine.bench.folder)
    return audit


def test_in_ten_thousand_interleavings_nothing_is_in_the_map_without_its_own_approval() -> None:
    run = begun(seed=7)
    run.run(10_000)
    audit = ended(run)
    assert isinstance(audit, messages.Audit)
    assert audit.problems == ()
    assert min(run.done.get(name, 0) for name in ("Approve", "ProposeList", "Extend", "Watch", "Keep", "Remove")) > 20


class Lives(RuleBasedStateMachine):
    """Every step of a guard's life in an order that Hypothesis chooses, and shrinks when one breaks."""

    machine: Machine | None = None

    @initialize(seed=st.integers(0, 1 << 32))
    def begin(self, seed: int) -> None:
        self.machine = begun(seed)
        self.machine.block()

    @invariant()
    def nothing_but_what_was_approved_is_in_the_map(self) -> None:
        if self.machine is not None:
            self.machine.check()

    def teardown(self) -> None:
        if self.machine is not None:
            audit = ended(self.machine)
            assert isinstance(audit, messages.Audit)
            assert audit.problems == ()


def _step(name: str) -> Any:
    def take(self: Lives) -> None:
        getattr(self.machine, name)()

    take.__name__ = name
    return rule()(take)


for _name in (*Machine.WEIGHTS, "block"):
    setattr(Lives, _name, _step(_name))


def test_in_whatever_order_things_happen_nothing_is_in_the_map_without_its_own_approval() -> None:
    often = settings(
        max_examples=INTERLEAVINGS, stateful_step_count=SHORT_LIFE, deadline=None,
        suppress_health_check=list(HealthCheck), database=None, derandomize=INTERLEAVINGS < 1000,
    )  # fmt: skip
    run_state_machine_as_test(Lives, settings=often)
