"""A real daemon, and people at consoles attached to it: they see the same, one decides, and it outlives them all."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM

import pytest

from engine.paths import ROOT
from tests.lab import attacks
from tests.lab.lab import INTRUDER, VISITOR, Lab, missing_tools
from tests.lab.terminal import answer
from tests.lab.tmux import Terminal
from tests.lab.wire import IFACE

pytestmark = [
    pytest.mark.root,
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools("tmux")), reason=f"the lab needs {', '.join(missing_tools('tmux'))}"),
]
CONNECT = """
import socket, sys
try:
    socket.socket(socket.AF_UNIX).connect("/run/aegis/attach.sock")
except OSError as error:
    sys.exit(str(error))
"""


class Daemon:
    """The daemon at the desk."""

    def __init__(self, lab: Lab, *confined: str, asked: Sequence[str] = (IFACE,), watched: str = IFACE) -> None:
        enter, program = lab.desk(), lab.aegis("daemon", *(word for iface in asked for word in ("--iface", iface)))
        command = [*enter, *confined, *program[len(enter) :]]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said == f"watching {watched}; a console: sudo aegis-tui attach\n"

    def lives(self) -> bool:
        return self.process.poll() is None

    def guard(self) -> int:
        """Return the process of its guard, the first child it had."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text(encoding="ascii").split()[0])

    def stop(self) -> int:
        """Tell it to stop, and return its exit status."""
        if self.lives():
            self.process.terminate()
        status = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def daemon(lab: Lab) -> Iterator[Daemon]:
    made = Daemon(lab)
    yield made
    made.stop()


Attach = Callable[..., Terminal]


@pytest.fixture
def attach(lab: Lab) -> Iterator[Attach]:
    """Return what attaches a console in a terminal of its own."""
    made: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        made.append(Terminal(*lab.aegis(*arguments)))
        made[-1].wait_for(IFACE)
        return made[-1]

    yield start
    for terminal in made:
        terminal.close()


def approve(terminal: Terminal) -> None:
    """Block what the proposal on the screen is about."""
    terminal.press("b")
    terminal.wait_for(f"Block {INTRUDER}/32")
    terminal.choose("Watch 30 s first", "Block")
    terminal.wait_for("live, read back")
    terminal.press("Enter")


def test_both_consoles_see_an_attack_and_the_one_that_took_over_blocks_it(
    lab: Lab, daemon: Daemon, attach: Attach
) -> None:
    first, second = attach(), attach("attach")
    second.wait_for("watching")
    first.wait_for("deciding")
    first.press("j")
    first.wait_for(f"{IFACE} kept")
    attacks.log4shell(lab)
    for terminal in (first, second):
        terminal.wait_for(INTRUDER)
        terminal.wait_for("P-1")
    second.press("b")
    second.wait_for("this console watches: .* decides; D takes over")
    assert lab.reaches(INTRUDER)

    second.press("D")
    second.wait_for("will only watch")
    second.press("y")
    first.wait_for("watching")
    approve(second)
    assert not lab.reaches(INTRUDER)
    assert lab.reaches(VISITOR)
    first.wait_for("1 block")

    os.kill(second.pid, signal.SIGKILL)
    first.wait_for("watching: nobody decides")
    first.press("D")
    first.wait_for("nobody decides now")
    first.press("y")
    first.wait_for("decides from now on")
    assert daemon.lives()
    assert not lab.reaches(INTRUDER)
    first.close()
    third = attach()
    third.wait_for("deciding|1 block")
    assert daemon.lives()
    assert not lab.reaches(INTRUDER)


def test_a_console_attaches_again_when_the_daemon_was_started_anew(lab: Lab, daemon: Daemon, attach: Attach) -> None:
    console = attach()
    attacks.log4shell(lab)
    console.wait_for("P-1")
    approve(console)
    assert daemon.stop() == 0
    console.wait_for("STALE")
    assert not lab.reaches(INTRUDER)
    again = Daemon(lab)
    try:
        console.wait_until_gone("STALE")
        console.wait_for("1 block")
        console.press("3")
        console.wait_for(f"{INTRUDER}/32")
        console.press("u")
        console.wait_for("pass again")
        console.press("y")
        console.wait_for("passes again")
        assert lab.reaches(INTRUDER)
    finally:
        again.stop()


