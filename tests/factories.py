"""Builders of values for tests: say only what the test is about."""

from __future__ import annotations

from typing import Any

from engine.types import (
    Alert,
    Detection,
    Direction,
    FiveTuple,
    Flow,
    FlowState,
    FlowUpdate,
    Incident,
    Party,
    Severity,
    UpdateReason,
)

ATTACKER = "203.0.113.9"
SERVER = "192.0.2.1"


def five_tuple(src_ip: str = ATTACKER, src_port: int = 40000, dst_ip: str = SERVER, dst_port: int = 8080) -> FiveTuple:
    """Return a TCP five-tuple from the attacker to the server."""
    return FiveTuple(src_ip, src_port, dst_ip, dst_port, "tcp")


def flow(ends: FiveTuple | None = None, **changes: Any) -> Flow:
    """Return an established HTTP flow."""
    values: dict[str, Any] = {
        "id": "1:" + "-".join(map(str, ends or five_tuple())),
        "five_tuple": ends or five_tuple(),
        "iface": "eth0",
        "first_seen": 1000.0,
        "last_seen": 1000.5,
        "packets": (4, 3),
        "bytes": (400, 300),
        "payload_bytes": (100, 50),
        "head": (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        "state": FlowState.ESTABLISHED,
        "handshake": True,
        "app": "http",
        "name": "shop.example",
    }
    return Flow(**(values | changes))


def update(of: Flow | None = None, reason: UpdateReason = UpdateReason.PAYLOAD, **changes: Any) -> FlowUpdate:
    """Return an update that carries a chunk to the server."""
    values: dict[str, Any] = {
        "flow": of or flow(),
        "reason": reason,
        "at": 1000.5,
        "direction": Direction.TO_SERVER,
        "chunk": b"GET / HTTP/1.1\r\n\r\n",
        "offset": 0,
    }
    return FlowUpdate(**(values | changes))


def detection(label: str = "log4shell.jndi", **changes: Any) -> Detection:
    """Return a critical rule detection that accuses the initiator."""
    values: dict[str, Any] = {
        "flow_id": flow().id,
        "at": 1000.5,
        "detector": "rules",
        "version": "test",
        "label": label,
        "score": 1.0,
        "severity": Severity.CRITICAL,
        "reason": "A JNDI lookup in a request.",
        "attacker": Party.INITIATOR,
        "attack_ids": ("T1190",),
        "event_class": "vulnerability_exploit",
    }
    return Detection(**(values | changes))


def alert(**changes: Any) -> Alert:
    """Return an alert on the attacker."""
    values: dict[str, Any] = {
        "id": "A-0123456789",
        "target_ip": ATTACKER,
        "local_ip": SERVER,
        "first_at": 1000.5,
        "last_at": 1000.5,
        "count": 1,
        "detection": detection(),
        "flow": flow(),
        "incident_id": "INC-01234567",
    }
    return Alert(**(values | changes))


def incident(**changes: Any) -> Incident:
    """Return an incident of one alert."""
    values: dict[str, Any] = {
        "id": "INC-01234567",
        "target_ip": ATTACKER,
        "opened_at": 1000.5,
        "updated_at": 1000.5,
        "severity": Severity.CRITICAL,
        "title": "Log4Shell",
        "alert_ids": ("A-0123456789",),
        "attack_ids": ("T1190",),
        "handshake": True,
    }
    return Incident(**(values | changes))
