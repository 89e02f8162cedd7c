"""``ask``: a question about an incident or the knowledge, answered with sources."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aegis_tui.commands import stored
from aegis_tui.commands.account import ledger_of
from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import say
from engine import paths, wire
from engine.config import Settings
from engine.text import escape

if TYPE_CHECKING:
    from engine.agent.models import Endpoint
    from engine.agent.spending import Ledger
    from engine.knowledge import Knowledge
    from engine.types import IncidentView, Passage, SourcedAnswer

MOST_PASSAGES = 20
QUESTION_CHARACTERS = 1_000
EXCERPT = 200
"""Characters of a source that are printed for a person."""


def run(arguments: argparse.Namespace) -> int:
    """Print the answer to a question."""
    question = arguments.question.strip()
    if not 0 < len(question) <= QUESTION_CHARACTERS or not 1 <= arguments.k <= MOST_PASSAGES:
        msg = f"a question has 1 to {QUESTION_CHARACTERS} characters, and --k is 1 to {MOST_PASSAGES}"
        raise ValueError(msg)
    settings = effective(arguments).settings
    view = stored.incident_view(arguments, arguments.incident) if arguments.incident else None
    state = _give_up_privileges(arguments)
    found = _answer(question, view, settings, state, arguments)
    if arguments.json:
        say(json.dumps(wire.encode(found)), as_json=True)
        return 0
    for line in _lines(found, view):
        say(line)
    return 0


def _give_up_privileges(arguments: argparse.Namespace) -> Path:
    """Return the folder of the knowledge; root becomes the user whose folder it is, for good."""
    folder = paths.LIVE_DATABASE.parent
    is_root = os.geteuid() == 0 and getattr(arguments, "own_process", False)
    if not (is_root and folder.is_dir() and paths.LIVE_STATE.lstat().st_uid == 0):
        confine_to_home(arguments)
        return paths.user_state()
    from engine.privileges import confine  # noqa: PLC0415 - only root has any

    confine(folder.lstat().st_uid)
    return folder


def _answer(
    question: str, view: IncidentView | None, settings: Settings, state: Path, arguments: argparse.Namespace
) -> SourcedAnswer:
    from engine.agent.ask import answer, subject  # noqa: PLC0415 - after root's privileges are given up

    ledger = ledger_of(settings, state) if settings.openai_base_url or settings.openai_api_key else None
    with _knowledge(settings, state, ledger) as knowledge:
        passages: list[Passage] = knowledge.search(subject(question, view), arguments.k, arguments.base)
    endpoint = _endpoint(settings, ledger)
    if endpoint is not None and (reason := endpoint.gate.why_shut()):
        say(f"aegis-tui: {reason}", sys.stderr)
        endpoint = None
    found = asyncio.run(answer(question, view, passages, endpoint, secrets.token_hex(6)))
    if endpoint is not None and found.analyst != endpoint.name:
        say(f"aegis-tui: {endpoint.name} gave no usable answer; this one is made without it", sys.stderr)
    return found


def _endpoint(settings: Settings, ledger: Ledger | None) -> Endpoint | None:
    if ledger is None:
        return None
    from engine.agent.gate import Gate  # noqa: PLC0415 - only where there is one
    from engine.agent.models import Endpoint, choose  # noqa: PLC0415
    from engine.agent.prompts import Prompts  # noqa: PLC0415

    choice = choose(settings.model_name, settings.openai_base_url, settings.openai_api_key)
    prompts = Prompts(Path(settings.prompts) if settings.prompts else None)
    return Endpoint(choice, prompts, Gate(choice.name, ledger)) if choice else None


@contextmanager
def _knowledge(settings: Settings, state: Path, ledger: Ledger | None) -> Iterator[Knowledge]:
    """Open ATT&CK and the user's documents, and say what is wrong with them."""
    from engine.documents.opening import NAME, open_documents  # noqa: PLC0415 - heavy
    from engine.knowledge import Knowledge  # noqa: PLC0415 - heavy

    documents = open_documents(state / NAME, settings, account=ledger)
    try:
        knowledge = Knowledge(state / "knowledge.db", documents=documents)
        try:
            for told in (documents.fault, knowledge.backend if knowledge.backend.startswith("words only") else ""):
                if told:
                    say(f"aegis-tui: {told}", sys.stderr)
            yield knowledge
        finally:
            knowledge.close()
    finally:
        documents.close()


def _lines(found: SourcedAnswer, view: IncidentView | None) -> Iterator[str]:
    for claim in found.claims:
        ids = ", ".join((*claim.evidence_ids, *claim.knowledge_ids)) or "no source named"
        yield f"- {claim.text} [{ids}]{'' if claim.supported else ' UNSUPPORTED'}"
    if not found.claims:
        yield "nothing was found that answers it"
    if found.free_text:
        yield ""
        yield f"{found.analyst}, in its own words, not checked: {found.free_text}"
    yield ""
    yield from _sources(found, view)


def _sources(found: SourcedAnswer, view: IncidentView | None) -> Iterator[str]:
    """Yield what each id stands for."""
    named = dict.fromkeys(one for claim in found.claims for one in (*claim.evidence_ids, *claim.knowledge_ids))
    passages = {one.id: f"{one.title}; {one.source}" for one in found.passages}
    evidence = {one.id: f"{one.kind}: {one.summary}" for one in view.evidence} if view else {}
    for one in named:
        told = passages.get(one) or evidence.get(one)
        if told:
            yield f"{one:12}  {escape(told, limit=EXCERPT)}"
