"""Every noun that crosses a file, in the order data flows through the program.

Times are seconds since the epoch on the packet clock (the capture's own time stamps) unless a
docstring says otherwise; addresses are text in canonical form (IPv4-mapped IPv6 becomes IPv4);
durations end in ``_s`` and sizes in ``_bytes``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

WINDOW_BYTES = 512
"""Payload bytes kept from the start of each direction of a flow: what the model judges."""

MODEL_PAYLOAD_BYTES = 510
"""Payload bytes that fit a 512-token window beside the CLS and SEP tokens."""

Octets = bytes
"""The type ``bytes``, for records that have a field of that name."""


# --- source ---------------------------------------------------------------------------------


class Frame(NamedTuple):
    """One captured frame, as the source delivered it."""

    ts: float
    data: bytes
    """The captured bytes, from the link header on; may be shorter than ``wire_bytes``."""
    wire_bytes: int
    """Length on the wire."""


class Capture(NamedTuple):
    """Where frames come from: an interface or a file."""

    name: str
    """Interface name, or the file's name without its directory."""
    linktype: int
    """Link-layer type, a DLT or LINKTYPE number (1 Ethernet, 113 SLL, 276 SLL2, 0 NULL, 101 raw IP)."""


class FiveTuple(NamedTuple):
    """The two ends of a flow; the initiator, who sent the first packet seen, comes first."""

    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    proto: str
    """``tcp``, ``udp``, ``icmp``, ``icmp6``, or ``ip-N`` for any other protocol number N."""


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """What another product reported, as an event line or an EVE record: nothing of it was seen here."""

    at: float
    """When it happened, by the report."""
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    name: str
    """The product's name for the event: hostile text."""
    content: str
    """The rest of the report: hostile text."""
    proto: str = ""
    """``tcp`` or ``udp`` where the report says so, else empty."""
    origin: str = "line"
    """``line`` or ``eve``."""


# --- flow -----------------------------------------------------------------------------------


class Direction(StrEnum):
    """Which way payload travels within a flow."""

    TO_SERVER = "to_server"
    """From the initiator to the responder."""
    TO_CLIENT = "to_client"
    """From the responder to the initiator."""


class FlowState(StrEnum):
    """How far the connection got, as far as the capture shows."""

    NEW = "new"
    """Only the first packet (for TCP: a SYN without an answer)."""
    ESTABLISHED = "established"
    """Both directions seen; for TCP the three-way handshake, or data where the capture began late."""
    CLOSED = "closed"
    """Both sides sent FIN."""
    RESET = "reset"
    """Either side sent RST."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A bidirectional flow at one moment. Pairs are ``(to_server, to_client)``."""

    id: str
    """Community ID v1."""
    five_tuple: FiveTuple
    iface: str
    first_seen: float
    last_seen: float
    packets: tuple[int, int]
    bytes: tuple[int, int]
    """Bytes on the wire."""
    payload_bytes: tuple[int, int]
    """In-order payload bytes, retransmissions counted once."""
    head: tuple[Octets, Octets]
    """The first ``WINDOW_BYTES`` payload bytes of each direction, in sequence order."""
    state: FlowState
    handshake: bool
    """Whether a complete TCP three-way handshake was seen, so the initiator's address is not spoofed."""
    app: str = ""
    """Application protocol recognised from the payload (``http``, ``tls``, ``ssh``, ``dns``), or empty."""
    name: str = ""
    """Host header, TLS server name, DNS question or software banner: attacker-chosen text, or empty."""


class UpdateReason(StrEnum):
    """Why the flow table speaks of a flow."""

    NEW = "new"
    """First packet of the flow."""
    PAYLOAD = "payload"
    """In-order payload arrived: ``chunk`` holds it. Signature rules look at each of these."""
    WINDOW = "window"
    """A direction reached ``WINDOW_BYTES`` of payload: the model judges now."""
    QUIET = "quiet"
    """Payload came, then nothing for 1 s: the model judges what there is."""
    END = "end"
    """FIN from both sides, or RST: the flow leaves the table."""
    IDLE = "idle"
    """Nothing for the idle time: the flow leaves the table."""
    EVICTED = "evicted"
    """The table was full: the flow leaves it early."""
    FLUSH = "flush"
    """The source ended: the flow leaves the table."""
    REPORT = "report"
    """Another product reported an event: ``event`` holds it, and the flow has its ends and nothing else."""


