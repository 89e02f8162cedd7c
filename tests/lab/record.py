"""Records the bundled demo: ``python -m tests.lab.record`` as root, from the project's folder."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from aegis_tui.commands.replay import DEMO, HOST_SUFFIX
from engine import paths
from tests.lab import attacks
from tests.lab.lab import VICTIM, Lab
from tests.lab.wire import IFACE

LENGTH_S = 10.5


def main() -> int:
    """Record the capture and the host's answers beside it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=DEMO)
    capture: Path = options.parse_args().out
    capture.parent.mkdir(parents=True, exist_ok=True)
    with Lab() as lab:
        answers = record(lab, capture)
    beside = capture.with_name(capture.stem + HOST_SUFFIX)
    content = {"local": [VICTIM], "answers": dict(sorted(answers.items()))}
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{capture}: {capture.stat().st_size} bytes; {beside}: {len(answers)} answers")
    return 0


def record(lab: Lab, capture: Path) -> dict[str, str]:
    """Run the schedule while tcpdump and the witness watch, and return the witness's answers."""
    assert lab.machine is not None
    machine = Path(f"/proc/{lab.machine.pid}/task/{lab.machine.pid}/children").read_text(encoding="ascii").split()[0]
    tcpdump = lab.start_inside(
        "tcpdump", "-i", IFACE, "-U", "-Z", "root", "-w", str(capture), "ip or arp", stderr=subprocess.PIPE
    )
    assert tcpdump.stderr is not None
    while "listening on" not in tcpdump.stderr.readline():
        pass
    own = ["nsenter", "--target", machine, "--mount", "--uts", "--pid"]
    look = [sys.executable, "-m", "tests.lab.witness", IFACE]
    witness = lab.start_inside(*own, *look, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
    assert witness.stdout is not None
    witness.stdout.readline()
    perform(lab)
    _inner(witness.pid)
    tcpdump.send_signal(signal.SIGINT)
    tcpdump.wait(10)
    told: dict[str, str] = json.loads(witness.stdout.read())
    return told


def perform(lab: Lab) -> None:
    """Begin everything at its time, with a visitor browsing throughout."""
    stop = threading.Event()
    running = [threading.Thread(target=attacks.browse, args=(lab, stop))]
    running[0].start()
    began = time.monotonic()
    for due, act in attacks.SCHEDULE:
        stop.wait(max(due - (time.monotonic() - began), 0))
        running.append(threading.Thread(target=act, args=(lab,)))
        running[-1].start()
    stop.wait(max(LENGTH_S - (time.monotonic() - began), 0))
    stop.set()
    for thread in running:
        thread.join()


def _inner(pid: int) -> None:
    """Ask the process that ``nsenter`` started in the machine's PID namespace to stop."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    for child in children:
        subprocess.run(["kill", "-TERM", child], check=True)


if __name__ == "__main__":
    sys.exit(main())
