"""The console beside other programs that show what moves: start, processor time, bytes to the terminal, memory.

Run as root: ``python benchmarks/beside.py [long] [start|cost] [FOLDER...]``; FOLDERs hold further programs, such as
``bin`` of a virtual environment. Without ``long`` it looks at each program once or twice, which takes 4 minutes. Every
program watches the same wire at its own pace in a pseudo-terminal that answers as xterm does; they take turns, and each
figure is the median of its rounds. What is not installed is named and left out.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.terminal import usage
from benchmarks.terminal.pseudoterminal import ROOT, Terminal, environment
from tests.lab.wire import BPFFS, IFACE, Wire

SERVER, GATEWAY = "192.0.2.10", "192.0.2.1"
VISITORS = tuple(f"203.0.113.{number}" for number in range(1, 41))
START_SIZE, BETWEEN_S = (80, 24), 0.5
PARTS = ("start", "cost")
REQUESTS_PER_S = 1_000
SETTLED_S, LOADED_S, WARM_S = 3.0, 12.0, 4.0
"""From the first screen to the measurement; the same where models and an analyst load behind it; after a change."""
PATIENCE_S = 20.0
DAEMON = "aegis-tui attach"


class Length(NamedTuple):
    """How often and for how long each program is looked at."""

    starts: int
    rounds: int
    idle_s: float
    busy_s: float
    sizes: tuple[tuple[int, int], ...]


QUICK = Length(2, 1, 3.0, 4.0, ((160, 50),))
LONG = Length(7, 3, 6.0, 8.0, ((80, 24), (160, 50)))
"""Half an hour."""


class Program(NamedTuple):
    """What runs on the terminal."""

    name: str
    command: tuple[str, ...]
    frame: bytes
    """What its first whole screen is known by: words that stand at its lower edge."""
    every: str
    """How often it looks anew, as it comes."""
    asked: tuple[str, ...] = ("--version",)
    """What makes it tell its version."""


OTHERS = (
    Program("btop", ("btop",), rb"ignals", "2 s"),
    Program("htop", ("htop",), rb"F10|Quit", "1.5 s"),
    Program("iftop", ("iftop", "-n", "-N", "-P", "-i", IFACE), rb"TOTAL:", "2 s", ("-h",)),
    Program("nethogs", ("nethogs", IFACE), rb"TOTAL", "1 s", ("-V",)),
    Program("tcptrack", ("tcptrack", "-i", IFACE), rb"Connections ", "1 s", ("-v",)),
    Program("netshow", ("netshow",), rb"palette|[Qq]uit", "3 s"),
    Program("tl", ("tl", "access.log"), rb"[Hh]elp", "line"),
)


class Figures(NamedTuple):
    """What one program cost in one round, or the medians of all."""

    idle_cpu: float
    busy_cpu: float
    idle_sent: float
    busy_sent: float
    rss_mb: float
    idle_beside: float = 0.0
    busy_beside: float = 0.0
    """What the daemon took meanwhile."""


def main() -> int:
    """Take turns, and print the medians; returns 0 also where something is missing, for nothing is promised here."""
    if os.geteuid():
        print("left out: the wire takes root")
        return 0
    for package in ("aegis_tui", "engine"):  # as an installation does: what gave up root cannot
        compileall.compile_dir(ROOT / package, quiet=2)
    length = LONG if "long" in sys.argv[1:] else QUICK
    parts = [word for word in sys.argv[1:] if word in PARTS] or PARTS
    folders = [word for word in sys.argv[1:] if word not in (*PARTS, "long")]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ["PATH"], "/usr/sbin"])
    with Wire(f"beside{os.getpid()}", SERVER, GATEWAY, VISITORS) as wire, tempfile.TemporaryDirectory() as state:
        bench = Bench(wire, Path(state), length)
        programs = [*ours(wire), *(program for program in OTHERS if found(program))]
        if "start" in parts:
            report_starts(bench.starts(programs))
        for columns, rows in length.sizes if "cost" in parts else ():
            report(f"{columns}x{rows}", bench.rounds(programs, columns, rows))
        if "cost" in parts:
            print(f"{bench.requests_per_s():.0f} requests a second were answered while busy")
    return 0


def ours(wire: Wire) -> Iterator[Program]:
    """Yield the program in its two shapes: one of engine and console, and a console at a daemon."""
    yield Program("aegis-tui --iface", tuple(wire.aegis("--iface", IFACE)), rb"quit", "0.25 s")
    yield Program(DAEMON, tuple(wire.aegis("attach")), rb"quit", "0.25 s")


def found(program: Program) -> bool:
    """Whether a program is installed; says which version, or that it is missing."""
    if shutil.which(program.command[0]) is None:
        print(f"left out, for it is not installed: {program.name}", flush=True)
        return False
    told = subprocess.run([program.command[0], *program.asked], capture_output=True, text=True, check=False)
    version = re.search(r"\d+\.\d\S*", told.stdout + told.stderr)
    number = version[0].rstrip(",") if version else "?"
    print(f"{program.name} {number}, looks every {program.every}: {' '.join(program.command)}", flush=True)
    return True


class Start(NamedTuple):
    """How soon a program is there."""

    first_ms: float
    frame_ms: float
    cpu_ms: float
    """Processor time up to the whole screen, which other work on the machine lengthens least."""


class Bench:
    """The wire, its traffic, and a terminal for one program after the other."""

    def __init__(self, wire: Wire, state: Path, length: Length) -> None:
        self._wire, self._state, self._log, self._length = wire, state, state / "access.log", length
        self._answered: list[float] = []
        self._log.touch()
        state.chmod(0o711)
        play = [sys.executable, "-m", "benchmarks.terminal.traffic"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": ROOT}
        self._server = wire.start_inside(*play, "serve", SERVER, str(self._log), **pipes)
        _await_ready(self._server)
        self._visitors = wire.start_outside(*play, "visit", SERVER, *VISITORS, **pipes)
        _await_ready(self._visitors)

    def starts(self, programs: list[Program]) -> dict[str, Start]:
        """Return the medians of how soon each program shows something, and its whole first screen."""
        taken: dict[str, list[Start]] = {program.name: [] for program in programs}
        for _ in range(self._length.starts):
            for program in programs:
                with self._beside(program):
                    terminal = self._terminal(program, *START_SIZE)
                    frame_s = terminal.wait_for(program.frame, PATIENCE_S)
                    used_s = usage.cpu_s(usage.family(terminal.pid), with_ended=True)
                    first_s = terminal.first_at - terminal.began
                    taken[program.name].append(Start(first_s * 1000, frame_s * 1000, used_s * 1000))
                    terminal.end()
                    time.sleep(BETWEEN_S)
                self._forget_pins()
        return {name: Start(*map(statistics.median, zip(*each, strict=True))) for name, each in taken.items()}

    def rounds(self, programs: list[Program], columns: int, rows: int) -> dict[str, Figures]:
        """Return the medians of what each program cost."""
        taken: dict[str, list[Figures]] = {program.name: [] for program in programs}
        for number in range(self._length.rounds):
            for program in programs[number:] + programs[:number]:  # nobody is always first
                taken[program.name].append(self._round(program, columns, rows))
        return {name: Figures(*map(statistics.median, zip(*each, strict=True))) for name, each in taken.items()}

    def requests_per_s(self) -> float:
        """Return how many requests a second were really answered."""
        return statistics.median(self._answered)

    def _round(self, program: Program, columns: int, rows: int) -> Figures:
        os.truncate(self._log, 0)
        with self._beside(program) as beside:
            terminal = self._terminal(program, columns, rows)
            terminal.wait_for(program.frame, PATIENCE_S)
            terminal.pump(LOADED_S if program.name.startswith("aegis") else SETTLED_S)
            if program.name.startswith("aegis") and columns < 100:  # flows in sight, where one pane is shown at a time
                for key in "\t\t":
                    terminal.press(key)
                    terminal.pump(0.5)
            idle = _cost(terminal, beside, self._length.idle_s)
            self._ask(REQUESTS_PER_S)
            terminal.pump(WARM_S)
            before = self._lines()
            busy = _cost(terminal, beside, self._length.busy_s)
            self._answered.append((self._lines() - before) / self._length.busy_s)
            rss = usage.rss_mb(usage.family(terminal.pid))
            self._ask(0)
            terminal.end()
        self._forget_pins()
        return Figures(idle.cpu, busy.cpu, idle.sent, busy.sent, rss, idle.beside, busy.beside)

    def _terminal(self, program: Program, columns: int, rows: int) -> Terminal:
        command = list(program.command)
        if "nsenter" not in command:
            command = [word.replace("access.log", str(self._log)) for word in self._wire.desk(*command)]
        return Terminal(command, columns, rows, environment(str(self._state)))

    @contextmanager
    def _beside(self, program: Program) -> Iterator[int | None]:
        """Run the daemon while its console is measured."""
        if program.name != DAEMON:
            yield None
            return
        daemon = subprocess.Popen(
            self._wire.aegis("daemon", "--iface", IFACE),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(LOADED_S)
        try:
            yield daemon.pid
        finally:
            daemon.terminate()
            daemon.wait()

    def _ask(self, per_s: int) -> None:
        assert self._visitors.stdin is not None
        print(per_s, file=self._visitors.stdin, flush=True)

    def _lines(self) -> int:
        with self._log.open("rb") as log:
            return sum(1 for _ in log)

    def _forget_pins(self) -> None:
        """Let go of what a program left attached to the wire, or the next one's packets would pass through it."""
        again = f"umount {BPFFS} && mount -t bpf lab {BPFFS}"
        subprocess.run(self._wire.desk("sh", "-c", again), check=True)