JUDGE_REASONS = frozenset(UpdateReason) - {UpdateReason.NEW, UpdateReason.PAYLOAD, UpdateReason.REPORT}
"""The reasons on which the model judges a flow, where it holds payload not judged before."""


LEAVING = frozenset((UpdateReason.END, UpdateReason.IDLE, UpdateReason.EVICTED, UpdateReason.FLUSH))
"""The reasons with which a flow leaves the table."""


@dataclass(frozen=True, slots=True)
class FlowUpdate:
    """What the flow table hands to the judges."""

    flow: Flow
    reason: UpdateReason
    at: float
    direction: Direction | None = None
    """Set for ``payload`` and ``window``."""
    chunk: bytes = b""
    """The new in-order payload, for ``payload``."""
    offset: int = 0
    """Where ``chunk`` starts in the direction's payload stream."""
    event: ReportedEvent | None = None
    """Set for ``report``; a report without it is a flow that was seen here and goes with one."""


# --- judge ----------------------------------------------------------------------------------


class Severity(StrEnum):
    """How much it matters, in the order of increasing harm."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for ``info`` up to 4 for ``critical``."""
        return list(Severity).index(self)


class Party(StrEnum):
    """The end of a flow that a detection accuses."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Span(NamedTuple):
    """The bytes of a payload stream that a detection rests on."""

    direction: Direction
    offset: int
    """From the start of the direction's payload."""
    length: int


@dataclass(frozen=True, slots=True)
class Detection:
    """One detector's opinion about one flow."""

    flow_id: str
    at: float
    detector: str
    """``rules``, ``model``, ``scan``, ``bruteforce``, ``event``: the file under ``engine/detect``."""
    version: str
    """Version of the detector; for the model the first 12 hex digits of the file's SHA-256."""
    label: str
    """What was recognised: a rule id such as ``log4shell.jndi``, or ``model.malicious``."""
    score: float
    """0 to 1; comparable only between detections of the same detector."""
    severity: Severity
    reason: str
    """One sentence of the program's own words; no captured text."""
    attacker: Party
    attack_ids: tuple[str, ...] = ()
    """MITRE ATT&CK technique ids."""
    event_class: str = ""
    """One of the event classes of the playbooks, such as ``web_exploit`` or ``scan``."""
    spans: tuple[Span, ...] = ()
    excerpt: bytes = b""
    """At most 256 captured bytes around the first span: hostile, escaped wherever it is shown."""
    event: ReportedEvent | None = None
    """The report, for the detector ``event``."""


class Detector(Protocol):
    """A judge of flows. State depends on the updates alone, so a replay repeats its opinions."""

    name: str
    version: str

    def inspect(self, update: FlowUpdate) -> Sequence[Detection]:
        """Return what this detector holds against the flow, usually nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Classification:
    """Which event class a text belongs to."""

    event_class: str
    confidence: float
    """0 to 1, calibrated: of the lines given 0.8, about four in five are right."""
    by: str
    """``rules and meaning``, ``words only``, or a model's name."""
    ranking: tuple[tuple[str, float], ...] = ()
    """The likeliest classes, best first, each with its share."""
    reasons: tuple[str, ...] = ()
    """What spoke for the class, in the program's own words."""


class Broken(NamedTuple):
    """An item that a stage broke on: set aside, counted, and told."""

    stage: str
    """The stage, or the detector's name."""
    reason: str
    item: Frame | FlowUpdate


