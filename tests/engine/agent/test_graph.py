"""The analyst ends every case with a verdict, whoever answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from engine.agent.case import Budget, Case, Outcome
from engine.agent.graph import Analyst, canonical_outcome
from engine.agent.models import ModelChoice, RecordedAnswers, choose
from engine.agent.recorded import RecordedHost
from engine.agent.spending import Ledger
from engine.types import Conclusion, Disposition, Finding, Severity, StepKind, TraceStep
from tests.engine.agent.cases import LOCAL, TARGET, HostFake, KnowledgeFake, case
from tests.model_server import (
    PLAN,
    DieMidStream,
    ModelServer,
    Raw,
    Refuse,
    Reply,
    Say,
    Stall,
    asks_for_plan,
    in_order,
    serving,
)

FLOW = {"flow_id": "1:flowone="}
VERDICT = {
    "conclusion": "malicious",
    "severity": "critical",
    "disposition": "true_positive",
    "attack_ids": ["T1190", "T9999"],
    "claims": [
        {"text": "A real technique.", "knowledge_ids": ["T1190"]},
        {"text": "Made up.", "evidence_ids": ["E-ffffffffff"]},
        {"text": "Rests on nothing."},
    ],
    "actions": ["Update."],
    "summary": "Log4Shell.",
}


async def run(
    subject: Case, model: Any = None, host: Any = None, budget: Budget | None = None
) -> tuple[Outcome, list[TraceStep]]:
    steps: list[TraceStep] = []
    analyst = Analyst(model, host or HostFake(), KnowledgeFake(), budget)
    return await analyst.investigate(subject, steps.append), steps


def choice(server: ModelServer, **changes: Any) -> ModelChoice:
    return replace(ModelChoice("scripted", server.url, "sk-keykeykeykeykeykey", retries=0), **changes)


def faults(steps: list[TraceStep]) -> list[TraceStep]:
    return [step for step in steps if step.kind is StepKind.FAULT]


async def test_the_playbook_analyst_walks_the_steps_to_a_verdict() -> None:
    outcome, steps = await run(case())
    called = [step.name for step in steps if step.kind is StepKind.TOOL_CALL]
    assert called == [
        "flow_payload",
        "get_pid_by_connection",
        "analyze_process_behavior",
        "related_flows",
        "search_knowledge",
    ]
    assert (outcome.verdict.analyst, outcome.verdict.conclusion) == ("playbook", Conclusion.MALICIOUS)
    assert outcome.verdict.summary.startswith("Playbook analyst")
    assert outcome.propose_block
    assert outcome.block_reason.startswith("log4shell.jndi (critical, rules)")
    assert all(claim.supported for claim in outcome.verdict.claims)
    assert [step.seq for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].kind is StepKind.VERDICT
    assert outcome.verdict.not_done == ("Ask the owner of the application for its version: no tool serves this step",)


async def test_the_same_case_gives_the_same_outcome_from_recorded_host_answers() -> None:
    first, first_steps = await run(case())
    again, again_steps = await run(case(), host=RecordedHost(first.host_records))
    assert canonical_outcome(first) == canonical_outcome(again)
    assert [step.content for step in first_steps] == [step.content for step in again_steps]


@pytest.mark.parametrize("finding", [Finding.GONE, Finding.NOT_PERMITTED, Finding.NOT_RECORDED])
@pytest.mark.parametrize("kind", ["rule", "model"])
async def test_what_was_not_found_never_raises_a_verdict(finding: Finding, kind: str) -> None:
    subject = case() if kind == "rule" else case(detector="model", severity=Severity.MEDIUM)
    known, _ = await run(subject)
    unknown, _ = await run(subject, host=HostFake(finding))
    assert (unknown.verdict.conclusion, unknown.verdict.severity) == (known.verdict.conclusion, known.verdict.severity)
    assert any("nothing is concluded" in line for line in unknown.verdict.not_done)
    assert not any(finding in claim.text for claim in unknown.verdict.claims)


async def test_the_onnx_model_alone_is_suspicious_and_proposes_nothing() -> None:
    outcome, _ = await run(case(detector="model", severity=Severity.HIGH))
    assert (outcome.verdict.conclusion, outcome.propose_block) == (Conclusion.SUSPICIOUS, False)


async def test_a_source_without_a_handshake_is_only_suspicious() -> None:
    outcome, _ = await run(case(handshake=False))
    assert outcome.verdict.conclusion is Conclusion.SUSPICIOUS
    assert any("may be spoofed" in claim.text for claim in outcome.verdict.claims)


async def test_a_found_deleted_program_confirms_a_rule_hit() -> None:
    subject = case(handshake=False, severity=Severity.MEDIUM)
    outcome, _ = await run(subject, host=HostFake(exe_deleted=True))
    assert outcome.verdict.conclusion is Conclusion.MALICIOUS


async def test_an_incident_without_playbook_still_gets_a_verdict() -> None:
    outcome, _ = await run(case(playbook=None))
    assert (outcome.verdict.conclusion, outcome.propose_block) == (Conclusion.MALICIOUS, False)


async def test_a_host_that_raises_is_an_answer_that_failed() -> None:
    class Broken(HostFake):
        def socket_owner(self, five_tuple: Any) -> Any:
            raise OSError("guard is gone")

    outcome, _ = await run(case(), host=Broken())
    assert any("failed: OSError" in line for line in outcome.verdict.not_done)


async def test_a_model_that_looks_at_nothing_hides_nothing_that_the_host_knows() -> None:
    subject = case(handshake=False, severity=Severity.MEDIUM)
    benign = {"conclusion": "benign", "severity": "info", "summary": "Nothing to see."}
    with serving(in_order([Say("I need no tools."), Say("None."), Say("None."), Say(json.dumps(benign))])) as server:
        outcome, steps = await run(subject, choice(server), host=HostFake(exe_deleted=True))
    assert not faults(steps)
    assert outcome.verdict.conclusion is Conclusion.MALICIOUS
    assert outcome.tool_calls == 0


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
async def test_a_model_with_tool_calls_drives_the_investigation(stream: bool) -> None:
    replies = [
        Say("", (("flow_payload", FLOW | {"direction": "to_server"}), ("get_pid_by_connection", FLOW))),
        Say("", (("analyze_process_behavior", {"pid": 4242}),)),
        Say("", (("search_knowledge", {"query": "exploit public application"}),)),
        Say(f"Here is my verdict: {json.dumps(VERDICT)}"),
    ]
    with serving(in_order(replies)) as server:
        outcome, steps = await run(case(), choice(server, stream=stream))
    verdict = outcome.verdict
    assert not faults(steps)
    assert (verdict.analyst, verdict.conclusion, verdict.disposition) == (
        "scripted",
        Conclusion.MALICIOUS,
        Disposition.TRUE_POSITIVE,
    )
    assert verdict.attack_ids == ("T1190",)
    assert [claim.supported for claim in verdict.claims[1:]] == [True, False, False]
    assert verdict.claims[0].text.startswith("Outcome: ") and verdict.claims[0].supported
    assert {"payload", "socket_owner", "process"} <= {found.kind for found in outcome.evidence}
    assert (outcome.tool_calls, outcome.model_calls) == (4, 5)
    assert outcome.tokens == sum(step.tokens_in + step.tokens_out for step in steps) > 600
    assert all(bool(request.get("stream")) == stream for request in server.requests)
    assert [tool["function"]["name"] for tool in server.requests[3]["tools"]] == ["search_knowledge"]


async def test_recorded_answers_replay_to_the_same_bytes() -> None:
    replies = [Say("", (("get_pid_by_connection", FLOW),)), Say("Seen."), Say("T1190."), Say(json.dumps(VERDICT))]
    with serving(in_order(replies)) as server:
        live, live_steps = await run(case(), choice(server))
    replay, steps = await run(case(), RecordedAnswers("scripted", live.answers), RecordedHost(live.host_records))
    assert canonical_outcome(live) == canonical_outcome(replay)
    assert [step.content for step in steps] == [step.content for step in live_steps]


async def test_a_server_without_tool_calls_is_asked_for_json() -> None:
    replies = iter(
        [
            Say('I call:\n{"tool": "get_pid_by_connection", "arguments": {"flow_id": "1:flowone="}}'),
            Say("It was java."),
            Say("T1190."),
            Say(json.dumps(VERDICT)),
        ]
    )

    def script(request: dict[str, Any]) -> Reply:
        return PLAN if asks_for_plan(request) else Refuse(400) if "tools" in request else next(replies)

    with serving(script) as server:
        outcome, steps = await run(case(), choice(server))
    assert not faults(steps)
    assert outcome.verdict.analyst == "scripted"
    assert "socket_owner" in {found.kind for found in outcome.evidence}
    last = server.requests[-1]["messages"]
    assert {message["role"] for message in last} == {"system", "user", "assistant"}
    assert all(one["role"] != two["role"] for one, two in itertools.pairwise(last))


FAILURES = {
    "dies mid-stream": DieMidStream(),
    "stalls": Stall(),
    "429": Refuse(429),
    "500": Refuse(500),
    "401 with the key": Refuse(401, '{"error": {"message": "wrong key sk-keykeykeykeykeykey"}}'),
    "garbage": Raw(b"\x00\xff not http at all"),
    "empty": Raw(b""),
    "html": Raw(b"<html>proxy login</html>"),
    "redirect": Refuse(307, "", (("Location", "http://127.0.0.1:9/elsewhere"),)),
    "endless": Say("x" * 100_000),
}


@pytest.mark.parametrize("after", [0, 1, 3], ids=["at the plan", "in the middle", "at the verdict"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_an_endpoint_that_fails_is_left_and_the_playbook_finishes(failure: Any, after: int) -> None:
    good = [Say("", (("flow_payload", FLOW | {"direction": "to_server"}),)), Say("Seen."), Say("T1190.")]
    with serving(in_order(good[:after], then=failure, plan=PLAN if after else failure)) as server:
        outcome, steps = await run(case(), choice(server), budget=Budget(call_s=0.3))
    assert len(faults(steps)) == len(outcome.faults) == 1
    assert "keykey" not in faults(steps)[0].content
    assert (outcome.verdict.analyst, outcome.verdict.conclusion) == ("playbook", Conclusion.MALICIOUS)
    assert len(outcome.verdict.not_done) == 1
    assert outcome.propose_block
    replay, _ = await run(case(), RecordedAnswers("scripted", outcome.answers), RecordedHost(outcome.host_records))
    assert canonical_outcome(replay) == canonical_outcome(outcome)


async def test_a_busy_server_is_asked_once_more() -> None:
    busy = Refuse(429, headers=(("retry-after-ms", "1"),))
    with serving(in_order([busy, Say("Seen."), Say("T1190."), Say(json.dumps(VERDICT))])) as server:
        outcome, steps = await run(case(), choice(server, retries=1))
    assert not faults(steps)
    assert outcome.verdict.analyst == "scripted"


async def test_a_bad_verdict_is_asked_for_once_more() -> None:
    replies = [Say("Seen."), Say("T1190."), Say('{"conclusion": "doomed"}'), Say(json.dumps(VERDICT))]
    with serving(in_order(replies)) as server:
        outcome, steps = await run(case(), choice(server))
    assert (outcome.verdict.analyst, len(server.requests)) == ("scripted", 5)
    assert any("field conclusion" in step.content for step in steps if step.kind is StepKind.PROMPT)


async def test_a_model_that_calls_tools_for_ever_is_stopped() -> None:
    many = Say("", tuple(("related_flows", {"ip": TARGET}) for _ in range(50)))
    with serving(lambda _: many) as server:
        outcome, _ = await run(case(), choice(server))
    assert outcome.tool_calls <= 8
    assert len(server.requests) <= 6
    assert outcome.verdict.analyst == "playbook"
    assert any("over the budget" in line for line in outcome.verdict.not_done)


async def test_tokens_are_a_budget() -> None:
    greedy = Say("", (("related_flows", {"ip": LOCAL}),), usage=(15_000, 3_000))
    with serving(lambda _: greedy) as server:
        outcome, steps = await run(case(), choice(server))
    assert len(server.requests) == 1
    assert faults(steps)[0].content.startswith("the budget of 20000 tokens is spent")
    assert outcome.verdict.analyst == "playbook"


@pytest.mark.parametrize("usage", [(-1_000_000, -1_000_000), (0, 0)], ids=["negative", "nothing"])
async def test_an_endpoint_that_counts_too_few_tokens_spends_them_all_the_same(usage: tuple[int, int]) -> None:
    ledger = Ledger()
    greedy = Say("", (("related_flows", {"ip": LOCAL}),), usage=usage)
    with serving(in_order([], then=greedy, plan=replace(PLAN, usage=usage))) as server:
        analyst = Analyst(choice(server), HostFake(), KnowledgeFake(), ledger=ledger)
        outcome = await analyst.investigate(case(), lambda _: None)
    spent = ledger.spending(time.time()).tokens
    assert spent == outcome.tokens
    assert spent > 500 * len(server.requests) > 0


async def test_a_tool_that_takes_too_long_fails_in_a_replay_with_the_same_words() -> None:
    class Slow(HostFake):
        def socket_owner(self, five_tuple: Any) -> Any:
            waited.wait(30)
            return super().socket_owner(five_tuple)

    waited = threading.Event()
    try:
        live, live_steps = await run(case(), host=Slow(), budget=Budget(tool_s=0.05))
    finally:
        waited.set()
    assert any("failed: TimeoutError" in line for line in live.verdict.not_done)
    replay, steps = await run(case(), host=RecordedHost(live.host_records))
    assert canonical_outcome(replay) == canonical_outcome(live)
    assert [step.content for step in steps] == [step.content for step in live_steps]


async def test_time_is_a_budget() -> None:
    with serving(lambda _: Stall()) as server:
        outcome, steps = await run(case(), choice(server), budget=Budget(seconds=0.2))
    assert faults(steps)
    assert outcome.verdict.analyst == "playbook"


async def test_a_models_benign_does_not_outweigh_a_rule() -> None:
    calm = {"conclusion": "benign", "severity": "info", "disposition": "false_positive", "summary": "All fine."}
    with serving(in_order([Say("Fine."), Say("None."), Say(json.dumps(calm))])) as server:
        outcome, _ = await run(case(), choice(server))
    verdict = outcome.verdict
    assert (verdict.conclusion, verdict.severity) == (Conclusion.MALICIOUS, Severity.CRITICAL)
    assert verdict.disposition is Disposition.UNDETERMINED
    assert verdict.claims[1].text.startswith("Set by the program: the model said benign")
    assert outcome.propose_block


async def test_a_model_cannot_raise_a_verdict_on_absence() -> None:
    def script(request: dict[str, Any]) -> Say:
        text = json.dumps(request["messages"])
        if "socket_owner" not in text and "gone:" not in text:
            return Say("", (("get_pid_by_connection", FLOW),))
        if "conclusion" not in text:
            return Say("No process: a rootkit!")
        gone = text.split("evidence ")[-1][:12]
        claim = {"text": "No process owns the socket: a rootkit.", "evidence_ids": [gone]}
        return Say(json.dumps({"conclusion": "malicious", "severity": "critical", "claims": [claim]}))

    with serving(script) as server:
        subject = case(detector="model", severity=Severity.MEDIUM)
        outcome, _ = await run(subject, choice(server), HostFake(Finding.GONE))
    assert outcome.verdict.analyst == "scripted"
    assert (outcome.verdict.conclusion, outcome.verdict.severity) == (Conclusion.SUSPICIOUS, Severity.MEDIUM)


async def test_a_model_may_ask_for_a_proposal_and_the_reason_says_so() -> None:
    asks = VERDICT | {"ask_block": True}
    with serving(in_order([Say("Bad."), Say("T1190."), Say(json.dumps(asks))])) as server:
        outcome, _ = await run(case(detector="model", severity=Severity.MEDIUM), choice(server))
    assert outcome.propose_block
    assert outcome.block_reason.startswith("asked for by the model scripted")


def test_only_loopback_endpoints_get_credentials() -> None:
    assert choose("m", "http://127.0.0.1:1/v1", "") == ModelChoice("m", "http://127.0.0.1:1/v1")
    assert choose("", "", "") is None
    loopback = ["http://localhost:1", "http://[::1]:1", "http://127.9.9.9"]
    remote = [
        "https://api.openai.com/v1",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.nip.io",
    ]
    assert [ModelChoice("m", url).is_loopback for url in loopback + remote] == [True] * 3 + [False] * 4
    assert "sk-" not in repr(ModelChoice("m", "http://x", "sk-secret"))


def test_who_is_asked_is_named_without_the_secrets_of_the_address() -> None:
    found = [
        ModelChoice("m", url).where for url in ("https://ann:secret@api.example.org:8443/k/v1?t=9", "http://[::1]/")
    ]
    assert found == ["api.example.org:8443 (credentials redacted)", "[::1] (on this host)"]


async def test_what_leaves_the_host_is_redacted_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [Say("", (("flow_payload", FLOW | {"direction": "to_server"}),)), Say("Seen."), Say("T1190.")]
    with serving(in_order([*calls, Say(json.dumps(VERDICT))])) as server:
        near, _ = await run(case(), choice(server))
        assert "topsecretsid" in json.dumps(server.requests)
        server.requests.clear()
        server.script = in_order([*calls, Say(json.dumps(VERDICT))])
        monkeypatch.setattr(ModelChoice, "is_loopback", False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        far, steps = await run(case(), choice(server))
    sent = json.dumps(server.requests)
    assert near.verdict.analyst == far.verdict.analyst == "scripted"
    assert "topsecretsid" not in sent
    assert "[redacted:cookie]" in sent
    assert not any("topsecretsid" in step.content for step in steps if step.kind is StepKind.PROMPT)


async def test_investigations_run_side_by_side() -> None:
    analyst = Analyst(None, HostFake(), KnowledgeFake())
    outcomes = await asyncio.gather(*(analyst.investigate(case(), lambda _: None) for _ in range(8)))
    assert len({canonical_outcome(outcome) for outcome in outcomes}) == 1


def test_the_case_module_loads_nothing_heavy() -> None:
    code = (
        "import sys, engine.agent.case, engine.agent.graph, engine.agent.report;"
        "print([m for m in ('langgraph', 'langchain_core', 'openai', 'textual') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def plans(steps: list[TraceStep]) -> list[TraceStep]:
    return [step for step in steps if step.kind is StepKind.PLAN]


async def test_the_playbooks_plan_is_the_first_step() -> None:
    _, steps = await run(case())
    assert (steps[0].kind, steps[0].role, steps[0].name) == (StepKind.PLAN, "plan", "playbook")
    assert [step["tool"] for step in json.loads(steps[0].content)["steps"]] == [
        "flow_payload",
        "get_pid_by_connection",
        "analyze_process_behavior",
        "related_flows",
    ]


async def test_a_models_plan_comes_before_its_first_tool_call_and_what_it_left_out_is_said() -> None:
    plan = Say('{"steps": [{"tool": "persistence_points", "why": "Look for cron."}, {"tool": "block_ip", "why": "x"}]}')
    replies = [Say("", (("logins", {"ip": TARGET}),)), Say("Seen."), Say("T1190."), Say(json.dumps(VERDICT))]
    with serving(in_order(replies, plan=plan)) as server:
        outcome, steps = await run(case(), choice(server))
    (planned,) = plans(steps)
    assert planned.name == "scripted"
    assert json.loads(planned.content)["steps"] == [{"tool": "persistence_points", "why": "Look for cron."}]
    assert planned.seq < next(step.seq for step in steps if step.kind is StepKind.TOOL_CALL)
    assert "persistence_points" in {tool["function"]["name"] for tool in server.requests[1]["tools"]}
    assert "planned, and persistence_points was not called" in outcome.verdict.not_done


@pytest.mark.parametrize("plan", [Say("First I would look around."), Say('{"steps": [{"tool": "rm"}]}'), Say("")])
async def test_a_plan_that_is_none_is_the_playbooks_and_costs_one_call(plan: Say) -> None:
    with serving(in_order([Say("Seen."), Say("T1190."), Say(json.dumps(VERDICT))], plan=plan)) as server:
        outcome, steps = await run(case(), choice(server))
    assert [step.name for step in plans(steps)] == ["playbook"]
    assert (outcome.verdict.analyst, len(server.requests)) == ("scripted", 4)
    assert any("not a usable plan" in step.content for step in steps)


def shaped(request: dict[str, Any]) -> str:
    """Return the name of the schema that a request asks for, or an empty text."""
    return str(request.get("response_format", {}).get("json_schema", {}).get("name", ""))


async def test_plan_and_verdict_are_asked_for_by_a_schema() -> None:
    with serving(in_order([Say("Seen."), Say("T1190."), Say(json.dumps(VERDICT))])) as server:
        await run(case(), choice(server))
    assert [shaped(request) for request in server.requests] == ["plan", "", "", "verdict"]


@pytest.mark.parametrize("status", [400, 404, 422, 501])
async def test_a_server_that_refuses_schemas_is_asked_without_and_that_is_remembered(status: int) -> None:
    rest = in_order([Say("Seen."), Say("T1190."), Say(json.dumps(VERDICT))] * 2)
    with serving(lambda request: Refuse(status) if shaped(request) else rest(request)) as server:
        analyst = Analyst(choice(server), HostFake(), KnowledgeFake())
        outcomes = [await analyst.investigate(case(), lambda _: None) for _ in range(2)]
    assert [outcome.verdict.analyst for outcome in outcomes] == ["scripted", "scripted"]
    assert [shaped(request) for request in server.requests] == ["plan"] + [""] * 8


async def test_an_error_that_has_nothing_to_do_with_schemas_is_not_taken_for_a_refusal() -> None:
    with serving(lambda _: Refuse(400)) as server:
        analyst = Analyst(choice(server), HostFake(), KnowledgeFake())
        await analyst.investigate(case(), lambda _: None)
        server.script = in_order([Say("Seen."), Say("T1190."), Say(json.dumps(VERDICT))])
        await analyst.investigate(case(), lambda _: None)
    assert [shaped(request) for request in server.requests] == ["plan", "", "plan", "", "", "verdict"]


async def test_an_endpoint_that_failed_three_times_is_left_alone_and_its_incidents_do_not_wait() -> None:
    with serving(lambda _: Refuse(500)) as server:
        analyst = Analyst(choice(server), HostFake(), KnowledgeFake())
        outcomes = [await analyst.investigate(case(), lambda _: None) for _ in range(6)]
        asked = len(server.requests)
    assert asked == 3
    assert {outcome.verdict.analyst for outcome in outcomes} == {"playbook"}
    assert "failed 3 times in a row" in outcomes[-1].faults[0].message
    assert analyst.paused_until > 0
    assert outcomes[-1].model_calls == 0


async def test_over_the_tokens_of_the_day_nothing_is_sent_and_the_trace_says_why() -> None:
    steps: list[TraceStep] = []
    replies = [Say(text, usage=(5_000, 20)) for text in ("Seen.", "T1190.", json.dumps(VERDICT))]
    with serving(in_order(replies * 2)) as server:
        analyst = Analyst(choice(server), HostFake(), KnowledgeFake(), ledger=Ledger(15_000))
        first = await analyst.investigate(case(), lambda _: None)
        second = await analyst.investigate(case(), steps.append)
        asked = len(server.requests)
    assert (first.verdict.analyst, second.verdict.analyst, asked) == ("scripted", "playbook", 4)
    assert faults(steps)[0].content.startswith("the 15000 tokens of the day are spent")
    assert not [step for step in steps if step.kind is StepKind.PROMPT and step.name == "scripted"]
    replay, replayed = await run(case(), RecordedAnswers("scripted", second.answers), RecordedHost(second.host_records))
    assert canonical_outcome(replay) == canonical_outcome(second)
    assert [step.content for step in replayed] == [step.content for step in steps]


async def test_tokens_are_left_for_the_verdict() -> None:
    greedy = Say("", (("related_flows", {"ip": LOCAL}),), usage=(5_000, 500))

    def script(request: dict[str, Any]) -> Reply:
        return Say(json.dumps(VERDICT)) if shaped(request) == "verdict" else greedy

    with serving(script) as server:
        outcome, steps = await run(case(), choice(server))
    assert not faults(steps)
    assert outcome.verdict.analyst == "scripted"
    assert outcome.tokens <= Budget().tokens
    assert [shaped(request) for request in server.requests][-1] == "verdict"


async def test_a_refused_reply_is_in_the_trace_as_far_as_it_came() -> None:
    with serving(in_order([], then=Say("y" * 40_000))) as server:
        _, steps = await run(case(), choice(server))
    (answer,) = [step for step in steps if step.kind is StepKind.ANSWER and "(refused) yyy" in step.content]
    assert len(answer.content) > 30_000


async def test_a_verdict_that_had_to_be_asked_for_twice_has_both_tries_in_the_trace() -> None:
    with serving(in_order([Say("Seen."), Say("T1190."), Say("Nope."), Say(json.dumps(VERDICT))])) as server:
        _, steps = await run(case(), choice(server))
    looked = (StepKind.TOOL_CALL, StepKind.TOOL_RESULT)  # what the model left out, which the program does
    verdicts = [(step.kind, step.content[:5]) for step in steps if step.role == "verdict" and step.kind not in looked]
    assert [kind for kind, _ in verdicts] == [
        StepKind.PROMPT, StepKind.ANSWER, StepKind.PROMPT, StepKind.ANSWER, StepKind.VERDICT,
    ]  # fmt: skip
    assert (StepKind.ANSWER, "Nope.") in verdicts


async def test_a_verdict_without_a_supported_claim_rests_on_the_worst_alert() -> None:
    bare = {"conclusion": "malicious", "severity": "critical", "claims": [{"text": "Trust me."}]}
    with serving(in_order([Say("Seen."), Say("T1190."), Say(json.dumps(bare))])) as server:
        outcome, _ = await run(case(), choice(server))
    known = {found.id for found in outcome.evidence}
    supported = [claim for claim in outcome.verdict.claims if claim.supported]
    assert supported
    assert all(set(claim.evidence_ids) <= known for claim in supported)


async def test_what_would_be_sent_is_previewed_as_it_would_leave() -> None:
    near = ModelChoice("scripted", "http://127.0.0.1:9/v1")
    far = ModelChoice("scripted", "https://model.example/v1")
    subject = case(b"GET / HTTP/1.1\r\nCookie: sid=topsecretsid\r\n\r\n")
    shown = [Analyst(one, HostFake(), KnowledgeFake()).preview(subject) for one in (near, far, None)]
    assert shown[0].startswith("To scripted at http://127.0.0.1:9/v1: it stays on this host.")
    assert "topsecretsid" in shown[0]
    assert shown[1].startswith("To scripted at https://model.example/v1: it leaves the host")
    assert "[redacted:cookie]" in shown[1]
    assert "topsecretsid" not in shown[1]
    assert shown[2].startswith("Nothing leaves the host")


async def test_no_request_has_two_messages_of_a_person_in_a_row() -> None:
    replies = [
        Say("", (("logins", {"ip": TARGET}),)),
        Say("Seen."),
        Say("T1190."),
        Say("Nope."),
        Say(json.dumps(VERDICT)),
    ]
    with serving(in_order(replies)) as server:
        await run(case(), choice(server))
    for request in server.requests:
        roles = [message["role"] for message in request["messages"]]
        assert ("user", "user") not in list(itertools.pairwise(roles))


@pytest.mark.parametrize("depth", [3, 700])
async def test_arguments_nested_deeper_than_any_tool_reads_are_none_and_end_no_investigation(depth: int) -> None:
    nested = f'{{"flow_id": "1:flowone=", "more": {"[" * depth}{"]" * depth}}}'
    for reply in (
        Say("", calls=(("flow_payload", nested),)),
        Say(f'{{"tool": "flow_payload", "arguments": {nested}}}'),
    ):
        with serving(in_order([reply, Say("done"), Say("advice"), Say(json.dumps(VERDICT))])) as server:
            outcome, steps = await run(case(), choice(server))
        (called,) = [step.content for step in steps if (step.kind, step.role) == (StepKind.TOOL_CALL, "investigator")]
        assert (outcome.verdict.analyst, called) == ("scripted", "{}")