def test_the_daemon_outlives_a_hang_up_and_ends_cleanly_when_told(lab: Lab, daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGHUP)
    assert lab.reaches(VISITOR)
    assert daemon.lives()
    assert daemon.stop() == 0


def test_its_guard_has_noted_the_end_before_it_ends_itself(lab: Lab, daemon: Daemon) -> None:
    guard = daemon.guard()
    assert daemon.stop() == 0
    assert not Path(f"/proc/{guard}").exists()
    noted = subprocess.run(lab.aegis("audit", "export"), capture_output=True, text=True, check=True).stdout
    assert re.search(r" stop .*\n.* export .*\n\Z", noted), noted


def test_a_block_from_another_terminal_knows_that_the_attacker_is_not_forged(lab: Lab, daemon: Daemon) -> None:
    attacks.log4shell(lab)
    until = time.monotonic() + 30
    while INTRUDER not in subprocess.run(lab.aegis("incidents"), capture_output=True, text=True, check=True).stdout:
        assert time.monotonic() < until, "no incident is stored"
    status, said = answer(lab.aegis("blocks", "add", INTRUDER, "--for", "10m"), b"[y/N] ", b"y\n")
    assert (status, f"{INTRUDER} completed a TCP handshake here" in said) == (0, True), said
    assert not lab.reaches(INTRUDER)


def test_a_block_that_a_command_removes_is_told_in_the_timeline_of_its_incident(
    lab: Lab, daemon: Daemon, attach: Attach
) -> None:
    attacks.log4shell(lab)
    asked = lab.aegis("proposals", "approve", "P-1")
    until = time.monotonic() + 30
    while (done := answer(asked, b"[y/N]", b"y\n"))[0]:
        assert time.monotonic() < until, done
    attach().wait_for("1 block")  # the engine has read it back
    assert answer(lab.aegis("blocks", "remove", INTRUDER), b"\0", b"")[0] == 0
    incident = _incidents(lab, INTRUDER).split()
    (incident_id,) = (word for word in incident if word.startswith("INC-"))
    until = time.monotonic() + 30
    while "removed the block of" not in (told := _shown(lab, incident_id)):
        assert time.monotonic() < until, told
    assert re.search(rf"removed the block of {INTRUDER}/32, by \S+ on pts/\d+", told), told


def test_an_incident_is_found_by_the_process_that_the_host_named_behind_it(lab: Lab, daemon: Daemon) -> None:
    attacks.log4shell(lab)
    until = time.monotonic() + 30
    while INTRUDER not in (said := _incidents(lab, "proc:nginx user:root pid>1")):
        assert time.monotonic() < until, said
    assert _incidents(lab, "proc:no-such-program") == "no incident matches\n"


def _incidents(lab: Lab, words: str) -> str:
    asked = lab.aegis("incidents", "--filter", words)
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def _shown(lab: Lab, incident_id: str) -> str:
    return subprocess.run(lab.aegis("show", incident_id), capture_output=True, text=True, check=True).stdout


def test_a_stranger_cannot_connect(lab: Lab, daemon: Daemon) -> None:
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", sys.executable, "-c", CONNECT]
    refused = subprocess.run(lab.desk(*as_nobody), capture_output=True, text=True, check=False)
    assert (refused.returncode, "Permission denied" in refused.stderr) == (1, True)
    without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", CONNECT]
    assert subprocess.run(lab.desk(*without), check=False).returncode == 0


