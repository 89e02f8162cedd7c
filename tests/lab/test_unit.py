"""The units under a real systemd: what they take away from the program is nothing that it needs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.lab import attacks
from tests.lab.box import Box, why_not
from tests.lab.lab import INTRUDER, VISITOR, Lab, missing_tools
from tests.lab.terminal import answer

pytestmark = [
    pytest.mark.root,
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools()), reason=f"the lab needs {', '.join(missing_tools())}"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
UNIT = "aegis-tui"


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what comes within half a minute."""
    for _ in range(150):
        if holds():
            return
        time.sleep(0.2)
    pytest.fail(f"never came: {what}")


def blocks_by_xdp(box: Box) -> bool:
    """Whether the unit runs, and says that the kernel's program would drop."""
    return "blocking by XDP native" in box.run("systemctl", "status", "aegis-tui")


def active(box: Box) -> bool:
    return box.run("systemctl", "is-active", "aegis-tui") == "active\n"


def process(box: Box) -> str:
    return box.run("systemctl", "show", "--property=MainPID", "aegis-tui")


def result(box: Box) -> str:
    """Return how the unit ended, whether it waits for another start, and how often it was started again."""
    shown = box.run("systemctl", "show", "--property=ActiveState,ExecMainStatus,NRestarts", "aegis-tui")
    return " ".join(sorted(shown.split()))


def journal(box: Box) -> str:
    return box.run("journalctl", "--unit=aegis-tui", "--output=cat", "--no-pager")


def approve_the_first(box: Box) -> None:
    """Answer the question on a terminal."""
    until(lambda: "P-1" in box.ask("proposals", "list"), "a proposal")
    status, said = answer(box.aegis("proposals", "approve", "P-1"), b"[y/N]", b"y\n")
    assert (status, "/32 is live: " in said) == (0, True), said


def test_what_a_person_approved_outlives_whatever_systemd_does(lab: Lab) -> None:
    disk = lab.home / "box"
    with Box(disk, lab.inside) as box:
        until(lambda: blocks_by_xdp(box), "XDP")
        assert answer(box.aegis("blocks", "keep"), b"\0", b"")[0] == 0
        attacks.log4shell(lab)
        approve_the_first(box)
        box.run("systemctl", "restart", "aegis-tui")
        assert (lab.reaches(INTRUDER), lab.reaches(VISITOR)) == (False, True)
        killed = process(box)
        box.run("systemctl", "kill", "--signal=KILL", "aegis-tui")
        until(lambda: process(box) not in (killed, "MainPID=0\n") and active(box), "a new process")
        assert (lab.reaches(INTRUDER), lab.reaches(VISITOR)) == (False, True)
        box.run("systemctl", "stop", "aegis-tui")
        assert not lab.reaches(INTRUDER)
        assert re.search(r" stop .*\n.* export .*\n\Z", box.ask("audit", "export"))
    with Box(disk, lab.inside) as booted_again:
        until(lambda: blocks_by_xdp(booted_again), "XDP")
        assert (lab.reaches(INTRUDER), lab.reaches(VISITOR)) == (False, True)


def test_what_a_person_has_to_mend_is_said_and_not_tried_again(lab: Lab) -> None:
    settings = lab.home / "box" / "etc" / "aegis" / "config.toml"
    with Box(lab.home / "box", lab.inside) as box:
        until(lambda: active(box), "the unit")
        right = settings.read_text(encoding="ascii")
        settings.write_text(f"{right}threshold = 7\n", encoding="ascii")
        box.run("systemctl", "restart", "aegis-tui")
        until(lambda: result(box) == "ActiveState=failed ExecMainStatus=2 NRestarts=0", "an end that is the last")
        assert "config.toml: threshold must be from 0 to 1" in journal(box)
        settings.write_text(right, encoding="ascii")
        box.run("systemctl", "restart", "aegis-tui")
        assert active(box)


def test_an_interface_that_comes_late_is_waited_for_and_taken_up(lab: Lab) -> None:
    settings = lab.home / "box" / "etc" / "aegis" / "config.toml"
    with Box(lab.home / "box", lab.inside) as box:
        until(lambda: active(box), "the unit")
        settings.write_text('interface = ["late0"]\n', encoding="ascii")
        box.run("systemctl", "restart", "aegis-tui")
        until(
            lambda: bool(re.search("ExecMainStatus=1 NRestarts=[1-9]", result(box))), "another start after a failed one"
        )
        assert "there is no interface 'late0' here" in journal(box)
        ip = ["ip", "-n", lab.inside, "link"]
        subprocess.run([*ip, "add", "late0", "type", "veth", "peer", "name", "late1"], check=True)
        subprocess.run([*ip, "set", "late0", "up"], check=True)
        until(lambda: "watching late0; a console: sudo aegis-tui attach" in journal(box), "the interface")
