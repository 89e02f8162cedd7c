"""What goes into an evidence pack."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from engine import wire
from engine.agent.report import report
from engine.agent.report.trace import chain_of
from engine.pack.archive import encode
from engine.redaction import redact
from engine.stored import Stored

SCHEMA = "aegis-pack-1"
"""Changes when a file or a field is renamed, goes, or means something else."""

MANIFEST, SEAL = "manifest.json", "manifest.sha256"
"""The list of the other files with their digests, and the digest of that list."""

_RAW = "it holds raw captured bytes, in which credentials cannot be found with certainty"
_CHAIN = {0: "whole", -1: "none"}


def pack(stored: Stored, tool: str, *, redacted: bool = False) -> bytes:
    """Return the evidence pack of an incident: the same bytes for the same record and version of the program.

    Redacted, credentials are taken out of texts and excerpts, and what is raw is left out.
    """
    stored = _without_credentials(stored) if redacted else stored
    files = {
        "summary.md": report(stored.view, "md").encode(),
        "incident.json": _incident(stored),
        "trace.json": _trace(stored),
    }
    left_out = {}
    if redacted:
        left_out = {"inputs.json": _RAW, "packets.pcap": _RAW}
    else:
        files["inputs.json"] = _json({"inputs": stored.inputs, "recordings": stored.recordings})
        if stored.packets:
            files["packets.pcap"] = stored.packets
        else:
            left_out["packets.pcap"] = "no packets are stored with the incident"
    manifest = _json({
        "schema": SCHEMA,
        "tool": tool,
        "incident_id": stored.id,
        "redacted": redacted,
        "files": {name: {"bytes": len(content), "sha256": digest(content)} for name, content in files.items()},
        "left_out": left_out,
    })  # fmt: skip
    seal = f"{digest(manifest)}  {MANIFEST}\n".encode()
    return encode(files | {MANIFEST: manifest, SEAL: seal})


def pack_name(incident_id: str, *, redacted: bool = False) -> str:
    """Return the name that a pack's file gets where none is given."""
    return f"{incident_id}{'.redacted' if redacted else ''}.zip"


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def _incident(stored: Stored) -> bytes:
    view = {field.name: getattr(stored.view, field.name) for field in dataclasses.fields(stored.view)}
    del view["steps"]
    told = {"schema": SCHEMA, "source": stored.source, "context": stored.context, "protected": "not recorded"}
    return _json(told | view)


def _trace(stored: Stored) -> bytes:
    broken = chain_of(stored.view.steps)
    return _json({"schema": SCHEMA, "chain": _CHAIN.get(broken, "broken"), "steps": stored.view.steps})


def _json(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(wire.encode(value), ensure_ascii=True, sort_keys=True, indent=1)
    return text.encode("ascii") + b"\n"


def _without_credentials(value: Any) -> Any:
    """Return a value with the credentials taken out of every text and every excerpt in it."""
    if isinstance(value, bytes):
        return redact(value.decode("latin-1")).encode("latin-1")
    if isinstance(value, str):
        return type(value)(value) if type(value) is not str else redact(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: _without_credentials(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return type(value)(**parts)
    if isinstance(value, tuple):
        items = [_without_credentials(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, Mapping):
        return {key: _without_credentials(item) for key, item in value.items()}
    return value
