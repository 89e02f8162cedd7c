"""``export`` and ``verify``: one file with all there is about an incident, and whether one is what it was."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import BinaryIO

from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.replay import load_incident
from aegis_tui.commands.terminal import say
from engine import newfile
from engine.version import VERSION

TOOL = f"aegis-tui {VERSION}"


def export(arguments: argparse.Namespace) -> int:
    """Write the evidence pack of one incident, and say what is in it."""
    from engine.pack import pack, pack_name, verify  # noqa: PLC0415 - only where it is asked for

    arguments.what = arguments.id
    stored = load_incident(arguments)
    path = Path(arguments.output or pack_name(stored.id, redacted=arguments.redact))
    with _new_file(path) as file:
        confine_to_home(arguments)
        content = pack(stored, TOOL, redacted=arguments.redact)
        file.write(content)
    made = verify(content)
    if arguments.json:
        told = {"type": "pack", "file": str(path), "incident_id": stored.id, "redacted": made.redacted}
        say(json.dumps(told | {"sha256": made.digest, "bytes": len(content), "files": made.files}), as_json=True)
        return 0
    say(f"{len(content)} bytes written to {path}: {', '.join(made.files)}")
    say(f"manifest SHA-256 {made.digest}")
    say("note it elsewhere: `aegis-tui verify` says whether the pack still has it, and nothing in it was changed")
    return 0


def _new_file(path: Path) -> BinaryIO:
    """Return a file that this call made, and that only its owner reads.

    Raises:
        OSError: it is there already, or cannot be made.
    """
    try:
        return newfile.begin(path)
    except FileExistsError:
        msg = f"{path} exists already, and a pack overwrites nothing: name another file with -o"
        raise FileExistsError(msg) from None


def verify(arguments: argparse.Namespace) -> int:
    """Say whether a pack is whole; 1 where anything in it differs from what was made."""
    from engine.pack import read_pack  # noqa: PLC0415 - only where it is asked for
    from engine.pack import verify as check  # noqa: PLC0415

    content = read_pack(Path(arguments.file))
    confine_to_home(arguments)
    found = check(content)
    problems = list(found.problems)
    wanted = (arguments.digest or "").lower()
    if wanted and wanted != found.digest:
        problems.append(f"the manifest's SHA-256 is {found.digest or 'not there'}, not {wanted}: another pack was made")
    if arguments.json:
        told = {"type": "verified", "file": arguments.file, "whole": not problems, "problems": problems}
        more = {"incident_id": found.incident_id, "tool": found.tool, "sha256": found.digest, "files": found.files}
        say(json.dumps(told | more), as_json=True)
        return 1 if problems else 0
    for problem in problems:
        say(f"CHANGED  {arguments.file}: {problem}", sys.stderr)
    if problems:
        return 1
    say(f"whole: {arguments.file} is the pack of {found.incident_id} as {found.tool} made it: {', '.join(found.files)}")
    say(f"manifest SHA-256 {found.digest}")
    if not wanted:
        say("whoever can rewrite the pack can seal it again: compare this with the digest noted when it was made")
    return 0
