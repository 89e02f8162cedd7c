from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.guard import client, codec, messages, server
from tests.engine.guard.bench import AT_TERMINAL, Bench

Served = tuple[client.GuardClient, socket.socket, Bench, Path]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A guard in a thread of its own, which holds its database; it ends when the console hangs up."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = tmp_path / "guard.sock"
    benches: queue.Queue[Bench] = queue.Queue()

    def run() -> None:
        bench = Bench(tmp_path)
        with server.listen(path) as listener:
            loop = server.Server(bench.guard, listener, (theirs, AT_TERMINAL), stay=False)
            benches.put(bench)
            loop.serve()
            loop.close()
        bench.ledger.close()

    thread = threading.Thread(target=run)
    thread.start()
    asked = client.GuardClient(ours)
    yield asked, ours, benches.get(timeout=30), path
    asked.close()
    thread.join(30)
    assert not thread.is_alive()


def test_the_console_is_answered_and_its_end_ends_the_guard(served: Served) -> None:
    assert served[0].hello().dataplane == "XDP native"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: nobody else is let in")
def test_roots_socket_is_answered_but_may_not_approve_without_a_terminal(served: Served) -> None:
    with client.connect(served[3]) as peer:
        welcome = peer.hello()
    has_tty = bool(welcome.approver.tty)
    assert (welcome.approver.uid, welcome.may_approve) == (0, has_tty)
    assert served[3].stat().st_mode & 0o777 == 0o600


STRANGER = """
import os, socket, sys
from engine import privileges
from engine.guard import codec, messages
{become}
peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    peer.connect({path!r})
    peer.send(codec.encode(messages.Hello(), 1))
    print("answered" if peer.recv(codec.PACKET_BYTES) else "kept out")
except OSError as error:
    print("kept out")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize(
    ("become", "told"),
    [
        pytest.param("", "answered", id="root"),
        pytest.param("os.setuid(65534)", "kept out", id="nobody"),
        pytest.param("privileges._drop_capabilities()", "kept out", id="root without capabilities"),
    ],
)
def test_only_root_is_let_in(served: Served, become: str, told: str) -> None:
    code = STRANGER.format(become=become, path=str(served[3]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == told


def test_an_oversized_and_an_empty_packet_are_answered(served: Served) -> None:
    _, raw, _, _ = served
    raw.settimeout(10)
    for packet in (b"x" * (codec.PACKET_BYTES + 1), b""):
        raw.send(packet)
        reply, _ = messages.decode_reply(raw.recv(codec.PACKET_BYTES))
        assert isinstance(reply, messages.Refused)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.binary(max_size=2000))
def test_garbage_over_a_real_socket_is_answered_and_writes_nothing(served: Served, packet: bytes) -> None:
    _, raw, bench, _ = served
    raw.settimeout(10)
    raw.send(packet)
    reply, _ = messages.decode_reply(raw.recv(codec.PACKET_BYTES))
    assert isinstance(reply, messages.Refused)
    assert bench.blocker.writes == []


def test_a_late_answer_is_not_taken_for_the_next_one(served: Served) -> None:
    asked, raw, _, _ = served
    raw.send(codec.encode(messages.VerifyAudit(), 0))
    assert asked.hello().blocking


def test_a_signal_ends_the_loop(bench: Bench, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with server.listen(tmp_path / "guard.sock") as listener:
        loop = server.Server(bench.guard, listener, None, stay=True)
        loop.stop_on(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert loop.serve() == "told to stop"
        loop.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGUSR1, before)


def test_a_guard_that_does_not_start_says_why() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(codec.encode(messages.Hello(), 4))
        server.decline(theirs, "this host is held by guard with PID 7")
        answer = messages.decode_reply(ours.recv(codec.PACKET_BYTES))
    assert answer == (messages.Refused("this host is held by guard with PID 7"), 4)
