"""Stand-ins that behave: an engine without capture, a blocker without a kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from engine.filter import parse
from engine.guard.blocker import Attached
from engine.stored import Stored
from engine.suppression import make, preview
from engine.types import (
    Block,
    BlockState,
    Disposition,
    Event,
    Impact,
    IncidentView,
    LibraryEntry,
    LibraryPage,
    Listed,
    Note,
    Passage,
    Proposal,
    ProposalState,
    ReportedEvent,
    SeenAlert,
    Snapshot,
    SourcedAnswer,
    Suppression,
    SuppressionPreview,
    Terms,
)


@dataclass(frozen=True, slots=True)
class FakeReview:
    """The shape of the guard's record of a proposal."""

    proposal: Proposal
    token: str
    refusals: tuple[str, ...] = ()
    halted: bool = False
    entry: str = ""
    outbound: bool = True
    trial_s: float = 0.0
    trial_why: str = ""
    prior: tuple[str, ...] = ()


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
    impact_is: Impact = field(default_factory=lambda: Impact(600.0, 3, 41, 5200, 12, 900, ("203.0.113.9",), 1, (), 0.0))
    ended: tuple[Block, ...] = ()
    answer_is: SourcedAnswer | None = None
    leaving: str = ""
    reports: str = "reports"
    """The folder that reports are said to be in."""
    rules: tuple[Suppression, ...] = ()
    shelf: tuple[LibraryEntry, ...] = ()
    page: int = 50
    """Entries of the shelf told at a time."""
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

    async def propose(self, target: str, incident_id: str) -> Proposal:
        """Make a proposal for an address."""
        self.asked.append(("propose", target, incident_id))
        prefix = target if "/" in target else f"{target}/32"
        terms = Terms(incident_id, prefix, 3600.0, ("eth0",), "00" * 32)
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
        if not approve:
            self.state = replace(self.state, proposals=tuple(p for p in self.state.proposals if p.id != proposal_id))
            return None
        terms = proposal.terms
        left = terms.ttl_s or float("inf")
        block = Block(terms.prefix, BlockState.LIVE, terms.ifaces, left, 0, 0, 0.0, proposal_id, terms.incident_id)
        block = replace(block, approver="uid 1000 on pts/0", reason=proposal.reason, added_at=self.state.now)
        waiting = tuple(p for p in self.state.proposals if p.id != proposal_id)
        self.state = replace(self.state, blocks=(block, *self.state.blocks), proposals=waiting)
        return block

    async def propose_list(self, prefixes: Sequence[str], reason: str) -> Proposal:
        """Make one proposal for many prefixes."""
        self.asked.append(("propose_list", tuple(prefixes), reason))
        terms = Terms("", "", 3600.0, ("eth0",), "11" * 32, "block list")
        listed = Listed(len(prefixes), len(prefixes), tuple(prefixes[:16]))
        now = self.state.now
        new = Proposal("P-91", terms, reason, now, now + 900, ProposalState.PENDING, listed=listed)
        self.state = replace(self.state, proposals=(new, *self.state.proposals))
        return new

    async def extend(self, prefix: str, ttl_s: float) -> Proposal:
        """Make a proposal with another term."""
        self.asked.append(("extend", prefix, ttl_s))
        terms = Terms("", prefix, ttl_s, ("eth0",), "00" * 32)
        now = self.state.now
        new = Proposal("P-92", terms, "extend", now, now + 900, ProposalState.PENDING)
        self.state = replace(self.state, proposals=(new, *self.state.proposals))
        return new

    async def impact(self, prefixes: Sequence[str]) -> Impact:
        """Return the impact a test set."""
        self.asked.append(("impact", tuple(prefixes)))
        return self.impact_is

    async def watch(self, proposal_id: str, seconds: float) -> Block:
        """Count, as the test's snapshots tell."""
        self.asked.append(("watch", proposal_id, seconds))
        terms = self._proposal(proposal_id).terms
        block = Block(terms.prefix, BlockState.LIVE, terms.ifaces, seconds, 0, 0, 0.0, proposal_id, watch=True)
        self.state = replace(self.state, blocks=(block, *self.state.blocks))
        return block

    async def keep(self, target: str = "") -> str:
        """Keep what would revert."""
        self.asked.append(("keep", target))
        kept = tuple(replace(b, keep_within_s=0.0) if b.prefix == target else b for b in self.state.blocks)
        self.state = replace(self.state, blocks=kept)
        return f"{target or 'eth0'} is kept"

    async def allow(self, prefix: str, reason: str) -> str:
        """Remember what a person allows."""
        self.asked.append(("allow", prefix, reason))
        return f"the allow-list holds {prefix}"

    async def ended_blocks(self) -> tuple[Block, ...]:
        """Return the ended blocks a test set."""
        return self.ended

    async def unblock(self, prefix: str) -> None:
        """Take a block out."""
        self.asked.append(("unblock", prefix))
        self.state = replace(self.state, blocks=tuple(b for b in self.state.blocks if b.prefix != prefix))

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str = "") -> None:
        """Remember what a person makes of an incident."""
        self.asked.append(("set_disposition", incident_id, disposition))

    async def triage(self, event: ReportedEvent) -> IncidentView:
        """Remember the event, and return the incident it is about."""
        self.asked.append(("triage", event.src_ip, event.dst_ip, event.name))
        return await self.incident(self.state.incidents[0].id)

    async def ask(self, question: str, incident_id: str = "") -> SourcedAnswer:
        """Answer with the answer a test set."""
        self.asked.append(("ask", question, incident_id))
        if self.answer_is is None:
            raise LookupError("nothing is known")
        return self.answer_is

    async def search(self, query: str, k: int = 5, base: str = "") -> tuple[Passage, ...]:
        """Return the passages of the answer a test set."""
        self.asked.append(("search", query, k, base))
        return self.answer_is.passages if self.answer_is else ()

    async def preview(self, incident_id: str) -> str:
        """Return what a test says would leave."""
        self.asked.append(("preview", incident_id))
        return self.leaving

    async def save_report(self, incident_id: str) -> tuple[str, ...]:
        """Name the files of a report."""
        self.asked.append(("save_report", incident_id))
        return tuple(f"{self.reports}/{incident_id}{suffix}" for suffix in (".md", ".json", ".html"))

    async def suppress(self, target: str, detector: str, label: str, reason: str, by: str, ttl_s: float) -> Suppression:
        """Hide what a person asks for."""
        self.asked.append(("suppress", target, detector, label, reason, ttl_s))
        rule = make(target, detector, label, reason, by, self.state.now, ttl_s)
        self.rules = (rule, *self.rules)
        return rule

    async def end_suppression(self, rule_id: str) -> None:
        """End a rule."""
        self.asked.append(("end_suppression", rule_id))
        self.rules = tuple(rule for rule in self.rules if rule.id != rule_id)

    async def preview_suppression(self, target: str, detector: str, label: str) -> SuppressionPreview:
        """Return what a rule would have hidden of the alerts that the snapshot shows."""
        return preview(make(target, detector, label, "preview", "", 0.0, 0.0), map(SeenAlert.of, self.state.alerts))

    def suppressions(self) -> tuple[Suppression, ...]:
        """Return the rules."""
        return self.rules

    async def note(self, incident_id: str, text: str, by: str) -> Note:
        """Keep a note beside an incident."""
        self.asked.append(("note", incident_id, text))
        note = Note(incident_id, self.state.now, by, text)
        view = self.views[incident_id]
        self.views[incident_id] = replace(view, notes=(*view.notes, note))
        return note

    async def take_over(self) -> None:
        """Decide at this console."""
        self.asked.append(("take_over",))
        self.state = replace(self.state, status=replace(self.state.status, decider=""))

    async def library(self, words: str = "", after: tuple[float, str] | None = None) -> LibraryPage:
        """Return a page of what a test put on the shelf, as far as a filter lets it through."""
        self.asked.append(("library", words, after))
        wanted = parse(words)
        fitting = [one for one in self.shelf if not wanted or wanted.matches(one)]
        ids = [one.incident.id for one in fitting]
        start = ids.index(after[1]) + 1 if after else 0
        page, rest = fitting[start : start + self.page], fitting[start + self.page :]
        return LibraryPage(tuple(page), (page[-1].incident.opened_at, page[-1].incident.id) if rest else None)

    async def everything(self, incident_id: str) -> Stored:
        """Return a view a test set, without inputs."""
        return Stored(await self.incident(incident_id))

    async def save_pack(self, incident_id: str, place: str = "", redacted: bool = False) -> tuple[str, str]:
        """Remember the pack that was asked for."""
        self.asked.append(("save_pack", incident_id, place, redacted))
        return f"/packs/{incident_id}.zip", "ab" * 32

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
    out_packets: int = 0
    out_bytes: int = 0


