"""Stand-ins that behave: an engine without capture, a blocker without a kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from engine.types import Block, BlockState, Disposition, Event, IncidentView, Proposal, ProposalState, Snapshot, Terms


@dataclass(frozen=True, slots=True)
class FakeReview:
    """The shape of the guard's record of a proposal."""

    proposal: Proposal
    token: str
    refusals: tuple[str, ...] = ()
    halted: bool = False


@dataclass
class FakeEngine:
    """An engine that holds one snapshot, answers like the real one, and remembers what it was asked."""

    state: Snapshot
    views: dict[str, IncidentView] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    """What the guard holds against every proposal."""
    halted: bool = False
    """Whether panic-unblock holds every block back."""
    refuses_with: str = ""
    """Reason of a PermissionError on ``decide``."""
    asked: list[tuple[object, ...]] = field(default_factory=list)
    evolve: Callable[[Snapshot], Snapshot] | None = None
    """Makes the next snapshot from the last: for a host on which things happen."""
    queue: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return the queue a test puts events into."""
        return self.queue

    def snapshot(self) -> Snapshot:
        """Return the state, one step further where it evolves."""
        if self.evolve is not None:
            self.state = self.evolve(self.state)
        return self.state

    async def incident(self, incident_id: str) -> IncidentView:
        """Return the stored view, or one made from the snapshot's incident."""
        if incident_id in self.views:
            return self.views[incident_id]
        found = next((i for i in self.state.incidents if i.id == incident_id), None)
        if found is None:
            raise LookupError(f"no incident {incident_id}")
        return IncidentView(found, (), (), (), None, (), ())

    async def review(self, proposal_id: str) -> FakeReview:
        """Return the record of a proposal."""
        proposal = self._proposal(proposal_id)
        token = "" if self.refusals or self.halted else f"token of {proposal_id}"
        return FakeReview(proposal, token, self.refusals, self.halted)

    async def revise(self, proposal_id: str, prefix: str, ttl_s: float) -> Proposal:
        """Replace a proposal by one with other terms."""
        self.asked.append(("revise", proposal_id, prefix, ttl_s))
        old = self._proposal(proposal_id)
        number = int(old.id.removeprefix("P-")) + 1
        new = replace(old, id=f"P-{number}", terms=replace(old.terms, prefix=prefix, ttl_s=ttl_s))
        others = tuple(p for p in self.state.proposals if p.id != old.id)
        self.state = replace(self.state, proposals=(new, *others))
        return new

    async def propose(self, target_ip: str, incident_id: str) -> Proposal:
        """Make a proposal for an address."""
        self.asked.append(("propose", target_ip, incident_id))
        terms = Terms(incident_id, f"{target_ip}/32", 3600.0, ("eth0",), "00" * 32)
        now = self.state.now
        new = Proposal("P-90", terms, "asked for by a person", now, now + 900, ProposalState.PENDING)
        self.state = replace(self.state, proposals=(new, *self.state.proposals))
        return new

    async def decide(self, proposal_id: str, token: str, approve: bool, typed: str = "") -> Block | None:
        """Block at once, or refuse with the reason given to this fake."""
        self.asked.append(("decide", proposal_id, token, approve, typed))
        if self.refuses_with:
            raise PermissionError(self.refuses_with)
        proposal = self._proposal(proposal_id)
        terms = proposal.terms
        left = terms.ttl_s or float("inf")
        block = Block(terms.prefix, BlockState.LIVE, terms.ifaces, left, 0, 0, 0.0, proposal_id, terms.incident_id)
        block = replace(block, approver="uid 1000 on pts/0", reason=proposal.reason, added_at=self.state.now)
        waiting = tuple(p for p in self.state.proposals if p.id != proposal_id)
        self.state = replace(self.state, blocks=(block, *self.state.blocks), proposals=waiting)
        return block

    async def unblock(self, prefix: str) -> None:
        """Take a block out."""
        self.asked.append(("unblock", prefix))
        self.state = replace(self.state, blocks=tuple(b for b in self.state.blocks if b.prefix != prefix))

    async def set_disposition(self, incident_id: str, disposition: Disposition) -> None:
        """Remember what a person makes of an incident."""
        self.asked.append(("set_disposition", incident_id, disposition))

    def transport(self, command: str, value: float = 0.0) -> None:
        """Remember a transport command."""
        self.asked.append(("transport", command, value))

    def _proposal(self, proposal_id: str) -> Proposal:
        found = next((p for p in self.state.proposals if p.id == proposal_id), None)
        if found is None:
            raise LookupError(f"no proposal {proposal_id}")
        return found


@dataclass
class FakeClock:
    """A clock that is two numbers and a name."""

    now: float = 1_800_000_000.0
    boot: int = 1_000 * 10**9
    boot_id: str = "boot-one"

    def wall(self) -> float:
        """Return the wall clock's number."""
        return self.now

    def boot_ns(self) -> int:
        """Return the boot clock's number."""
        return self.boot

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.now += seconds
        self.boot += int(seconds * 1e9)

    def reboot(self, off_s: float) -> None:
        """Start another boot after the host was off for a while."""
        self.now += off_s
        self.boot = 10 * 10**9
        self.boot_id += "+"


@dataclass(frozen=True)
class DryRunEntry:
    """One entry of the map in memory."""

    prefix: str
    deadline_ns: int
    packets: int
    bytes: int
    last_hit_ns: int
    entry_id: int
    ifaces: tuple[str, ...]
    count_only: bool


@dataclass
class DryRunBlocker:
    """The block and allow maps as two collections; ``failure`` makes the next writes fail."""

    map: dict[str, DryRunEntry] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    halted: bool = False
    failure: OSError | ValueError | None = None
    writes: list[str] = field(default_factory=list)
    """Every prefix that was written, in order."""

    def attach(self, iface: str) -> str:
        """Attach to any interface, natively."""
        self._fail()
        return self.links.setdefault(iface, "native")

    def attached(self) -> dict[str, str]:
        """Return interface to mode."""
        return dict(self.links)

    def set_allow(self, prefixes: Sequence[str]) -> None:
        """Replace the allow map."""
        self.allow = tuple(prefixes)

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Sequence[str], count_only: bool = False
    ) -> None:
        """Write an entry for attached interfaces."""
        self._fail()
        if self.halted:
            raise PermissionError(f"cannot block {prefix}: blocking is halted until a person resumes it")
        if strange := set(ifaces) - set(self.links):
            raise OSError(f"cannot block {prefix} on {', '.join(sorted(strange))}: nothing is attached there")
        self.writes.append(prefix)
        self.map[prefix] = DryRunEntry(prefix, deadline_boot_ns, 0, 0, 0, entry_id, tuple(sorted(ifaces)), count_only)

    def remove(self, prefix: str) -> bool:
        """Take an entry out."""
        return self.map.pop(prefix, None) is not None

    def entries(self) -> Sequence[DryRunEntry]:
        """Return every entry."""
        return list(self.map.values())

    def halt(self) -> None:
        """Empty the map and refuse writes."""
        self.map.clear()
        self.halted = True

    def resume(self) -> None:
        """Accept writes again."""
        self.halted = False

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
