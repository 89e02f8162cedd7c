"""Screen 5: is the tool itself well: faults with remedies, the accounting identity, queues, abilities."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import clock
from engine.types import Counters, Fault, Snapshot, Status, Storage

BAR_CELLS = 20

NO_ENDPOINT = frozenset({"playbook", "loading"})
"""Analysts that ask nobody."""


class HealthScreen(View):
    """Every fault, every counter."""

    view = "health"

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Horizontal(id="body"):
            with Vertical(classes="column"):
                yield TextPane("Abilities and faults", id="faults")
            with Vertical(classes="column right"):
                yield TextPane("Accounting", id="counters")

    def draw_panes(self, scene: Scene) -> None:
        """Draw both columns."""
        snapshot = scene.now
        number = len(snapshot.faults)
        heading = f"Abilities, {number} fault{'' if number == 1 else 's'}"
        self.query_one("#faults", TextPane).write([*_abilities(snapshot), *_faults(snapshot.faults)], heading)
        self.query_one("#counters", TextPane).write(
            accounting(snapshot.counters, scene.plain_bars), "Accounting, queues"
        )


def accounting(counters: Counters, plain_bars: bool = False) -> list[Paragraph]:
    """Return the identities with their sums, then the tables and queues with how full they are."""
    c = counters
    return [
        *_sum("kernel saw", c.kernel_seen, {"delivered": c.delivered, "lost in the kernel": c.kernel_dropped}),
        *_sum(
            "delivered",
            c.delivered,
            {"parsed": c.parsed, "filtered": c.filtered, "malformed": c.malformed, "shed": c.shed},
        ),
        *_sum(
            "detections", c.detections, {"alerts": c.alerts, "deduplicated": c.deduplicated, "suppressed": c.suppressed}
        ),
        paragraph(f"{'judged':<20}{c.judged:>14,}"),
        paragraph(f"{'bytes':<20}{c.bytes:>14,}"),
        paragraph(f"{'flows now':<20}{c.flows_now:>14,}"),
        paragraph(f"{'flows in all':<20}{c.flows_total:>14,}"),
        paragraph((f"{'flows evicted':<20}{c.flows_evicted:>14,}", "warn" if c.flows_evicted else "")),
        paragraph((f"{'quarantined':<20}{c.quarantined:>14,}", "warn" if c.quarantined else "")),
        paragraph(("EMERGENCY: the flow table is full", "danger") if c.emergency else ("flow table: room", "")),
        *(_queue(name, filled, size, plain_bars) for name, (filled, size) in sorted(c.queues.items())),
    ]


def _sum(name: str, total: int, parts: dict[str, int]) -> list[Paragraph]:
    rest = total - sum(parts.values())
    lost = {"lost in the kernel", "malformed", "shed"}
    rows = [paragraph((f"{name:<20}{total:>14,}", "bold"))]
    for part, number in parts.items():
        style = "warn" if number and part in lost else ""
        rows.append(paragraph((f"  {part:<18}{number:>14,}", style)))
    word = "adds up" if rest == 0 else "in flight" if rest > 0 else "DOES NOT ADD UP"
    rows.append(paragraph((f"  {word:<18}{rest:>14,}", "danger" if rest < 0 else "dim")))
    return rows


def _queue(name: str, filled: int, size: int, plain_bars: bool) -> Paragraph:
    ratio = filled / size if size else 0.0
    full, empty = ("#", ".") if plain_bars else ("█", "░")
    cells = min(BAR_CELLS, round(ratio * BAR_CELLS))
    style = "danger" if ratio >= 0.9 else "warn" if ratio >= 0.5 else ""
    word = " FULL" if ratio >= 1 else ""
    return paragraph(
        (f"queue {name:<14}{full * cells}{empty * (BAR_CELLS - cells)} {ratio:>4.0%} of {size}{word}", style)
    )


def _abilities(snapshot: Snapshot) -> list[Paragraph]:
    status = snapshot.status
    blocking = ("on: an approved block is enforced", "") if status.blocking else ("off", "warn")
    return [
        paragraph("mode       ", (foreign(status.mode), "bold"), f" on {foreign(status.source)}", indent=11),
        paragraph("blocking   ", blocking, indent=11),
        paragraph(f"data plane {foreign(status.dataplane)}", indent=11),
        paragraph(f"model      {foreign(status.model)}", indent=11),
        paragraph(f"analyst    {foreign(status.analyst)}", indent=11),
        *_spending(status, snapshot.now),
        *_storage(status.storage),
        paragraph("to try it  aegis-tui demo: a recorded attack, blocking off", indent=11),
    ]


def _spending(status: Status, now: float) -> list[Paragraph]:
    """Return what the endpoints were asked today; nothing where there is none."""
    spent = status.spending
    if status.analyst in NO_ENDPOINT and not spent.calls:
        return []
    limit = f" of {spent.tokens_limit:,}" if spent.tokens_limit else ""
    cost = f", cost {spent.cost:.2f}" if spent.cost else ""
    over = bool(spent.tokens_limit) and spent.tokens >= spent.tokens_limit
    words = f"today {spent.tokens:,}{limit} tokens, {spent.calls:,} calls{cost}"
    rows = [paragraph("endpoint   ", (words, "warn" if over else ""), indent=11)]
    if spent.paused_until > now:
        rows.append(paragraph("           ", (f"left alone until {clock(spent.paused_until)}", "warn"), indent=11))
    return rows


def _storage(storage: Storage) -> list[Paragraph]:
    """Return what database and reports take up; nothing before the first look."""
    if not storage.used_bytes:
        return []
    budget = storage.budget_bytes
    over = bool(budget) and storage.used_bytes > budget
    room = f"{storage.used_bytes / 1e6:,.0f} MB" + (f" of {budget / 1e6:,.0f} MB" if budget else ", no budget")
    kept = f"incidents kept {storage.keep_days} d" if storage.keep_days else "incidents kept for ever"
    return [paragraph("disk       ", (room, "warn" if over else ""), f"; {kept}", indent=11)]


def _faults(faults: tuple[Fault, ...]) -> list[Paragraph]:
    if not faults:
        return [
            paragraph(""),
            paragraph(("No faults. ", "bold"), "What goes missing later appears here with its remedy."),
        ]
    rows: list[Paragraph] = []
    for fault in faults:
        rows.append(paragraph(""))
        rows.append(
            paragraph((f"{fault.ability} ", "warn"), (f"{clock(fault.at)} ", "dim"), foreign(fault.message), indent=2)
        )
        rows.append(paragraph(("  do: ", "bold"), foreign(fault.remedy), indent=6))
    return rows