@dataclass
class DryRunBlocker:
    """The block and allow maps as two collections; ``failure`` makes the next writes fail."""

    map: dict[str, DryRunEntry] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    ssh_ports: tuple[int, ...] = ()
    links: dict[str, Attached] = field(default_factory=dict)
    beats: int = 0
    """How often the heart beat."""
    halted: bool = False
    failure: OSError | ValueError | None = None
    writes: list[str] = field(default_factory=list)
    """Every prefix that was written, in order."""

    def attach(self, iface: str, on_trial: bool = False) -> str:
        """Attach to any interface, natively."""
        self._fail()
        return self.links.setdefault(iface, Attached("native", "tcx", on_trial)).mode

    def keep(self, iface: str) -> None:
        """Let an attachment outlive the process."""
        self.links[iface] = self.links[iface]._replace(on_trial=False)

    def detach(self, iface: str) -> bool:
        """Detach, as the kernel does for every attachment on trial when the process ends."""
        return self.links.pop(iface, None) is not None

    def end_of_process(self) -> None:
        """Take off what was on trial, as the kernel does."""
        self.links = {iface: found for iface, found in self.links.items() if not found.on_trial}

    def attached(self) -> dict[str, Attached]:
        """Return how each interface is attached."""
        return dict(self.links)

    def set_allow(self, prefixes: Sequence[str]) -> None:
        """Replace the allow map and beat the heart."""
        self.allow = tuple(prefixes)
        self.beats += 1

    def set_ssh_ports(self, ports: Sequence[int]) -> None:
        """Replace the ports a stale heart spares."""
        self.ssh_ports = tuple(ports)

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
