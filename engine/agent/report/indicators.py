"""What others can look for on their own hosts: addresses, names, and hashes of programs that were found."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from engine.agent.evidence import ranked
from engine.text import escape
from engine.types import Evidence, IncidentView, Severity

INDICATORS = 100
"""Kept of one incident, the first found."""

VALUE_CHARACTERS = 512

_OF_NOTHING = hashlib.sha256(b"").hexdigest()
"""The digest of an empty payload or file, which is everywhere."""

_OBSERVABLES: Final = {
    "process": (("exe", "program"), ("exe_sha256", "SHA-256 of program")),
    "payload": (("sha256", "SHA-256 of payload"),),
    "file": (("path", "file"), ("sha256", "SHA-256 of file")),
    "program_file": (("path", "file"), ("sha256", "SHA-256 of file")),
}
"""Kind of evidence to the fields of it that others can look for."""


def indicators(view: IncidentView) -> list[tuple[str, str]]:
    """Return the observables as ``(kind, value)``."""
    found = [("address", view.incident.target_ip)]
    for alert in ranked(view.alerts):
        own = (alert.local_ip, alert.target_ip, "")
        if alert.detection.severity.rank >= Severity.MEDIUM.rank and alert.flow.name not in own:
            found.append(("name in the traffic", alert.flow.name))
    for evidence in view.evidence:
        facts = facts_of(evidence)
        found += [
            (kind, str(facts[name])) for name, kind in _OBSERVABLES.get(evidence.kind, ()) if _tells(facts.get(name))
        ]
    return [(kind, escape(value, limit=VALUE_CHARACTERS)) for kind, value in dict.fromkeys(found)][:INDICATORS]


def _tells(value: object) -> bool:
    return bool(value) and value != _OF_NOTHING


def facts_of(evidence: Evidence) -> dict[str, Any]:
    """Return the fields of a piece of evidence, none where its content is no JSON object."""
    try:
        facts = json.loads(evidence.content)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}
