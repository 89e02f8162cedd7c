"""Alert records of Suricata's EVE JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from engine.sources.reporting import EventError, address, number_of, same_family, seconds_of, visible
from engine.types import ReportedEvent

MAX_PART = 4096
"""Characters of one field that become part of the content."""

_TOLD = {
    "http": ("http_method", "hostname", "url", "http_user_agent", "http_refer", "status", "http_content_type"),
    "dns": ("rrname", "rrtype"),
    "tls": ("sni", "subject", "issuerdn", "ja3"),
    "ssh": ("client", "server"),
    "smb": ("command", "filename", "share"),
    "smtp": ("mail_from", "helo"),
    "fileinfo": ("filename", "magic"),
}
"""Records of other protocols beside an alert, and the fields of them that tell something."""


def parse(line: str) -> ReportedEvent:
    """Return the event of an alert record.

    Raises:
        EventError: it is none, or a field does not fit; it names the field.
    """
    record = _record(line)
    kind = record.get("event_type", "alert")
    alert = record.get("alert")
    if kind != "alert" or not isinstance(alert, dict):
        raise EventError("event_type", f"{visible(str(kind)[:40])} without an alert is no report of an attack")
    at = _time(record.get("timestamp"))
    src_ip = address("source address", _text(record, "src_ip"))
    dst_ip = address("destination address", _text(record, "dest_ip"))
    same_family(src_ip, dst_ip)
    return ReportedEvent(
        at=at,
        src_ip=src_ip,
        src_port=_port("source port", record.get("src_port", 0)),
        dst_ip=dst_ip,
        dst_port=_port("destination port", record.get("dest_port", 0)),
        name=_name(alert),
        content=visible(" ".join(filter(None, _content(record, alert)))),
        proto=_proto(record),
        origin="eve",
    )


def _record(line: str) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EventError("record", "is not JSON") from error
    if not isinstance(record, dict):
        raise EventError("record", "is no JSON object")
    return record


def _time(value: Any) -> float:
    if not isinstance(value, str):
        raise EventError("time", "is missing: the record has no timestamp")
    # Suricata writes +0200, which Python 3.11 and later read; any other form is no EVE record.
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?", value, re.ASCII):
        raise EventError("time", f"{visible(value[:40])} is no time such as 2023-10-09T11:23:00.000000+0000")
    return seconds_of(lambda: datetime.fromisoformat(value).timestamp(), value[:40])


def _port(field: str, value: Any) -> int:
    """Return a port; ICMP records have none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise EventError(field, "is no number")
    try:
        return number_of(field, str(value))
    except EventError:
        raise
    except ValueError as error:  # a number of more digits than Python turns into text
        raise EventError(field, "is no port between 0 and 65535") from error


def _name(alert: Mapping[str, Any]) -> str:
    name = visible(_text(alert, "signature")[:MAX_PART].strip())
    if not name:
        raise EventError("name", "is missing: the alert has no signature")
    return name


def _proto(record: Mapping[str, Any]) -> str:
    proto = _text(record, "proto").lower()
    return proto if proto in ("tcp", "udp") else ""


def _content(record: Mapping[str, Any], alert: Mapping[str, Any]) -> Iterator[str]:
    """Yield what tells something beside the signature's name."""
    yield _text(alert, "category")
    metadata = alert.get("metadata")
    for name in ("malware_family", "cve", "mitre_technique_name", "attack_target", "affected_product"):
        values = metadata.get(name) if isinstance(metadata, dict) else None
        if isinstance(values, list):
            yield from (value[:MAX_PART] for value in values if isinstance(value, str))
    for part, fields in _TOLD.items():
        told = record.get(part)
        if isinstance(told, dict):
            yield from (_text(told, field) for field in fields)
    yield _text(record, "payload_printable")


def _text(record: Mapping[str, Any], field: str) -> str:
    """Return a field as text, empty where it is missing or no text."""
    value = record.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
        return str(value)
    return value[:MAX_PART] if isinstance(value, str) else ""
