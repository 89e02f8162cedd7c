"""Screen 5: is the tool itself well: every ability, faults with remedies, the accounting identity, queues."""

from __future__ import annotations

from collections import Counter

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import Paragraph, inked, paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import clock
from engine.types import NOT_YET, Counters, Snapshot, Status

BAR_CELLS = 12

PRESSING = 0.9
"""How full a queue is that stands above everything else."""
EXPLAINED_FROM = 76
"""Columns of a pane from which each count says what it counts."""
GLOSSES = {
    "kernel saw": "packets on the interface",
    "lost in the kernel": "they came faster than they were read",
    "filtered": "no IP, or a link layer that is not read",
    "malformed": "headers cut short or contradictory",
    "shed": "left out under load",
    "in flight": "read, and not counted further yet",
    "detections": "what the judges found",
    "deduplicated": "repeats of an alert, counted with it",
    "suppressed": "set aside by a person's rule",
    "judged": "answers of rules, model and behaviour",
    "flows evicted": "the flow table was full",
    "quarantined": "broke a stage: set aside, with a fault",
    "batches": "packets for the judges",
    "cases": "incidents for the analyst",
    "events": "to triage",
    "messages": "for receivers",
    "notes": "traces to seal",
    "reports": "to be written",
    "rows": "for the database",
}

STATE_STYLES = {"ok": "good", "DEGRADED": "warn", "MISSING": "danger", "off": "dim", NOT_YET: "dim"}

DOINGS = {
    "live": "live on {}",
    "monitor only": "watching {}",
    "replay": "replay of {}",
    "library": "no interface is watched: this console looks through what is stored",
}
"""By mode: what is read, and from where."""

KNOWLEDGE = ("knowledge", "documents", "playbooks", "prompts", "networks", "tools")


class HealthScreen(View):
    """Every fault, every counter."""

    view = "health"

    DEFAULT_CSS = """
    HealthScreen.-normal.-tall #abilities { width: 66; }
    """

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Horizontal(id="body"):
            with Vertical(id="abilities", classes="column"):
                yield TextPane("Abilities and faults", id="faults")
            with Vertical(classes="column right"):
                yield TextPane("Accounting", id="counters")

    def draw_panes(self, scene: Scene) -> None:
        """Draw both columns."""
        snapshot = scene.now
        if snapshot.status.loading and not snapshot.status.source:
            self._tell_waiting(snapshot.status.loading)
            return
        rows = abilities(snapshot)
        counts = Counter(state for _, state, _ in rows)
        stale = f" as of {clock(snapshot.status.stale_since)}" if snapshot.status.stale_since else ""
        states = ", ".join(f"{counts[state]} {state}" for state in STATE_STYLES if counts[state])
        number = len(snapshot.faults)
        told = f"Abilities{stale}: {states}; {number} fault{'' if number == 1 else 's'}"
        faults, counters = self.query_one("#faults", TextPane), self.query_one("#counters", TextPane)
        faults.write([*map(_ability, rows), *_faults(snapshot)], told)
        explained = counters.size.width >= EXPLAINED_FROM
        counters.write(accounting(snapshot.counters, scene.plain_bars, explained), "Accounting, queues")

    def _tell_waiting(self, loading: str) -> None:
        """Say what is waited for: nothing is known of the engine yet, and no zero of it is one."""
        for name in ("#faults", "#counters"):
            self.query_one(name, TextPane).write([paragraph(f"{loading.capitalize()} …")])


def accounting(counters: Counters, plain_bars: bool = False, explained: bool = False) -> list[Paragraph]:
    """Return the identities with their sums, then the tables and queues with how full they are."""
    c = counters
    sums = {
        "kernel saw": (c.kernel_seen, {"delivered": c.delivered, "lost in the kernel": c.kernel_dropped}),
        "delivered": (
            c.delivered,
            {"parsed": c.parsed, "filtered": c.filtered, "malformed": c.malformed, "shed": c.shed},
        ),
        "detections": (
            c.detections,
            {"alerts": c.alerts, "deduplicated": c.deduplicated, "suppressed": c.suppressed},
        ),
    }
    lone = {
        "judged": c.judged, "bytes": c.bytes, "flows now": c.flows_now, "flows in all": c.flows_total,
        "flows evicted": c.flows_evicted, "quarantined": c.quarantined,
    }  # fmt: skip
    pressing = {name for name, (filled, size) in c.queues.items() if size and filled / size >= PRESSING}
    queues = {
        name: _queue(name, filled, size, plain_bars, explained) for name, (filled, size) in sorted(c.queues.items())
    }
    return [
        *([paragraph(("EMERGENCY: the flow table is full", "danger"))] if c.emergency else []),
        *(queues[name] for name in queues if name in pressing),
        *(row for name, (total, parts) in sums.items() for row in _sum(name, total, parts, explained)),
        *(_number(name, number, explained, "warn" if number and name in BAD else "") for name, number in lone.items()),
        *([] if c.emergency else [paragraph("flow table: room")]),
        *(queues[name] for name in queues if name not in pressing),
    ]


