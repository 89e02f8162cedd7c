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
    brief_at: int = 0
    """The rank at which it is shortened, where that is higher than the one at which it is left out."""


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


GRAVE_RANK = 1
"""Of what is never left out, and is told at length where that fits."""


class Header(Bar):
    """Health in one line."""

    def draw(self, snapshot: Snapshot, rates: Rates, frozen: str) -> None:
        """Show as much as fits, the most important longest."""
        items = header_items(snapshot, rates, frozen)
        tail = line(clock(snapshot.now), (f" {visible(zone(snapshot.now))}", "dim"))
        self.put(arrange(items, self.size.width, tail))


HALTED = "HALTED: nothing is blocked"
"""After panic-unblock."""
EMERGENCY = "EMERGENCY: flow table full"

WHO_CELLS = 24
"""Of the name of who decides, in short."""

NOTICE_ROWS = 2
"""Rows of a notice at most; ``:notices`` shows all of it."""


class Footer(Bar):
    """Key hints of the view, command line, help and quit; a notice of one row is in their place, a longer one above.

    So a short one moves nothing, and nobody who reads a long one is left without the keys.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Line] = []
        self._told: tuple[object, ...] = ()

    def draw(self, view: str, notice: Line, keymap: Keymap, dialog: Sequence[tuple[str, str]] = ()) -> None:
        """Show the hints of a view, or of the ``dialog`` above it, and the notice in as many rows as it needs."""
        told = (view, notice, keymap, list(dialog), self.size.width)
        if told == self._told:  # as at nearly every poll
            return
        self._told = told
        ending = () if dialog else _always(keymap, ALWAYS[-1:])
        rows = _notice_rows(notice, self.size.width - cell_len(plain(ending)) - 2) if notice else []
        if len(rows) == 1:
            last = rows.pop()
        else:
            ending = () if dialog else _always(keymap, ALWAYS)
            last = _hints(dialog or keymap.hints(view), self.size.width - cell_len(plain(ending)) - 2)
        gap = self.size.width - cell_len(plain((*last, *ending)))
        rows.append((*last, Span(" " * max(1, gap)), *ending))
        if rows != self._rows:
            self._rows = rows
            self.styles.height = len(rows)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one row."""
        return strip(self._rows[y] if y < len(self._rows) else (), self.size.width)


def _always(keymap: Keymap, names: Sequence[str]) -> Line:
    """Return how to get every command, help, and how to quit: what is never left out."""
    shown = [(keymap.keys(name), name) for name in names]
    kept = [(face(keys[0]), word) for keys, word in shown if keys]
    spans = [span for key, word in kept for span in (Span(key, "bold"), Span(f" {word}  "))]
    return (*spans[:-1], Span(spans[-1].text.rstrip())) if spans else ()


def _hints(hints: Sequence[tuple[str, str]], width: int) -> Line:
    spans: list[Span] = []
    for key, label in hints:
        hint = [Span("  " if spans else " "), Span(key, "bold"), Span(f" {label}")]
        if cell_len(plain([*spans, *hint])) > width:
            break
        spans += hint
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
    if status.loading and not status.source:
        return [Item(0, *_health(snapshot))]
    lost = counters.kernel_dropped + counters.shed
    backlog = max((filled / size for filled, size in counters.queues.values() if size), default=0.0)
    blocks = [block for block in snapshot.blocks if not block.watch]
    live = sum(block.state is BlockState.LIVE for block in blocks)
    live = max(live, live + snapshot.blocks_total - len(snapshot.blocks))
    trial = min((block.keep_within_s for block in blocks if block.keep_within_s > 0), default=0.0)
    opened = [i for i in snapshot.incidents if i.disposition is Disposition.UNDETERMINED]
    lost_words = line((f"lost {count(lost)}", "danger" if lost else ""))
    plane = f" · {status.dataplane}" if status.blocking else ""
    interfaces = status.mode in ("live", "monitor only")
    source = _first_of(status.source) if interfaces else status.source
    unknown = status.stale_since or _stands_still(snapshot)
    rate = "" if unknown else f"{count(rates.packets_per_s)} pkt/s {bits(rates.bits_per_s)}"
    opened_words = "" if status.loading else _opened(opened)
    items = [
        Item(2 if interfaces else 4, line(f"{status.source}{plane}"), line(source), brief_at=4),
        Item(0, *_health(snapshot)),
        Item(4, line(rate), line(f"{count(rates.packets_per_s)}/s" if rate else "")),
        Item(5, line(f"judged {count(counters.judged)} queue {backlog:.0%}"), line()),
        Item(1 if lost else 3, lost_words, lost_words),
        Item(3, line(opened_words), line(opened_words)),
        Item(6, line(f"analyst {status.analyst}"), line()),
        Item(3, *_blocks(status, live, dropped_packets(snapshot))),
    ]
    if (console := _console(status)) is not None:
        items.insert(1, console)
    if trial and not status.stale_since:
        words = f"on trial {int(trial)} s, {key_of('keep')} keeps"
        items.insert(0, Item(0, line((words, "warn")), line((words, "warn"))))
    return [Item(0, line((frozen, "hit")), line((frozen, "hit"))), *items] if frozen else items


