"""How the last word of a filter could go on."""

from __future__ import annotations

import re

from engine.filter.vocabulary import DIRECTIONS, FIELDS, ORDERED
from engine.types import BlockState, Disposition, FlowState, ProposalState, Severity

_LAST = re.compile(r"(?:.*[\s(!])?()", re.DOTALL)
_FIELD = re.compile(r"([a-z]+)(:|>=|<=|>|<|=)(.*)", re.IGNORECASE | re.DOTALL)

STATES = (Disposition, FlowState, BlockState, ProposalState)
VALUES = {
    "app": ("http", "tls", "ssh", "dns", "tcp", "udp", "icmp"),
    "sev": tuple(severity.value for severity in Severity),
    "det": ("rules", "model", "scan", "bruteforce", "event"),
    "dir": DIRECTIONS,
    "state": ("open", *dict.fromkeys(word.value for of in STATES for word in of)),
}
"""Values of the fields that have few."""


def complete(text: str) -> list[str]:
    """Return the texts that this one could become with one more word or part of a word, the likeliest first."""
    match = _LAST.match(text)
    start = match.end() if match else 0
    before, last = text[:start], text[start:]
    found = _FIELD.fullmatch(last)
    if found is None:
        names = [f"{name}{'>' if name == 'score' else ':'}" for name in FIELDS if name.startswith(last.lower())]
        words = [word for word in ("and", "or", "not") if last and before.strip() and word.startswith(last.lower())]
        return [before + word for word in (*names, *words)]
    name, operator, typed = found[1].lower(), found[2], found[3].lower()
    values = VALUES.get(name, ()) if operator not in ORDERED or name == "sev" else ()
    more = tuple(word.value for word in Disposition if name == "state" and word is not Disposition.UNDETERMINED)
    return [f"{before}{name}{operator}{value}" for value in (*values, *more) if value.startswith(typed)]
