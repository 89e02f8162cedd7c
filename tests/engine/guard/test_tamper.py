"""Whoever edits the database of a stopped guard is found out by the command that checks it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import paths
from tests.engine.guard.host import BAD, OTHER, Host, ask, block

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

LAUNCHER = "import sys; from aegis_tui.cli import main; sys.exit(main())"
AT_A_DESK = (
    "mount -t tmpfs tt /var/lib && mount -t tmpfs tt /run && mount -t bpf tt /sys/fs/bpf && mkdir /var/lib/aegis"
    ' && mount --bind "$0" /var/lib/aegis && exec "$@"'
)
"""What the command finds at its usual places is the state under test, and nothing else."""
SWAP = (
    "UPDATE audit SET seq = -1 WHERE seq = {0}",
    "UPDATE audit SET seq = {0} WHERE seq = {1}",
    "UPDATE audit SET seq = {1} WHERE seq = -1",
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state of a guard that lived: a block, a refusal, a removal, an allowed address, and its end."""
    host = Host(tmp_path_factory.mktemp("tamper"))
    guard = host.start()
    block(guard)
    guard.refuse(ask(guard, f"{OTHER}/32").id)
    guard.remove(BAD)
    guard.allow("198.18.0.1", "a customer")
    guard.close()
    yield host.state
    host.close()


@pytest.fixture
def state(lived: Path, tmp_path: Path) -> Path:
    """A copy of that state, to be spoilt."""
    shutil.copytree(lived, tmp_path / "state")
    return tmp_path / "state"


def verify(state: Path) -> tuple[int, str]:
    """Return the exit status of ``aegis-tui audit verify`` on a state, and what it said."""
    command = ["unshare", "--mount", "--net", "sh", "-c", AT_A_DESK, str(state)]
    command += [sys.executable, "-P", "-c", LAUNCHER, "audit", "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=paths.ROOT)
    return done.returncode, done.stdout + done.stderr


def change(state: Path, *statements: str) -> None:
    """Change the database as whoever has a shell of root's could, with plain SQLite."""
    db = sqlite3.connect(state / "guard.db")
    with db:
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
    db.close()


def seq(state: Path, kind: str) -> int:
    """Return the number of the first entry of a kind."""
    db = sqlite3.connect(state / "guard.db")
    [number] = db.execute("SELECT MIN(seq) FROM audit WHERE kind = ?", (kind,)).fetchone()
    db.close()
    assert number, kind
    return int(number)


def test_the_state_of_a_guard_that_lived_is_whole(state: Path) -> None:
    status, said = verify(state)
    assert (status, "chain whole" in said) == (0, True), said


def test_an_edit_is_found(state: Path) -> None:
    number = seq(state, "approve")
    change(state, f"UPDATE audit SET body = replace(body, '{BAD}', '{OTHER}') WHERE seq = {number}")
    status, said = verify(state)
    assert (status, f"entry {number} was edited" in said) == (1, True), said


def test_a_deletion_is_found(state: Path) -> None:
    number = seq(state, "refuse")
    change(state, f"DELETE FROM audit WHERE seq = {number}")
    status, said = verify(state)
    assert (status, f"entries {number} to {number} are missing" in said) == (1, True), said


def test_a_truncation_is_found_even_by_a_guard_that_went_on_writing(state: Path) -> None:
    number = seq(state, "removed")
    change(state, f"DELETE FROM audit WHERE seq >= {number}")
    for _ in range(2):
        status, said = verify(state)
        assert (status, f"entries {number} to " in said) == (1, True), said


def test_a_reorder_is_found(state: Path) -> None:
    first, second = seq(state, "approve"), seq(state, "removed")
    change(state, *(step.format(first, second) for step in SWAP))
    status, said = verify(state)
    assert (status, f"entry {first} was edited, moved" in said) == (1, True), said


def test_a_forgery_is_found(state: Path) -> None:
    change(
        state,
        "INSERT INTO audit SELECT (SELECT MAX(seq) + 1 FROM audit), at + 60, kind, body, mac FROM audit"
        " WHERE kind = 'approve'",
    )
    status, said = verify(state)
    assert (status, "forged" in said) == (1, True), said
