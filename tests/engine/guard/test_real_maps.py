"""The guard under everything that can happen to it, with the kernel's own maps, programs and clock."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.guard import approval, attachments, layout, messages, policy, xdp
from engine.guard.clock import SystemClock
from engine.guard.layout import Entry
from engine.guard.pins import spot_of
from engine.guard.schema import HOST_NETWORK
from engine.types import BlockState
from tests.engine.guard.bench import Bench, terms
from tests.engine.guard.drops import run, within
from tests.engine.guard.host import boot_ns, opened
from tests.engine.guard.kernelside import IFACES, NAME, PINS, PLACES, Judge, Maps, small_object
from tests.engine.guard.machine import Grant, Machine, World

pytestmark = [
    pytest.mark.root,
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

PREFIXES = (
    "203.0.113.9/32", "203.0.113.10/32", "203.0.113.8/29", "203.0.113.0/24", "203.0.112.0/22", "2001:db8:5::9/128",
    "2001:db8:5::/64", "198.18.0.1/32",
)  # fmt: skip
"""What is asked for; some lie in others."""
ADDRESSES = (
    "203.0.113.9", "203.0.113.10", "203.0.113.12", "203.0.113.77", "203.0.112.5", "203.0.116.1", "2001:db8:5::9",
    "2001:db8:5::a", "2001:db8:5:1::1", "198.18.0.1",
)  # fmt: skip
"""What is sent from and to: in one of the prefixes, in several, or beside all of them."""
SPARED = ("203.0.113.200", "192.0.2.2", "198.51.100.7")
"""An endpoint inside of two prefixes, an own address and the operator's: no packet of theirs is ever dropped."""
SHORT_S, TRIAL_S = 0.3, 1
SLACK_NS = 250_000_000
"""From the moment the model asks to the moment the guard counts from."""


class JumpingClock(SystemClock):
    """The host's clocks; the wall's may be set."""

    skew = 0.0

    def wall(self) -> float:
        return super().wall() + self.skew


class RealBench(Bench):
    """A guard on the kernel's maps; a restart opens them anew."""

    def __init__(self, folder: Path, maps: Maps) -> None:
        self._maps = maps
        self.real_clock = JumpingClock()
        super().__init__(folder, maps.blocker, self.real_clock)

    def start(self, ifaces: tuple[str, ...] = IFACES, network: str = HOST_NETWORK) -> None:
        super().start(ifaces, network)

    def restart(self, network: str = HOST_NETWORK) -> None:
        self.ledger.close()
        self._maps.reopen()
        self._blocker = self._maps.blocker
        self.start(network=network)

    def write_as_a_stranger(self, prefix: str, value: bytes) -> None:
        """Write what no order stands for; raises ``OSError`` when the map is full."""
        name, key = layout.place(prefix)
        with opened(PINS / name) as each:
            each.put(key, value)


