"""The transport bar of a replay: where it stands, how fast it goes, and where alerts are."""

from __future__ import annotations

from rich.cells import cell_len

from aegis_tui.widgets.line import Line, Span, line, plain
from aegis_tui.widgets.words import clock
from engine.types import Tape

SHORTEST = 8
"""Cells of the bar at least; where there is no room for it, it is left out."""

_KNOBS = {False: ("|◀ ◀ ", "▶", "‖", " ▶|"), True: ("|< < ", ">", "=", " >|")}
"""Signs that every font of a terminal has."""
_BAR = {False: ("━", "─", "●", "╂", "×"), True: ("=", "-", "O", "|", "x")}


def tape_line(tape: Tape, width: int, *, ended: bool, plain_bars: bool = False) -> Line:
    """Return the bar in one row: state, keys, speed, place among the alerts, time and end."""
    played, ahead, knob, tick, times = _BAR[plain_bars]
    before, play, pause, after = _KNOBS[plain_bars]
    state = _state(tape, ended)
    style = "warn" if tape.seeking else "bold"
    head = line((f"{state:<7} ", style), before, pause if tape.playing else play, after, f"  {times}{tape.speed:g}  ")
    end = clock(tape.ends_at) if tape.whole else f"{clock(tape.ends_at)}…"
    tail = line("  ", (clock(tape.at), "bold"), f" / {end}")
    room = width - cell_len(plain((*head, *tail)))
    if room < SHORTEST:
        return (*head, *tail)
    return (*head, *_bar(tape, room, (played, ahead, knob, tick)), *tail)


def _state(tape: Tape, ended: bool) -> str:
    if ended and not tape.seeking:
        return "ENDED"
    if not tape.starts_at:  # no packet was read yet
        return "LOADING"
    return "SEEKING" if tape.seeking else "PLAYING" if tape.playing else "PAUSED"


def _bar(tape: Tape, width: int, signs: tuple[str, str, str, str]) -> Line:
    played, ahead, knob, tick = signs
    at = _cell(tape, tape.at, width)
    marked = {_cell(tape, alert, width) for alert in tape.alerts}
    spans = []
    for cell in range(width):
        if cell == at:
            spans.append(Span(knob, "bold"))
        elif cell in marked:
            spans.append(Span(tick, "danger"))
        else:
            spans.append(Span(played if cell < at else ahead, "" if cell < at else "dim"))
    return _joined(spans)


def _cell(tape: Tape, at: float, width: int) -> int:
    length = tape.ends_at - tape.starts_at
    share = (at - tape.starts_at) / length if length > 0 else float(tape.step > 0)
    return max(0, min(width - 1, round(share * (width - 1))))


def _joined(spans: list[Span]) -> Line:
    """Return neighbours of one style as one span."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].style == span.style:
            joined[-1] = Span(joined[-1].text + span.text, span.style)
        else:
            joined.append(span)
    return tuple(joined)
