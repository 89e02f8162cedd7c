"""What code makes of an incident: the floor under every verdict, and whether a block is proposed.

No text takes part in it, neither captured nor a model's: only detections, flows and found facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.agent.case import Case
from engine.agent.evidence import ranked
from engine.types import Alert, Conclusion, Finding, ProcessFacts, Severity

OPINION_ONLY = frozenset({"model"})
"""Detectors whose word alone proves nothing: a score has no reason that can be checked."""

_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/")  # noqa: S108 - compared with, never opened


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict that the detections and found facts justify."""

    conclusion: Conclusion
    severity: Severity
    basis: tuple[Alert, ...]
    """Alerts of high or critical severity from detectors that can show why; most severe first."""
    real_source: bool
    """Whether the target answered or completed a handshake, so its address is not spoofed."""


def judge(case: Case, processes: Iterable[ProcessFacts] = ()) -> Judgement:
    """Return what is justified; only facts that were found can raise it."""
    alerts = ranked(case.alerts)
    proven = [alert for alert in alerts if alert.detection.detector not in OPINION_ONLY]
    basis = tuple(alert for alert in proven if alert.detection.severity.rank >= Severity.HIGH.rank)
    severity = max((alert.detection.severity for alert in alerts), key=lambda one: one.rank, default=Severity.INFO)
    real = is_real_source(case)
    odd = any(is_odd(facts) for facts in processes)
    conclusion = Conclusion.UNDETERMINED
    if (basis and real) or (proven and odd and severity.rank >= Severity.MEDIUM.rank):
        conclusion = Conclusion.MALICIOUS
    elif severity.rank >= Severity.MEDIUM.rank:
        conclusion = Conclusion.SUSPICIOUS
    return Judgement(conclusion, severity, basis, real)


def is_real_source(case: Case) -> bool:
    """Return whether the target's address cannot have been spoofed."""
    target = case.incident.target_ip
    flows = [*case.flows, *(alert.flow for alert in case.alerts)]
    return case.incident.handshake or any(
        target in (flow.five_tuple.src_ip, flow.five_tuple.dst_ip)
        and (flow.handshake or (flow.five_tuple.dst_ip == target and flow.packets[1] > 0))
        for flow in flows
    )


def is_odd(facts: ProcessFacts) -> bool:
    """Return whether a found process runs a deleted program, or one from a folder that anyone may write."""
    return facts.finding is Finding.FOUND and (facts.exe_deleted or facts.exe.startswith(_TEMPORARY))


def block_decision(case: Case, judgement: Judgement, model_asks: str = "") -> tuple[bool, str]:
    """Return whether to propose a block of the incident's target, and why or why not.

    ``model_asks`` is the name of a model that wants one. It can turn the answer only where the
    playbook allows a block and there is an alert of medium severity or more.
    """
    if case.playbook is None or not case.playbook.block:
        return False, "no block: the playbook of this class of event does not propose one"
    if judgement.basis:
        first = judgement.basis[0].detection
        more = f" and {len(judgement.basis) - 1} more" if len(judgement.basis) > 1 else ""
        return True, f"{first.label} ({first.severity}, {first.detector}){more}: {first.reason}"
    if model_asks and judgement.severity.rank >= Severity.MEDIUM.rank:
        return True, f"asked for by the model {model_asks}; no rule or behaviour of high severity supports it"
    return False, "no block: no rule or behaviour of high severity"