def _first_of(interfaces: str) -> str:
    """Return the first interface and how many more there are."""
    first, *others = interfaces.split() or [""]
    return f"{first} +{len(others)}" if others else first


def _blocks(status: Status, live: int, dropped: int) -> tuple[Line, Line]:
    """Return how many blocks are in force, or were when that was known last; nothing before the kernel was asked."""
    if status.loading:
        return (), ()
    long = f"{count(live)} {'block' if live == 1 else 'blocks'}"
    if status.stale_since:
        return line(f"{long} at {clock(status.stale_since)[:5]}"), line(f"{count(live)} blk then")
    return line(f"{long} ↓{count(dropped)} pkt"), line(f"{count(live)} blk")


def _stands_still(snapshot: Snapshot) -> bool:
    """Return whether a replay waits or is over: the last rate of its packets is no news."""
    tape = snapshot.tape
    return tape is not None and (snapshot.finished or not (tape.playing or tape.seeking))


def _console(status: Status) -> Item | None:
    """Return what an attached console may do, or that it shows what was; nothing at one that hosts the engine."""
    if status.stale_since:
        words = f"STALE since {clock(status.stale_since)}"
        return Item(0, line((words, "danger")), line((f"STALE since {clock(status.stale_since)[:5]}", "danger")))
    if status.decider:
        long = f"watching: {foreign(status.decider)} decides; {key_of('take-over')} takes over"
        return Item(1, line((long, "warn")), line((f"{foreign(status.decider[:WHO_CELLS])} decides", "warn")))
    others = status.consoles - 1
    if others < 0:
        return None
    watched = f", {others} {'watches' if others == 1 else 'watch'}" if others else ""
    return Item(1 if others else 4, line(f"deciding{watched}"), line("deciding") if others else ())


def bits(per_second: float) -> str:
    """Return a bit rate, such as ``9.8 Mb/s``."""
    text = count(per_second)
    return f"{text[:-1]} {text[-1]}b/s" if text[-1].isalpha() else f"{text} b/s"


def arrange(items: list[Item], width: int, tail: Line) -> Line:
    """Return the items joined so that they fit beside ``tail``."""
    forms = [item.long for item in items]
    head = line((" AEGIS ", "bold"))
    for n in sorted(range(len(items)), key=lambda n: -max(items[n].rank, items[n].brief_at)):
        if _length(forms, head, tail) > width:
            forms[n] = items[n].short
    for n in sorted(range(len(items)), key=lambda n: -items[n].rank):
        if _length(forms, head, tail) > width and items[n].rank:
            forms[n] = ()
    for n in (n for n, item in enumerate(items) if item.rank <= GRAVE_RANK):
        # Now that others are shorter or gone, there may be room for what matters most.
        longer = [*forms[:n], items[n].long, *forms[n + 1 :]]
        forms = longer if _length(longer, head, tail) <= width else forms
    body = [span for form in forms if plain(form) for span in (Span(" │ ", "dim"), *form)][1:]
    gap = width - cell_len(plain((*head, *body, *tail)))
    return (*head, *body, Span(" " * max(1, gap)), *tail)


def _length(forms: list[Line], head: Line, tail: Line) -> int:
    joined = sum(cell_len(words) + 3 for form in forms if (words := plain(form))) - 3
    return cell_len(plain(head)) + max(0, joined) + 1 + cell_len(plain(tail))


def _opened(incidents: list[Incident]) -> str:
    return f"{len(incidents)} open"


def _health(snapshot: Snapshot) -> tuple[Line, Line]:
    status, number = snapshot.status, len(snapshot.faults)
    words = []
    if status.mode == "replay":
        words.append("REPLAY ended · blocking off" if snapshot.finished else "REPLAY · blocking off")
    elif status.mode == "library":
        words.append("no live traffic")
    elif status.loading and not status.stale_since:
        words.append(f"{status.loading} …")
    elif not (status.blocking or status.stale_since):
        words.append(HALTED if status.dataplane.startswith("halted") else "monitor only")
    if snapshot.counters.emergency:
        words.append(EMERGENCY)
    if number:
        words.append(f"{number} fault{'s' if number > 1 else ''} [{key_of('screen-health')}]")
    if not words:
        return line("ok"), line("ok")
    loud = [word for word in words if status.mode == "replay" or word in (HALTED, EMERGENCY)]
    style = "danger" if {HALTED, EMERGENCY} & set(words) else "warn"
    return line((" · ".join(words), style)), line(((loud or words[-1:])[0], style))


def _cut(spans: list[Span], width: int) -> list[Span]:
    kept: list[Span] = []
    for span in spans:
        room = width - cell_len(plain(kept))
        kept.append(Span(span.text[: max(0, room)], span.style))
    return kept