def test_a_second_engine_is_told_who_holds_the_host_and_offered_to_attach(lab: Lab, daemon: Daemon) -> None:
    status, said = answer(lab.aegis("--iface", IFACE), b"[Y/n]", b"n\n")
    assert (status, "held by a daemon (PID" in said, "sudo aegis-tui attach" in said) == (1, True, True), said
    for more in (("daemon",), ("--headless",)):
        other = subprocess.run(lab.aegis(*more, "--iface", IFACE), capture_output=True, text=True, check=False)
        assert (other.returncode, "held by a daemon" in other.stderr) == (1, True), other.stderr


def test_without_a_daemon_it_is_said_how_to_start_one(lab: Lab) -> None:
    status, said = answer(lab.aegis("attach"), b"\0", b"")
    assert (status, "systemctl start aegis-tui" in said, "--iface" in said) == (2, True, True), said


def test_what_the_unit_leaves_it_is_enough_to_watch_and_to_block(lab: Lab) -> None:
    unit = (ROOT / "install" / "aegis-tui.service").read_text(encoding="ascii")
    kept = [name.lower().removeprefix("cap_") for name in re.findall(r"\bCAP_\w+(?= |$)", unit, re.MULTILINE)]
    bounds = f"--bounding-set=-all,{','.join(f'+{name}' for name in dict.fromkeys(kept))}"
    confined = Daemon(lab, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "setpriv", "--no-new-privs", bounds)
    try:
        attacks.log4shell(lab)
        for _ in range(60):
            listed = subprocess.run(lab.aegis("proposals", "list"), capture_output=True, text=True, check=True).stdout
            if "P-1" in listed:
                break
            time.sleep(0.5)
        status, said = answer(lab.aegis("proposals", "approve", "P-1"), b"[y/N]", b"y\n")
        assert (status, "/32 is live: " in said) == (0, True), said
        assert not lab.reaches(INTRUDER)
        assert "XDP native" in subprocess.run(lab.aegis("doctor"), capture_output=True, text=True, check=False).stdout
    finally:
        assert confined.stop() == 0


@contextmanager
def service_manager() -> Iterator[tuple[str, socket.socket]]:
    """Give a place to tell of a service, and the socket that hears of it."""
    with tempfile.TemporaryDirectory(prefix="aegis-notify-") as folder, socket.socket(AF_UNIX, SOCK_DGRAM) as manager:
        Path(folder).chmod(0o755)
        manager.bind(f"{folder}/notify")
        Path(folder, "notify").chmod(0o777)
        manager.settimeout(20)
        yield f"{folder}/notify", manager


def test_under_a_service_manager_it_says_when_it_is_ready_and_ends_when_its_guard_is_gone(lab: Lab) -> None:
    with service_manager() as (place, manager):
        supervised = Daemon(lab, "env", f"NOTIFY_SOCKET={place}", "WATCHDOG_USEC=3000000")
        assert manager.recv(500) == b"READY=1"
        assert manager.recv(500).startswith(b"WATCHDOG=1\nSTATUS=")
        os.kill(supervised.guard(), signal.SIGKILL)
        assert supervised.process.wait(20) == 1
        assert supervised.process.stdout is not None
        assert "guard: the guard does not answer" in supervised.process.stdout.read()
        assert supervised.stop() == 1


def test_doctor_tells_of_the_daemon(lab: Lab, daemon: Daemon) -> None:
    told = subprocess.run(lab.aegis("doctor", "--iface", IFACE), capture_output=True, text=True, check=False).stdout
    assert f"process {daemon.process.pid}; a console at it: sudo aegis-tui" in told, told


def test_an_interface_that_is_missing_keeps_the_others_from_nothing_and_is_watched_once_it_comes(
    lab: Lab, attach: Attach
) -> None:
    ip = ["ip", "-n", lab.inside, "link"]
    both = (IFACE, "later0")
    assert "later0 does not exist" in _examined(lab, "later0")
    with service_manager() as (place, _):
        first = Daemon(lab, "env", f"NOTIFY_SOCKET={place}", asked=both)
        try:
            console = attach()
            console.press("5")
            console.wait_for("later0 is not watched: No such device exists")
            attacks.log4shell(lab)
            console.wait_for("1 open")
            subprocess.run([*ip, "add", "later0", "type", "veth", "peer", "name", "later1"], check=True)
            assert re.search(r"later0: down, .*; nothing is seen of it", _examined(lab, "later0"))
            assert first.lives()
            subprocess.run([*ip, "set", "later0", "up"], check=True)
            assert first.process.wait(20) == 1
            assert first.process.stdout is not None
            said = first.process.stdout.read()
            assert "interface: later0 is not watched: No such device exists\n" in said
            assert "interface: later0 is up; starting again to watch it\n" in said
        finally:
            first.stop()
    assert Daemon(lab, asked=both, watched="eth0 later0").stop() == 0