class OnTheKernel(Machine):
    """The same steps, with what has to be done otherwise where time and maps are real."""

    def __init__(self, bench: RealBench, judge: Judge, dice: Random) -> None:
        clock = bench.real_clock

        def jump(seconds: float) -> None:
            clock.skew += seconds

        world = World(bench, bench._blocker, clock, sleep, jump, self._break_writes, self._panic, TRIAL_S)
        super().__init__(world, dice, PREFIXES)
        self.real, self._judge = bench, judge
        self.strangers: set[str] = set()

    def propose(self) -> None:
        """For one interface or both, and often for a term that ends soon."""
        asked = terms(
            self.dice.choice(PREFIXES),
            self.dice.choice([SHORT_S, SHORT_S, 600.0, 0.0]),
            self.dice.choice([IFACES, IFACES, IFACES[:1], IFACES[1:]]),
        )
        self._propose(asked)

    def extend(self) -> None:
        """Another term for something in force, and what follows from it."""
        if self.grants:
            self._asked(messages.Extend(self.dice.choice(list(self.grants)), self.dice.choice([SHORT_S, 1200.0])))
            self.review()

    def manage(self) -> None:
        """Somebody connects to manage this host from an address that may be blocked, or hangs up."""
        peer = self.dice.choice(ADDRESSES)
        self.bench.managed = [(peer, f"SSH session from {peer}")] if self.dice.random() < 0.5 else []

    def _is_managed(self, prefix: str) -> bool:
        return any(ip_address(peer) in ip_network(prefix) for peer, _ in self.bench.managed)

    def meddle(self) -> None:
        """A foreign hand lets every entry last for ever and everywhere, or hides the networks; the loop looks."""
        if self.dice.random() < 0.5:
            with opened(PINS / "aegis_lengths") as each:
                for key in list(each.keys()):
                    each.put(key, bytes(each.value_size))
        else:
            for name in layout.BLOCK_MAPS:
                with opened(PINS / name) as each:
                    for key, value in list(each.items()):
                        each.put(key, bytes(8) + value[8:48] + b"\xff" * 8 + value[56:])
        self.tick()

    def flush(self) -> None:
        """A foreign hand empties the maps."""
        for entry in self.entries():
            name, key = layout.place(entry.prefix)
            with opened(PINS / name) as each, suppress(OSError):
                each.delete(key)
        self.strangers.clear()

    def _break_writes(self, full: bool) -> None:
        bits = (1 << layout.IFACES) - 1
        value = struct.pack("=QQQQQQQIHH", *[0] * 6, bits, 1 << 30, 0, 32)
        for number in range(PLACES):
            prefix = f"10.66.0.{number}/32"
            if full:
                with suppress(OSError):
                    self.real.write_as_a_stranger(prefix, value)
                    self.strangers.add(prefix)
            else:
                self.real._blocker.remove(prefix)
                self.strangers.discard(prefix)

    @staticmethod
    def _panic() -> None:
        xdp.panic(PINS)

    def wait(self) -> None:
        """Time passes until what ends soon has ended, and the guard's loop looks."""
        now = boot_ns()
        ends = [grant.trial_ns or grant.until_ns for grant in self.grants.values()]
        soon = [at - now for at in ends if 0 < at - now < (TRIAL_S + 1) * 10**9]
        sleep((max(soon) + SLACK_NS / 2) / 1e9 if soon and self.dice.random() < 0.5 else 0.001)
        self.tick()

    def tick(self) -> None:
        """The loop looks; afterwards every approved block drops."""
        self.bench.guard.tick()
        self._forget()
        self._check_complete()

    def _forget(self) -> None:
        """Forget a grant only when the guard, who counts from a moment later than the model, has seen its end too."""
        now = boot_ns() - SLACK_NS
        self.grants = {prefix: grant for prefix, grant in self.grants.items() if not grant.over(now)}

    # --- what must hold

    def entries(self) -> list[Entry]:
        """Return what the kernel's maps hold, read past the guard; a bit that is no slot here reads as its slot."""
        slots = {spot_of(path).slot: spot_of(path) for path in (PINS / "links").iterdir()}
        names = dict(socket.if_nameindex())
        ifaces = layout.IfaceNames({names[spot.ifindex]: spot.bit for spot in slots.values()})
        found = []
        for name in layout.BLOCK_MAPS:
            with opened(PINS / name) as each:
                found += [layout.unpack_entry(name, *item, ifaces) for item in each.items()]
        return found

    def _covering(self, iface: str, address: str) -> list[Grant]:
        """Return the approvals by which a packet may be dropped."""
        return [
            grant
            for prefix, grant in self.grants.items()
            if iface in grant.ifaces and ip_address(address) in ip_network(prefix)
        ]

    def check(self) -> None:
        """Hold the kernel against the approvals: entries, packets, and what the guard tells of both."""
        now = boot_ns()
        for entry in self.entries():
            if entry.prefix in self.strangers or entry.count_only or 0 < entry.deadline_ns <= now:
                continue
            grant = self.grants.get(entry.prefix)
            assert grant is not None, f"{entry} was never approved"
            assert set(entry.ifaces) <= set(grant.ifaces), f"{entry} is wider than {grant}"
            until = grant.trial_ns or grant.until_ns
            assert until == 0 or 0 < entry.deadline_ns <= until + SLACK_NS, f"{entry} is longer than {grant}"
        for iface, way, address in self._judge.dropped():
            grants = self._covering(iface, address)
            ends = [grant.trial_ns or grant.until_ns for grant in grants]
            assert any(end == 0 or end + SLACK_NS > now for end in ends), f"{address} is dropped on {iface}, {way}"
        self._check_told(now)

    def _check_told(self, now: int) -> None:
        told = self.bench.blocks()
        held = {entry.prefix: entry for entry in self.entries()}
        for block in told:
            if block.state is BlockState.LIVE and not block.watch:
                entry = held.get(block.prefix)
                assert entry is not None and not entry.count_only, f"{block} is a phantom"
                assert block.prefix not in self.strangers, f"{block} is nobody's"
                assert block.ifaces == entry.ifaces
                assert not 0 < entry.deadline_ns <= now, f"{block} is past its deadline"
        assert len(self.decided) == len(set(self.decided)), "an approval was used twice"

    def _check_complete(self) -> None:
        if self.broken:
            return
        dropped = self._judge.dropped()
        now = boot_ns()
        for prefix, grant in self.grants.items():
            end = grant.trial_ns or grant.until_ns
            inside = [address for address in ADDRESSES if ip_address(address) in ip_network(prefix)]
            if end and end < now + SLACK_NS:
                continue
            for iface in grant.ifaces:
                missing = [(address, way) for address in inside for way in ("in", "out")]
                missing = [(address, way) for address, way in missing if (iface, way, address) not in dropped]
                assert not missing, f"{prefix} is approved on {iface}, and {missing} pass"
        assert {(iface, way, at) for iface, way, at in dropped if at in SPARED} == set()


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maps]:
    """Two interfaces in a namespace that this thread stands in, and the object with the small maps."""
    run("ip", "netns", "add", NAME)
    for iface, peer in (("eth0", "peer0"), ("eth1", "peer1")):
        run("ip", "-n", NAME, "link", "add", iface, "type", "veth", "peer", "name", peer)
        run("ip", "-n", NAME, "link", "set", iface, "up")
    object_path = small_object(tmp_path_factory.mktemp("object"))
    with within(NAME):
        made = Maps(object_path)
        for iface in IFACES:
            made.blocker.attach(iface)
        yield made
        made.blocker.close()
    shutil.rmtree(PINS)
    run("ip", "netns", "del", NAME)


