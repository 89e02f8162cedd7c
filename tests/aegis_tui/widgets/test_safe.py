"""Hostile text in every widget that shows text: nothing that steers a terminal reaches a strip."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from rich.cells import get_character_cell_size
from textual.pilot import Pilot

from aegis_tui.screens.decision import Decision
from aegis_tui.widgets.safe import foreign, visible
from engine.types import Block, Claim, Fault, IncidentView, Listed, Proposal, Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, console, engine, settle

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
BIDI = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ZERO_WIDTH = list("\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\u2061\u2064\ufe0f\ufeff")
BLANK = list("\u115f\u1160\u2028\u2029\u3164\uffa0\u2800")
SEQUENCES = [
    "\x1b[2J\x1b[H",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1bP+q544e\x1b\\",
    "\x1b_apc\x1b\\",
    "\x1b^pm\x1b\\",
    "\x1bXsos\x1b\\",
    "\x9b2J",
    "\x9d0;title\x9c",
    "\x90q\x9c",
    "\r\nAEGIS all is well",
    "[bold red]markup[/] [link=http://x]x[/link] [@click=app.quit]go[/]",
    "e\u0301\u0301\u0301\u0301\u0301\u0301",
    "\U000e0041\U000e0042",
    "\udcff\ud800",
    "\U0001f468\u200d\U0001f469",
    "\ue000\U0010fffd",
    "┌ Block 192.0.2.1/32 ┐│ [ Block ] │└┘",
]
FRAME = "┌ Block 192.0.2.1/32 ┐│└┘"
HOSTILE = [*(f"a{char}b" for char in (*CONTROLS, *BIDI, *ZERO_WIDTH, *BLANK)), *SEQUENCES]


def test_the_corpus_is_large() -> None:
    assert len(HOSTILE) >= 100


@pytest.mark.parametrize("function", [visible, foreign])
def test_what_cannot_be_seen_is_escaped(function: object) -> None:
    assert callable(function)
    for text in HOSTILE:
        assert harmless(function(text)), repr(text)


def test_escaping_twice_changes_nothing() -> None:
    assert [visible(visible(text)) for text in HOSTILE] == [visible(text) for text in HOSTILE]


def test_ordinary_text_stays_as_it_is() -> None:
    assert visible("GET /größe 日本語 🙂") == "GET /größe 日本語 🙂"


def test_captured_text_cannot_draw_a_frame() -> None:
    assert not set("┌┐│└┘") & set(foreign("┌ Block? ┐│└┘"))


def harmless(text: str) -> bool:
    """Return whether a terminal would show each character and do nothing else."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return all(unicodedata.category(char) not in hidden and get_character_cell_size(char) for char in text)


@pytest.mark.parametrize("view", ["overview", "incident", "blocks", "replay", "health"])
async def test_no_view_lets_hostile_text_through(view: str) -> None:
    pieces = _pieces()
    fake = engine(_hostile_snapshot(pieces), views={"INC-00000042": _hostile_view(pieces)})
    async with console(fake, view=view).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        rows = _rows(pilot)
        assert all(harmless(row) for row in rows)
        await pilot.press("b")
        await settle(pilot)
        assert all(harmless(row) for row in _rows(pilot))


def _pieces() -> list[str]:
    everything = "".join(HOSTILE)
    return [everything[at : at + 40] for at in range(0, len(everything), 40)]


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=str)
@pytest.mark.parametrize("keys", ["b", "btE", "bttE", "bR", "3tb", "3X1", "3a", "3", "3ttE", "3K"])
async def test_no_dialog_and_no_question_lets_hostile_text_through(size: tuple[int, int], keys: str) -> None:
    pieces = _pieces()
    fake = _hostile_host(pieces, whole_list="3tb" in keys)
    names = {"t": "tab", "E": "enter", "R": "r", "X": "E"}
    async with console(fake, Clock()).run_test(size=size) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(names.get(key, key))
            await settle(pilot)
            pilot.app.monotonic.at += 1  # type: ignore[attr-defined]  # the clock given above
        pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class
        await settle(pilot)
        rows, frames = _rows(pilot), sum(isinstance(screen, Decision) for screen in pilot.app.screen_stack)
    assert all(harmless(row) for row in rows)
    if size == (80, 24):  # there the dialog covers what else is on the screen
        assert "".join(rows).count("┌") == frames


