"""The playbook analyst walks each step once and says what it could not do."""

from __future__ import annotations

from typing import Any

from engine.agent.playbook import knowledge_call, next_call, verdict_reply
from engine.agent.steps import steps_not_done, steps_of
from engine.agent.tools import Answer, Result, Toolbox
from engine.types import Direction, Finding, Party
from tests.engine.agent.cases import TARGET, BookFake, HostFake, KnowledgeFake, case


def walk(subject: Any, host: Any) -> list[Answer]:
    tools = Toolbox(subject, host, KnowledgeFake(), "nonce")
    answers: list[Answer] = []
    while call := next_call(subject, answers):
        answers.append(tools.call(*call))
    return answers


def test_each_step_is_called_once_and_in_order() -> None:
    subject = case()
    assert [answer.tool for answer in walk(subject, HostFake())] == [tool for tool, _ in BookFake().steps[:4]]


def test_a_process_is_not_looked_at_when_no_owner_was_found() -> None:
    subject = case()
    answers = walk(subject, HostFake(Finding.GONE))
    assert "analyze_process_behavior" not in [answer.tool for answer in answers]
    assert steps_not_done(subject, answers) == (
        "Find the process that served it: get_pid_by_connection: gone; nothing is concluded from it",
        "Look for a shell below it: analyze_process_behavior was not called",
        "Ask the owner of the application for its version: no tool serves this step",
    )


def test_a_step_that_a_model_spoilt_is_tried_again() -> None:
    refused = Answer("flow_payload", Result.REFUSED, "refused")
    assert next_call(case(), [refused]) == ("flow_payload", {"flow_id": "1:flowone=", "direction": "to_server"})
    later = next_call(case(), [refused] * 3)
    assert later
    assert later[0] == "get_pid_by_connection"


def test_a_payload_is_read_in_the_direction_of_the_accused() -> None:
    subject = case(spans=(), attacker=Party.RESPONDER)
    assert next_call(subject, []) == ("flow_payload", {"flow_id": "1:flowone=", "direction": str(Direction.TO_CLIENT)})


def test_a_step_with_an_unknown_tool_is_one_for_a_person() -> None:
    subject = case(playbook=BookFake(steps=(("check_siem", "Look at the SIEM."), ("related_flows", "Look around."))))
    assert steps_of(subject) == (("", "check_siem Look at the SIEM."), ("related_flows", "Look around."))
    assert next_call(subject, []) == ("related_flows", {"ip": TARGET})


def test_knowledge_is_asked_once_in_the_programs_words() -> None:
    call = knowledge_call(case(), [])
    assert call == ("search_knowledge", {"query": "Exploit of a web application T1190 log4shell.jndi"})
    assert knowledge_call(case(), [Answer("search_knowledge", Result.ANSWERED, "", None, ())]) is None


def test_every_claim_of_the_verdict_names_an_id() -> None:
    reply = verdict_reply(case(), walk(case(), HostFake()))
    assert all(claim.get("evidence_ids") or claim.get("knowledge_ids") for claim in reply["claims"])
