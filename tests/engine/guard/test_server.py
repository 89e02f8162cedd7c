from __future__ import annotations

import itertools
import math
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import paths
from engine.guard import client, codec, messages, server
from engine.guard.guard import Channel, Guard
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


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: nobody else is let in")
def test_the_console_is_greeted_before_anybody_else_and_before_the_guard_ticks(tmp_path: Path) -> None:
    guard, path = Watched(due_s=()), tmp_path / "guard.sock"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with server.listen(path) as listener, ours, client.reach(path) as peer:
        loop = server.Server(cast(Guard, guard), listener, (theirs, AT_TERMINAL), stay=False)
        for end, packet in ((peer, b"last"), (ours, b"first")):
            end.send(packet)
        assert loop.greet()
        assert (ours.recv(codec.PACKET_BYTES), guard.ticks) == (b"answered", [])
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(codec.PACKET_BYTES)
        guard.end = ours.close
        loop.serve()
        assert peer.recv(codec.PACKET_BYTES) == b"answered"
        loop.close()


def test_a_console_that_goes_before_it_was_greeted_ends_the_guard(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with server.listen(tmp_path / "guard.sock") as listener:
        loop = server.Server(cast(Guard, Watched(due_s=())), listener, (theirs, AT_TERMINAL), stay=False)
        ours.close()
        assert not loop.greet()
        loop.close()


def test_a_guard_that_does_not_start_says_why() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(codec.encode(messages.Hello(), 4))
        server.decline(theirs, "this host is held by guard with PID 7")
        answer = messages.decode_reply(ours.recv(codec.PACKET_BYTES))
    assert answer == (messages.Refused("this host is held by guard with PID 7"), 4)


class Watched:
    """In a guard's place: notes when the loop ticks and looks again, and says when it wants to be woken."""

    def __init__(self, due_s: tuple[float, ...], most: int = 3) -> None:
        self.began, self._due_s, self._most = monotonic(), due_s, most
        self.ticks: list[float] = []
        self.looks: list[float] = []
        self.end: Callable[[], None] = lambda: None

    def due_in(self) -> float:
        due = self._due_s[len(self.ticks)] if len(self.ticks) < len(self._due_s) else math.inf
        return self.began + due - monotonic()

    def tick(self) -> None:
        self.ticks.append(monotonic() - self.began)
        if len(self.ticks) == self._most:
            self.end()

    def look_again(self) -> None:
        self.looks.append(monotonic() - self.began)

    def answer(self, packet: bytes, channel: Channel) -> bytes:
        del channel
        if packet == b"last":
            self.end()
        return b"answered"

    def stop(self, why: str) -> None:
        assert why


def serve(guard: Watched, path: Path, command: str = "", seconds: float = 0.0) -> None:
    """Run the loop until the guard or the time ends it, and a command beside it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    guard.end = ours.close
    with server.listen(path) as listener:
        loop = server.Server(cast(Guard, guard), listener, (theirs, AT_TERMINAL), stay=False)
        timers = [threading.Timer(seconds, guard.end)] if seconds else []
        if command:
            timers.append(threading.Timer(0.1, lambda: subprocess.run(["sh", "-c", command], check=True, timeout=30)))
        for timer in timers:
            timer.start()
        loop.serve()
        for timer in timers:
            timer.join()
        loop.close()


def test_the_loop_wakes_when_the_guard_has_something_due(tmp_path: Path) -> None:
    guard = Watched(due_s=(0.05, 0.5, 0.9))
    serve(guard, tmp_path / "guard.sock")
    late = [at - due for at, due in zip(guard.ticks, (0.05, 0.5, 0.9), strict=True)]
    assert 0 <= min(late) <= max(late) < 0.4


def test_what_stays_due_does_not_make_the_loop_busy(tmp_path: Path) -> None:
    guard = Watched(due_s=(-1.0,) * 4, most=4)
    serve(guard, tmp_path / "guard.sock")
    assert min(later - sooner for sooner, later in itertools.pairwise(guard.ticks)) >= server.AGAIN_S - 0.01


CHANGING = """
import sys
from pathlib import Path
from tests.engine.guard.test_server import Watched, serve

guard = Watched(due_s=())
serve(guard, Path(sys.argv[1]), sys.argv[2], seconds=1.3)
print(*(round(at, 3) for at in guard.looks))
"""


def looks(path: Path, command: str) -> list[float]:
    """Seconds at which a loop in a network of its own looked again; the command starts after 0.1 s."""
    told = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", CHANGING, str(path), command],
        capture_output=True, text=True, check=True, timeout=30, cwd=paths.ROOT,
    )  # fmt: skip
    return [float(at) for at in told.stdout.split()]


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")


@pytest.mark.root
@needs_root
def test_an_address_that_changes_is_looked_at_within_a_second(tmp_path: Path) -> None:
    seen = looks(tmp_path / "guard.sock", "ip addr add 192.0.2.9/32 dev lo")
    assert len(seen) == 1
    assert seen[0] < 1.0


@pytest.mark.root
@needs_root
def test_a_flapping_interface_is_looked_at_now_and_then_and_after_its_last_change(tmp_path: Path) -> None:
    flap = "for n in $(seq 60); do ip addr add 192.0.2.$n/32 dev lo; done"
    seen = looks(tmp_path / "guard.sock", flap)
    assert 2 <= len(seen) <= 8
    assert min(later - sooner for sooner, later in itertools.pairwise(seen)) >= server.LOOK_S - 0.01


@pytest.mark.root
@needs_root
def test_a_quiet_network_is_not_looked_at(tmp_path: Path) -> None:
    assert looks(tmp_path / "guard.sock", "true") == []
