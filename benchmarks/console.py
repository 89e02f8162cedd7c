"""The console through a real pseudo-terminal: start, keys while it loads, CPU, bytes, memory, large tables, hang-up.

``idle``, ``busy`` and ``large`` run the console over an engine that costs next to nothing (``terminal/host.py``), so
that CPU is the console's own part; start, memory and hang-up are those of ``aegis-tui demo`` with the real engine.
``attached`` is all of this for a console at a daemon, whose engine costs next to nothing too (``terminal/daemon.py``).
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.terminal import usage
from benchmarks.terminal.pseudoterminal import Terminal, environment
from engine import wire
from engine.store.database import Store, open_store
from engine.types import Incident
from tests.factories import alert, flow, incident
from tests.lab.wire import IFACE, Wire

DEMO = [sys.executable, "-m", "aegis_tui", "demo", "--speed", "16"]
HOST = [sys.executable, "-m", "benchmarks.terminal.host"]
BARE = [sys.executable, "-m", "benchmarks.terminal.bare"]
DAEMON = [sys.executable, "-m", "benchmarks.terminal.daemon"]
ATTACHED = [sys.executable, "-m", "tests.aegis_tui.consoleside"]
FRAME, HINTS, TOLD = rb"AEGIS", rb"quit", rb"INC-"
"""``HINTS`` are the last line of the first frame; ``TOLD`` is what only an engine knows."""
HELP, ESCAPE = "?", "\x1b"
MEASURED_S = 15.0
STARTS, STEPS = 5, 60
LOADS, LOADING_S = 3, 5.0
HUNG_UP_AFTER_S = (0.1, 0.3, 0.6, 1.0, 1.5, 2.0)
"""From the first frame on."""
INCIDENTS, ALERTS_EACH = 100_000, 10


def main() -> int:
    """Measure everything, print a table, and return 1 where a limit is missed."""
    wanted = sys.argv[1:]
    missed = 0
    print(f"{'what':58} {'measured':>10} {'limit':>8}", flush=True)
    for part in (start, watching, loading, idle, busy, large, database, hang_up, attached):
        if wanted and part.__name__ not in wanted:
            continue
        for name, value, limit, unit in part():
            missed += value > limit
            most = "-" if limit == math.inf else f"{limit:.0f}"
            print(f"{name:58} {value:10.1f} {most:>8} {unit}{'  MISSED' if value > limit else ''}", flush=True)
    return 1 if missed else 0


Figure = tuple[str, float, float, str]


def start() -> Iterator[Figure]:
    """Yield when the first frame stands, everything in the file cache, beside a Textual application of one word."""
    bare, firsts, frames = [], [], []
    for _ in range(STARTS):
        with _state() as state:
            plain = Terminal(BARE, 120, 36, environment(state))
            plain.wait_for(FRAME)
            bare.append(time.monotonic() - plain.began)
            plain.end()
            terminal = Terminal(DEMO, 120, 36, environment(state))
            terminal.wait_for(FRAME)
            frames.append(time.monotonic() - terminal.began)
            firsts.append(terminal.first_at - terminal.began)
            terminal.hang_up()
    yield f"bare Textual application, first frame, median of {STARTS}", statistics.median(bare) * 1000, math.inf, "ms"
    yield f"first output, median of {STARTS}", statistics.median(firsts) * 1000, 500, "ms"
    yield f"first frame, median of {STARTS}", statistics.median(frames) * 1000, 500, "ms"


def watching() -> Iterator[Figure]:
    """Yield when the first frame of a console on an interface stands, and when its guard has attached; takes root."""
    if os.geteuid():
        return
    frames, guarded = [], []
    for number in range(STARTS):
        with Wire(f"watch{os.getpid()}n{number}", "192.0.2.10", "192.0.2.1", ()) as wire, _state() as state:
            terminal = Terminal(wire.aegis("--iface", IFACE), 120, 36, environment(state))
            terminal.wait_for(HINTS)
            frames.append(time.monotonic() - terminal.began)
            terminal.wait_for(b"XDP")
            guarded.append(time.monotonic() - terminal.began)
            terminal.hang_up()
    yield f"on an interface, first frame, median of {STARTS}", statistics.median(frames) * 1000, 500, "ms"
    yield f"on an interface, attached, median of {STARTS}", statistics.median(guarded) * 1000, math.inf, "ms"


def loading() -> Iterator[Figure]:
    """Yield how keys are answered while models, rules and the agent load, and the memory before and after."""
    chance, while_loading, before, after = random.Random(1), [], [], []
    for _ in range(LOADS):
        with _state() as state:
            terminal = Terminal(DEMO, 120, 36, environment(state))
            terminal.wait_for(FRAME)
            before.append(terminal.rss_mb())
            until = time.monotonic() + LOADING_S
            while time.monotonic() < until:
                terminal.pump(chance.uniform(0.02, 0.25))
                while_loading.append(_help(terminal))
            terminal.pump(15)
            after.append(terminal.rss_mb())
            quiet = [_help(terminal) for _ in range(8)]
            terminal.hang_up()
    yield f"a key while it loads, median of {len(while_loading)}", statistics.median(while_loading), 100, "ms"
    yield "a key while it loads, p95", sorted(while_loading)[int(len(while_loading) * 0.95)], 100, "ms"
    yield "the same key once all is loaded, median of 8", statistics.median(quiet), 100, "ms"
    yield "memory at the first frame", max(before), 150, "MB"
    yield "memory with the agent stack, after 3 investigations", max(after), 350, "MB"


def _help(terminal: Terminal) -> float:
    """Open the help and close it; returns how many milliseconds it took to open."""
    terminal.press(HELP)
    took = terminal.wait_for(rb"Keys and signs", 5) * 1000
    terminal.press(ESCAPE)
    terminal.pump(0.4)  # a lone escape is one only once nothing follows it
    return took


def idle() -> Iterator[Figure]:
    """Yield what a console costs on which nothing happens but the clock."""
    yield from _cost("quiet", 80, 24, 1, 200)
    yield from _cost("quiet", 160, 50, 1, 200)


def busy() -> Iterator[Figure]:
    """Yield what a console costs at 1,000 flow updates a second."""
    yield from _cost("busy", 80, 24, 5, 3_000, pane="\t\t")
    yield from _cost("busy", 160, 50, 5, 8_000)


def _cost(kind: str, columns: int, rows: int, cpu: float, sent: float, pane: str = "") -> Iterator[Figure]:
    terminal = _host(kind, columns, rows)
    for key in pane:  # flows in sight where one pane is shown at a time
        terminal.press(key)
        terminal.pump(0.3)
    terminal.pump(3)
    began, used = time.monotonic(), terminal.cpu_s()
    came = terminal.pump(MEASURED_S)
    took = time.monotonic() - began
    yield f"{kind}, {columns}x{rows}: CPU of a core", (terminal.cpu_s() - used) / took * 100, cpu, "%"
    yield f"{kind}, {columns}x{rows}: to the terminal", came / took, sent, "B/s"
    terminal.hang_up()


def large() -> Iterator[Figure]:
    """Yield how 100,000 flows and 10,000 alerts in view are filtered, sorted and scrolled."""
    terminal = _host("large", 120, 36)
    for key in "\t\t":
        terminal.press(key)
        terminal.pump(1)
    for text in ("port:443", "score>.95", "ip:203.0.0.0/16", "shop", "sev>=high !app:dns"):
        terminal.press("/")
        terminal.settle()
        terminal.press(text[:-1])
        terminal.settle(0.8)
        yield f"filter {text}", terminal.finished(text[-1]) * 1000, 100, "ms"
        terminal.press(ESCAPE)
        terminal.settle(0.8)
    for name, key in (("down", "\x1b[B"), ("page down", "\x1b[6~"), ("end, home", "")):
        took = []
        for number in range(STEPS):
            took.append(terminal.answered(key or ("\x1b[F", "\x1b[H")[number % 2]) * 1000)
            terminal.pump(0.05)
        yield f"scroll, {name}, median of {STEPS}", statistics.median(took), 16, "ms"
    terminal.hang_up()


def database() -> Iterator[Figure]:
    """Yield how long the first rows of a database with a million alerts take."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "aegis.db"
        asyncio.run(_make(file))
        _fill(file)
        began = time.monotonic()
        first, page = asyncio.run(_first_rows(file))
        yield "1,000,000 alerts: open, first 100 incidents", (first - began) * 1000, 1000, "ms"
        yield "1,000,000 alerts: 100 more", page * 1000, 1000, "ms"
        command = [sys.executable, "-m", "aegis_tui", "incidents", "--database", str(file)]
        began = time.monotonic()
        terminal = Terminal(command, 120, 36, environment(folder))
        terminal.wait_for(rb"INC-")
        yield "1,000,000 alerts: `aegis-tui incidents`, first row", (time.monotonic() - began) * 1000, 1000, "ms"
        terminal.hang_up()


