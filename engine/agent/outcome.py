"""The first statement of every verdict: whether it worked. Code makes it, whoever the analyst is."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from engine.types import Claim, IncidentView, Verdict

OUTCOME: Final = "Outcome: "
"""How the statement begins, and none of an analyst's own does."""

_SAID: Final = "The analyst says: "


def with_outcome(verdict: Verdict, outcome: Claim) -> Verdict:
    """Return the verdict with the outcome as its first claim; what an analyst said in its manner is told as said."""
    claims = (replace(one, text=f"{_SAID}{one.text}") if _poses(one) else one for one in verdict.claims)
    return replace(verdict, claims=(outcome, *claims))


def _poses(claim: Claim) -> bool:
    return claim.text.lstrip().lower().startswith(OUTCOME.strip().lower())


def outcome_in(verdict: Verdict | None) -> Claim | None:
    """Return the outcome of a verdict, or None where it was made before there was one."""
    first = verdict.claims[0] if verdict is not None and verdict.claims else None
    return first if first is not None and first.text.startswith(OUTCOME) else None


def is_overtaken(view: IncidentView) -> bool:
    """Return whether alerts came after the verdict, which its outcome knows nothing of."""
    return view.verdict is not None and any(alert.last_at > view.verdict.at for alert in view.alerts)