BAD = frozenset({"lost in the kernel", "malformed", "shed", "flows evicted", "quarantined"})


def _sum(name: str, total: int, parts: dict[str, int], explained: bool) -> list[Paragraph]:
    rest = total - sum(parts.values())
    rows = [_number(name, total, explained, "bold")]
    for part, number in parts.items():
        rows.append(_number(f"  {part}", number, explained, "warn" if number and part in BAD else ""))
    word = "adds up" if rest == 0 else "in flight" if rest > 0 else "DOES NOT ADD UP"
    return [*rows, _number(f"  {word}", rest, explained, "danger" if rest < 0 else "dim")]


def _number(name: str, number: int, explained: bool, style: str) -> Paragraph:
    gloss = GLOSSES.get(name.strip(), "") if explained else ""
    told = (*inked(f"{name:<20}", style), *inked(f"{number:>14,}", style))
    return paragraph(*told, (f"   {gloss}" if gloss else "", "dim"))


def _queue(name: str, filled: int, size: int, plain_bars: bool, explained: bool) -> Paragraph:
    ratio = filled / size if size else 0.0
    full, empty = ("#", ".") if plain_bars else ("█", "░")
    cells = min(BAR_CELLS, round(ratio * BAR_CELLS))
    style = "danger" if ratio >= PRESSING else "warn" if ratio >= 0.5 else ""
    word = " FULL" if ratio >= 1 else ""
    bar = f"{full * cells}{empty * (BAR_CELLS - cells)}"
    figure = f" {ratio:>4.0%} of {f'{size:,}{word}':<{11 * explained}}"
    told = (*inked(f"queue {name:<14}", style), (bar, style), *inked(figure, style))
    return paragraph(*told, (f" {GLOSSES.get(name, '')}" if explained else "", "dim"))


HERE = "(on this host)"
"""How an endpoint ends to which nothing leaves."""

Ability = tuple[str, str, str]
"""Name, state in a word, and what there is or what is missing."""


def abilities(snapshot: Snapshot) -> list[Ability]:
    """Return what the tool can do here, each with one word on how well."""
    status, broken = snapshot.status, {fault.ability for fault in snapshot.faults}
    rows = [
        _capture(status, broken),
        _blocking(status, broken),
        _model(status, broken),
        ("rules", "MISSING", "no rule is loaded; see rules below") if "rules" in broken else None,
        _analyst(status, broken),
        ("knowledge", *_worn(broken, KNOWLEDGE, "ATT&CK, playbooks and your documents")),
        _store(status, broken),
        _spending(status, snapshot.now),
        _told_far_away(status, broken),
        _leaving(status),
    ]
    others = broken - KNOWN
    return [*filter(None, rows), *((name, "DEGRADED", "see below") for name in sorted(others))]


KNOWN = frozenset(
    {"capture", "interface", "daemon", "blocking", "guard", "bpf", "proposals", "model", "rules", "llm", "agent",
     *KNOWLEDGE, "store", "reports", "quarantine", "disk budget", "notify"}
)  # fmt: skip
"""Abilities of faults that a row of its own tells of."""


def _model(status: Status, broken: set[str]) -> Ability:
    if status.model == NOT_YET:
        return "model", NOT_YET, "it is being read"
    return "model", "MISSING" if "model" in broken else "ok", status.model + _see(broken & {"model"})


def _analyst(status: Status, broken: set[str]) -> Ability:
    if status.analyst == NOT_YET:
        return "analyst", NOT_YET, "it begins once it is loaded"
    troubled = broken & {"llm", "agent"}
    return "analyst", "DEGRADED" if troubled else "ok", status.analyst + _see(troubled)


def _see(troubled: set[str]) -> str:
    """Return where it is said what is wrong, behind what there is."""
    return f"; see {' and '.join(sorted(troubled))} below" if troubled else ""


def _worn(broken: set[str], names: tuple[str, ...], text: str) -> tuple[str, str]:
    found = [name for name in names if name in broken]
    return ("DEGRADED", f"{', '.join(found)}: see below") if found else ("ok", text)


