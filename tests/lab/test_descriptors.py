"""What a live engine holds open cannot add, widen or lift a block: each descriptor is taken from it and tried."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.guard import layout
from tests.lab.lab import Lab, missing_tools
from tests.lab.test_live import Program, children
from tests.lab.wire import BPFFS

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(missing_tools()), reason=f"the lab needs {', '.join(missing_tools())}"),
]

SYS_BPF, SYS_PIDFD_GETFD = 321, 438
BPF_MAP_UPDATE_ELEM = 2
UNUSED_SLOT = struct.pack("=I", 3)
"""A slot of ``aegis_state`` that means nothing: writing a zero there changes nothing."""
NETLINK_NETFILTER = 12
_libc = ctypes.CDLL(None, use_errno=True)


class Held(NamedTuple):
    """A descriptor of another process."""

    target: str
    """What it is, as ``/proc/PID/fd`` names it."""
    map_name: str
    """Of a BPF map; empty for anything else."""
    writes: bool
    """Whether BPF_MAP_UPDATE_ELEM through it succeeds."""
    protocol: tuple[int, int] | None
    """Family and protocol of a socket."""


def held(pid: int) -> list[Held]:
    """Take every descriptor of a process and try to write a map through it."""
    found = []
    process = os.pidfd_open(pid)
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with taken(process, int(path.name)) as fd:
            if fd >= 0:
                target = str(Path(f"/proc/self/fd/{fd}").readlink())
                found.append(Held(target, _map_name(fd), _writes(fd), _protocol(fd, target)))
    os.close(process)
    return found


@contextmanager
def taken(process: int, number: int) -> Iterator[int]:
    """Have a copy of another process's descriptor for a moment; -1 when it is gone by now."""
    fd = _libc.syscall(SYS_PIDFD_GETFD, process, number, 0)
    yield fd
    if fd >= 0:
        os.close(fd)


def _map_name(fd: int) -> str:
    told = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    numbers = [line.split()[1] for line in told.splitlines() if line.startswith("map_id:")]
    if not numbers:
        return ""
    shown = subprocess.run(
        ["bpftool", "-j", "map", "show", "id", numbers[0]], capture_output=True, check=True, text=True
    )
    return shown.stdout.partition('"name":"')[2].partition('"')[0]


def _writes(fd: int) -> bool:
    """Write zeros through a descriptor: in the lab's own maps, at a key that means nothing in the state map."""
    key, value = ctypes.create_string_buffer(UNUSED_SLOT, 64), ctypes.create_string_buffer(1 << 16)
    attributes = struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
    return bool(_libc.syscall(SYS_BPF, BPF_MAP_UPDATE_ELEM, attributes, len(attributes)) == 0)


def _protocol(fd: int, target: str) -> tuple[int, int] | None:
    if not target.startswith("socket:"):
        return None
    with socket.socket(fileno=os.dup(fd)) as copy:
        family = copy.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)
        return family, copy.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Lab, int, int]]:
    """A live program at the desk: the lab, the engine's process and its guard's."""
    if os.geteuid() != 0:
        pytest.skip("root only")
    with Lab() as lab:
        program = Program(lab)
        try:
            program.wait_until_watching()
            [guard] = [pid for pid in children(program.process.pid) if b"engine.guard" in _command(pid)]
            yield lab, program.process.pid, guard
        finally:
            program.kill()


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_guard_holds_maps_that_can_be_written_through_its_descriptors(running: tuple[Lab, int, int]) -> None:
    """Without this the other tests could not fail."""
    mine = {each.map_name: each.writes for each in held(running[2]) if each.map_name}
    assert mine["aegis_state"]
    assert set(layout.MAPS) <= set(mine)


def test_the_engine_holds_no_descriptor_that_writes_a_map(running: tuple[Lab, int, int]) -> None:
    engine = held(running[1])
    assert len(engine) > 5
    assert [each for each in engine if each.writes] == []
    assert [each for each in engine if each.map_name in layout.MAPS and each.map_name != "aegis_counts"] == []
    assert [each for each in engine if each.target in ("anon_inode:bpf_link", "anon_inode:bpf-link")] == []


def test_the_engine_has_no_socket_of_netfilter(running: tuple[Lab, int, int]) -> None:
    sockets = [each.protocol for each in held(running[1]) if each.protocol]
    assert sockets
    assert (socket.AF_NETLINK, NETLINK_NETFILTER) not in sockets


def test_the_engine_can_neither_open_a_pinned_map_nor_the_guards_state(running: tuple[Lab, int, int]) -> None:
    lab, engine, _ = running
    status = Path(f"/proc/{engine}/status").read_text(encoding="ascii")
    told = dict(line.split(":\t", 1) for line in status.splitlines())
    assert [told[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs")] == ["0" * 16] * 3 + ["1"]
    uid = told["Uid"].split()[1]
    if uid == "0":
        pytest.skip("the engine's user cannot read the program here, so it stayed root without capabilities")
    drop = ["setpriv", f"--reuid={uid}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    for path in (f"{BPFFS}/aegis/aegis_block4", "/var/lib/aegis/guard.db", "/run/aegis/guard.sock"):
        there = subprocess.run(lab.desk("test", "-e", path), check=False, timeout=30).returncode
        opened = subprocess.run(lab.desk(*drop, "test", "-w", path), check=False, timeout=30).returncode
        assert (path, there, opened) == (path, 0, 1)