# --- alert, incident ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    """Deduplicated detections worth a look."""

    id: str
    """``A-`` and 10 hex digits made from the target, detector, label, flow and time."""
    target_ip: str
    """The end of the flow that is not this host: computed from addresses, never from text."""
    local_ip: str
    """The other end."""
    first_at: float
    last_at: float
    count: int
    detection: Detection
    """The first detection folded into this alert."""
    flow: Flow
    """The flow as it was then."""
    incident_id: str = ""


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """A stored alert as far as a suppression goes by it: a preview looks at very many."""

    incident_id: str
    target_ip: str
    detector: str
    label: str
    severity: Severity
    count: int
    first_at: float

    @classmethod
    def of(cls, alert: Alert) -> SeenAlert:
        """Return what a suppression sees of an alert."""
        found = alert.detection
        head = (alert.incident_id, alert.target_ip, found.detector, found.label, found.severity)
        return cls(*head, alert.count, alert.first_at)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A person's rule: what is in its scope raises no alert while it lasts; it is counted and told."""

    id: str
    """``S-`` and 8 hex digits made from scope and time."""
    target: str
    """An address or a prefix (CIDR); empty means any."""
    detector: str
    """A detector's name; empty means any."""
    label: str
    """A detection's label, or the beginning of one before ``*``; empty means any."""
    reason: str
    by: str
    """Who made it, in words."""
    added_at: float
    """Wall clock, like ``ends_at``: live, packets are stamped by it too."""
    ends_at: float
    """When it ends, or ended by a person's hand; 0 means when a person ends it."""
    hits: int = 0
    """Detections that it hid."""
    last_hit_at: float = 0.0
    """When it hid the last one; 0 means never."""

    @property
    def scope(self) -> str:
        """What it hides, in words."""
        what = " ".join(part for part in (self.detector, self.label) if part)
        return " ".join(part for part in (what or "anything", "of", self.target or "any address") if part)


@dataclass(frozen=True, slots=True)
class SuppressionPreview:
    """What a suppression would have hidden, had it been in force over the alerts that are stored."""

    alerts: int
    detections: int
    """Alerts with their repeats."""
    incidents: tuple[str, ...]
    """Ids of incidents of which it would have hidden every alert."""
    severities: tuple[tuple[Severity, int], ...]
    """Alerts of each severity, the gravest first."""
    since: float
    """The oldest alert looked at; 0 when there is none."""
    sample: tuple[str, ...] = ()
    """A few of the alerts, in the program's own words."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote beside an incident: hostile text like any other that was typed or pasted."""

    incident_id: str
    at: float
    """Wall clock."""
    by: str
    text: str


class Disposition(StrEnum):
    """What a person, or the analyst as a suggestion, makes of an incident."""

    UNDETERMINED = "undetermined"
    TRUE_POSITIVE = "true_positive"
    BENIGN_POSITIVE = "benign_positive"
    FALSE_POSITIVE = "false_positive"


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts that tell one story around one ``target_ip``."""

    id: str
    """``INC-`` and 8 hex digits made from the target and the first alert."""
    target_ip: str
    opened_at: float
    updated_at: float
    severity: Severity
    title: str
    """The program's own words, such as ``Log4Shell, then payload fetch``."""
    alert_ids: tuple[str, ...]
    attack_ids: tuple[str, ...]
    handshake: bool
    """Whether the target ever completed a TCP handshake in these flows (else it may be spoofed)."""
    disposition: Disposition = Disposition.UNDETERMINED
    """Set by a person only."""


# --- host -----------------------------------------------------------------------------------


class Finding(StrEnum):
    """Whether a question about the host could be answered. Only ``found`` is information."""

    FOUND = "found"
    GONE = "gone"
    """It existed no more when asked. Says nothing against the host."""
    NOT_PERMITTED = "not_permitted"
    NOT_RECORDED = "not_recorded"
    """A replay, and nothing was recorded."""


