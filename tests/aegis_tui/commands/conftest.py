"""A guard that the commands find, and a person at a terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aegis_tui.commands import guarded
from engine.guard.client import GuardClient
from tests.engine.bench import GuardThread, guarding

Types = Callable[..., None]


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


@pytest.fixture
def answered_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Let the commands find this guard, as root."""

    def find(guard: object) -> None:
        monkeypatch.setattr(guarded, "connect", lambda: Line(guard))
        monkeypatch.setattr("os.geteuid", lambda: 0)

    return find


@pytest.fixture
def guard(tmp_path: Path, answered_by: Callable[[object], None]) -> Iterator[GuardThread]:
    """Run a guard with a map in memory that the commands find."""
    with guarding(tmp_path) as running:
        answered_by(client_of(running))
        yield running


def client_of(guard: GuardThread) -> GuardClient:
    """Return the client of a guard."""
    return asyncio.run(guard.door.ask(lambda client: client))


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Iterator[Types]:
    """Put a person at standard input, who types these lines ahead, and others when they are ``asked`` for them."""
    with ExitStack() as ends:

        def type_lines(*lines: str, asked: Mapping[str, str] | None = None) -> None:
            master, slave = os.openpty()
            ends.callback(os.close, master)
            monkeypatch.setattr("sys.stdin", ends.enter_context(open(slave, encoding="utf-8")))  # noqa: PTH123
            os.write(master, "".join(f"{line}\n" for line in lines).encode())
            later, write = dict(asked or {}), sys.stdout.write

            def watched(text: str) -> int:
                for question in [question for question in later if question in text]:
                    os.write(master, f"{later.pop(question)}\n".encode())
                return write(text)

            monkeypatch.setattr(sys.stdout, "write", watched)

        yield type_lines


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Take the person and the terminal away."""
    monkeypatch.setattr("aegis_tui.commands.person.TERMINAL", tmp_path / "no-terminal")
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield
