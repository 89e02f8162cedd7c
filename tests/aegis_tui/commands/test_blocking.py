"""Proposals and blocks from another terminal, through a guard with a map in memory."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegis_tui.cli import main
from aegis_tui.commands import blocking
from engine.guard.client import GuardClient
from engine.guard.messages import Review
from engine.types import Proposal, ProposalState, Terms
from tests.engine.bench import GuardThread, guarding

PREFIX = "203.0.113.9/32"
HOSTILE = "\x1b[2J\x1b]0;pwned\x07\nforged"


class Line:
    """A line to the guard that outlasts a command."""

    def __init__(self, client: object) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        """Pass every question on."""
        return getattr(self.client, name)

    def __enter__(self) -> Line:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stay connected."""


class Terminal(io.StringIO):
    """Standard input with a person at it, who says yes."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GuardThread]:
    """Run a guard that the commands find, with a person at the terminal."""
    with guarding(tmp_path) as running:
        line = Line(_client(running))
        monkeypatch.setattr(blocking, "connect", lambda: line)
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr("sys.stdin", Terminal("y\n" * 5))
        yield running


def _client(guard: GuardThread) -> GuardClient:
    return asyncio.run(guard.door.ask(lambda client: client))


def _proposed(guard: GuardThread) -> str:
    terms = Terms("INC-00000001", PREFIX, 600.0, ("eth0",), "")
    return _client(guard).propose(terms, "why", handshake=True).id


def test_a_yes_blocks_and_says_how_to_undo_it(guard: GuardThread, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proposals", "approve", _proposed(guard)]) == 0
    assert list(guard.bench.blocker.map) == [PREFIX]
    assert f"to undo: aegis-tui blocks remove {PREFIX}" in capsys.readouterr().out


def test_a_yes_while_halted_ends_the_halt_and_blocks(guard: GuardThread, capsys: pytest.CaptureFixture[str]) -> None:
    proposal_id = _proposed(guard)
    guard.bench.blocker.halt()
    assert main(["proposals", "approve", proposal_id]) == 0
    assert "HALTED" in capsys.readouterr().out
    assert (guard.bench.blocker.halted, list(guard.bench.blocker.map)) == (False, [PREFIX])


def test_a_refused_approval_leaves_the_halt(guard: GuardThread, capsys: pytest.CaptureFixture[str]) -> None:
    proposal_id = _proposed(guard)
    guard.bench.blocker.halt()
    _client(guard).allow(PREFIX, "a friend")
    assert main(["proposals", "approve", proposal_id]) == 1
    assert "REFUSED" in capsys.readouterr().out
    assert guard.bench.blocker.halted


@pytest.mark.parametrize(("words", "restored"), [([], []), (["--restore"], [PREFIX])], ids=["alone", "with --restore"])
def test_resume_brings_blocks_back_only_when_told(guard: GuardThread, words: list[str], restored: list[str]) -> None:
    assert main(["proposals", "approve", _proposed(guard)]) == 0
    guard.bench.blocker.halt()
    assert main(["blocks", "resume", *words]) == 0
    assert (guard.bench.blocker.halted, list(guard.bench.blocker.map)) == (False, restored)


class HostileGuard:
    """A guard of another version that kept whatever it was told."""

    terms = Terms(HOSTILE, HOSTILE, 600.0, (HOSTILE,), "")
    proposal = Proposal(HOSTILE, terms, HOSTILE, 0.0, 9.2e12, ProposalState.PENDING, (HOSTILE,))

    def proposals(self) -> list[Proposal]:
        """Return one proposal."""
        return [self.proposal]

    def review(self, _: str) -> Review:
        """Return the same with a refusal."""
        return Review(self.proposal, "", (HOSTILE,))

    def refuse(self, _: str) -> str:
        """Return words."""
        return HOSTILE


@pytest.mark.parametrize("words", [["list"], ["show", "P-1"], ["refuse", "P-1"]], ids=lambda words: str(words[0]))
def test_whatever_the_guard_holds_is_printed_inert(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(blocking, "connect", lambda: Line(HostileGuard()))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert main(["proposals", *words]) == 0
    text = capsys.readouterr().out
    assert "pwned" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\nforged" not in text
