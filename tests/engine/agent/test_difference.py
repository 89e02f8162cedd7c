"""What another investigation came to is told by what changed, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

from engine.agent.difference import difference, judged
from engine.types import Claim, Conclusion, Disposition, Severity, StepKind, TraceStep, Verdict

STORED = Verdict(
    "INC-1", 1.0, "playbook", Conclusion.MALICIOUS, Severity.HIGH, Disposition.UNDETERMINED, ("T1190",),
    (Claim("A rule hit.", ("E-1",), (), True),), (), ("Update.",), "",
)  # fmt: skip


def _step(seq: int, kind: StepKind, name: str) -> TraceStep:
    return TraceStep("INC-1", seq, 0.0, "investigator", kind, name, "{}")


CALLS = [_step(1, StepKind.TOOL_CALL, "logins"), _step(2, StepKind.VERDICT, "playbook")]


def test_the_same_again_is_no_difference() -> None:
    found = difference(
        judged(STORED, CALLS, ["192.0.2.9/32"]), judged(replace(STORED, at=2.0), CALLS, ["192.0.2.9/32"])
    )
    assert not found


def test_what_changed_is_told_with_before_and_after() -> None:
    claims = (Claim("Nothing came of it.", ("E-9",)),)
    fresh = replace(STORED, analyst="scripted", conclusion=Conclusion.SUSPICIOUS, claims=claims, attack_ids=())
    found = difference(judged(STORED, CALLS, ["192.0.2.9/32"]), judged(fresh, [], []))
    assert found.single == (
        ("analyst", "playbook", "scripted"),
        ("conclusion", "malicious", "suspicious"),
        ("proposal", "192.0.2.9/32", "none"),
    )
    assert found.added == (("claims", "Nothing came of it. [E-9] UNSUPPORTED"),)
    assert found.removed == (("attack_ids", "T1190"), ("claims", "A rule hit. [E-1]"), ("tools", "logins {}"))


def test_only_the_last_investigation_of_a_trace_counts() -> None:
    later = [_step(3, StepKind.TOOL_CALL, "related_flows"), _step(4, StepKind.VERDICT, "playbook")]
    assert judged(STORED, CALLS + later, []).tools == ("related_flows {}",)


def test_an_incident_without_a_verdict_is_told_from_one_with() -> None:
    found = difference(judged(None, [], []), judged(STORED, [], []))
    assert ("conclusion", "", "malicious") in found.single
