"""Replies are checked; rubbish is a ValueError and never anything else."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agent.graph import Analyst
from engine.agent.models import ModelChoice
from engine.agent.verdict import parse_reply
from engine.types import Conclusion
from tests.engine.agent.cases import TARGET, HostFake, KnowledgeFake, case
from tests.model_server import Raw, Refuse, Reply, Say, serving

GOOD = '{"conclusion": "malicious", "severity": "high"}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f'<think>{{"a": 1}} hm</think> Verdict: {GOOD} Best regards',
        '{"x": {"y": 1}} ' + GOOD,
        "{ not json " + GOOD,
    ],
)
def test_a_verdict_is_found_whatever_stands_around_it(text: str) -> None:
    assert parse_reply(text).conclusion is Conclusion.MALICIOUS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "benign",
        "{}",
        "[" * 100_000,
        '{"conclusion": ' * 5000,
        '{"conclusion": "maybe", "severity": "high"}',
        '{"conclusion": "benign"}',
        '{"conclusion": "benign", "severity": "high", "claims": "none"}',
        '{"conclusion": "benign", "severity": "high", "claims": [{"text": ""}]}',
        '{"conclusion": null, "severity": []}',
    ],
)
def test_a_reply_outside_the_schema_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"conclusion|severity|claims"):
        parse_reply(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {"conclusion": JSON | st.sampled_from(["benign", "malicious"]), "severity": JSON | st.just("low")},
    optional=dict.fromkeys(("claims", "attack_ids", "actions", "summary", "ask_block", "not_done"), JSON),
)


@given(st.text() | FIELDS.map(json.dumps) | JSON.map(json.dumps))
def test_no_reply_breaks_the_parser(text: str) -> None:
    try:
        parse_reply(text)
    except ValueError as error:
        assert len(str(error)) < 400


def _garbage(rng: random.Random) -> Reply:
    words = [
        "{",
        "}",
        '"conclusion"',
        ":",
        '"benign"',
        '"severity":"low"',
        "[",
        "]",
        ",",
        "null",
        "\x1b[2J",
        "\u202e",
        "é",
    ]
    text = "".join(rng.choices(words, k=rng.randrange(30)))
    name = rng.choice(["flow_payload", "related_flows", "block_ip", "", "\x1b]0;x\x07", "a" * 5000])
    arguments: Any = rng.choice(
        ["{", "[]", "null", '{"ip": 5}', {"ip": TARGET}, {"flow_id": "1:flowone="}, '"x"', "\ud800"]
    )
    bodies = [
        b"",
        b"data: {}\n\n",
        b"data: [DONE]\n\n",
        b'data: {"choices": []}\n\n',
        b'data: {"choices": [{"delta": null}]}\n\n',
        b'data: {"choices": [{"index": 0, "delta": {"content": 7}, "finish_reason": "stop"}]}\n\n',
        b"data: nonsense\n\n",
        rng.randbytes(200),
        b"event: error\ndata: {}\n\n",
    ]
    replies: list[Reply] = [
        Say(text),
        Say(text, ((name, arguments),)),
        Say(text, ((name, arguments), (name, "{")), usage=None),
        Say(json.dumps({"conclusion": rng.choice(["benign", 3, None]), "severity": rng.choice(["low", "x"])})),
        Raw(rng.choice(bodies)),
        Refuse(rng.choice([400, 401, 403, 404, 422, 429, 500, 503]), rng.choice(["", "{", "<html>", "[]"])),
    ]
    return rng.choice(replies)


@pytest.mark.parametrize("seed", range(5))
async def test_garbage_from_the_endpoint_always_ends_in_a_verdict(seed: int) -> None:
    rng = random.Random(seed)
    with serving(lambda _: _garbage(rng)) as server:
        choice = ModelChoice("scripted", server.url, retries=0)
        for _ in range(0, 40, 8):
            # Each with an analyst of its own: one that many calls fail leaves the endpoint alone.
            analysts = [Analyst(choice, HostFake(), KnowledgeFake()) for _ in range(8)]
            outcomes = await asyncio.gather(*(analyst.investigate(case(), lambda _: None) for analyst in analysts))
            for outcome in outcomes:
                assert outcome.verdict.conclusion is Conclusion.MALICIOUS
                assert outcome.propose_block
                assert outcome.verdict.incident_id == "INC-01234567"
        assert len(server.requests) >= 40