class HostileHost(Host):
    """A host whose guard and engine answer with hostile text, and refuse with it."""

    async def keep(self, target: str = "") -> str:
        """Answer."""
        return FRAME + "".join(_pieces())

    async def watch(self, proposal_id: str, seconds: float) -> Block:
        """Refuse."""
        raise PermissionError(FRAME + "".join(_pieces()))

    async def extend(self, prefix: str, ttl_s: float) -> Proposal:
        """Refuse."""
        raise PermissionError(FRAME + "".join(_pieces()))


def _hostile_host(pieces: list[str], whole_list: bool) -> HostileHost:
    bad = FRAME + "".join(pieces)
    night = _hostile_snapshot([FRAME, *pieces])
    if whole_list:
        terms = replace(scenario.proposal().terms, prefix="", action="block list")
        listed = Listed(9, 9, (FRAME, *pieces[:8]), 2, (FRAME, *pieces))
        night = replace(night, proposals=(scenario.proposal(terms=terms, listed=listed, reason=bad, warnings=(bad,)),))
    trial = replace(night.blocks[0], keep_within_s=40.0)
    gone = replace(trial, ended_at=scenario.NOW, ended_why=bad)
    fake = HostileHost(
        replace(night, blocks=(trial,)),
        views={"INC-00000042": _hostile_view(pieces)},
        ended=(gone,),
        told={"entry": bad, "prior": (FRAME, *pieces), "trial_s": 60.0, "trial_why": bad},
    )
    fake.impact_is = replace(fake.impact_is, services=(FRAME, *pieces))
    return fake


def _rows(pilot: Pilot[None]) -> list[str]:
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def _hostile_snapshot(pieces: list[str]) -> Snapshot:
    night = scenario.snapshot()
    flows = tuple(replace(scenario.flow(n), name=piece, app=piece[:4]) for n, piece in enumerate(pieces))
    block = replace(scenario.block(), approver=pieces[0], reason=pieces[1])
    fault = Fault(pieces[2], pieces[3], pieces[4], scenario.NOW)
    bad = "".join(pieces)
    detection = replace(scenario.alert().detection, label=pieces[5], reason=pieces[6])
    return replace(
        night,
        flows=flows,
        blocks=(block,),
        faults=(fault,),
        alerts=(scenario.alert(detection=detection),),
        incidents=(scenario.incident(title=bad),),
        proposals=(scenario.proposal(reason=bad, warnings=(bad, pieces[7])),),
        status=scenario.status(source=pieces[8], dataplane=pieces[9], model=pieces[10], analyst=pieces[11]),
    )


def _hostile_view(pieces: list[str]) -> IncidentView:
    bad = "".join(pieces)
    verdict = replace(
        scenario.verdict(),
        analyst=pieces[0],
        summary=bad,
        claims=tuple(Claim(piece, (pieces[1],)) for piece in pieces),
        not_done=(bad,),
        actions=(bad,),
    )
    steps = tuple(replace(scenario.steps()[0], name=piece[:8], content=piece) for piece in pieces)
    evidence = tuple(replace(scenario.evidence()[0], summary=piece, content=piece) for piece in pieces)
    alert = scenario.alert(detection=replace(scenario.alert().detection, excerpt=bytes(range(256)), reason=bad))
    return scenario.incident_view(
        incident=scenario.incident(title=bad),
        alerts=(alert,),
        evidence=evidence,
        steps=steps,
        verdict=verdict,
        decisions=(bad,),
    )