class Cost(NamedTuple):
    """What was used in a while."""

    cpu: float
    """Share of a core in percent, of the program and all that it started."""
    sent: float
    """Bytes a second to the terminal."""
    beside: float


def _cost(terminal: Terminal, beside: int | None, seconds: float) -> Cost:
    def used() -> tuple[float, float]:
        others = 0.0 if beside is None else usage.cpu_s(usage.family(beside), with_ended=True)
        return usage.cpu_s(usage.family(terminal.pid), with_ended=True), others

    began, (own, others) = time.monotonic(), used()
    sent = terminal.pump(seconds)
    took, (own_after, others_after) = time.monotonic() - began, used()
    return Cost((own_after - own) / took * 100, sent / took, (others_after - others) / took * 100)


def _await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the traffic did not start")


HEADS = ("idle %", "busy %", "idle B/s", "busy B/s", "RSS MB", "daemon idle/busy %")


def report_starts(taken: dict[str, Start]) -> None:
    """Print a row for each program."""
    print(f"\n{_load()}\n{'':20}{'first ms':>10}{'frame ms':>10}{'CPU ms':>10}")
    for name, each in taken.items():
        print(f"{name:20}{each.first_ms:10.0f}{each.frame_ms:10.0f}{each.cpu_ms:10.0f}", flush=True)


def report(size: str, taken: dict[str, Figures]) -> None:
    """Print a row for each program."""
    print(f"\n{size}, {_load()}\n{'':20}" + "".join(f"{head:>10}" for head in HEADS[:-1]) + f"   {HEADS[-1]}")
    for name, each in taken.items():
        beside = f"   {each.idle_beside:.1f} / {each.busy_beside:.1f}" if each.busy_beside else ""
        print(
            f"{name:20}{each.idle_cpu:10.1f}{each.busy_cpu:10.1f}{each.idle_sent:10.0f}{each.busy_sent:10.0f}"
            f"{each.rss_mb:10.0f}{beside}",
            flush=True,
        )


def _load() -> str:
    return "load " + " ".join(f"{figure:.1f}" for figure in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