def stateful(maps: Maps, judge: Judge, done: dict[str, int]) -> type[RuleBasedStateMachine]:
    """Return the state machine whose every step is one of the guard's life on the real maps."""

    class RealMaps(RuleBasedStateMachine):
        @initialize(seed=st.integers(0, 1 << 32))
        def begin(self, seed: int) -> None:
            shared_memory = Path("/dev/shm")
            self.folder = tempfile.mkdtemp(prefix="tt-", dir=shared_memory if shared_memory.is_dir() else None)
            maps.empty()
            self.bench = RealBench(Path(self.folder), maps)
            self.machine = OnTheKernel(self.bench, judge, Random(seed))
            for _ in range(3):
                self.machine.block()
                self.machine.manage()

        @invariant()
        def nothing_but_what_was_approved_is_dropped(self) -> None:
            self.machine.check()

        def teardown(self) -> None:
            if hasattr(self, "machine"):
                for name, count in self.machine.done.items():
                    done[name] = done.get(name, 0) + count
                self.bench.ledger.close()
                shutil.rmtree(self.folder)

    def step(name: str) -> Any:
        def take(self: RealMaps) -> None:
            done[name] = done.get(name, 0) + 1
            getattr(self.machine, name)()

        take.__name__ = name
        return rule()(take)

    for name in STEPS:
        setattr(RealMaps, name, step(name))
    return RealMaps


STEPS = (
    "propose", "propose_list", "extend", "review", "approve", "block", "refuse", "remove", "watch", "keep", "manage",
    "edit", "flush", "meddle", "wait", "tick", "jump", "fill", "halt", "restart",
)  # fmt: skip


def test_in_two_hundred_interleavings_the_kernel_drops_nothing_that_was_not_approved(
    maps: Maps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MIN_TTL_S", SHORT_S)
    for module in (approval, attachments):
        monkeypatch.setattr(module, "TRIAL_S", TRIAL_S)
    judge = Judge(maps.object_path, ADDRESSES + SPARED)
    done: dict[str, int] = {}
    often = settings(
        max_examples=200, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=True, database=None,
        phases=[Phase.generate],
    )  # fmt: skip
    try:
        run_state_machine_as_test(stateful(maps, judge, done), settings=often)
    finally:
        judge.close()
    brought_about = ("Approve", "ProposeList", "Extend", "Watch", "Keep", "Remove")
    assert min(done.get(name, 0) for name in (*STEPS, *brought_about)) > 0, done
