"""``knowledge add``, ``list``, ``remove``, ``search`` and ``embed``: the user's documents beside ATT&CK.

Root acts on the documents of the live engine, and only as the engine's user: files are opened first, each with no more
rights than whoever decides what its path leads to, and not a byte of them is read before root's rights are given up.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from aegis_tui.commands.account import ledger_of
from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.person import ask, terminal
from aegis_tui.commands.rows import count, size
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import moment, say
from engine import paths
from engine.text import escape

if TYPE_CHECKING:
    from engine.documents.collection import Added, Documents
    from engine.types import Passage

PASSAGES = 50
"""Of one search, at most."""
EXCERPT = 300
"""Characters of a passage that are printed for a person."""


def add(arguments: argparse.Namespace) -> int:
    """Add files and folders; a file that cannot be read is named, and hides no other."""
    from engine.documents.files import open_files  # noqa: PLC0415 - light, and before root's rights are given up

    found = open_files(map(Path, arguments.path))
    with _documents(arguments) as documents:
        if found.files:
            _agree(documents, arguments.yes)
        with _progress() as progress:
            added = documents.add_files(found, arguments.base, progress)
    return _tell(added)


def embed(arguments: argparse.Namespace) -> int:
    """Embed what has no vector of the embedding that is set."""
    with _documents(arguments) as documents:
        lacking = documents.lacking()
        if lacking:
            _agree(documents, arguments.yes)
        with _progress() as progress:
            fault = documents.embed(progress)
    say(f"aegis-tui: {fault}" if fault else f"{count(lacking, 'piece')} embedded", sys.stderr if fault else None)
    return 1 if fault else 0


def list_documents(arguments: argparse.Namespace) -> int:
    """List the documents, by base and source."""
    with _documents(arguments) as documents:
        entries = documents.entries()
    for entry in entries:
        if arguments.json:
            say(json.dumps(asdict(entry)), as_json=True)
            continue
        kind = " ".join(filter(None, (entry.format, entry.encoding)))
        head = f"{entry.id}  {entry.base:10} {count(entry.pieces, 'piece'):>12} {size(entry.size_bytes):>8}"
        left_out = f"  ({entry.notes})" if entry.notes else ""
        say(f"{head}  {moment(entry.added_at)}  {kind:15}  {entry.source}{left_out}")
    if not (entries or arguments.json):
        say("there are no documents; `aegis-tui knowledge add FILE|FOLDER` adds some")
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Remove documents."""
    with _documents(arguments) as documents:
        removed = documents.remove(arguments.what)
    if not removed:
        msg = f"there is no document {arguments.what!r}; `aegis-tui knowledge list` names them"
        raise LookupError(msg)
    say(f"{count(removed, 'document')} removed")
    return 0


def search(arguments: argparse.Namespace) -> int:
    """Print the passages of ATT&CK and of the documents that fit best."""
    if not 1 <= arguments.k <= PASSAGES:
        msg = f"--k takes 1 to {PASSAGES}, not {arguments.k}"
        raise ValueError(msg)
    with _documents(arguments) as documents:
        found = _search(arguments, documents)
    if arguments.json:
        say(json.dumps({"query": arguments.text, "results": [asdict(passage) for passage in found]}), as_json=True)
        return 0
    for passage in found:
        say(f"{passage.id:12}  {passage.score:.3f}  {passage.title}")
        say(f"    {passage.source}")
        say(f"    {escape(' '.join(passage.text.split()), limit=EXCERPT)}")
    if not found:
        say("nothing found")
    return 0


def _search(arguments: argparse.Namespace, documents: Documents) -> list[Passage]:
    from engine.knowledge import Knowledge  # noqa: PLC0415 - heavy

    knowledge = Knowledge(arguments.state / "knowledge.db", documents=documents)
    try:
        found = knowledge.search(arguments.text, arguments.k, arguments.base)
        if knowledge.backend.startswith("words only"):
            say(f"aegis-tui: {knowledge.backend}", sys.stderr)
    finally:
        knowledge.close()
    return found


