"""The whole line on real traffic: exploit, alert, proposal, approval, drop, and what outlives the program."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import attacks
from tests.lab.lab import GUESSER, INTRUDER, SCANNER, VISITOR, Lab, missing_tools
from tests.lab.terminal import answer
from tests.lab.wire import BPFFS, IFACE

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(missing_tools()), reason=f"the lab needs {', '.join(missing_tools())}"),
]

SHORT_BLOCK = f"""
from engine.guard.client import spawn
from engine.types import Terms
with spawn(["{IFACE}"]) as guard:
    asked = guard.propose(Terms("", "{SCANNER}/32", 3.0, ("{IFACE}",), ""), "a short one", handshake=True)
    review = guard.review(asked.id)
    print(guard.approve(asked.id, review.token).state, flush=True)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("root only")
    with Lab() as made:
        yield made


class Program:
    """The program at the desk, headless, with the events it prints."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lines: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
        self.process = subprocess.Popen(
            lab.aegis("--iface", IFACE, "--headless", "--json", "--with", "flow"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, kind: str, timeout_s: float = 20) -> tuple[float, dict[str, Any]]:
        """Return the next event of a kind, and when it came."""
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            try:
                at, event = self._lines.get(timeout=left)
            except queue.Empty:
                break
            if event["type"] == kind:
                return at, event
        raise TimeoutError(f"no {kind} within {timeout_s} s")

    def wait_until_watching(self) -> None:
        """Send honest requests until the program tells of one."""
        for _ in range(40):
            assert self._lab.reaches(VISITOR)
            try:
                self.wait_for("flow", 0.5)
            except TimeoutError:
                continue
            return
        raise TimeoutError("the program sees no traffic")

    def kill(self) -> None:
        """End the program and its guard as a crash would."""
        for pid in (*children(self.process.pid), self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(15)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put((time.monotonic(), json.loads(line)))


def children(pid: int) -> list[int]:
    """Return the processes that any thread of a process started."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text(encoding="ascii").split()]


def blocks(lab: Lab) -> list[dict[str, Any]]:
    """Return what the command line tells of the kernel."""
    done = subprocess.run(lab.aegis("blocks", "list", "--json"), capture_output=True, text=True, check=True, timeout=30)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_approved_block_cuts_the_intruder_and_outlives_the_program(lab: Lab) -> None:
    program = Program(lab)
    try:
        program.wait_until_watching()
        began = time.monotonic()
        attacks.log4shell(lab)
        alerted, alert = program.wait_for("alert")
        proposed, proposal = program.wait_for("proposal")
        print(f"exploit to alert {alerted - began:.2f} s, to proposal {proposed - began:.2f} s")
        assert alert["target_ip"] == INTRUDER
        assert proposal["terms"]["prefix"] == f"{INTRUDER}/32"
        assert alerted - began < 3
        assert proposed - began < 10
        assert lab.reaches(INTRUDER)

        status, said = answer(lab.aegis("proposals", "approve", proposal["id"]), b"[y/N]", b"y\n")
        assert status == 0, said
        assert not lab.reaches(INTRUDER)
        assert lab.reaches(VISITOR)
        [block] = blocks(lab)
        assert (block["prefix"], block["state"]) == (f"{INTRUDER}/32", "live")
        assert block["packets"] > 0
    finally:
        program.kill()
    assert not lab.reaches(INTRUDER)
    assert lab.reaches(VISITOR)

    undone = subprocess.run(lab.aegis("blocks", "remove", INTRUDER), capture_output=True, text=True, check=False)
    assert undone.returncode == 0, undone.stderr
    assert lab.reaches(INTRUDER)

    checked = subprocess.run(lab.aegis("audit", "verify"), capture_output=True, text=True, check=False)
    chain, traces = checked.stdout.splitlines()
    assert (checked.returncode, chain.endswith("chain whole")) == (0, True), checked.stdout
    assert traces.endswith(" whole")


def test_a_block_ends_at_its_deadline_with_no_process_running(lab: Lab) -> None:
    began = time.monotonic()
    status, said = answer(lab.desk(sys.executable, "-P", "-c", SHORT_BLOCK), b"\0", b"")
    assert (status, "live" in said) == (0, True), said
    assert not lab.reaches(SCANNER)
    wait_until_it_reaches(lab, SCANNER)
    assert time.monotonic() - began > 3
    assert lab.reaches(VISITOR)


def wait_until_it_reaches(lab: Lab, address: str) -> None:
    """Wait for what the kernel does in its own time: an entry ends, or a link whose last pin is gone is freed."""
    began = time.monotonic()
    while not lab.reaches(address):
        assert time.monotonic() - began < 20


def block_by_hand(lab: Lab, address: str) -> None:
    """Block an address from the command line, as a person would."""
    asked = lab.aegis("blocks", "add", address, "--for", "10m", "--iface", IFACE)
    status, said = answer(asked, b": ", f"{address}\n".encode())
    assert status == 0, said
    assert not lab.reaches(address)


def test_what_the_unit_runs_restores_blocks_after_a_reboot(lab: Lab) -> None:
    block_by_hand(lab, GUESSER)
    subprocess.run(lab.desk("rm", "-rf", f"{BPFFS}/aegis"), check=True)
    wait_until_it_reaches(lab, GUESSER)
    restored = subprocess.run(
        lab.desk(sys.executable, "-I", "install/restore.py"), capture_output=True, text=True, check=False, timeout=60
    )
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.startswith(f"{GUESSER}/32 live on {IFACE}")
    assert not lab.reaches(GUESSER)
    subprocess.run(lab.aegis("blocks", "remove", GUESSER), check=True, capture_output=True)
    assert lab.reaches(GUESSER)


def test_panic_lets_everybody_pass_until_a_person_resumes(lab: Lab) -> None:
    block_by_hand(lab, GUESSER)
    subprocess.run(lab.aegis("panic-unblock"), check=True, capture_output=True)
    assert lab.reaches(GUESSER)
    status, said = answer(lab.aegis("blocks", "resume"), b"\0", b"")
    assert status == 0, said
