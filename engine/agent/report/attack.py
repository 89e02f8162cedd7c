"""The attack chain of an incident: its ATT&CK techniques in the order they were first seen."""

from __future__ import annotations

import json
import lzma
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from engine import paths
from engine.text import escape
from engine.types import IncidentView

TACTICS: Final[tuple[str, ...]] = (
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
)
"""In the order of the matrix."""

LINKS = 24
"""Techniques shown in one chain."""

_ID = re.compile(r"T\d{4}(?:\.\d{3})?\Z", re.ASCII)
_FILE = paths.KNOWLEDGE / "attack" / "techniques.json.xz"


@dataclass(frozen=True, slots=True)
class Link:
    """One technique of the chain."""

    technique: str
    """Its id."""
    name: str
    """As ATT&CK gives it; empty for an id that is none of ATT&CK's."""
    tactic: str
    """The first of its tactics, or empty."""
    first_at: float
    """When its first alert was; 0 for one that only the verdict names."""


def attack_chain(view: IncidentView) -> tuple[Link, ...]:
    """Return the techniques in the order of their first alerts; those without an alert come last."""
    first: dict[str, float] = {}
    for alert in sorted(view.alerts, key=lambda one: (one.first_at, one.id)):
        for technique in alert.detection.attack_ids:
            first.setdefault(technique, alert.first_at)
    named = view.verdict.attack_ids if view.verdict else view.incident.attack_ids
    order = list(dict.fromkeys([*first, *named]))[:LINKS]
    return tuple(Link(escape(one, limit=40), *_names(one), first.get(one, 0.0)) for one in order)


def _names(technique: str) -> tuple[str, str]:
    return _matrix().get(technique, ("", "")) if _ID.match(technique) else ("", "")


@cache
def _matrix() -> dict[str, tuple[str, str]]:
    """Return name and first tactic of each technique of the shipped knowledge, empty where it cannot be read."""
    try:
        rows: list[Any] = json.loads(lzma.decompress(_FILE.read_bytes()))["techniques"]
        return {str(row[0]): (str(row[1]), str(row[2]).split(", ")[0]) for row in rows}
    except (OSError, lzma.LZMAError, ValueError, LookupError, TypeError):
        return {}
