"""Screens 1 and 2 and every dialog in every state, at three sizes and without colour; a case lists its looks.

What is not listed here stands in ``test_snapshots.py`` or ``test_looks.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest
from textual.pilot import Pilot

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from aegis_tui.widgets import theme
from engine.types import (
    BlockState,
    Claim,
    Disposition,
    Fault,
    FiveTuple,
    IncidentView,
    Listed,
    Note,
    ProposalState,
    Severity,
)
from tests.aegis_tui import scenario
from tests.aegis_tui.console import ENTRY, PRIOR, TRIAL, Clock, Host, LateClock, engine, replay, settle
from tests.aegis_tui.screens.test_block_dialog import FULLEST, WARNINGS

Compare = Callable[..., bool]
LOOKS = {"80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60), "mono": (80, 24)}
ALL = tuple(LOOKS)
LARGER = ("120x36", "200x60", "mono")
LONG_IPV6 = "2001:db8:85a3:8d3:1319:8a2e:370:7344"
HOSTILE = "\u202e\x1b]0;owned\x07 [b]漢字のホスト名[/b] " + "A" * 300


class Case(NamedTuple):
    """One state of a screen: what the engine holds, and the keys a person presses."""

    host: Callable[[], Host]
    keys: tuple[str, ...] = ()
    looks: tuple[str, ...] = ALL
    clock: type[Clock] = LateClock
    then: Callable[[Host], None] = lambda _: None
    """What happens after the keys."""


class Unanswered(Host):
    """An engine whose database is slow: no incident is ever read."""

    async def incident(self, incident_id: str) -> IncidentView:
        """Answer never."""
        await asyncio.Event().wait()
        return await super().incident(incident_id)


def known(**told: object) -> Host:
    """Return a host that knows everything about the proposal."""
    fake = engine(told={"entry": ENTRY, "prior": PRIOR, **told})
    fake.impact_is = replace(fake.impact_is, services=("tcp/8080 java[812]",), handshake_at=scenario.NOW - 14)
    return fake


def asked(
    *, handshake: bool = True, target: str = scenario.ATTACKER, told: Mapping[str, object] = {}, **changes: object
) -> Host:
    """Return a host that holds a proposal of another kind."""
    view = scenario.incident_view(incident=scenario.incident(target_ip=target, handshake=handshake))
    state = scenario.snapshot(proposals=(scenario.proposal(**changes),))
    return engine(state, views={"INC-00000042": view}, told={"entry": ENTRY, **told})


def long_addresses() -> Host:
    """Return a night on which everybody comes over IPv6."""
    ends = FiveTuple(LONG_IPV6, 40000, "2001:db8:85a3:8d3:1319:8a2e:370:1", 8080, "tcp")
    flows = tuple(
        scenario.flow(n, five_tuple=ends._replace(src_ip=f"{LONG_IPV6[:-3]}{n + 100}") if n % 2 else ends)
        for n in range(20)
    )
    opened = (scenario.incident(target_ip=LONG_IPV6), scenario.brute_force())
    view = scenario.incident_view(incident=opened[0])
    return engine(scenario.snapshot(flows=flows, incidents=opened), views={"INC-00000042": view})


def hostile() -> Host:
    """Return a night whose every captured text is meant for the terminal."""
    found = replace(scenario.alert().detection, reason=HOSTILE, label=f"rule.{HOSTILE[:40]}")
    shown = (scenario.alert(detection=found), scenario.fetch_alert())
    claims = (replace(scenario.verdict().claims[0], text=HOSTILE), *scenario.verdict().claims[1:])
    facts = tuple(replace(one, summary=HOSTILE[:80], content=HOSTILE) for one in scenario.evidence()[:2])
    view = scenario.incident_view(
        incident=scenario.incident(title=HOSTILE),
        alerts=shown,
        verdict=replace(scenario.verdict(), summary=HOSTILE, claims=claims),
        evidence=(*facts, *scenario.evidence()[2:]),
        steps=tuple(replace(step, content=HOSTILE) for step in scenario.steps()),
        proposals=(scenario.proposal(reason=HOSTILE),),
        notes=(Note("INC-00000042", scenario.NOW - 4, HOSTILE[:30], HOSTILE),),
    )
    flows = tuple(scenario.flow(n, name=HOSTILE) for n in range(30))
    return engine(
        scenario.snapshot(flows=flows, alerts=shown, incidents=(view.incident, scenario.brute_force())),
        views={"INC-00000042": view},
    )


def every_answer() -> Host:
    """Return incidents in every state: asked, live, failed, on trial, held back, judged and new."""
    names = ("asked", "live", "failed", "trial", "halted", "judged", "new")
    ranks = (
        Severity.CRITICAL,
        Severity.HIGH,
        Severity.HIGH,
        Severity.MEDIUM,
        Severity.LOW,
        Severity.INFO,
        Severity.LOW,
    )
    opened = [
        scenario.incident(id=f"INC-{n:08}", target_ip=f"198.51.100.{n}", title=name, severity=ranks[n])
        for n, name in enumerate(names)
    ]
    opened[1] = replace(opened[1], disposition=Disposition.TRUE_POSITIVE)
    opened[5] = replace(opened[5], disposition=Disposition.FALSE_POSITIVE, opened_at=scenario.NOW - 200_000)
    states = {1: BlockState.LIVE, 2: BlockState.FAILED, 3: BlockState.LIVE, 4: BlockState.HALTED}
    blocks = tuple(
        scenario.block(prefix=f"198.51.100.{n}/32", state=state, incident_id="", keep_within_s=41.0 if n == 3 else 0.0)
        for n, state in states.items()
    )
    terms = replace(scenario.proposal().terms, incident_id="INC-00000000")
    return engine(
        scenario.snapshot(incidents=tuple(opened), blocks=blocks, proposals=(scenario.proposal(terms=terms),))
    )


def in_trouble() -> Host:
    """Return a host that loses packets, cannot block, and lacks abilities."""
    faults = tuple(
        Fault(ability, message, remedy, scenario.NOW - 400)
        for ability, message, remedy in (
            ("xdp", "cannot attach XDP to eth0: Operation not permitted", "Run as root."),
            ("model", "no model at the configured path", "aegis-tui doctor"),
            ("llm", scenario.fault().message, scenario.fault().remedy),
        )
    )
    lossy = scenario.counters(kernel_dropped=12_345, shed=678, emergency=True)
    status = scenario.status(blocking=False, dataplane="AF_PACKET")
    return engine(scenario.snapshot(status=status, counters=lossy, faults=faults, blocks=(), proposals=()))


def without_analyst() -> Host:
    """Return a night whose analyst is not loaded yet."""
    view = scenario.incident_view(steps=(), verdict=None, proposals=(), evidence=())
    state = scenario.snapshot(status=scenario.status(analyst="loading"), proposals=())
    return engine(state, views={"INC-00000042": view})


def every_proposal() -> Host:
    """Return an incident that was asked about in every way."""
    proposals = tuple(
        scenario.proposal(id=f"P-{n}", state=state, warnings=WARNINGS[:1]) for n, state in enumerate(ProposalState, 11)
    )
    view = scenario.incident_view(
        proposals=proposals,
        decisions=("P-12 approved by ann on pts/1", "P-13 refused by ann on pts/1"),
        notes=(Note("INC-00000042", scenario.NOW - 4, "ann on pts/1", "asked the owner,\nit was a test"),),
        evidence=scenario.evidence()[:1],
    )
    return engine(views={"INC-00000042": view})


def attached(**changes: object) -> Callable[[], Host]:
    """Return what makes a host that another console decides for, or that was lost."""
    return lambda: engine(scenario.snapshot(status=scenario.status(**changes)))


def before_the_verdict() -> Host:
    """Return an incident that is being worked on."""
    view = scenario.incident_view(steps=scenario.steps()[:3], verdict=None, proposals=())
    return engine(scenario.snapshot(proposals=()), views={"INC-00000042": view})


def refused() -> Host:
    """Return an attack of which it is known that it came to nothing."""
    words = "Outcome: every request seen was refused (400, 404); no connection from this host to 203.0.113.9 seen."
    found = scenario.verdict()
    told = replace(found, claims=(Claim(words, ("E-aaaaaaaaa1",), (), True), *found.claims))
    return engine(views={"INC-00000042": scenario.incident_view(verdict=told)})


def whole_list() -> Host:
    """Return a host that was asked to block a list."""
    left_out = ("192.0.2.1/32: is a gateway", "10.0.0.0/8: wider than /16")
    listed = Listed(12_000, 70_000, tuple(f"203.0.{n}.0/24" for n in range(16)), 2, left_out)
    terms = replace(scenario.proposal().terms, prefix="", action="block list")
    return asked(terms=terms, listed=listed, reason="import of drop.txt", typed_confirmation=True)


def of_ipv6(ttl_s: float = 3600.0, **changes: object) -> Host:
    """Return a host that was asked to block the /64 of an address."""
    terms = replace(scenario.proposal().terms, prefix="2001:db8:1:2::/64", ttl_s=ttl_s)
    fake = asked(target="2001:db8:1:2::9", terms=terms, **changes)  # type: ignore[arg-type]  # as the caller names them
    fake.impact_is = replace(fake.impact_is, sources=("2001:db8:1:2::9", "2001:db8:1:2::40"), source_count=2)
    return fake


def quiet() -> Host:
    """Return a host on which nothing has happened."""
    return engine(scenario.quiet())


def an_hour_passes(fake: Host) -> None:
    """Let every proposal expire."""
    fake.state = replace(fake.state, now=scenario.NOW + 3600)


TYPED = ("tab", "tab", "tab", "left", "tab", "tab", *"our own scanner")
CASES = {
    "nothing yet": Case(quiet, (), ("200x60", "mono")),
    "overview": Case(engine, (), ("mono",)),
    "overview, reading": Case(lambda: Unanswered(scenario.snapshot())),
    "overview, frozen": Case(engine, ("space",), LARGER, Clock),
    "overview, filtered": Case(engine, ("slash", *"sev:critical"), LARGER),
    "overview, filter unreadable": Case(engine, ("slash", *"sev:zz"), LARGER),
    "overview, no match": Case(engine, ("slash", *"ip:192.0.2.250 pid:1", "enter")),
    "overview, marked": Case(engine, ("m", "m")),
    "overview, sorted": Case(engine, ("s", "s", "S")),
    "overview, IPv6": Case(long_addresses),
    "overview, flows of IPv6": Case(long_addresses, ("shift+tab",), ("80x24", "mono")),
    "overview, hostile text": Case(hostile),
    "overview, flows of hostile text": Case(hostile, ("shift+tab",), ("80x24", "mono")),
    "overview, every answer": Case(every_answer),
    "overview, in trouble": Case(in_trouble),
    "overview, watching": Case(attached(consoles=2, decider="ann on pts/3"), (), ("80x24", "200x60", "mono")),
    "overview, stale": Case(attached(consoles=1, stale_since=scenario.NOW - 20), (), ("80x24", "200x60", "mono")),
    "overview, no analyst": Case(without_analyst),
    "incident": Case(engine, ("2",), ("mono",)),
    "incident, nothing yet": Case(quiet, ("2",), LARGER),
    "incident, reading": Case(lambda: Unanswered(scenario.snapshot()), ("2",)),
    "incident, before the verdict": Case(before_the_verdict, ("2",), ("80x24", "200x60", "mono")),
    "incident, refused": Case(refused, ("2",)),
    "incident, no analyst": Case(without_analyst, ("2",)),
    "incident, every proposal": Case(every_proposal, ("2",)),
    "incident, hostile text": Case(hostile, ("2",)),
    "incident, IPv6": Case(long_addresses, ("2",)),
    "incident, evidence": Case(engine, ("2", "tab", "tab", "tab", "tab"), ("80x24", "mono")),
    "incident, trace": Case(engine, ("2", "tab", "tab", "tab"), ("80x24", "mono")),
    "block": Case(known, ("b",), ("mono",)),
    "block, refused": Case(
        lambda: engine(refusals=("203.0.113.9 is the address you are connected from",)), ("b",), LARGER
    ),
    "block, halted": Case(lambda: engine(halted=True), ("b",)),
    "block, expired": Case(known, ("b",), then=an_hour_passes),
    "block, typed": Case(
        lambda: asked(handshake=False, warnings=WARNINGS[:1], typed_confirmation=True),
        ("b", "shift+tab", *"203.0.113.9"),
    ),
    "block, IPv6": Case(of_ipv6, ("b",), LARGER),
    "block, fullest": Case(
        lambda: of_ipv6(0.0, handshake=False, warnings=WARNINGS, typed_confirmation=True, prior_blocks=2, told=FULLEST),
        ("b",),
        ("200x60", "mono"),
    ),
    "block, another prefix": Case(known, ("b", "tab", "tab", "tab", "right", "right", "enter")),
    "block, live": Case(known, ("b", "tab", "tab", "enter"), LARGER),
    "block, on trial": Case(lambda: known(**TRIAL), ("b", "tab", "tab", "enter"), LARGER),
    "block, counting": Case(known, ("b", "tab", "enter"), LARGER),
    "block, not carried out": Case(
        lambda: replace(known(), refuses_with="the map is full"), ("b", "tab", "tab", "enter")
    ),
    "block, replay": Case(lambda: engine(replay()), ("b",), LARGER),
    "block, list": Case(whole_list, ("3", "tab", "b"), LARGER),
    "block, refuse": Case(known, ("b", "r")),
    "suppress": Case(engine, ("x", *TYPED), ("200x60", "mono")),
    "suppress, several": Case(engine, ("m", "m", "x")),
    "note": Case(engine, ("2", "o", *"asked the owner"), ("200x60", "mono")),
    "note, empty": Case(engine, ("2", "o"), ("80x24", "mono")),
    "disposition": Case(engine, ("d",)),
    "quit": Case(engine, ("q",)),
    "palette": Case(engine, ("ctrl+p",), ("200x60", "mono")),
    "command line": Case(engine, ("colon", *"s"), ("80x24", "200x60", "mono")),
    "command unknown": Case(engine, ("colon", *"blokc", "enter"), LARGER),
    "help of the overview": Case(engine, ("question_mark",)),
    "help of the incident": Case(engine, ("2", "question_mark")),
    "help of the dialog": Case(engine, ("b", "question_mark"), LARGER),
    "copy": Case(engine, ("y", "down"), LARGER),
}


@pytest.fixture(autouse=True)
def _leave_the_terminal_s_own_colours() -> Iterator[None]:
    yield
    theme.use(theme.ANSI)


@pytest.mark.parametrize(
    ("name", "look"), [pytest.param(name, look, id=f"{name}, {look}") for name in CASES for look in CASES[name].looks]
)
def test_a_state_at_a_size(snap_compare: Compare, name: str, look: str) -> None:
    case = CASES[name]
    wishes = Preferences(theme="mono" if look == "mono" else "auto")
    app = AegisApp(case.host(), monotonic=case.clock(), preferences=wishes)
    assert snap_compare(app, terminal_size=LOOKS[look], run_before=_press(case))


def _press(case: Case) -> Callable[[Pilot[None]], object]:
    async def before(pilot: Pilot[None]) -> None:
        wait = _pause if isinstance(getattr(pilot.app, "engine", None), Unanswered) else settle
        await wait(pilot)
        for key in case.keys:
            await pilot.press(key)
            await wait(pilot)
        app = pilot.app
        assert isinstance(app, AegisApp)
        assert isinstance(app.engine, Host)
        case.then(app.engine)
        app.poll()
        await pilot.pause()

    return before


async def _pause(pilot: Pilot[None]) -> None:
    await pilot.pause()
