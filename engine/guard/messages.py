"""What may be asked of the guard, and what it answers: one dataclass each, one packet each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.guard import codec
from engine.host.loglines import Lines
from engine.types import (
    Approver,
    Block,
    FileFacts,
    FiveTuple,
    HostAddresses,
    Persistence,
    ProcessFacts,
    Proposal,
    Services,
    SocketOwner,
    Terms,
)

# --- requests -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """Asks who the guard is and what it can do."""


@dataclass(frozen=True, slots=True)
class Attach:
    """Asks to attach the kernel program to interfaces the guard was started for."""

    ifaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Asks for the never-block set."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Asks for a block that a person then decides on."""

    terms: Terms
    """With no interfaces named, those the guard is attached to are filled in."""
    reason: str
    handshake: bool
    """Whether the target completed a TCP handshake here."""
    reported_only: bool
    """Whether the target was only named by another system's report."""
    by_person: bool = False
    """Whether a person at this channel asks; it only chooses the quota, and approves nothing."""
    by_ladder: bool = False
    """Whether the guard puts a longer term in the place of the asked one for an address that comes back."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Hands over a part of a long list of targets, to be proposed by ``ProposeList``."""

    batch: str
    """A name the asker made up; parts of one name are one list."""
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposeList:
    """Asks for one proposal over a staged list."""

    batch: str
    count: int
    digest: str
    """``fields.list_digest`` of what was staged: nothing was lost on the way."""
    ttl_s: float
    ifaces: tuple[str, ...]
    reason: str
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class Extend:
    """Asks for a proposal that gives a block in force another term, counted from the approval."""

    prefix: str
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Watch:
    """Counts for a while what a waiting proposal would drop; nothing is dropped."""

    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Keep:
    """A person keeps what would revert by itself.

    The target is the prefix of a block on trial or the name of an interface; empty means every
    interface attached for the first time, which any key of the person proves to be alive.
    """

    target: str = ""


@dataclass(frozen=True, slots=True)
class Proposals:
    """Asks for the proposals, newest first."""

    offset: int = 0


@dataclass(frozen=True, slots=True)
class Show:
    """Asks for one proposal, to be decided on."""

    id: str


@dataclass(frozen=True, slots=True)
class Approve:
    """A person says yes to exactly what ``Review`` showed."""

    id: str
    token: str
    typed: str
    """The address as the person typed it, or empty."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """A person says no."""

    id: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Takes a block out of the kernel."""

    prefix: str


@dataclass(frozen=True, slots=True)
class RemoveAll:
    """Takes every block of one proposal out of the kernel."""

    id: str


@dataclass(frozen=True, slots=True)
class Blocks:
    """Asks for the blocks as the kernel has them, or for those that ended, newest first."""

    offset: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class FindOwner:
    """Asks for the process behind a five-tuple."""

    five_tuple: FiveTuple


@dataclass(frozen=True, slots=True)
class Describe:
    """Asks for the facts of a process."""

    pid: int
    start_time: float


@dataclass(frozen=True, slots=True)
class ListServices:
    """Asks what this host offers to the network."""


@dataclass(frozen=True, slots=True)
class DescribeFile:
    """Asks for the facts of the file that a process runs."""

    pid: int
    start_time: float


@dataclass(frozen=True, slots=True)
class ListPersistence:
    """Asks which places that start something by themselves changed last."""


@dataclass(frozen=True, slots=True)
class SearchLog:
    """Asks for the lines of the login log that name an address."""

    ip: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A person clears the halt that panic-unblock set."""

    restore: bool
    """Whether the blocks of before the halt come back; else each needs a new approval."""


@dataclass(frozen=True, slots=True)
class NoteHalt:
    """Root ran panic-unblock, which went past the guard; who that is, is told by the connection and by nothing else."""


@dataclass(frozen=True, slots=True)
class LastHalt:
    """Asks who halted or resumed last, in words; a guard that was started since does not know."""


@dataclass(frozen=True, slots=True)
class Remover:
    """Asks who removed the block of a prefix, in words; a guard that was started since does not know."""

    prefix: str


@dataclass(frozen=True, slots=True)
class VerifyAudit:
    """Asks whether the audit chain is whole."""


@dataclass(frozen=True, slots=True)
class Allow:
    """A person puts a prefix on the allow-list."""

    prefix: str
    reason: str
    ttl_s: float
    """0 means until it is taken off."""


@dataclass(frozen=True, slots=True)
class Disallow:
    """A person takes a prefix off the allow-list."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """Asks for the allow-list."""

    offset: int = 0


@dataclass(frozen=True, slots=True)
class ExportAudit:
    """Asks for the audit chain, oldest first."""

    offset: int = 0


@dataclass(frozen=True, slots=True)
class NoteTrace:
    """Tells the end of a trace that the engine stored, to be kept in the audit chain."""

    incident_id: str
    steps: int
    digest: str
    """SHA-256, hex, of the last step, which covers all before."""
    verdict_digest: str
    """SHA-256, hex, of the verdict."""


@dataclass(frozen=True, slots=True)
class NotedTraces:
    """Asks for the entries of the audit chain that ``NoteTrace`` made, oldest first."""

    after: int = 0
    """Number of the last entry that is known already."""


# --- replies --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attachment:
    """How the kernel program sits on an interface."""

    iface: str
    mode: str
    """``native``, ``generic`` or ``nftables``."""
    egress: str = ""
    """``tcx``, ``clsact`` or ``nftables``: what drops outbound packets; empty when they still leave."""
    keep_within_s: float = 0.0
    """Seconds left to keep a first attachment, which else is taken off; 0 when it is kept."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """Who the guard is and what it can do."""

    pid: int
    attached: tuple[Attachment, ...]
    dataplane: str
    """``XDP native``, ``XDP generic``, or why nothing can be blocked."""
    blocking: bool
    """Whether an approval would be enforced now."""
    halted: bool
    may_approve: bool
    why_not: str
    """Why this channel may not approve, or empty."""
    approver: Approver
    """The person at the other end of this channel."""
    drifted: tuple[str, ...]
    """Prefixes in the kernel that nobody approved here."""
    held_off: str = ""
    """Why the engine's proposals are refused for now: it made too many at once. Empty when they are not."""
    degraded: tuple[str, ...] = ()
    """What fell back a step and why, such as ``eth0: tcx is refused (…), clsact drops outbound packets``."""