def test_a_link_that_is_lost_is_told_and_no_reason_to_start_again(lab: Lab, attach: Attach) -> None:
    ip = ["ip", "-n", lab.inside, "link"]
    subprocess.run([*ip, "add", "spare0", "type", "veth", "peer", "name", "spare1"], check=True)
    for iface in ("spare0", "spare1"):
        subprocess.run([*ip, "set", iface, "up"], check=True)
    with service_manager() as (place, _):
        daemon = Daemon(lab, "env", f"NOTIFY_SOCKET={place}", asked=(IFACE, "spare0"), watched=f"{IFACE} spare0")
        try:
            console = attach()
            console.press("5")
            console.wait_for("No faults")
            subprocess.run([*ip, "set", "spare0", "down"], check=True)
            console.wait_for("spare0 is down since")
            console.wait_for("ip link set spare0 up")
            subprocess.run([*ip, "set", "spare0", "up"], check=True)
            console.wait_for("No faults")
            subprocess.run([*ip, "set", "spare1", "down"], check=True)
            console.wait_for("spare0 has no carrier since")
            assert daemon.lives()
            attacks.log4shell(lab)
            console.wait_for("1 open")
            daemon.process.terminate()
            assert daemon.process.wait(20) == 0
            assert daemon.process.stdout is not None
            said = daemon.process.stdout.read()
        finally:
            daemon.stop()
    told = re.findall(r"^interface: (.*?)(?: since .*)?$", said, re.MULTILINE)
    assert told == ["spare0 is down", "works again", "spare0 has no carrier"]


def _examined(lab: Lab, iface: str) -> str:
    asked = lab.aegis("doctor", "--iface", iface)
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def test_where_none_of_its_interfaces_is_up_it_is_refused_with_a_status_that_systemd_tries_again(lab: Lab) -> None:
    subprocess.run(
        ["ip", "-n", lab.inside, "link", "add", "down0", "type", "veth", "peer", "name", "down1"], check=True
    )
    for iface, why in (("down0", "cannot read capture down0: That device is not up"), ("no0", "there is no interface")):
        refused = subprocess.run(lab.aegis("daemon", "--iface", iface), capture_output=True, text=True, check=False)
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr


def test_wrong_settings_are_refused_with_a_status_that_systemd_does_not_try_again(lab: Lab) -> None:
    wrong = subprocess.run(
        lab.aegis("daemon", "--iface", IFACE, "--threshold", "7"), capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, "threshold must be from 0 to 1" in wrong.stderr) == (2, True), wrong.stderr


def test_it_ends_when_told_while_it_still_loads(lab: Lab, attach: Attach) -> None:
    with tempfile.TemporaryDirectory(prefix="aegis-model-") as folder:
        Path(folder).chmod(0o755)
        os.mkfifo(f"{folder}/model.json")  # who reads it waits for ever
        Path(folder, "model.json").chmod(0o644)
        daemon = Daemon(lab, "env", f"AEGIS_MODEL={folder}/model.onnx")
        guard = daemon.guard()
        try:
            attach().wait_for("reading what is stored")
        finally:
            assert daemon.stop() == 0
    assert not Path(f"/proc/{guard}").exists()
    noted = subprocess.run(lab.aegis("audit", "export"), capture_output=True, text=True, check=True).stdout
    assert re.search(r" stop .*\n.* export .*\n\Z", noted), noted