@dataclass(frozen=True, slots=True)
class SocketOwner:
    """The process behind a five-tuple."""

    finding: Finding
    pid: int = 0
    start_time: float = 0.0
    """When the process started: with the PID it names the process for good."""
    comm: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What the kernel tells about one process."""

    finding: Finding
    pid: int
    ppid: int = 0
    start_time: float = 0.0
    uid: int = -1
    user: str = ""
    comm: str = ""
    exe: str = ""
    exe_deleted: bool = False
    exe_sha256: str = ""
    cmdline: tuple[str, ...] = ()
    cwd: str = ""
    unit: str = ""
    """The systemd unit or container from the control group, or empty."""
    parents: tuple[str, ...] = ()
    """``pid comm`` of each ancestor, nearest first."""
    children: tuple[str, ...] = ()
    """``pid comm`` of each child."""
    sockets: tuple[str, ...] = ()
    """``proto local -> remote state`` of each open socket."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A socket of this host that waits for connections."""

    proto: str
    ip: str
    port: int
    pid: int = 0
    comm: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    """What this host offers to the network."""

    finding: Finding
    entries: tuple[Service, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """Attempts of one user from one address to log in, all with the same result."""

    user: str
    ip: str
    ok: bool
    method: str
    """``password``, ``publickey`` or another word of the log, or empty."""
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Logins:
    """What the log of this host says about logins from one address."""

    finding: Finding
    entries: tuple[Login, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The program file of a process."""

    finding: Finding
    pid: int
    path: str = ""
    owner: str = ""
    mode: str = ""
    """Octal, such as ``0755``."""
    size_bytes: int = 0
    modified_at: float = 0.0
    changed_at: float = 0.0
    deleted: bool = False
    sha256: str = ""
    package: str = ""
    """The distribution's package that the file belongs to, or empty."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PersistencePoint:
    """A place from which something is started again by itself."""

    kind: str
    """``cron``, ``unit``, ``authorized_keys``, ``ld_preload`` or ``rc``."""
    path: str
    modified_at: float
    owner: str = ""
    excerpt: str = ""
    """Its first telling line: hostile text."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """The places that were changed last, newest first."""

    finding: Finding
    points: tuple[PersistencePoint, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """What is known of an address without asking anybody."""

    finding: Finding
    ip: str
    scope: str = ""
    """``global``, ``private``, ``loopback``, ``link-local``, ``multicast``, ``documentation`` or ``reserved``."""
    own: bool = False
    names: tuple[str, ...] = ()
    """Names that DNS answers seen here gave for it: hostile text."""
    asn: int = 0
    as_name: str = ""
    """From a configured database, or empty."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PastIncident:
    """An earlier incident with the same target."""

    id: str
    opened_at: float
    title: str
    severity: Severity
    disposition: Disposition
    conclusion: str = ""
    """Of the analyst, or empty."""
    event_class: str = ""


@dataclass(frozen=True, slots=True)
class PastIncidents:
    """The earlier incidents with one address, newest first."""

    finding: Finding
    entries: tuple[PastIncident, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HostAddresses:
    """The addresses of this host and of those it cannot do without."""

    own: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    """Peers of the SSH sessions this program was started from."""
    dhcp: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()
    """Time servers, as far as they are known by address."""


# --- agent ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """An immutable recorded fact."""

    id: str
    """``E-`` and 10 hex digits of the SHA-256 over kind and content."""
    incident_id: str
    kind: str
    """``alert``, ``flow``, ``event``, or what a tool found: ``payload``, ``process``, ``logins`` ..."""
    at: float
    summary: str
    """One line, made by the program; captured text in it is escaped."""
    content: str
    """JSON, or captured text with control characters escaped."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that the host named behind an incident: whoever runs one chooses its names."""

    names: tuple[str, ...] = ()
    """Short names and program files."""
    pids: tuple[int, ...] = ()
    users: tuple[str, ...] = ()

    @classmethod
    def named_in(cls, contents: Iterable[str]) -> Processes:
        """Return those that the contents of evidence of ``PROCESS_KINDS`` name."""
        names: dict[str, None] = {}
        pids: dict[int, None] = {}
        users: dict[str, None] = {}
        for content in contents:
            told = _object(content)
            names |= {name: None for name in (told.get("comm"), told.get("exe")) if name and isinstance(name, str)}
            pids |= {pid: None for pid in (told.get("pid"),) if pid and type(pid) is int}
            users |= {user: None for user in (told.get("user"),) if user and isinstance(user, str)}
        return cls(tuple(names), tuple(pids), tuple(users))


PROCESS_KINDS = ("socket_owner", "process")
"""Kinds of evidence that name a process, as JSON."""


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class StepKind(StrEnum):
    """What a trace step records."""

    PLAN = "plan"
    """What the analyst means to do, before it does it."""
    PROMPT = "prompt"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    ANSWER = "answer"
    VERDICT = "verdict"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of the analyst, stored and shown as it happens."""

    incident_id: str
    seq: int
    at: float
    """Wall clock."""
    role: str
    """``plan``, ``investigator``, ``commander``, ``verdict`` or ``proposal``: the node of the graph."""
    kind: StepKind
    name: str
    """The tool's or model's name."""
    content: str
    tokens_in: int = 0
    tokens_out: int = 0
    elapsed_s: float = 0.0
    digest: str = ""
    """SHA-256, hex, over the digest of the incident's step before and this step: a chain that shows an edit."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the knowledge base that answers a query."""

    id: str
    """``T1190`` for ATT&CK, else ``K-`` and 10 hex digits."""
    title: str
    text: str
    source: str
    score: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a verdict and what it rests on."""

    text: str
    evidence_ids: tuple[str, ...] = ()
    knowledge_ids: tuple[str, ...] = ()
    supported: bool = False
    """Whether at least one id is given and every one exists: set by code, never by a model."""


class Conclusion(StrEnum):
    """What the analyst makes of an incident."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    BENIGN = "benign"
    UNDETERMINED = "undetermined"


OUTCOME: Final = "Outcome: "
"""How the first claim of a verdict begins, and none of an analyst's own does: whether it worked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The analyst's conclusion on an incident. It closes nothing and blocks nothing."""

    incident_id: str
    at: float
    analyst: str
    """``playbook``, or the model's name."""
    conclusion: Conclusion
    severity: Severity
    disposition: Disposition
    """A suggestion; a person decides."""
    attack_ids: tuple[str, ...]
    claims: tuple[Claim, ...]
    not_done: tuple[str, ...]
    """Steps that were not performed, each with its reason."""
    actions: tuple[str, ...]
    """Recommended next steps."""
    summary: str
    """The program's words for the playbook analyst; a model's own text otherwise."""

    @property
    def outcome(self) -> Claim | None:
        """The claim of whether it worked; None where the verdict was made before there was one."""
        first = self.claims[0] if self.claims else None
        return first if first is not None and first.text.startswith(OUTCOME) else None


@dataclass(frozen=True, slots=True)
class SourcedAnswer:
    """What the analyst says to a person's question."""

    question: str
    claims: tuple[Claim, ...]
    """Each with the evidence or knowledge that it rests on."""
    passages: tuple[Passage, ...]
    """The knowledge that was found, best first."""
    analyst: str
    """``playbook``, or the model's name."""
    free_text: str = ""
    """A model's own words, not checked; empty for the playbook analyst."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What the endpoints were asked today, in UTC."""

    tokens: int = 0
    """In and out."""
    tokens_limit: int = 0
    """A day; 0 is no limit."""
    calls: int = 0
    cost: float = 0.0
    """In the currency of the configured prices; 0 without prices."""
    paused_until: float = 0.0
    """Wall clock until which an endpoint that failed is left alone; 0 when it is asked."""


# --- proposal, approval, block --------------------------------------------------------------


class ProposalState(StrEnum):
    """Where a question to a person stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    REPLAY = "replay"
    """Made where nothing can be blocked, in a replay or for an event that no running engine took: nobody is asked."""

    @property
    def words(self) -> str:
        """The state as people read it."""
        return "only shown" if self is ProposalState.REPLAY else self.value


@dataclass(frozen=True, slots=True)
class Terms:
    """What an approval is bound to: change one field and it is another proposal."""

    incident_id: str
    prefix: str
    """CIDR, such as ``203.0.113.9/32``."""
    ttl_s: float
    """0 means permanent."""
    ifaces: tuple[str, ...]
    evidence_digest: str
    """SHA-256, hex: over the sorted evidence ids, or over a list's prefixes."""
    action: str = "block"
    """``block``, or ``block list`` for many targets: then ``prefix`` is empty and ``Proposal.listed`` tells them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The targets of a proposal that names many: an import, or rows a person marked."""

    prefixes: int
    addresses: int
    """How many addresses they hold together, at most 2^62."""
    sample: tuple[str, ...]
    """The first of them."""
    left_out: int = 0
    """Prefixes that the rules refuse; they are not part of the proposal."""
    left_out_sample: tuple[str, ...] = ()
    """The first of those, each with its reason."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block that the program asks for."""

    id: str
    """``P-`` and a number from the guard; ``P-`` and 8 hex digits in a replay."""
    terms: Terms
    reason: str
    created_at: float
    """Wall clock."""
    expires_at: float
    """Wall clock; after it the proposal is never executed."""
    state: ProposalState
    warnings: tuple[str, ...] = ()
    """What the person should know, such as ``the source never completed a handshake``."""
    typed_confirmation: bool = False
    """Whether the person has to type the address."""
    prior_blocks: int = 0
    """How often addresses of this prefix were blocked before, as far back as the guard remembers."""
    listed: Listed | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """What a block would have dropped lately, from the flows this host recorded."""

    span_s: float
    """How far back the record goes."""
    flows: int
    packets: int
    """Packets that came from the prefix."""
    bytes: int
    out_packets: int
    """Packets that went to it."""
    out_bytes: int
    sources: tuple[str, ...]
    """Addresses of the prefix that were seen, the busiest first, at most a few."""
    source_count: int
    services: tuple[str, ...]
    """What they spoke to here, or what here spoke to them, such as ``tcp/8080 java[812]``; at most a few."""
    handshake_at: float
    """When one of them last completed a TCP handshake, 0 for never: then it may be spoofed."""


@dataclass(frozen=True, slots=True)
class Approver:
    """The person who decided, as the guard sees them."""

    uid: int
    login_uid: int
    tty: str
    ssh_peer: str
    command: str


class BlockState(StrEnum):
    """What the kernel does about a block now."""

    LIVE = "live"
    PENDING = "pending"
    FAILED = "failed"
    EXPIRED = "expired"
    DRIFTED = "drifted"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Block:
    """An enforced order, as read from the kernel map."""

    prefix: str
    state: BlockState
    ifaces: tuple[str, ...]
    remaining_s: float
    """Seconds until the kernel lets packets pass again; ``inf`` when permanent."""
    packets: int
    bytes: int
    last_hit_at: float
    """Wall clock of the last dropped packet, 0 when none."""
    proposal_id: str = ""
    incident_id: str = ""
    approver: str = ""
    reason: str = ""
    added_at: float = 0.0
    out_packets: int = 0
    """Packets to the prefix that were dropped on their way out."""
    out_bytes: int = 0
    ttl_s: float = 0.0
    """The term that was approved; 0 means permanent."""
    watch: bool = False
    """Whether it only counts and lets every packet pass."""
    keep_within_s: float = 0.0
    """Seconds left to keep a block that is on trial and else reverts by itself; 0 when it is not on trial."""
    ended_at: float = 0.0
    """Wall clock; 0 while it is ordered."""
    ended_why: str = ""
    """``expired``, ``removed``, ``reverted``, ``replaced`` or ``lifted`` by panic-unblock."""


@dataclass(frozen=True, slots=True)
class Enforced(Block):
    """What an approval made: its block, or the first of a list's."""

    count: int = 1
    """Blocks that the approval made."""
    failed: int = 0
    """Those of them that the kernel did not take; they are tried again."""

    @classmethod
    def of(cls, block: Block, count: int, failed: int) -> Enforced:
        """Return a block as one of what an approval made."""
        told: dict[str, Any] = {one.name: getattr(block, one.name) for one in fields(Block)}
        return cls(**told, count=count, failed=failed)


# --- health ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """A missing ability, or an item that broke a stage and was set aside."""

    ability: str
    """``bpf``, ``model``, ``llm``, ``capture``, ``store``, ``knowledge``, or the stage's name."""
    message: str
    """What was being done, to what, and what went wrong."""
    remedy: str
    """What the administrator can do, in one sentence."""
    at: float
    """Wall clock."""
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Counters:
    """The accounting identity, polled by the console."""

    kernel_seen: int = 0
    kernel_dropped: int = 0
    delivered: int = 0
    parsed: int = 0
    filtered: int = 0
    malformed: int = 0
    shed: int = 0
    bytes: int = 0
    flows_now: int = 0
    flows_total: int = 0
    flows_evicted: int = 0
    emergency: bool = False
    judged: int = 0
    detections: int = 0
    alerts: int = 0
    deduplicated: int = 0
    suppressed: int = 0
    quarantined: int = 0
    queues: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Name of each queue to ``(filled, capacity)``."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What the database and the reports take up."""

    used_bytes: int = 0
    """As of the last sweep; 0 before the first."""
    budget_bytes: int = 0
    """0 is no limit."""
    keep_days: int = 0
    """Days after which an incident is removed; 0 is never."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a start took up of a run that had ended without stopping. Times are wall clock."""

    at: float
    last_record_at: float
    """When that run stored its last."""
    incidents: int
    """Those that are shown again: nobody had judged them, or they may still take alerts."""
    alerts: int
    """Of these incidents."""
    investigations: int
    """Of these incidents, those that are investigated anew since there is no verdict."""
    proposals: int
    """Those that still wait for a person."""
    blocks: int | None
    """Blocks in force; None where no guard tells."""


NOT_YET = "loading"
"""What stands for the analyst and the model until it is known which they are, or that there is none."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the header of the console says."""

    mode: str
    """``live``, ``replay``, ``monitor only`` (live without the means to block) or ``library`` (nothing goes on)."""
    source: str
    """Interfaces, or the name of the capture or incident that is replayed."""
    dataplane: str
    """What drops inbound and outbound, such as ``XDP native, tcx egress``, or why nothing does."""
    analyst: str
    """``playbook``, or the model's name; ``NOT_YET`` until it is loaded."""
    model: str
    """The ONNX model's name and version, or why there is none; ``NOT_YET`` until it is loaded."""
    blocking: bool
    """Whether an approval would be enforced."""
    keep_within_s: float = 0.0
    """Seconds left in which a key of the person keeps the first attachment to an interface; 0 when none is on trial."""
    spending: Spending = Spending()
    storage: Storage = Storage()
    endpoints: tuple[str, ...] = ()
    """Where text about incidents is sent, in words; empty where nothing is, and until the analyst is loaded."""
    receivers: int = 0
    """How many somebodies far away are told of incidents; where they are is a secret."""
    consoles: int = 0
    """How many consoles are attached to this engine; 0 at one that hosts it."""
    decider: str = ""
    """Who decides at another console, such as ``root on pts/2``, or ``nobody``; empty where this console may."""
    stale_since: float = 0.0
    """Wall clock since when an attached console does not reach its engine and shows the last state; 0 while it does."""
    loading: str = ""
    """What is waited for before incidents and blocks can be told, such as ``reading what is stored``; then empty."""
    on_trial: tuple[str, ...] = ()
    """Interfaces that ``keep_within_s`` is about; the others stay attached whatever the person does."""


@dataclass(frozen=True, slots=True)
class Tape:
    """Where a replay stands. Times are the capture's."""

    step: int
    """Steps taken: a step is a few packets of one moment."""
    steps: int
    """Steps that there are, as far as is known."""
    at: float
    """After the last step taken."""
    starts_at: float
    ends_at: float
    """As far as is known."""
    whole: bool
    """Whether the end is known."""
    playing: bool
    speed: float
    seeking: bool = False
    """It is on its way to where a person sent it; what is shown is where it was."""
    run: int = 1
    """How often it began from the start."""
    alerts: tuple[float, ...] = ()
    """When alerts are raised, those ahead too, at most a few hundred."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the engine, polled by the console."""

    status: Status
    counters: Counters
    now: float
    """The engine's clock: wall time when live, packet time in a replay."""
    flows: tuple[Flow, ...]
    """The most recently active flows, newest first, at most a few hundred."""
    scores: Mapping[str, float]
    """Flow id to the model's score, for the flows above that were scored."""
    incidents: tuple[Incident, ...]
    """Newest first."""
    alerts: tuple[Alert, ...]
    """Newest first, at most a few hundred."""
    proposals: tuple[Proposal, ...]
    """Newest first."""
    blocks: tuple[Block, ...]
    """From the last read of the kernel map, newest first, at most a few hundred."""
    faults: tuple[Fault, ...]
    """Those not cleared, newest first."""
    finished: bool = False
    """A replay has come to its end and every incident is investigated."""
    blocks_total: int = 0
    """How many blocks there are, with those beyond the ones above."""
    dropped_packets: int = 0
    """Packets that all of them dropped, both directions."""
    tape: Tape | None = None
    """Where a replay stands that a person steers; None for all else."""
    recovery: Recovery | None = None
    """What the start took up; None where the run before had come to its end."""
    processes: Mapping[str, Processes] = field(default_factory=dict)
    """Incident id to the processes named behind it, for the incidents above that the host was asked about."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Everything that is stored about one incident."""

    incident: Incident
    alerts: tuple[Alert, ...]
    evidence: tuple[Evidence, ...]
    steps: tuple[TraceStep, ...]
    verdict: Verdict | None
    proposals: tuple[Proposal, ...]
    decisions: tuple[str, ...]
    """One line for each decision: when, by whom, what, and what the kernel did."""
    notes: tuple[Note, ...] = ()
    """What persons wrote beside it, oldest first."""

    @property
    def is_overtaken(self) -> bool:
        """Whether alerts came after the verdict, which its outcome knows nothing of."""
        return self.verdict is not None and any(alert.last_at > self.verdict.at for alert in self.alerts)


class Origin(StrEnum):
    """Where an incident comes from."""

    LIVE = "live"
    REPLAY = "replay"
    EVENT = "event"
    """Another product reported it."""


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """A stored incident as a list tells it: what there is to replay."""

    incident: Incident
    event_class: str
    """Of the first alert, or empty."""
    conclusion: str
    """Of the last verdict, or empty."""
    origin: Origin
    source: str
    """``live``, or the name of the capture it was found in."""
    processes: Processes = Processes()


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """A part of what is stored, newest first."""

    entries: tuple[LibraryEntry, ...]
    after: tuple[float, str] | None = None
    """Opening time and id of the last incident looked at: the next page begins after it; None where nothing is left."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not the same in both runs."""

    kind: str
    """``new``, ``gone`` or ``changed``."""
    what: str
    """``alert`` or ``incident``."""
    at: float
    key: str
    """What it is about: target and label, or the target of the incident."""
    before: str
    """Empty for what is new."""
    after: str
    """Empty for what is gone."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one run to another."""

    title: str
    before: str
    """By what the first run judged, in words."""
    after: str
    changes: tuple[Change, ...]
    unchanged: int
    """Alerts and incidents that are the same in both."""
    faults: tuple[str, ...] = ()


Event = Flow | Detection | Alert | Incident | TraceStep | Verdict | Proposal | Block | Fault | Recovery
"""What the engine tells its subscribers."""
