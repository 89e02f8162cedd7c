"""One ability and how it stands: what ``doctor`` prints."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Health(StrEnum):
    """How an ability stands."""

    OK = "ok"
    DEGRADED = "degraded"
    MISSING = "missing"
    FAILED = "failed"
    """It was tried now, and did not come about."""


class Check(NamedTuple):
    """One ability."""

    ability: str
    health: Health
    detail: str
    """How it stands, and why."""
    remedy: str = ""
    """What to do about it, in one sentence."""
