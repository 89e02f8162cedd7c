"""Port and address scans: one source that knocks at many doors that do not open."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.types import LEAVING, Detection, Flow, FlowState, FlowUpdate, Party, Severity, UpdateReason

WINDOW_S = 60.0
ANSWER_S = 3.0
"""How long a first packet may stay without an answer before it counts as a probe."""
PORTS = 7
"""Closed or silent ports of one host in a window that make a scan."""
UDP_PORTS = 20
"""The same for UDP, where silence is ordinary."""
HOSTS = 15
"""Hosts that stay silent, or refuse, on one port in a window that make a sweep."""
BUSY_HOSTS = 40
"""The same for the web, DNS and mail, which a client without its network tries on many hosts by itself."""
BUSY_PORTS = frozenset({25, 53, 80, 123, 443, 853, 993})
MAX_SOURCES = 4096
"""Sources remembered; the one longest silent is forgotten first."""
MAX_WAITING = 1024
"""First packets of one source that may wait for an answer at a time; beyond it the oldest counts as unanswered."""
MAX_PROBES = 64
"""Probes remembered of one source; the oldest is forgotten first."""

_TRACEROUTE_PORTS = range(33434, 33535)


@dataclass(slots=True)
class _Source:
    """The knocks of one address."""

    waiting: OrderedDict[str, tuple[float, str, int, str]] = field(default_factory=OrderedDict)
    """Flow id to time, address, port and protocol of first packets that may still be answered."""
    probes: OrderedDict[tuple[str, int, str], float] = field(default_factory=OrderedDict)
    """Address, port and protocol of doors that did not open, to the time."""
    quiet_until: float = 0.0


class ScanDetector:
    """Reports a source once per window when it probes many ports of a host, or many hosts on a port.

    Only flows that got no payload count: no answer, a refusal, or a connection dropped unused. A browser that opens
    many connections is answered on each.
    """

    name = "scan"
    version = "1"

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def inspect(self, update: FlowUpdate) -> Sequence[Detection]:
        """Return a detection when this update completes a scan."""
        flow = update.flow
        if update.reason is UpdateReason.PAYLOAD:
            self._open(flow)
            return ()
        if not _is_knock(flow) or (update.reason is not UpdateReason.NEW and update.reason not in LEAVING):
            return ()
        source = self._source(flow.five_tuple.src_ip)
        self._note(source, update)
        self._expire(source, update.at)
        found = _verdict(source, flow) if update.at >= source.quiet_until else None
        if found is None:
            return ()
        source.quiet_until = update.at + WINDOW_S
        return (self._detection(update, *found),)

    def _open(self, flow: Flow) -> None:
        """Forget a door that opened, and any earlier failure at it: a service that restarts is no scan."""
        source = self._sources.get(flow.five_tuple.src_ip)
        if source is not None:
            source.waiting.pop(flow.id, None)
            source.probes.pop((flow.five_tuple.dst_ip, flow.five_tuple.dst_port, flow.five_tuple.proto), None)

    def _source(self, address: str) -> _Source:
        source = self._sources.setdefault(address, _Source())
        self._sources.move_to_end(address)
        if len(self._sources) > MAX_SOURCES:
            self._sources.popitem(last=False)
        return source

    def _note(self, source: _Source, update: FlowUpdate) -> None:
        flow, at = update.flow, update.at
        door = (flow.five_tuple.dst_ip, flow.five_tuple.dst_port, flow.five_tuple.proto)
        if update.reason is UpdateReason.NEW:
            source.waiting[flow.id] = (at, *door)
            if len(source.waiting) > MAX_WAITING:
                _, (since, address, port, proto) = source.waiting.popitem(last=False)
                _remember(source, (address, port, proto), since)
            return
        waited = source.waiting.pop(flow.id, None)
        if waited is not None and sum(flow.payload_bytes) == 0 and _failed(flow):
            _remember(source, door, flow.first_seen)

    def _expire(self, source: _Source, now: float) -> None:
        for flow_id, (at, *_) in list(source.waiting.items()):
            if now - at <= ANSWER_S:
                break
            _, address, port, proto = source.waiting.pop(flow_id)
            _remember(source, (address, port, proto), at)
        while source.probes and now - next(iter(source.probes.values())) > WINDOW_S:
            source.probes.popitem(last=False)

    def _detection(self, update: FlowUpdate, label: str, count: int, reason: str) -> Detection:
        return Detection(
            flow_id=update.flow.id,
            at=update.at,
            detector=self.name,
            version=self.version,
            label=label,
            score=min(0.99, 0.8 + count / 1000),
            severity=Severity.MEDIUM,
            reason=reason,
            attacker=Party.INITIATOR,
            attack_ids=("T1046", "T1595.001"),
            event_class="scan",
        )


def _is_knock(flow: Flow) -> bool:
    """Say whether the flow's first packet can be a probe, rather than an answer whose question was not seen."""
    five = flow.five_tuple
    if five.proto not in ("tcp", "udp", "icmp", "icmp6") or _is_group(five.dst_ip):
        return False
    if five.proto == "udp" and five.dst_port in _TRACEROUTE_PORTS:
        return False
    return not (five.src_port < 1024 <= five.dst_port and five.proto in ("tcp", "udp"))


def _is_group(address: str) -> bool:
    """Say whether the address stands for many hosts: multicast or broadcast."""
    first = address.partition(".")[0]
    return address.lower().startswith("ff") or address.endswith(".255") or (first.isdigit() and int(first) >= 224)


def _failed(flow: Flow) -> bool:
    return flow.state in (FlowState.NEW, FlowState.RESET) or flow.handshake


def _remember(source: _Source, door: tuple[str, int, str], at: float) -> None:
    source.probes[door] = at
    source.probes.move_to_end(door)
    if len(source.probes) > MAX_PROBES:
        source.probes.popitem(last=False)


def _verdict(source: _Source, flow: Flow) -> tuple[str, int, str] | None:
    """Return label, number and reason when the source's probes make a scan around this flow's door."""
    if len(source.probes) < min(PORTS, HOSTS):
        return None
    address, port, proto = flow.five_tuple.dst_ip, flow.five_tuple.dst_port, flow.five_tuple.proto
    if proto in ("tcp", "udp"):
        ports = sum(1 for host, _, kind in source.probes if host == address and kind == proto)
        if ports >= (PORTS if proto == "tcp" else UDP_PORTS):
            return "scan.ports", ports, f"One source tried {ports} closed or silent ports of one host within a minute"
    if proto == "udp":
        return None
    hosts = sum(1 for _, door, kind in source.probes if door == port and kind == proto)
    if hosts >= (BUSY_HOSTS if port in BUSY_PORTS else HOSTS):
        return "scan.hosts", hosts, f"One source tried the same door of {hosts} silent hosts within a minute"
    return None
