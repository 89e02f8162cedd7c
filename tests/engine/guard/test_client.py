from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.guard import client
from engine.types import Terms

HEAVY = ("pydantic", "textual", "numpy", "psutil", "langgraph", "langchain", "onnxruntime", "asyncio")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the guard holds the host")


@pytest.mark.root
@needs_root
def test_a_spawned_guard_monitors_only_and_ends_with_its_client(tmp_path: Path) -> None:
    guard = client.spawn([], state=tmp_path / "state", socket_path=tmp_path / "run" / "g.sock", dataplane=False)
    assert guard.hello().dataplane == "monitor only: the data plane is switched off"
    proposal = guard.propose(Terms("INC-1", "203.0.113.9/32", 60.0, (), ""), "why", handshake=True)
    with pytest.raises(client.GuardError):
        guard.approve(proposal.id, guard.review(proposal.id).token)
    assert guard.process_facts(os.getpid()).pid == os.getpid()
    guard.close()
    assert guard.process is not None
    assert guard.process.returncode == 0


@pytest.mark.root
@needs_root
def test_a_guard_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(client.GuardError, match="others may write"):
        client.spawn([], state=tmp_path / "state", socket_path=tmp_path / "run" / "g.sock", dataplane=False)


def test_no_guard_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^cannot reach a guard at .*none\.sock: No such file or directory$"):
        client.connect(tmp_path / "none.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stopped:
        stopped.bind(str(tmp_path / "stopped.sock"))
    with pytest.raises(ConnectionRefusedError, match=r"^cannot reach a guard at .*: Connection refused$"):
        client.connect(tmp_path / "stopped.sock")


@pytest.mark.parametrize("read", [False, True], ids=["with what was asked unread", "with all read"])
def test_a_guard_that_goes_is_an_error_in_words(read: bool) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(b"asked before")
    if read:
        theirs.recv(100)
    theirs.close()
    with client.GuardClient(ours) as guard, pytest.raises(ConnectionResetError, match=r"^the guard is gone$"):
        guard.hello()


def test_the_guard_imports_nothing_heavy() -> None:
    code = "import sys, engine.guard.__main__, engine.guard.xdp, engine.guard.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert set(HEAVY) & set(done.stdout.split()) == set()
