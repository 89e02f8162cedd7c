"""What is sent to an endpoint, and what is made of its reply."""

from __future__ import annotations

import json
from ssl import SSLContext

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from engine.agent.models import (
    MOST_TOKENS,
    Endpoint,
    ModelChoice,
    RecordedAnswers,
    RecordedFaultError,
    believable,
    calls_in_text,
    classifying,
    fault_answer,
    flattened,
    message_of,
)
from engine.agent.prompts import Prompts
from tests.model_server import Raw, serving


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('{"tool": "related_flows", "arguments": {"ip": "192.0.2.1"}}', [("related_flows", {"ip": "192.0.2.1"})]),
        ('Sure:\n```json\n{"tool": "a", "arguments": {}}\n{"tool": "b"}\n```', [("a", {}), ("b", {})]),
        ('{"tool": 5, "arguments": {}}', []),
        ('{"tool": "a", "arguments": "rm -rf"}', []),
        ('{"conclusion": "benign", "severity": "low"}', []),
        ("no json at all", []),
    ],
)
def test_tool_calls_are_read_from_json_text(text: str, calls: list[object]) -> None:
    assert calls_in_text(text) == calls


@pytest.mark.parametrize(
    ("usage", "believed"),
    [
        ({"input_tokens": 900, "output_tokens": 70}, (900, 70)),
        ({"input_tokens": -1_000_000, "output_tokens": -5}, (500, 50)),
        ({"input_tokens": 1, "output_tokens": 0}, (500, 50)),
        ({"input_tokens": 10**30, "output_tokens": 10**30}, (MOST_TOKENS, MOST_TOKENS)),
        ({"input_tokens": float("nan"), "output_tokens": "many"}, (500, 50)),
        ({}, (500, 50)),
        (None, (500, 50)),
        ([1, 2], (500, 50)),
    ],
    ids=["counted", "negative", "too few", "absurdly many", "no numbers", "empty", "none", "no object"],
)
def test_no_count_of_an_endpoint_loosens_a_budget(usage: object, believed: tuple[int, int]) -> None:
    assert believable(usage, 500, 50) == believed


def test_a_text_with_very_many_calls_is_read_only_so_far() -> None:
    assert len(calls_in_text('{"tool": "a"}' * 1000)) == 16


def test_a_flattened_transcript_alternates() -> None:
    call = {"name": "a", "args": {"x": 1}, "id": "call-1"}
    turns = flattened(
        [
            SystemMessage("Rules."),
            HumanMessage("Brief."),
            AIMessage("", tool_calls=[call]),
            ToolMessage("one", name="a", tool_call_id="call-1"),
            ToolMessage("two", name="b", tool_call_id="call-2"),
            HumanMessage("Go on."),
        ],
        "How to call.",
    )
    assert [turn.type for turn in turns] == ["system", "human", "ai", "human"]
    assert turns[0].content == "Rules.\n\nHow to call."
    assert turns[2].content == '{"tool": "a", "arguments": {"x": 1}}'
    assert turns[3].content == "Answer of a:\none\n\nAnswer of b:\ntwo\n\nGo on."


def _answer(text: str) -> str:
    return json.dumps({"content": text, "calls": [], "usage": [1, 1]})


def test_recorded_answers_are_parted_by_who_gave_them() -> None:
    both = RecordedAnswers("scripted", [classifying(_answer("webshell")), _answer("Seen.")])
    assert both.investigating() is both
    assert both.classifying() is not None
    alone = RecordedAnswers("playbook", [classifying(_answer("webshell"))])
    assert alone.investigating() is None
    assert alone.classifying() is not None
    assert RecordedAnswers("scripted", [_answer("Seen.")]).classifying() is None


async def test_recorded_answers_come_in_order_and_then_fail() -> None:
    recorded = RecordedAnswers("scripted", [_answer("one"), fault_answer("broke off", "tw")])
    async with recorded.session(1.0) as session:
        assert (await session.ask([], [])).content == "one"
        with pytest.raises(RecordedFaultError, match="broke off"):
            await session.ask([], [])
        assert session.partial == "tw"
        with pytest.raises(RecordedFaultError, match="no answer was recorded"):
            await session.ask([], [])


async def test_a_gate_that_was_shut_is_shut_again_in_a_replay() -> None:
    recorded = RecordedAnswers("scripted", [fault_answer("it is left alone", shut=True)])
    async with recorded.session(1.0) as session:
        assert session.why_shut() == "it is left alone"


def test_a_refusal_is_the_text_of_the_reply() -> None:
    refused = AIMessage("", additional_kwargs={"refusal": "I cannot help with that."})
    assert message_of(refused).content == "I cannot help with that."


async def test_the_certificates_are_read_once_for_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(ModelChoice("scripted", "https://192.0.2.9/v1"), Prompts())
    async with endpoint.session(1.0):
        pass
    monkeypatch.setattr(SSLContext, "load_verify_locations", lambda *_, **__: pytest.fail("read again"))
    async with endpoint.session(1.0):
        pass


async def test_a_server_that_does_not_stream_is_told_apart_from_one_that_broke_off() -> None:
    whole = json.dumps({"choices": [{"message": {"role": "assistant", "content": "Seen."}, "finish_reason": "stop"}]})
    with serving(lambda _: Raw(whole.encode())) as server:
        endpoint = Endpoint(ModelChoice("scripted", server.url), Prompts())
        async with endpoint.session(5.0) as session:
            with pytest.raises(ConnectionError) as caught:
                await session.ask([HumanMessage("Seen?")], [])
            assert "nothing of its answer streams; it must" in session.explain(caught.value)