def hang_up() -> Iterator[Figure]:
    """Yield how long the console lives on when its terminal is gone: once all is loaded, and while it loads."""
    yield "console gone after hang-up", _outlived(6) * 1000, 2000, "ms"
    took = [_outlived(after_s) for after_s in HUNG_UP_AFTER_S]
    yield f"the same while it loads, longest of {len(took)}", max(took) * 1000, 2000, "ms"


def _outlived(after_s: float) -> float:
    with _state() as state:
        terminal = Terminal(DEMO, 120, 36, environment(state))
        terminal.wait_for(FRAME)
        terminal.pump(after_s)
        return terminal.hang_up()


def attached() -> Iterator[Figure]:
    """Yield what a console at a daemon takes to start, costs at both ends, and how long it outlives its terminal."""
    firsts = []
    with _daemon("quiet") as (console, _):
        for _ in range(STARTS):
            terminal = console()
            terminal.wait_for(TOLD)
            firsts.append(time.monotonic() - terminal.began)
            terminal.hang_up()
    yield f"attached, what the engine knows, median of {STARTS}", statistics.median(firsts) * 1000, math.inf, "ms"
    for kind, cpu, sent in (("quiet", 1, 200), ("busy", 5, 8_000), ("crowd", 5, 8_000)):
        with _daemon(kind) as (console, daemon):
            terminal = console()
            terminal.pump(5)
            began, used, beside = time.monotonic(), terminal.cpu_s(), usage.cpu_s([daemon.pid])
            came = terminal.pump(MEASURED_S)
            took = time.monotonic() - began
            yield f"attached, {kind}, 160x50: CPU of a core", (terminal.cpu_s() - used) / took * 100, cpu, "%"
            yield f"attached, {kind}, 160x50: to the terminal", came / took, sent, "B/s"
            share = (usage.cpu_s([daemon.pid]) - beside) / took * 100
            yield f"its daemon, {kind}: CPU for one console", share, math.inf, "%"
            terminal.hang_up()
    for name, meanwhile in MEANWHILE.items():
        took_s = []
        for _ in range(LOADS):
            with _daemon("quiet") as (console, daemon):
                terminal = console()
                terminal.wait_for(TOLD if meanwhile else HINTS)
                if meanwhile:
                    daemon.send_signal(meanwhile)
                took_s.append(terminal.hang_up())
        yield f"attached, gone after hang-up, {name}, longest of {LOADS}", max(took_s) * 1000, 2000, "ms"


