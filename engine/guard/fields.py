"""What the fields of a request may hold: an asker that was taken over writes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from engine.types import Terms

IFACES = 64
"""Most interfaces of one request."""
SHOWN = 64
"""Most characters of a refused field that are told."""
INCIDENT_ID = re.compile(r"[A-Za-z0-9-]{0,64}")
DIGEST = re.compile(r"[0-9A-Fa-f]{0,64}")
FULL_DIGEST = re.compile(r"[0-9a-f]{64}")
STEPS = 1_000_000
"""Most steps of one trace."""
IFACE = re.compile(r"[\w.@:-]{1,15}", re.ASCII)


def plain(text: str) -> str:
    """Return the text with a space for every character that is none to read: controls, bidi, zero-width."""
    return "".join(character if character.isprintable() else " " for character in text)


def list_digest(prefixes: Iterable[str]) -> str:
    """Return the SHA-256, hex, over a list's prefixes, sorted and one a line."""
    return hashlib.sha256("\n".join(sorted(prefixes)).encode()).hexdigest()


def is_iface(name: str) -> bool:
    """Return whether a text may name an interface."""
    return IFACE.fullmatch(name) is not None


def check_terms(terms: Terms) -> None:
    """Raise ``PermissionError`` with the first field of the terms that holds what it must not."""
    if terms.action != "block":
        raise PermissionError(f"the only action is block, not {plain(terms.action[:SHOWN])}")
    if not INCIDENT_ID.fullmatch(terms.incident_id):
        raise PermissionError(f"{plain(terms.incident_id[:SHOWN])!r} is no incident id")
    if not DIGEST.fullmatch(terms.evidence_digest):
        raise PermissionError("the evidence digest is not at most 64 hex digits")
    check_ifaces(terms.ifaces)


def check_trace(incident_id: str, steps: int, *digests: str) -> None:
    """Raise ``PermissionError`` with the first field of a trace's end that holds what it must not."""
    if not incident_id or not INCIDENT_ID.fullmatch(incident_id):
        raise PermissionError(f"{plain(incident_id[:SHOWN])!r} is no incident id")
    if not 0 < steps <= STEPS:
        raise PermissionError(f"a trace has 1 to {STEPS:,} steps")
    if not all(FULL_DIGEST.fullmatch(digest) for digest in digests):
        raise PermissionError("a digest is not 64 hex digits in lower case")


def check_ifaces(ifaces: tuple[str, ...]) -> None:
    """Raise ``PermissionError`` unless these are few enough and each may name an interface."""
    if len(ifaces) > IFACES:
        raise PermissionError(f"more than {IFACES} interfaces are named")
    for name in ifaces:
        if not is_iface(name):
            raise PermissionError(f"{plain(name[:SHOWN])!r} is no interface name")
