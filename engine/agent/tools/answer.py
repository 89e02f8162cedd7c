"""What a tool call gave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.types import Evidence


class Result(StrEnum):
    """How a tool call went. Only ``answered`` carries information about the incident."""

    ANSWERED = "answered"
    ABSENT = "absent"
    """The host said gone, not permitted or not recorded: nothing may be concluded from it."""
    REFUSED = "refused"
    """An argument was malformed or lies outside the incident."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool call gave."""

    tool: str
    result: Result
    text: str
    """For a model: untrusted parts are escaped and fenced."""
    evidence: Evidence | None = None
    subject: Any = None
    """The typed answer, for the playbook analyst: which type is said beside each tool."""


def refused(tool: str, reason: str) -> Answer:
    """Return the answer to a call that was not made."""
    return Answer(tool, Result.REFUSED, f"refused: {reason}. Use only ids, addresses and PIDs of this incident.")


def failed(tool: str, why: str) -> Answer:
    """Return the answer of a tool that broke."""
    return Answer(tool, Result.FAILED, f"failed: {why}. Conclude nothing from it.")