@dataclass(frozen=True, slots=True)
class NeverBlock:
    """The addresses no block may hold."""

    addresses: HostAddresses
    endpoints: tuple[str, ...]
    allowed: tuple[str, ...]
    """The allow-list's prefixes."""
    connected: tuple[str, ...]
    """Prefixes reached without a gateway."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """The proposal that was made, or the one with the same terms that waits already."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class ProposalList:
    """One page of proposals."""

    proposals: tuple[Proposal, ...]
    more: bool
    """Whether another page follows."""


@dataclass(frozen=True, slots=True)
class Review:
    """The guard's record of a proposal: what the dialog is drawn from."""

    proposal: Proposal
    token: str
    """Approves these terms once; empty when there are refusals, and while halted."""
    refusals: tuple[str, ...]
    """Why an approval would be refused now, the halt left out."""
    halted: bool = False
    """Whether panic-unblock stopped all blocking: the token is empty until a person resumes it."""
    entry: str = ""
    """The entry as the kernel would get it: where, what, until when."""
    outbound: bool = False
    """Whether packets to the target would be dropped as well, on every interface of the terms."""
    trial_s: float = 0.0
    """Seconds after which the block reverts unless a person keeps it; 0 when it stays by itself."""
    trial_why: str = ""
    prior: tuple[str, ...] = ()
    """Earlier blocks of this target, a line each, newest first."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The block as read back from the kernel; of a list, its first with ``count`` told."""

    block: Block
    count: int = 1
    """Blocks that the approval made."""
    failed: int = 0
    """Those of them that the kernel did not take; they are tried again."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The entry that counts, as read back from the kernel."""

    block: Block


@dataclass(frozen=True, slots=True)
class BlockList:
    """One page of blocks, newest first; the pages of one listing come from one look at the kernel."""

    blocks: tuple[Block, ...]
    more: bool
    halted: bool
    total: int = 0
    """How many there are on all pages."""
    packets: int = 0
    """Packets that all of them dropped, both directions."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process behind a five-tuple."""

    owner: SocketOwner


@dataclass(frozen=True, slots=True)
class Process:
    """The facts of a process."""

    facts: ProcessFacts


@dataclass(frozen=True, slots=True)
class ServiceList:
    """What this host offers to the network."""

    services: Services


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """The facts of the file that a process runs."""

    facts: FileFacts


@dataclass(frozen=True, slots=True)
class PersistenceList:
    """The places that start something by themselves."""

    persistence: Persistence


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines of the login log, as they stand in it."""

    found: Lines


@dataclass(frozen=True, slots=True)
class Audit:
    """What checking the audit chain found."""

    entries: int
    problems: tuple[str, ...]
    """Empty when the chain is whole."""


@dataclass(frozen=True, slots=True)
class AllowedPrefix:
    """One row of the allow-list."""

    prefix: str
    reason: str
    expires_at: float
    """Wall clock; 0 means until it is taken off."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """One page of the allow-list."""

    items: tuple[AllowedPrefix, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit chain, as stored."""

    seq: int
    at: float
    kind: str
    body: str
    """JSON."""
    mac: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the audit chain."""

    entries: tuple[AuditEntry, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in words."""

    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the guard did not do it."""

    reason: str


Request = (
    Hello
    | Attach
    | Addresses
    | Propose
    | Stage
    | ProposeList
    | Extend
    | Watch
    | Keep
    | Proposals
    | Show
    | Approve
    | Refuse
    | Remove
    | RemoveAll
    | Blocks
    | FindOwner
    | Describe
    | ListServices
    | DescribeFile
    | ListPersistence
    | SearchLog
    | Resume
    | NoteHalt
    | LastHalt
    | Remover
    | VerifyAudit
    | Allow
    | Disallow
    | Allowed
    | ExportAudit
    | NoteTrace
    | NotedTraces
)
Reply = (
    Welcome
    | NeverBlock
    | Proposed
    | ProposalList
    | Review
    | Approved
    | Watched
    | BlockList
    | Owner
    | Process
    | ServiceList
    | ProgramFile
    | PersistenceList
    | LogLines
    | Audit
    | AllowList
    | AuditPage
    | Done
    | Refused
)
REQUESTS: dict[str, type[Any]] = {kind.__name__: kind for kind in Request.__args__}
REPLIES: dict[str, type[Any]] = {kind.__name__: kind for kind in Reply.__args__}


def decode_request(packet: bytes) -> tuple[Request, int]:
    """Return a request and its number; raises ``codec.MessageError`` only."""
    return codec.decode(packet, REQUESTS)


def decode_reply(packet: bytes) -> tuple[Reply, int]:
    """Return a reply and its number; raises ``codec.MessageError`` only."""
    return codec.decode(packet, REPLIES)
