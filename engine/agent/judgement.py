"""What code makes of an incident: the floor under every verdict, and whether a block is proposed.

No model's text takes part in it. Captured text is looked at by the considerations of
``engine.agent.judging``; what a sender could have written to look harmless counts only beside
something that is not the sender's to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.agent.case import Case
from engine.agent.evidence import ranked
from engine.agent.judging.programs import is_odd_place
from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import Reason, weigh
from engine.agent.judging.weights import TABLE
from engine.types import Alert, Conclusion, Finding, ProcessFacts, Severity

OPINION_ONLY = frozenset({"model"})
"""Detectors whose word alone proves nothing: a score has no reason that can be checked."""

MALICIOUS_AT = 0.65
BENIGN_AT = -2.0
"""Log odds at which a verdict is called so; between them it is suspicious."""

HOST_KINDS = frozenset({"process", "file", "logins", "persistence"})
"""Kinds of evidence that the target cannot send."""

_EXCUSES = -1.0
"""The weight from which one consideration that no sender can bring about may clear an incident."""
_DOUBTS = -0.75
"""The weight from which what no sender can bring about lowers a certain alert; a block stays proposed."""
_PROVES = 1.5
"""The weight from which one consideration may stand where the detectors alone would not do."""
_CORROBORATES = 2.75
"""What considerations must come to where only a score, which gives no reason, raised the alert."""
_HINT = 2.0
"""What more is asked of considerations where every alert is low: it is a hint, and what was found decides."""
_SPEAKS = 0.6
"""The weight that one consideration must have which is more than a manner."""
_MANNERS = frozenset({"bare_client", "came_unknown", "several_signs"})
"""How somebody calls: it adds to what was done, and is no act by itself."""
_SHOWS = ("answer_", "holds_connections", "same_request_again")
"""Considerations about payload that rest on what this host did or bore."""
_UNCONNECTED = frozenset({"never_connects", "reflects", "sweeps_ports"})
"""Considerations about traffic that has no handshake by its nature."""


class Bounds(NamedTuple):
    """Log odds at which a verdict is called so."""

    malicious: float
    benign: float


BOUNDS = Bounds(MALICIOUS_AT, BENIGN_AT)


class Standing(NamedTuple):
    """What the detectors make of an incident before anything is weighed."""

    severity: Severity
    """The worst of all alerts."""
    has_proof: bool
    """Whether a detector that can show why raised an alert of medium severity or more."""
    is_real: bool
    """Whether the target's address cannot have been spoofed."""
    is_certain: bool
    """Whether a critical alert of such a detector has a real source."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict that the detections and found facts justify."""

    conclusion: Conclusion
    severity: Severity
    basis: tuple[Alert, ...]
    """Alerts of high or critical severity from detectors that can show why; most severe first."""
    real_source: bool
    """Whether the target answered or completed a handshake, so its address is not spoofed."""
    reasons: tuple[Reason, ...] = ()
    """What was weighed, the weightiest first."""
    proven: tuple[Alert, ...] = ()
    """Alerts of medium severity or more from detectors that can show why."""

    @property
    def score(self) -> float:
        """Log odds; positive speaks for a hostile act."""
        return sum(reason.weight for reason in self.reasons)


def judge(case: Case, subjects: Iterable[Any] = ()) -> Judgement:
    """Return what is justified by the case and the tools' typed answers; only facts that were found count."""
    alerts = ranked(case.alerts)
    proven = tuple(
        alert
        for alert in alerts
        if alert.detection.detector not in OPINION_ONLY and alert.detection.severity.rank >= Severity.MEDIUM.rank
    )
    basis = tuple(alert for alert in proven if alert.detection.severity.rank >= Severity.HIGH.rank)
    severity = max((alert.detection.severity for alert in alerts), key=lambda one: one.rank, default=Severity.INFO)
    standing = standing_of(case)
    reasons = weigh(Scene(case, subjects))
    return Judgement(conclude(standing, reasons), severity, basis, standing.is_real, reasons, proven)