def _capture(status: Status, broken: set[str]) -> Ability:
    if status.stale_since:
        return "capture", "MISSING", f"the daemon does not answer since {clock(status.stale_since)}"
    if "capture" in broken:
        return "capture", "MISSING", f"packets of {status.source} are not read; see capture below"
    doing = DOINGS.get(status.mode, status.mode).format(status.source)
    return "capture", *(("DEGRADED", f"{doing}; see interface below") if "interface" in broken else ("ok", doing))


def _blocking(status: Status, broken: set[str]) -> Ability:
    troubled = broken & {"blocking", "guard", "bpf", "daemon"}
    if status.blocking:
        words = f"{status.dataplane}: approved blocks are enforced{_see(troubled)}"
        return "blocking", "DEGRADED" if troubled else "ok", words
    if status.mode in ("replay", "library") and not troubled:
        return "blocking", "off", "nothing is watched here that could be blocked"
    remedy = _see(troubled) or ": start without no_dataplane to block"
    return "blocking", "MISSING" if troubled else "off", f"{status.dataplane}; nothing can be blocked{remedy}"


def _store(status: Status, broken: set[str]) -> Ability | None:
    """Return what is kept; nothing while all is well and nobody has looked yet."""
    troubled = broken & {"store", "reports", "quarantine", "disk budget"}
    if not (troubled or status.storage.used_bytes):
        return None
    storage = status.storage
    used = storage.used_bytes / 1e6
    budget = f" of {storage.budget_bytes / 1e6:,.0f} MB" if storage.budget_bytes else ", no budget"
    room = f"{used:,.{0 if used >= 10 else 1}f} MB{budget}; " if storage.used_bytes else ""
    kept = f"incidents kept {storage.keep_days}d" if storage.keep_days else "incidents kept for ever"
    over = bool(storage.budget_bytes) and storage.used_bytes > storage.budget_bytes
    going = "; the oldest is being removed" if over and "disk budget" not in troubled else ""
    return "disk", "DEGRADED" if over or troubled else "ok", f"{room}{kept}{going}{_see(troubled)}"


def _spending(status: Status, now: float) -> Ability | None:
    """Return what the endpoints were asked today; nothing where there is none."""
    spent = status.spending
    if not (status.endpoints or spent.calls):
        return None
    limit = f" of {spent.tokens_limit:,}" if spent.tokens_limit else ""
    cost = f", cost {spent.cost:.2f}" if spent.cost else ""
    over = bool(spent.tokens_limit) and spent.tokens >= spent.tokens_limit
    words = f"today {spent.tokens:,}{limit} tokens, {spent.calls:,} calls{cost}"
    if spent.paused_until > now:
        return "budget", "DEGRADED", f"{words}; the endpoint is left alone until {clock(spent.paused_until)}"
    return "budget", "DEGRADED" if over else "ok", f"{words}{': used up until midnight UTC' if over else ''}"


def _told_far_away(status: Status, broken: set[str]) -> Ability:
    number = status.receivers
    if not number:
        return "notify", "off", "nobody far away is told: docs/notifications.md"
    troubled = broken & {"notify"}
    words = f"{number} receiver{'' if number == 1 else 's'}{_see(troubled)}"
    return "notify", "DEGRADED" if troubled else "ok", words


def _leaving(status: Status) -> Ability:
    """Return what leaves this host; the addresses of receivers are secrets."""
    sent = [f"text of incidents to {where}" for where in status.endpoints if not where.endswith(HERE)]
    if status.receivers:
        sent.append("messages about incidents to the receivers")
    asked = [f"{where} is asked" for where in status.endpoints if where.endswith(HERE)]
    return "leaves host", "yes" if sent else "nothing", "; ".join([*sent, *asked] or ["no model, no receiver is named"])


def _ability(row: Ability) -> Paragraph:
    name, state, words = row
    gap = " " * (10 - len(state))
    return paragraph(f"{name:<13}", (state, STATE_STYLES.get(state, "")), f"{gap}{foreign(words)}", indent=23)


def _faults(snapshot: Snapshot) -> list[Paragraph]:
    if not snapshot.faults:
        demo = "" if snapshot.alerts else " To see the console at work: aegis-tui demo."
        told = f"What goes missing later appears here with its remedy.{demo}"
        return [paragraph(""), paragraph(("No faults. ", "bold"), told)]
    rows: list[Paragraph] = []
    for fault in snapshot.faults:
        rows.append(paragraph(""))
        rows.append(
            paragraph(
                (f"{foreign(fault.ability)} ", "warn"), (f"{clock(fault.at)} ", "dim"), foreign(fault.message), indent=2
            )
        )
        rows.append(paragraph(("  do: ", "bold"), foreign(fault.remedy), indent=6))
    return rows
