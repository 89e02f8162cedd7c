"""The lines of the login log that name an address, unread: what they say is parsed without privileges."""

from __future__ import annotations

import os
import re
import select
import stat as modes
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from engine.reason import reason
from engine.types import Finding

LOGS = ("var/log/auth.log", "var/log/secure")
TAIL_BYTES = 4 << 20
"""How far back a log is read."""
MOST_LINES = 400
"""The newest; of those before it is only told how many there were."""
LINE_BYTES = 400
TELLING = re.compile(
    rb"\b(?:Accepted|Failed) [\w/-]{1,40} for |\b(?:Invalid|Illegal|invalid|authenticating) user |"
    rb"\bauthentication failure;"
)
"""What a line about a login holds. The others stay here: commands that people ran under sudo hold passwords."""
JOURNAL_S = 0.5
"""How long the journal may take to answer."""
JOURNAL_FOLDERS = "/usr/bin:/bin"
JOURNAL_OPTIONS = (
    "--quiet", "--no-pager", "--output=short-iso", "--reverse", "--lines=20000",
    "--identifier=sshd", "--identifier=sshd-session", "--identifier=sudo", "--identifier=su", "--identifier=login",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a log that name an address, oldest first."""

    finding: Finding
    lines: tuple[str, ...] = ()
    """Each character is one byte (Latin-1): hostile."""
    source: str = ""
    """The file, or ``journal``."""
    omitted: int = 0
    """Older lines that are not told."""
    detail: str = ""


def log_lines(address: str, root: Path = Path("/"), logs: Sequence[str] = LOGS) -> Lines:
    """Return the lines of the first log that is there; ``not_recorded`` where none is."""
    for name in logs:
        path = root / name
        try:
            content = _tail(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            finding = Finding.NOT_PERMITTED if isinstance(error, PermissionError) else Finding.NOT_RECORDED
            return Lines(finding, source=f"/{name}", detail=f"cannot read /{name}: {error.strerror or error}")
        return _chosen(content.splitlines(), address, f"/{name}")
    return Lines(Finding.NOT_RECORDED, detail="this host keeps no log of logins in a file")


def journal_lines(address: str, program: Path) -> Lines:
    """Return the journal's lines; the program gets the same arguments whoever is asked about."""
    try:
        content = _output([str(program), *JOURNAL_OPTIONS])
    except OSError as error:
        return Lines(Finding.NOT_RECORDED, source="journal", detail=f"the journal cannot be read: {reason(error)}")
    if not content:
        return Lines(Finding.NOT_RECORDED, source="journal", detail="the journal holds nothing of logins")
    whole = content.splitlines()[:-1] if not content.endswith(b"\n") else content.splitlines()
    return _chosen(whole[::-1], address, "journal")


def find_journal(folders: str = JOURNAL_FOLDERS) -> Path | None:
    """Return the program that reads the journal, where it is installed."""
    places = (Path(folder) / "journalctl" for folder in folders.split(":"))
    return next((place for place in places if place.is_file() and os.access(place, os.X_OK)), None)


def _chosen(lines: Sequence[bytes], address: str, source: str) -> Lines:
    needle = address.encode()
    before, after = (
        (rb"(?<![0-9A-Fa-f:.])", rb"(?![0-9A-Fa-f:])") if ":" in address else (rb"(?<![0-9.])", rb"(?!\.?[0-9])")
    )
    whole = re.compile(before + re.escape(needle) + after, re.IGNORECASE)
    small = needle.lower()
    named = [line for line in lines if small in line.lower() and whole.search(line) and TELLING.search(line)]
    kept = tuple(line[:LINE_BYTES].decode("latin-1") for line in named[-MOST_LINES:])
    return Lines(Finding.FOUND, kept, source, len(named) - len(kept))


def _tail(path: Path) -> bytes:
    """Return the end of a regular file that is no link, from a line's start; raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY)
    with os.fdopen(fd, "rb") as log:
        status = os.fstat(fd)
        if not modes.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no regular file")
        start = max(status.st_size - TAIL_BYTES, 0)
        log.seek(start)
        content = log.read(TAIL_BYTES)
    return content.partition(b"\n")[2] if start else content


def _output(command: Sequence[str]) -> bytes:
    """Return what a program prints, as far as size and time allow; raises ``OSError``."""
    process = subprocess.Popen(  # noqa: S603 - a fixed program and fixed arguments
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C", "PATH": JOURNAL_FOLDERS}, cwd="/",
    )  # fmt: skip
    with process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        content, until = bytearray(), monotonic() + JOURNAL_S
        try:
            while len(content) < TAIL_BYTES and (left := until - monotonic()) > 0:
                if not select.select([process.stdout], [], [], left)[0]:
                    break
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    break
                content += chunk
        finally:
            process.kill()
    return bytes(content)