def standing_of(case: Case) -> Standing:
    """Return what the detectors themselves make of a case."""
    proven = [one for one in case.alerts if one.detection.detector not in OPINION_ONLY]
    worst = max((alert.detection.severity for alert in case.alerts), key=lambda one: one.rank, default=Severity.INFO)
    best = max((alert.detection.severity for alert in proven), key=lambda one: one.rank, default=Severity.INFO)
    real = is_real_source(case)
    return Standing(worst, best.rank >= Severity.MEDIUM.rank, real, real and best is Severity.CRITICAL)


def conclude(standing: Standing, reasons: tuple[Reason, ...], bounds: Bounds = BOUNDS) -> Conclusion:
    """Return what the considerations come to, within what the detectors allow."""
    score = sum(reason.weight for reason in reasons)
    severity, has_proof, real, certain = standing
    if severity.rank < Severity.MEDIUM.rank:
        plain = min(score, _corroborated(reasons)) >= bounds.malicious + _HINT
        return Conclusion.MALICIOUS if real and plain else Conclusion.UNDETERMINED
    unchosen = {r.name: r.weight for r in reasons if r.weight < 0 and not TABLE[r.name].is_choosable}
    unchosen.pop("kinds_excuse", None)  # it rests on the others, and is nothing that clears by itself
    if min(unchosen.values(), default=0.0) <= _EXCUSES and score <= bounds.benign:
        return Conclusion.BENIGN
    unchosen.pop("answer_ordinary", None)  # anybody gets a page like any other for a bait that nothing read
    if certain and sum(unchosen.values()) > _DOUBTS:
        return Conclusion.MALICIOUS
    shown = any(_is_shown(reason) for reason in reasons) or (real and _corroborated(reasons) >= _CORROBORATES)
    speaks = any(reason.weight >= _SPEAKS and reason.name not in _MANNERS for reason in reasons)
    connected = real or any(reason.name in _UNCONNECTED for reason in reasons)
    if score >= bounds.malicious and speaks and ((has_proof and connected) or shown):
        return Conclusion.MALICIOUS
    return Conclusion.SUSPICIOUS


def _corroborated(reasons: tuple[Reason, ...]) -> float:
    """Return what the considerations come to that code checked in what was captured, whatever raised the alert."""
    return sum(reason.weight for reason in reasons if reason.kind != "alert")


def _is_shown(reason: Reason) -> bool:
    """Return whether the host itself, or its answer, shows a hostile act."""
    own = reason.kind in HOST_KINDS or reason.kind == "flow" or reason.name.startswith(_SHOWS)
    return own and reason.weight >= _PROVES


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
    """Return whether a found process runs a hidden or deleted program, or one from a folder that anyone may write."""
    return facts.finding is Finding.FOUND and is_odd_place(facts)


def block_decision(case: Case, judgement: Judgement, model_asks: str = "") -> tuple[bool, str]:
    """Return whether to propose a block of the incident's target, and why or why not.

    ``model_asks`` is the name of a model that wants one. It can turn the answer only where the
    playbook allows a block and there is an alert of medium severity or more.
    """
    if case.playbook is None or not case.playbook.block:
        return False, "no block: the playbook of this class of event does not propose one"
    is_benign = judgement.conclusion is Conclusion.BENIGN
    carrying = judgement.proven if judgement.conclusion is Conclusion.MALICIOUS else judgement.basis
    if carrying and not is_benign:
        first = carrying[0].detection
        more = f" and {len(carrying) - 1} more" if len(carrying) > 1 else ""
        return True, f"{first.label} ({first.severity}, {first.detector}){more}: {first.reason}"
    if model_asks and judgement.severity.rank >= Severity.MEDIUM.rank:
        return True, f"asked for by the model {model_asks}; no rule or behaviour of high severity supports it"
    if is_benign:
        return False, f"no block: {_harmless(judgement)}"
    return False, "no block: no rule or behaviour of high severity supports one"


def _harmless(judgement: Judgement) -> str:
    words = [reason.words for reason in judgement.reasons if reason.weight < 0]
    return "; ".join(words[:2]) or "what was found speaks for a harmless cause"
