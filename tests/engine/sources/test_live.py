"""Tests of live capture, on interfaces inside a network namespace of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import os, socket, subprocess, threading, time
from engine.sources.live import LivePcap
from engine.sources.pcapfile import CaptureError

def ip(*words):
    subprocess.run(["ip", *words], check=True)

def send(count, size=10):
    for _ in range(count):
        try:
            out.sendto(b"x" * size, ("10.99.0.2", 9))
        except OSError:
            pass

def collect(batches, count, seconds=5):
    frames, end = [], time.monotonic() + seconds
    while len(frames) < count and time.monotonic() < end:
        frames += [one for one in next(batches) if one.data[12:14] == b"\\x08\\x00"]
    return len(frames)

def wire():
    ip("link", "add", "flw0", "type", "veth", "peer", "name", "flw1")
    ip("addr", "add", "10.99.0.1/24", "dev", "flw0")
    ip("link", "set", "flw0", "up")
    ip("link", "set", "flw1", "up")
    neighbour()

def neighbour():
    ip("neigh", "replace", "10.99.0.2", "lladdr", "02:00:00:00:00:99", "dev", "flw0")

ip("link", "set", "lo", "up")
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
"""

root = pytest.mark.root
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="live capture in a network namespace needs root")


def inside_namespace(script: str) -> str:
    """Run the script in a network namespace that dies with it; return what it prints."""
    run = subprocess.run(
        ["unshare", "--net", sys.executable, "-W", "error", "-c", PRELUDE + script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@root
@needs_root
def test_every_frame_is_delivered_and_counted_and_privileges_may_be_dropped() -> None:
    printed = inside_namespace("""
wire()
live = LivePcap("flw0")
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
send(500)
batches = live.batches()
got = collect(batches, 500)
seen, dropped = live.stats()
print(live.capture, got, seen >= 500, dropped)
live.stop()
print(list(batches), live.stats()[0] >= 500)
""")
    assert printed == "Capture(name='flw0', linktype=1) 500 True 0\n[] True"


@root
@needs_root
def test_kernel_drops_are_counted() -> None:
    printed = inside_namespace("""
wire()
live = LivePcap("flw0", buffer_bytes=1 << 18)
send(3000, 1200)
batches = live.batches()
got = collect(batches, 3000, seconds=1)
seen, dropped = live.stats()
print(0 < got < 3000, dropped > 0, seen - dropped - got < 50)
live.stop()
""")
    assert printed == "True True True"


@root
@needs_root
def test_loopback_frames_are_seen_once_and_counted_once() -> None:
    printed = inside_namespace("""
live = LivePcap("lo")
batches = live.batches()
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind(("127.0.0.1", 9))
for _ in range(50):
    out.sendto(b"x", ("127.0.0.1", 9))
print(collect(batches, 50), collect(batches, 1, seconds=0.3), live.stats())
live.stop()
sink.close()
""")
    assert printed == "50 0 (50, 0)"


@root
@needs_root
def test_an_idle_interface_yields_empty_batches_and_stop_ends_it_from_another_thread() -> None:
    printed = inside_namespace("""
live = LivePcap("lo", promiscuous=True)
started = time.monotonic()
empties = 0
threading.Timer(0.55, live.stop).start()
for batch in live.batches():
    empties += not batch
print(empties >= 5, time.monotonic() - started < 1.5)
""")
    assert printed == "True True"


@root
@needs_root
def test_an_interface_may_go_down_and_come_up_again() -> None:
    printed = inside_namespace("""
wire()
live = LivePcap("flw0")
batches = live.batches()
send(10)
before = collect(batches, 10)
ip("link", "set", "flw0", "down")
quiet = collect(batches, 1, seconds=0.5)
ip("link", "set", "flw0", "up")
neighbour()
send(10)
print(before, quiet, collect(batches, 10))
live.stop()
""")
    assert printed == "10 0 10"


@root
@needs_root
def test_an_interface_that_is_removed_ends_the_capture_with_a_reason() -> None:
    printed = inside_namespace("""
wire()
live = LivePcap("flw0")
batches = live.batches()
next(batches)
ip("link", "del", "flw0")
try:
    collect(batches, 1)
except CaptureError as error:
    print(error)
""")
    assert printed == "cannot read capture flw0: The interface disappeared"


@root
@needs_root
def test_an_interface_that_is_not_there_is_refused() -> None:
    printed = inside_namespace("""
try:
    LivePcap("flw9")
except CaptureError as error:
    print(error)
LivePcap("lo").stop()
""")
    assert printed.startswith("cannot read capture flw9: ")
    assert "No such device" in printed


@pytest.mark.skipif(os.geteuid() == 0, reason="shows what a plain user is told")
def test_a_plain_user_is_told_that_permission_is_missing() -> None:
    from engine.sources.live import LivePcap
    from engine.sources.pcapfile import CaptureError

    with pytest.raises(CaptureError, match=r"(?i)permi|CAP_NET_RAW"):
        LivePcap("lo")
