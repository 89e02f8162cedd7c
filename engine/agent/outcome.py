"""The first statement of every verdict: whether it worked. Code makes it, whoever the analyst is."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from engine.types import OUTCOME, Claim, Verdict

_SAID: Final = "The analyst says: "


def with_outcome(verdict: Verdict, outcome: Claim) -> Verdict:
    """Return the verdict with the outcome as its first claim; what an analyst said in its manner is told as said."""
    claims = (replace(one, text=f"{_SAID}{one.text}") if _poses(one) else one for one in verdict.claims)
    return replace(verdict, claims=(outcome, *claims))


def _poses(claim: Claim) -> bool:
    return claim.text.lstrip().lower().startswith(OUTCOME.strip().lower())