MEANWHILE = {"while it attaches": 0, "daemon gone": signal.SIGKILL, "daemon stopped": signal.SIGSTOP}
"""What becomes of the daemon just before the terminal is gone."""


@contextmanager
def _daemon(kind: str) -> Iterator[tuple[Callable[[], Terminal], subprocess.Popen[bytes]]]:
    """Run an engine that consoles attach to; gives what attaches one, and the engine's process."""
    with tempfile.TemporaryDirectory() as folder:
        given = environment(folder)
        daemon = subprocess.Popen([*DAEMON, kind, folder], env=given, stdout=subprocess.PIPE)
        assert daemon.stdout is not None
        with daemon.stdout as said:
            said.readline()
            try:
                yield lambda: Terminal([*ATTACHED, folder], 160, 50, given), daemon
            finally:
                daemon.kill()
                daemon.wait()


def _host(kind: str, columns: int, rows: int) -> Terminal:
    terminal = Terminal([*HOST, kind], columns, rows, environment(tempfile.gettempdir()))
    terminal.wait_for(FRAME, 60)
    terminal.pump(2)
    return terminal


def _state() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


async def _make(file: Path) -> None:
    async with open_store(file) as store:
        await store.write(())


def _fill(file: Path) -> None:
    """Write incidents and alerts as they are stored, straight: the writer is not what is measured."""
    body, told = json.loads(wire.dumps(alert(flow=flow(head=(b"", b""))))), json.loads(wire.dumps(incident()))
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.executemany(
            "INSERT INTO incident VALUES (?, 'live', '203.0.113.9', ?, ?, 'high', '{}', ?)",
            (
                (f"INC-{n:08x}", n, n, json.dumps(told | {"id": f"INC-{n:08x}", "opened_at": n}))
                for n in range(INCIDENTS)
            ),
        )
        db.executemany(
            "INSERT INTO alert VALUES (?, ?, ?, ?)",
            (
                (f"A-{n:010x}", f"INC-{n // ALERTS_EACH:08x}", n, json.dumps(body | {"id": f"A-{n:010x}"}))
                for n in range(INCIDENTS * ALERTS_EACH)
            ),
        )
    db.close()


async def _first_rows(file: Path) -> tuple[float, float]:
    store = Store(file)
    rows: list[Incident] = await store_rows(store, None)
    first = time.monotonic()
    await store_rows(store, rows[-1])
    took = time.monotonic() - first
    await store.close()
    return first, took


async def store_rows(store: Store, before: Incident | None) -> list[Incident]:
    """Return one page."""
    await store.open() if before is None else None
    return await store.incidents(100, before)


if __name__ == "__main__":
    sys.exit(main())
