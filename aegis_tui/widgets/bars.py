"""The top line (is it well, what goes on) and the bottom line (what can I do)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

from aegis_tui.clock import zone
from aegis_tui.keyboard.keymap import ALWAYS, Keymap, face, key_of
from aegis_tui.widgets.line import Line, Paragraph, Span, line, plain, strip, wrap
from aegis_tui.widgets.rates import Rates
from aegis_tui.widgets.safe import foreign, visible
from aegis_tui.widgets.words import clock, count, dropped_packets
from engine.types import BlockState, Disposition, Incident, Snapshot, Status


class Item(NamedTuple):
    """One statement of the header, long and short."""

    rank: int
    """The item with the highest rank is shortened first, and left out first."""
    long: Line
    short: Line


class Bar(Widget):
    """One row that repaints only when its text changes."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._line: Line = ()

    def put(self, spans: Line) -> None:
        """Show this line."""
        if spans != self._line:
            self._line = spans
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the row."""
        return strip(self._line, self.size.width)


class Header(Bar):
    """Health in one line."""

    def draw(self, snapshot: Snapshot, rates: Rates, frozen: str) -> None:
        """Show as much as fits, the most important longest."""
        items = header_items(snapshot, rates, frozen)
        tail = line(clock(snapshot.now), (f" {visible(zone(snapshot.now))}", "dim"))
        self.put(arrange(items, self.size.width, tail))


NOTICE_ROWS = 2
"""Rows of a notice at most; ``:notices`` shows all of it."""


class Footer(Bar):
    """Key hints of the view, command line, help and quit; while there is a notice, the notice and quit."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Line] = []

    def draw(self, view: str, notice: Line, keymap: Keymap, dialog: Sequence[tuple[str, str]] = ()) -> None:
        """Show the hints of a view, or of the ``dialog`` above it, or the notice in as many rows as it needs."""
        always = () if dialog else _always(keymap, notice)
        width = self.size.width - cell_len(plain(always)) - 1
        hints = dialog or keymap.hints(view)
        rows = _notice_rows(notice, width - 1) if notice else [_hints(hints, width)]
        gap = width - cell_len(plain(rows[-1]))
        rows[-1] = (*rows[-1], Span(" " * max(1, gap)), *always)
        if rows != self._rows:
            self._rows = rows
            self.styles.height = len(rows)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one row."""
        return strip(self._rows[y] if y < len(self._rows) else (), self.size.width)


def _always(keymap: Keymap, notice: Line) -> Line:
    """Return how to get every command, help, and how to quit: what is never left out."""
    shown = [(keymap.keys(name), name) for name in (ALWAYS[-1:] if notice else ALWAYS)]
    kept = [(face(keys[0]), word) for keys, word in shown if keys]
    spans = [span for key, word in kept for span in (Span(key, "bold"), Span(f" {word}  "))]
    return (*spans[:-1], Span(spans[-1].text.rstrip())) if spans else ()


def _hints(hints: Sequence[tuple[str, str]], width: int) -> Line:
    spans: list[Span] = [Span(" ")]
    for key, label in hints:
        if cell_len(plain(spans)) + cell_len(key) + cell_len(label) + 3 > width:
            break
        spans += [Span(key, "bold"), Span(f" {label}  ")]
    return tuple(spans)


def _notice_rows(notice: Line, width: int) -> list[Line]:
    rows = wrap(Paragraph((Span(" "), *notice), indent=1), max(8, width))
    if len(rows) <= NOTICE_ROWS:
        return rows
    more = Span(" … :notices", "dim")
    last = _cut(list(rows[NOTICE_ROWS - 1]), width - cell_len(more.text))
    return [*rows[: NOTICE_ROWS - 1], (*last, more)]


def header_items(snapshot: Snapshot, rates: Rates, frozen: str) -> list[Item]:
    """Return what the header says, left to right."""
    status, counters = snapshot.status, snapshot.counters
    lost = counters.kernel_dropped + counters.shed
    backlog = max((filled / size for filled, size in counters.queues.values() if size), default=0.0)
    blocks = [block for block in snapshot.blocks if not block.watch]
    live = sum(block.state is BlockState.LIVE for block in blocks)
    live = max(live, live + snapshot.blocks_total - len(snapshot.blocks))
    trial = min((block.keep_within_s for block in blocks if block.keep_within_s > 0), default=0.0)
    opened = [i for i in snapshot.incidents if i.disposition is Disposition.UNDETERMINED]
    lost_style = "danger" if lost else ""
    plane = f" · {status.dataplane}" if status.blocking else ""
    items = [
        Item(3, line(f"{status.source}{plane}"), line(status.source)),
        Item(0, *_health(snapshot)),
        Item(
            2,
            line(f"{count(rates.packets_per_s)} pkt/s {bits(rates.bits_per_s)}"),
            line(f"{count(rates.packets_per_s)}/s"),
        ),
        Item(5, line(f"judged {count(counters.judged)} queue {backlog:.0%}"), line()),
        Item(1, line((f"lost {count(lost)}", lost_style)), line((f"lost {count(lost)}", lost_style))),
        Item(2, line(_opened(opened)), line(_opened(opened))),
        Item(6, line(f"analyst {status.analyst}"), line()),
        Item(
            2,
            line(f"{count(live)} {'block' if live == 1 else 'blocks'} ↓{count(dropped_packets(snapshot))} pkt"),
            line(f"{count(live)} blk"),
        ),
    ]
    if (console := _console(status)) is not None:
        items.insert(1, console)
    if trial:
        words = f"on trial {int(trial)} s, {key_of('keep')} keeps"
        items.insert(0, Item(0, line((words, "warn")), line((words, "warn"))))
    return [Item(0, line((frozen, "hit")), line((frozen, "hit"))), *items] if frozen else items


def _console(status: Status) -> Item | None:
    """Return what an attached console may do, or that it shows what was; nothing at one that hosts the engine."""
    if status.stale_since:
        words = f"STALE since {clock(status.stale_since)}"
        return Item(0, line((words, "danger")), line(("STALE", "danger")))
    if status.decider:
        long = (f"watching: {foreign(status.decider)} decides; {key_of('take-over')} takes over", "warn")
        return Item(1, line(long), line(("watching", "warn")))
    others = status.consoles - 1
    if others < 0:
        return None
    watched = f", {others} {'watches' if others == 1 else 'watch'}" if others else ""
    return Item(4, line(f"deciding{watched}"), line("deciding") if others else ())


def bits(per_second: float) -> str:
    """Return a bit rate, such as ``9.8 Mb/s``."""
    text = count(per_second)
    return f"{text[:-1]} {text[-1]}b/s" if text[-1].isalpha() else f"{text} b/s"


def arrange(items: list[Item], width: int, tail: Line) -> Line:
    """Return the items joined so that they fit beside ``tail``."""
    forms = [item.long for item in items]
    head = line((" AEGIS ", "bold"))
    for n in sorted(range(len(items)), key=lambda n: -items[n].rank):
        if _length(forms, head, tail) > width:
            forms[n] = items[n].short
    for n in sorted(range(len(items)), key=lambda n: -items[n].rank):
        if _length(forms, head, tail) > width and items[n].rank:
            forms[n] = ()
    body = [span for form in forms if form for span in (Span(" │ ", "dim"), *form)]
    gap = width - cell_len(plain((*head, *body, *tail))) - 1
    return (*head, *body[1:], Span(" " * max(1, gap)), *tail)


def _length(forms: list[Line], head: Line, tail: Line) -> int:
    return cell_len(plain(head)) + cell_len(plain(tail)) + 2 + sum(cell_len(plain(form)) + 3 for form in forms if form)


def _opened(incidents: list[Incident]) -> str:
    return f"{len(incidents)} open"


def _health(snapshot: Snapshot) -> tuple[Line, Line]:
    status, number = snapshot.status, len(snapshot.faults)
    words = []
    if status.mode == "replay":
        words.append("REPLAY ended · blocking off" if snapshot.finished else "REPLAY · blocking off")
    elif not status.blocking:
        words.append("monitor only")
    if snapshot.counters.emergency:
        words.append("EMERGENCY: flow table full")
    if number:
        words.append(f"{number} fault{'s' if number > 1 else ''} [{key_of('screen-health')}]")
    if not words:
        return line("ok"), line("ok")
    return line((" · ".join(words), "warn")), line((words[0 if status.mode == "replay" else -1], "warn"))


def _cut(spans: list[Span], width: int) -> list[Span]:
    kept: list[Span] = []
    for span in spans:
        room = width - cell_len(plain(kept))
        kept.append(Span(span.text[: max(0, room)], span.style))
    return kept
