"""What is sent to an endpoint, and what is made of its reply."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from engine.agent.models import calls_in_text, flattened


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