@contextmanager
def _documents(arguments: argparse.Namespace) -> Iterator[Documents]:
    """Open the documents that the command is about, and say at the end what is wrong with them."""
    settings = effective(arguments).settings
    arguments.state = folder = _become_owner(arguments)
    from engine.documents.opening import NAME, open_documents  # noqa: PLC0415 - loads numpy, whose threads come last

    account = ledger_of(settings, folder) if settings.openai_base_url or settings.openai_api_key else None
    documents = open_documents(folder / NAME, settings, account=account)
    told = documents.fault
    if told:
        say(f"aegis-tui: {told}", sys.stderr)
    try:
        yield documents
        if documents.fault not in ("", told):
            say(f"aegis-tui: {documents.fault}", sys.stderr)
        if arguments.run != "knowledge:add" and (lacking := documents.lacking()):
            words = f"{count(lacking, 'piece')} not embedded yet, found by words only: aegis-tui knowledge embed"
            say(f"aegis-tui: {words}", sys.stderr)
    finally:
        documents.close()


def _become_owner(arguments: argparse.Namespace) -> Path:
    """Return the folder of the documents; root becomes the user whose folder it is, for good.

    Where no engine ever ran, only what adds documents makes its folder: to look makes nothing outside root's own.
    """
    if os.geteuid() != 0 or not getattr(arguments, "own_process", False):
        return paths.user_state()
    if not paths.LIVE_DATABASE.parent.exists() and arguments.run != "knowledge:add":
        confine_to_home(arguments)
        return paths.user_state()
    from engine.guard.folders import secure_folder  # noqa: PLC0415 - only root has a live engine
    from engine.privileges import confine, engine_user, ensure_engine_state  # noqa: PLC0415

    folder = paths.LIVE_DATABASE.parent
    if not folder.exists():
        secure_folder(paths.LIVE_STATE, 0o711)
        ensure_engine_state(engine_user(os.environ), paths.LIVE_STATE)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or paths.LIVE_STATE.lstat().st_uid != 0:
        msg = f"refusing {folder}: it is no folder, or lies in somebody else's"
        raise PermissionError(msg)
    confine(found.st_uid)
    return folder


def _agree(documents: Documents, yes: bool) -> None:
    """Have a person agree before the text of documents leaves the host.

    Raises:
        PermissionError: they do not, or there is nobody to ask.
    """
    endpoint = documents.endpoint
    if endpoint is None or endpoint.is_loopback:
        return
    what = f"the text of the documents, credentials taken out, is sent to {endpoint.base_url} (model {endpoint.model})"
    say(what, sys.stderr)
    if yes:
        return
    with terminal() as answers:
        if answers is None:
            msg = "there is no terminal to ask at: say --yes to send it; nothing was added or sent"
            raise PermissionError(msg)
        if ask("Send it? [y/N] ", answers).lower() not in ("y", "yes"):
            raise PermissionError("nothing was added or sent")


@contextmanager
def _progress(out: TextIO | None = None) -> Iterator[_Progress]:
    progress = _Progress(out or sys.stderr)
    try:
        yield progress
    finally:
        progress.end()


class _Progress:
    """One line that changes, on a terminal; else a line for every tenth of the work."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._tenth = (-1, -1)
        self._is_open = False

    def __call__(self, done: int, total: int, name: str) -> None:
        line = escape(f"{done:,}/{total:,}  {name}")
        if self._out.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{line[:width]}", end="", file=self._out, flush=True)
            self._is_open = True
        elif (total, done * 10 // total) != self._tenth:
            self._tenth = (total, done * 10 // total)
            print(line, file=self._out, flush=True)

    def end(self) -> None:
        """Take the line away."""
        if self._is_open:
            print("\r\x1b[K", end="", file=self._out, flush=True)


def _tell(added: Added) -> int:
    """Print what came of it, and return the exit status."""
    for word, sources in (("added", added.new), ("replaced", added.replaced)):
        for source in sources:
            say(f"{word:9}  {source}")
    for source, same in added.unchanged:
        say(f"unchanged  {source}" + ("" if same == source else f": there already as {same}"))
    for source, note in added.notes:
        say(f"note       {source}: {note}")
    for source, reason in added.skipped:
        say(f"skipped    {source}: {reason}", sys.stderr)
    totals = (
        count(len(added.new), "document") + " added", f"{len(added.replaced)} replaced",
        f"{len(added.unchanged)} unchanged", f"{len(added.skipped)} skipped", count(added.pieces, "piece"),
    )  # fmt: skip
    say(", ".join(totals))
    if added.fault:
        say(f"aegis-tui: {added.fault}; `aegis-tui knowledge embed` goes on there", sys.stderr)
    if added.skipped and not (added.new or added.replaced or added.unchanged):
        return 2
    return 1 if added.fault else 0
