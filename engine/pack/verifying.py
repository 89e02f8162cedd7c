"""Says whether an evidence pack is what it was when it was made. A pack is a stranger's file until then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.pack.archive import MAX_BYTES, DamagedError, decode, differs_at
from engine.pack.contents import MANIFEST, SCHEMA, SEAL, digest
from engine.plainfile import read_plain

_MANIFEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in a pack."""

    problems: tuple[str, ...]
    """What is not as it was, each with the name of the file; empty when everything is."""
    digest: str = ""
    """SHA-256 of the manifest: whoever made the pack was told the same."""
    incident_id: str = ""
    tool: str = ""
    files: tuple[str, ...] = ()
    redacted: bool = False


def read_pack(path: Path) -> bytes:
    """Return the bytes of a pack.

    Raises:
        ValueError: it is no regular file, or larger than any pack.
        OSError: it cannot be read.
    """
    try:
        return read_plain(path, MAX_BYTES)
    except FileNotFoundError:
        msg = f"there is no file {path}"
        raise FileNotFoundError(msg) from None


def verify(archive: bytes) -> Checked:
    """Hold a pack against its own manifest, byte for byte: content, names, and the archive around them."""
    try:
        files = decode(archive)
        manifest = _manifest(files)
    except DamagedError as error:
        return Checked((str(error),))
    problems = [*_seal(files), *_listed(files, manifest)]
    at = differs_at(archive, files)
    if at >= 0 and not problems:
        problems.append(f"damaged at byte {at}: the archive around the files is not as it was made")
    return Checked(
        tuple(problems), digest(files[MANIFEST]), str(manifest["incident_id"]), str(manifest["tool"]),
        tuple(sorted(files)), bool(manifest["redacted"]),
    )  # fmt: skip


def _manifest(files: Mapping[str, bytes]) -> dict[str, object]:
    """Return the manifest, whose fields are there and of their kind.

    Raises:
        DamagedError: there is none, or it is not one.
    """
    content = files.get(MANIFEST)
    if content is None:
        msg = f"{MANIFEST} is missing"
        raise DamagedError(msg)
    try:
        found = json.loads(content) if len(content) <= _MANIFEST_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
        msg = f"{MANIFEST} is not a list of files"
        raise DamagedError(msg)
    if found.get("schema") != SCHEMA:
        msg = f"{MANIFEST} is not of the form {SCHEMA}"
        raise DamagedError(msg)
    return {"incident_id": "", "tool": "", "redacted": False} | found


def _seal(files: Mapping[str, bytes]) -> list[str]:
    wanted = f"{digest(files[MANIFEST])}  {MANIFEST}\n".encode()
    if SEAL not in files:
        return [f"{SEAL} is missing"]
    return [] if files[SEAL] == wanted else [f"{SEAL} does not name the SHA-256 of {MANIFEST}: one of them was changed"]


def _listed(files: Mapping[str, bytes], manifest: Mapping[str, object]) -> list[str]:
    listed = manifest["files"]
    assert isinstance(listed, dict)  # noqa: S101 - _manifest() returned it
    problems = []
    for name, told in sorted(listed.items()):
        if name not in files:
            problems.append(f"{name[:80]} is missing")
        elif told != {"bytes": len(files[name]), "sha256": digest(files[name])}:
            problems.append(f"{name} is not the file that the manifest lists: it was changed")
    problems += [
        f"{name} was added: no manifest lists it" for name in sorted(set(files) - set(listed) - {MANIFEST, SEAL})
    ]
    return problems
