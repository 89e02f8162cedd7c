"""The labelled incidents as cases for the analyst, and what their hosts would answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.agent.case import Case, KnowledgeView
from engine.types import (
    AddressFacts,
    Alert,
    Detection,
    Direction,
    Disposition,
    FileFacts,
    Finding,
    FiveTuple,
    Flow,
    FlowState,
    Incident,
    Login,
    Logins,
    Party,
    PastIncident,
    PastIncidents,
    Persistence,
    PersistencePoint,
    ProcessFacts,
    Service,
    Services,
    Severity,
    SocketOwner,
    Span,
)

FOLDER = Path(__file__).parent
START = 1_700_000_000.0
"""Packet clock at the beginning of each incident."""
MORE_FLOWS = 240
"""Of those that a case only counts, how many are made: about what the engine remembers of one address."""

_EXCERPT_BEFORE = 64
_EXCERPT_BYTES = 256


@dataclass(frozen=True, slots=True)
class Labelled:
    """One incident with the truth about it, which the analyst is not told."""

    id: str
    event_class: str
    family: str
    is_malicious: bool
    told: Mapping[str, Any]
    """The JSON without the labels."""


def labelled(half: str) -> Iterator[Labelled]:
    """Yield the incidents of ``dev`` or ``unseen``."""
    for line in (FOLDER / f"incidents-{half}.jsonl").read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        truth, family = told.pop("truth"), told.pop("family")
        told.pop("why")
        yield Labelled(told["id"], told["event_class"], family, truth == "malicious", told)


def case_of(told: Mapping[str, Any], knowledge: KnowledgeView) -> Case:
    """Return the case as the engine would hand it to the analyst."""
    flows = {one["id"]: _flow(one) for one in told["flows"]}
    alerts = tuple(_alert(told, number, one, flows[one["flow"]]) for number, one in enumerate(told["alerts"]))
    others = tuple(_more_flows(told, next(iter(flows.values()))))
    worst = max((alert.detection.severity for alert in alerts), key=lambda one: one.rank)
    ended = max([flow.last_seen for flow in (*flows.values(), *others)] + [alert.last_at for alert in alerts])
    incident = Incident(
        id="INC-01234567",
        target_ip=told["target_ip"],
        opened_at=min(alert.first_at for alert in alerts),
        updated_at=ended,
        severity=worst,
        title=alerts[0].detection.label,
        alert_ids=tuple(alert.id for alert in alerts),
        attack_ids=tuple(dict.fromkeys(one for alert in alerts for one in alert.detection.attack_ids)),
        handshake=any(flow.handshake for flow in flows.values()),
    )
    playbook = knowledge.playbook(told["alerts"][0]["event_class"])
    every = (*flows.values(), *others)
    return Case(incident, alerts, every, playbook, ended, replay=True, local_ips=(told["local_ip"],))


def _flow(told: Mapping[str, Any]) -> Flow:
    ends = FiveTuple(told["src_ip"], told["src_port"], told["dst_ip"], told["dst_port"], told["proto"])
    head = (_bytes(told.get("to_server", "")), _bytes(told.get("to_client", "")))
    return Flow(
        id=f"1:{told['id']}=",
        five_tuple=ends,
        iface="eth0",
        first_seen=START + told["first_seen"],
        last_seen=START + told["last_seen"],
        packets=(told["packets"][0], told["packets"][1]),
        bytes=(told["bytes"][0], told["bytes"][1]),
        payload_bytes=(len(head[0]), len(head[1])),
        head=head,
        state=FlowState(told["state"]),
        handshake=told["handshake"],
        app=told.get("app", ""),
        name=told.get("name", ""),
    )


def _bytes(told: str | Mapping[str, str]) -> bytes:
    return told.encode()[:512] if isinstance(told, str) else base64.b64decode(told["b64"])[:512]


def _more_flows(told: Mapping[str, Any], like: Flow) -> Iterator[Flow]:
    """Yield the newest flows without payload: at the pace, over the ports, with the handshakes that are counted."""
    more = told.get("more_flows") or {}
    count = int(more.get("count", 0))
    made = min(count, MORE_FLOWS)
    ports = _ports(more, made) or [like.five_tuple.dst_port]
    for number in range(count - made, count):
        at = like.first_seen + more.get("span_s", 0.0) * (number + 1) / (count + 1)
        shaken = number * more.get("handshakes", 0) // count < (number + 1) * more.get("handshakes", 0) // count
        ends = like.five_tuple._replace(src_port=10_000 + number % 50_000, dst_port=ports[number % len(ports)])
        packets = (3, 2) if shaken else (1, 1)
        state = FlowState.CLOSED if shaken else FlowState.NEW
        yield Flow(
            f"1:more{number}=", ends, "eth0", at, at, packets, (180, 120), (0, 0), (b"", b""), state, handshake=shaken
        )


def _ports(more: Mapping[str, Any], made: int) -> list[int]:
    """Return the ports named, and made-up high ones up to the number of distinct ports."""
    named = list(more.get("ports", []))
    missing = min(int(more.get("distinct_ports", 0)), made) - len(named)
    return named + [20_000 + number for number in range(max(0, missing))]


def _alert(told: Mapping[str, Any], number: int, one: Mapping[str, Any], flow: Flow) -> Alert:
    direction = Direction(one["direction"])
    head = flow.head[list(Direction).index(direction)]
    match = one["match"].encode()
    at = head.find(match) if match else -1
    known = at >= 0
    by_target = flow.five_tuple.src_ip == told["target_ip"]
    detection = Detection(
        flow_id=flow.id,
        at=START + one["first_at"],
        detector=one["detector"],
        version="1",
        label=one["label"],
        score=0.9,
        severity=Severity(one["severity"]),
        reason=one["reason"],
        attacker=Party.INITIATOR if by_target else Party.RESPONDER,
        attack_ids=tuple(one["attack_ids"]),
        event_class=one["event_class"],
        spans=(Span(direction, at, len(match)),) if known else (),
        excerpt=head[max(0, at - _EXCERPT_BEFORE) :][:_EXCERPT_BYTES] if known else match[:_EXCERPT_BYTES],
    )
    times = (START + one["first_at"], START + one["last_at"])
    names = (told["target_ip"], told["local_ip"])
    return Alert(f"A-{number:010x}", *names, *times, one["count"], detection, flow, "INC-01234567")


class ToldHost:
    """A host that answers what a case tells of it; the rest is not recorded."""

    def __init__(self, told: Mapping[str, Any], case: Case) -> None:
        self._told = told.get("host", {})
        self._now = case.now
        self._flows = {flow.five_tuple: flow.id.removeprefix("1:").removesuffix("=") for flow in case.flows}

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        told = self._told.get("owners", {}).get(self._flows.get(five_tuple, ""))
        if told is None:
            return SocketOwner(Finding.NOT_RECORDED)
        finding = Finding(told["finding"])
        return SocketOwner(finding, told.get("pid", 0), START - 1000.0, told.get("comm", ""))

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        told = self._told.get("processes", {}).get(str(pid))
        if told is None or told["finding"] != "found":
            return ProcessFacts(Finding(told["finding"]) if told else Finding.NOT_RECORDED, pid)
        texts: dict[str, Any] = {name: told.get(name, "") for name in ("exe", "user", "cwd", "unit")}
        names = ("cmdline", "parents", "children", "sockets")
        lists: dict[str, Any] = {name: tuple(told.get(name, ())) for name in names}
        comm = texts["exe"].rpartition("/")[2][:15]
        return ProcessFacts(
            Finding.FOUND, pid, uid=told["uid"], comm=comm, exe_deleted=told["exe_deleted"], **texts, **lists
        )

    def services(self) -> Services:
        told = self._told.get("services")
        if told is None:
            return Services(Finding.NOT_RECORDED)
        return Services(Finding.FOUND, tuple(map(_service, told)))

    def logins(self, ip: str) -> Logins:
        told = self._told.get("logins")
        if told is None:
            return Logins(Finding.NOT_RECORDED)
        return Logins(Finding.FOUND, tuple(_login(one) for one in told if one["ip"] == ip))

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        told = self._told.get("files", {}).get(str(pid))
        if told is None or told.get("finding", "found") != "found":
            return FileFacts(Finding(told["finding"]) if told else Finding.NOT_RECORDED, pid)
        changed = self._now - told["age_s"]
        exe = self._told.get("processes", {}).get(str(pid), {}).get("exe", "")
        return FileFacts(Finding.FOUND, pid, exe, told["owner"], told["mode"], 0, changed, changed, told["deleted"])

    def persistence(self) -> Persistence:
        told = self._told.get("persistence")
        if told is None:
            return Persistence(Finding.NOT_RECORDED)
        points = [PersistencePoint(p["kind"], p["path"], self._now - p["age_s"], "", p["excerpt"]) for p in told]
        return Persistence(Finding.FOUND, tuple(sorted(points, key=lambda point: -point.modified_at)))

    def address(self, ip: str) -> AddressFacts:
        told = self._told.get("names")
        if told is None:
            return AddressFacts(Finding.NOT_RECORDED, ip)
        return AddressFacts(Finding.FOUND, ip, names=tuple(told.get(ip, ())))

    def past_incidents(self, ip: str) -> PastIncidents:
        told = self._told.get("past")
        if told is None:
            return PastIncidents(Finding.NOT_RECORDED)
        mine = [_past(number, one) for number, one in enumerate(told) if one["target_ip"] == ip]
        return PastIncidents(Finding.FOUND, tuple(mine))


def _service(line: str) -> Service:
    proto, place, owner = f"{line} ".split(" ", 2)
    ip, _, port = place.rpartition(":")
    comm, _, pid = owner.strip().rstrip("]").partition("[")
    return Service(proto, ip, int(port), int(pid or 0), comm)


def _login(told: Mapping[str, Any]) -> Login:
    at = START + told["at"]
    return Login(told["user"], told["ip"], told["ok"], told["method"], told["count"], at, at)


def _past(number: int, told: Mapping[str, Any]) -> PastIncident:
    at = START - told["age_s"]
    disposition = Disposition(told["disposition"])
    event_class = told["event_class"]
    return PastIncident(f"INC-{number:08x}", at, event_class, Severity.MEDIUM, disposition, "", event_class=event_class)


class AbsentHost:
    """A host that answers every question with the same absence."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        return SocketOwner(self._finding)

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        return ProcessFacts(self._finding, pid)

    def services(self) -> Services:
        return Services(self._finding)

    def logins(self, ip: str) -> Logins:
        return Logins(self._finding)

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        return FileFacts(self._finding, pid)

    def persistence(self) -> Persistence:
        return Persistence(self._finding)

    def address(self, ip: str) -> AddressFacts:
        return AddressFacts(self._finding, ip)

    def past_incidents(self, ip: str) -> PastIncidents:
        return PastIncidents(self._finding)
