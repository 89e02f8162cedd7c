"""Every state of the screens for blocks, replays, health and rules, of an attached console, and of what is said.

Each at every size, and without colours: what a colour says must be said by a word as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from textual.pilot import Pilot

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from aegis_tui.bridge import CaptureFile
from aegis_tui.widgets import theme
from engine.types import (
    BlockState,
    Comparison,
    Fault,
    IncidentView,
    LibraryEntry,
    Origin,
    ProposalState,
    Severity,
    Spending,
    Status,
    Storage,
)
from tests.aegis_tui import scenario
from tests.aegis_tui.acting.test_judging import RULE
from tests.aegis_tui.console import Clock, Host, engine, heard, settle
from tests.aegis_tui.replayside import CHANGE, FakeStudio, entry, taped
from tests.aegis_tui.screens.test_blocks_screen import ended, every_state
from tests.fakes import FakeEngine

Compare = Callable[..., bool]
LOOKS = [
    pytest.param((80, 24), "ansi", id="80x24"),
    pytest.param((120, 36), "ansi", id="120x36"),
    pytest.param((200, 60), "ansi", id="200x60"),
    pytest.param((80, 24), "mono", id="mono"),
]


@pytest.fixture(autouse=True)
def _leave_the_terminal_s_own_colours() -> Iterator[None]:
    yield
    theme.use(theme.ANSI)


class State(NamedTuple):
    """A state of a screen, and the keys that lead there."""

    fake: Callable[[], FakeEngine]
    keys: tuple[str, ...] = ()
    view: str = "overview"
    studio: FakeStudio | None = None
    settings: tuple[tuple[str, str, str], ...] = ()


def _night(**changes: object) -> Callable[[], Host]:
    return lambda: engine(scenario.snapshot(**changes))


def _status(**changes: object) -> Status:
    return scenario.status(**changes)


# --- screen 3 ---

HALTED = _status(mode="monitor only", blocking=False, dataplane="halted by panic-unblock: every packet passes")


def _halted() -> Host:
    blocks = tuple(
        replace(block, state=BlockState.HALTED, keep_within_s=0.0, watch=False)
        for block in every_state()
        if block.state is BlockState.LIVE
    )
    fault = Fault("blocking", HALTED.dataplane, "aegis-tui blocks resume", scenario.NOW - 30)
    return engine(scenario.snapshot(status=HALTED, blocks=blocks, faults=(fault,)))


def _many() -> Host:
    some = tuple(
        scenario.block(prefix=f"203.0.{n // 250}.{n % 250}/32", packets=n * 37, reason="import of drop.txt")
        for n in range(200)
    )
    return engine(scenario.snapshot(blocks=some, blocks_total=100_000))


MONITOR = _status(mode="monitor only", blocking=False, dataplane="monitor only: the data plane is switched off")

BLOCKS = {
    "nothing blocked": State(lambda: engine(scenario.quiet()), ("3",)),
    "every state": State(lambda: engine(scenario.snapshot(blocks=every_state()), ended=ended()), ("3",)),
    "drifted": State(lambda: engine(scenario.snapshot(blocks=every_state())), ("3", *["down"] * 6)),
    "failed": State(lambda: engine(scenario.snapshot(blocks=every_state())), ("3", *["down"] * 4)),
    "ended": State(lambda: engine(scenario.snapshot(blocks=()), ended=ended()), ("3", "tab", "tab")),
    "panic": State(_halted, ("3",)),
    "a hundred thousand": State(_many, ("3", *["down"] * 30)),
    "nothing can be blocked": State(_night(status=MONITOR, blocks=(), proposals=(), faults=()), ("3",)),
    "a replay": State(lambda: engine(taped()), ("3",)),
    "no match": State(lambda: engine(scenario.snapshot(blocks=every_state())), ("3", "slash", *"ip:192.0.2.9")),
    "extending": State(engine, ("3", "E")),
}

# --- screen 4 ---

CAPTURES = (
    CaptureFile("/captures/night.pcap", "night.pcap", 812_000, scenario.NOW),
    CaptureFile("/captures/old/march.pcapng", "old/march.pcapng", 48_000_000, scenario.NOW - 9e6),
)


def _shelf() -> tuple[LibraryEntry, ...]:
    severities = list(Severity)
    made = [
        entry(number, origin=list(Origin)[number % 3], conclusion=("malicious", "", "benign")[number % 3])
        for number in range(42, 54)
    ]
    return tuple(
        replace(one, incident=replace(one.incident, severity=severities[n % 5], opened_at=scenario.NOW - n * 7e4))
        for n, one in enumerate(made)
    )


def _told() -> dict[str, IncidentView]:
    """Return what the engine can tell of each incident on the shelf."""
    full = scenario.incident_view()
    return {one.incident.id: replace(full, incident=one.incident) for one in _shelf()}


def _library() -> Host:
    return engine(shelf=_shelf(), views=_told())


def _beside() -> Host:
    waiting = (scenario.proposal(state=ProposalState.PENDING),)
    return engine(scenario.snapshot(proposals=waiting), shelf=_shelf(), views=_told())


class _Finds(FakeStudio):
    """Finds what a test wants it to find."""

    found = Comparison("INC-00000042", "threshold as shipped", "threshold 0.8", (), 3)

    async def compare(self, *_: object) -> Comparison:
        """Return it."""
        return self.found


class _FindsMuch(_Finds):
    found = Comparison(
        "night.pcap",
        "rules as shipped",
        "rules /etc/aegis/rules",
        (
            CHANGE,
            replace(CHANGE, kind="new", before="", after="critical 1.00", key="203.0.113.9 rules.log4shell.jndi"),
            replace(
                CHANGE, kind="changed", what="incident", key="203.0.113.9 Log4Shell, then payload fetch",
                before="high, suspicious (playbook), no proposal",
                after="critical, malicious (playbook), block 203.0.113.9/32 for 1 h on every attached interface",
            ),
        ),
        16,
        faults=(scenario.fault().message,),
    )  # fmt: skip


STUDIO = FakeStudio(CAPTURES)
DIFF = ("c", *"threshold=0.8", "enter")
LIBRARY = {
    "empty": State(lambda: engine(scenario.quiet()), view="library"),
    "full": State(_library, view="library", studio=STUDIO),
    "searched": State(_library, ("slash", *"sev>=high", "enter"), "library", STUDIO),
    "no match": State(_library, ("slash", *"no such thing", "enter"), "library", STUDIO),
    "captures": State(_library, ("tab",), "library", STUDIO),
    "exporting": State(_library, ("e",), "library", STUDIO),
    "another moment": State(lambda: engine(taped()), ("g",), "replay"),
}
TAPE = {
    "playing": State(lambda: engine(taped()), view="replay"),
    "paused": State(lambda: engine(taped(playing=False, speed=0.25)), view="replay"),
    "seeking": State(lambda: engine(taped(seeking=True, speed=64.0)), view="replay"),
    "beginning": State(
        lambda: engine(
            replace(
                taped(playing=False, at=scenario.NOW - 60, step=0, whole=False, alerts=()),
                alerts=(), incidents=(), flows=(), proposals=(), scores={}, faults=(),
            )
        ),
        view="replay",
    ),
    "ended": State(
        lambda: engine(replace(taped(playing=False, at=scenario.NOW + 60, step=9), finished=True)), view="replay"
    ),
    "beside what is live": State(_beside, ("enter",), "library", STUDIO),
    "nothing replayed": State(engine, ("4",)),
}  # fmt: skip
COMPARISONS = {
    "equal": State(_library, DIFF, "library", _Finds(CAPTURES)),
    "different": State(_library, DIFF, "library", _FindsMuch(CAPTURES)),
    "asked": State(_library, ("c",), "library", STUDIO),
}

# --- screen 5 ---

FAULTS = (
    scenario.fault(),
    Fault("capture", "cannot read eth0: Network is down", "check the interface", scenario.NOW - 20),
    Fault("model", "cannot load bytes-cnn.onnx: No such file or directory", "aegis-tui doctor", scenario.NOW - 400),
    Fault("notify", "cannot tell receiver 2 (mailtos): timed out", "aegis-tui doctor --notify", scenario.NOW - 90),
    Fault("store", "cannot write aegis.db: database is locked", "end the program that locks it", scenario.NOW - 5),
)
ENDPOINTS = ("api.example.org (credentials redacted)", "127.0.0.1:11434 (on this host)")
WORKING = _status(
    analyst="qwen3", endpoints=ENDPOINTS, receivers=2, spending=Spending(12_000, 500_000, 7, 0.25),
    storage=Storage(120_000_000, 4_096_000_000, 90),
)  # fmt: skip
SPENT = replace(
    WORKING,
    spending=Spending(500_004, 500_000, 88, 4.2, scenario.NOW + 60),
    storage=Storage(4_100_000_000, 4_096_000_000, 90),
)
FILLING = {
    "batches": (64, 64), "cases": (140, 256), "events": (0, 64), "messages": (15, 16), "notes": (2, 512),
    "reports": (500, 512), "rows": (20_000, 20_000),
}  # fmt: skip
LOSING = scenario.counters(
    kernel_seen=1_294_200, kernel_dropped=90_000, parsed=1_200_000, shed=4_000, flows_evicted=120, quarantined=3,
    emergency=True, queues=FILLING,
)  # fmt: skip
HEALTH = {
    "all well": State(_night(status=WORKING, faults=()), ("5",)),
    "degraded": State(_night(status=WORKING), ("5",)),
    "much is missing": State(_night(status=replace(WORKING, model="no model"), faults=FAULTS), ("5",)),
    "no blocking": State(_night(status=MONITOR, blocks=(), faults=()), ("5",)),
    "queues fill": State(_night(status=WORKING, counters=LOSING, faults=()), ("5", "tab")),
    "accounting is off": State(
        _night(status=WORKING, counters=scenario.counters(delivered=1_300_000), faults=()), ("5", "tab")
    ),
    "budget spent": State(_night(status=SPENT, faults=()), ("5",)),
    "a replay": State(lambda: engine(taped()), ("5",)),
}

# --- rules, attached consoles, what is said ---

RULES = {
    "none": State(lambda: engine(scenario.quiet()), ("X",)),
    "some": State(
        lambda: engine(
            rules=(
                replace(RULE, reason="our own scanner", ends_at=scenario.NOW + 9e4, last_hit_at=scenario.NOW - 30),
                replace(RULE, id="S-00000002", target="", label="scan.*", by="ann on pts/1 from 192.0.2.77"),
                replace(RULE, id="S-00000003", ends_at=scenario.NOW - 60),
            )
        ),
        ("X",),
    ),
    "ending one": State(lambda: engine(rules=(RULE,)), ("X", "u")),
}


def _attached(**changes: object) -> Callable[[], Host]:
    return _night(status=_status(**changes))


ATTACHED = {
    "deciding": State(_attached(consoles=3)),
    "watching": State(_attached(consoles=2, decider="ann on pts/3")),
    "nobody decides": State(_attached(consoles=2, decider="nobody"), ("3",)),
    "daemon gone": State(
        _night(
            status=_status(
                consoles=1, stale_since=scenario.NOW - 20, blocking=False, dataplane="the engine does not answer"
            ),
            faults=(
                Fault(
                    "daemon", "the engine does not answer: it hung up; what is shown is the last state",
                    "systemctl status aegis-tui; the console attaches again", scenario.NOW - 20,
                ),
            ),
        ),
        ("5",),
    ),
    "blocks of a daemon that is gone": State(
        _attached(consoles=1, stale_since=scenario.NOW - 20, blocking=False, dataplane="the engine does not answer"),
        ("3",),
    ),
    "taking over": State(_attached(consoles=2, decider="ann on pts/3"), ("D",)),
    "taken over": State(_attached(consoles=2, decider="ann on pts/3"), ("D", "y")),
}  # fmt: skip

SETTINGS = (
    ("interface", '["eth0"]', "/etc/aegis/config.toml"),
    ("openai_api_key", "(hidden)", "environment"),
    ("threshold", "0.99", "--threshold"),
    ("theme", "auto", "default"),
)
SAID = {
    "notices": State(engine, ("P", "c", "escape", "s", "x", "escape", "colon", *"notices", "enter")),
    "keys": State(engine, ("colon", *"keys", "enter")),
    "settings": State(engine, ("colon", *"settings", "enter"), settings=SETTINGS),
    "doctor": State(engine, ("colon", *"doctor", "enter")),
    "nothing said": State(engine, ("colon", *"notices", "enter")),
    "help of blocks": State(engine, ("3", "question_mark")),
    "help of the library": State(_library, ("question_mark",), "library", STUDIO),
    "help of a replay": State(lambda: engine(taped()), ("question_mark",), "replay"),
    "exporting": State(engine, ("e",)),
    "where to": State(engine, ("e", "c")),
}

STATES = {
    f"{screen} {name}".replace(" ", "-"): state
    for screen, states in (
        ("blocks", BLOCKS), ("library", LIBRARY), ("replay", TAPE), ("comparison", COMPARISONS), ("health", HEALTH),
        ("rules", RULES), ("attached", ATTACHED), ("said", SAID),
    )
    for name, state in states.items()
}  # fmt: skip


def _console(state: State, look: str) -> AegisApp:
    preferences = Preferences(theme=look, settings=state.settings, person="ann")
    return AegisApp(state.fake(), None, state.view, Clock(), preferences, state.studio)


def _reach(state: State) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def act(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, AegisApp)
        await settle(pilot)
        app.poll()
        await settle(pilot)
        for key in state.keys:
            app.monotonic.at += 0.5  # type: ignore[attr-defined]  # the clock given above: notices last 16 keys
            await pilot.press(key)
            await _quiet(pilot)
        app.poll()
        await _quiet(pilot)

    return act


async def _quiet(pilot: Pilot[None]) -> None:
    """Wait for what was asked; a replay goes on for ever."""
    await pilot.pause()
    for worker in list(pilot.app.workers):
        if worker.name not in ("bridge", "replay", "replay events"):
            await worker.wait()
    await pilot.pause()
    await heard(pilot)


@pytest.mark.parametrize(("size", "look"), LOOKS)
@pytest.mark.parametrize("name", STATES)
def test_every_state_at_every_size(snap_compare: Compare, name: str, size: tuple[int, int], look: str) -> None:
    state = STATES[name]
    assert snap_compare(_console(state, look), terminal_size=size, run_before=_reach(state))


@pytest.mark.parametrize("size", [(60, 16), (40, 10), (20, 5)], ids=["60x16", "40x10", "20x5"])
@pytest.mark.parametrize("view", ["overview", "blocks", "replay", "library", "health"])
def test_a_terminal_too_small_shows_what_fits(snap_compare: Compare, view: str, size: tuple[int, int]) -> None:
    fakes: dict[str, Callable[[], FakeEngine]] = {"replay": lambda: engine(taped()), "library": _library}
    state = State(fakes.get(view, lambda: engine(scenario.snapshot(blocks=every_state()))), (), view)
    assert snap_compare(_console(state, "ansi"), terminal_size=size, run_before=_reach(state))


@pytest.mark.parametrize("name", ["replay-playing", "replay-seeking", "health-queues-fill"])
def test_a_plain_terminal_has_signs_for_all_of_it(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.setenv("NO_COLOR", "1")
    state = STATES[name]
    assert snap_compare(_console(state, "auto"), terminal_size=(80, 24), run_before=_reach(state))
