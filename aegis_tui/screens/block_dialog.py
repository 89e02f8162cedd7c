"""The block dialog: what a person sees and decides before the kernel drops anything.

It is drawn from the guard's record alone. Changed terms go back to the guard, which answers with a
new proposal and a new token; the button that blocks is off until that answer is on the screen.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from aegis_tui.bridge import REFUSALS, EngineView, ReviewView
from aegis_tui.widgets.controls import Choice, Push
from aegis_tui.widgets.line import Paragraph, paragraph, wrap
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import clock, minutes, span
from engine.types import Block, IncidentView, Proposal, ProposalState, Snapshot

DEAF_S = 0.3
"""Keys this soon after the dialog appears were meant for the screen below it."""

TERMS = (600.0, 3600.0, 86400.0, 604800.0, 0.0)
TERM_WORDS = ("10 m", "1 h", "24 h", "7 d", "permanent")
FACT_ROWS = 13
"""What an 80x24 terminal leaves for the facts when every control is shown."""
STATUS_ROWS = 2
TYPE_HERE = "type the address here to confirm"
GUARD_S = 15.0
"""Longest wait for the guard's answer."""
RESUME = "halted; to end that: sudo aegis-tui blocks resume"
NO_ANSWER = "no answer from the guard; screen 3 shows what the kernel drops"


class BlockDialog(ModalScreen[None]):
    """Asks a person whether the kernel should drop a source's packets."""

    DEFAULT_CSS = """
    BlockDialog { align: center middle; background: transparent; }
    BlockDialog:ansi { background: transparent; }
    BlockDialog #frame { width: 80; max-width: 100%; height: auto; max-height: 100%; border: solid ansi_default; }
    BlockDialog #frame { background: ansi_default; padding: 0 1; }
    BlockDialog #facts { height: auto; margin-bottom: 1; }
    BlockDialog #status { height: 2; margin-top: 1; }
    BlockDialog Input { height: 1; border: none; padding: 0; background: ansi_default; }
    BlockDialog #buttons { height: 1; align: center middle; }
    BlockDialog .off { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("tab,down", "focus_step(1)", show=False),
        Binding("shift+tab,up", "focus_step(-1)", show=False),
        Binding("right", "focus_step(1)", show=False),
        Binding("left", "focus_step(-1)", show=False),
    ]

    def __init__(
        self,
        engine: EngineView,
        review: ReviewView,
        incident: IncidentView | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._review = review
        self._incident = incident
        self._monotonic = monotonic
        self._shown_at: float | None = None
        self._busy = ""
        self._done: Block | None = None
        self._said: Paragraph | None = None
        self._blocking_off = ""
        self._now = 0.0

    @property
    def deaf(self) -> bool:
        """Whether it is too early for a key to be an answer."""
        return self._shown_at is None or self._monotonic() - self._shown_at < DEAF_S

    @property
    def proposal(self) -> Proposal:
        """The terms on the screen."""
        return self._review.proposal

    def compose(self) -> ComposeResult:
        """Lay out facts, choices and buttons; Cancel comes first."""
        terms = self.proposal.terms
        with Vertical(id="frame"):
            yield TextPane("", id="facts")
            yield Choice("Prefix", self._prefix_words(), self._prefix_chosen(), id="prefix")
            field = Input(terms.prefix, id="custom", compact=True, placeholder="address/length, enter")
            yield field.set_class(self._prefix_words()[self._prefix_chosen()] != "custom", "off")
            yield Choice("For", TERM_WORDS, _nearest(terms.ttl_s), id="term")
            yield Input(id="typed", compact=True, classes="off", placeholder=TYPE_HERE, select_on_focus=False)
            with Horizontal(id="buttons"):
                yield Push("Cancel", id="cancel")
                yield Push("Block", id="block")
            yield TextPane("", id="status")

    def on_mount(self) -> None:
        """Put the focus on Cancel."""
        for pane in self.query(TextPane):
            pane.can_focus = False
        self.query_one("#cancel").focus()
        self.draw(self._engine.snapshot())
        self.call_after_refresh(self._appeared)

    def draw(self, snapshot: Snapshot) -> None:
        """Draw the record again: time runs, and after the block its counter."""
        if not self.query("#status"):  # polled while it opens or closes
            return
        self._blocking_off = _blocking_off(snapshot)
        self._now = snapshot.now
        self._draw_controls()
        self._write("#facts", self._facts(snapshot.now), FACT_ROWS)
        self._write("#status", [self._status(snapshot)], STATUS_ROWS)

    def action_cancel(self) -> None:
        """Close; the proposal stays as it is."""
        if not self._busy:
            self.dismiss()

    def action_focus_step(self, step: int) -> None:
        """Go to the next control that can be seen."""
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    @on(Push.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        self.action_cancel()

    @on(Push.Pressed, "#block")
    def _block_pressed(self) -> None:
        if not self._why_off():
            self._busy = "asking the guard …"
            self.run_worker(self._decide(), group="guard")

    @on(Choice.Changed, "#prefix")
    def _prefix_changed(self, event: Choice.Changed) -> None:
        custom = event.choice.value == "custom"
        self.query_one("#custom").set_class(not custom, "off")
        if custom:
            self.query_one("#custom").focus()
            self.draw(self._engine.snapshot())
        else:
            self._ask(self._widened(int(event.choice.value[1:])), self.proposal.terms.ttl_s)

    @on(Choice.Changed, "#term")
    def _term_changed(self, event: Choice.Changed) -> None:
        self._ask(self.proposal.terms.prefix, TERMS[event.choice.chosen])

    @on(Input.Submitted, "#custom")
    def _custom_given(self, event: Input.Submitted) -> None:
        self._ask(event.value.strip(), self.proposal.terms.ttl_s)

    @on(Input.Changed)
    @on(Choice.Turned)
    def _terms_touched(self) -> None:
        self.draw(self._engine.snapshot())

    @on(Input.Submitted, "#typed")
    def _typed_given(self) -> None:
        self.query_one("#block").focus()

    def _appeared(self) -> None:
        self._shown_at = self._monotonic()

    def _ask(self, prefix: str, ttl_s: float) -> None:
        if self._busy or self._done or not self.is_current:
            return
        self._busy = "asking the guard about the new terms …"
        self.query_one("#block", Push).put(self._busy)
        self.run_worker(self._revise(prefix, ttl_s), group="guard")

    async def _revise(self, prefix: str, ttl_s: float) -> None:
        try:
            async with asyncio.timeout(GUARD_S):
                revised = await self._engine.revise(self.proposal.id, prefix, ttl_s)
                self._review = await self._engine.review(revised.id)
            self._said = None
            self._take_over()
        except REFUSALS as refusal:
            self._said = paragraph(("terms unchanged: ", "danger"), foreign(str(refusal)) or NO_ANSWER)
        self._busy = ""
        self._match_choices()
        self.draw(self._engine.snapshot())

    async def _decide(self) -> None:
        typed = self.query_one("#typed", Input).value.strip()
        self.draw(self._engine.snapshot())
        try:
            async with asyncio.timeout(GUARD_S):
                block = await self._engine.decide(self.proposal.id, self._review.token, True, typed)
        except REFUSALS as refusal:
            self._said = paragraph(("not blocked: ", "danger"), foreign(str(refusal)) or NO_ANSWER)
        else:
            self._done = block
            self._said = None if block else paragraph(("not blocked: ", "danger"), "the guard executed nothing")
        self._busy = ""
        if self._done:
            self.query_one("#cancel").focus()
        self.draw(self._engine.snapshot())

    def _draw_controls(self) -> None:
        off = self._why_off()
        block, cancel = self.query_one("#block", Push), self.query_one("#cancel", Push)
        block.put(off)
        block.display = not (self._blocking_off or self._done)
        cancel.label = "Close" if self._done or self._blocking_off else "Cancel"
        cancel.refresh()
        self.query_one("#typed").set_class(not self._must_type() or bool(self._blocking_off or self._done), "off")
        for choice in self.query(Choice):
            choice.disabled = bool(self._done or self._blocking_off)

    def _why_off(self) -> str:
        if self._done or self._blocking_off or self._busy:
            return self._blocking_off or self._busy or "done"
        return self._why_refused() or self._why_unread()

    def _why_refused(self) -> str:
        """Return why the guard would not take a yes, or empty."""
        if self._review.refusals:
            return "the guard refuses"
        if self._review.halted:
            return RESUME
        if self.proposal.state is not ProposalState.PENDING:
            return f"the proposal is {self.proposal.state.value}"
        return "the proposal has expired" if self._now >= self.proposal.expires_at else ""

    def _why_unread(self) -> str:
        """Return why a yes would not be to what the controls show, or empty."""
        prefix = self.proposal.terms.prefix
        if self._is_custom_open() and self.query_one("#custom", Input).value.strip() != prefix:
            return "press enter to use this prefix"
        if not all(choice.is_settled for choice in self.query(Choice)):
            return "press enter to ask for these terms"
        if self._must_type() and not _same(self.query_one("#typed", Input).value, prefix):
            return f"type {prefix.partition('/')[0]} to confirm"
        return ""

    def _is_custom_open(self) -> bool:
        return not self.query_one("#custom").has_class("off")

    def _must_type(self) -> bool:
        return self.proposal.typed_confirmation or self.proposal.terms.ttl_s == 0

    def _facts(self, now: float) -> list[Paragraph]:
        proposal, terms = self.proposal, self.proposal.terms
        ifaces = ", ".join(terms.ifaces) or "no interface"
        waits = proposal.state is ProposalState.PENDING and not self._done
        left = f"expires in {minutes(proposal.expires_at - now)}" if waits else "decided" if self._done else "replay"
        head = paragraph((f"Block {terms.prefix} on {ifaces}?", "bold"), f"  {proposal.id}, {left}", max_rows=2)
        refused = [_fact("REFUSED", foreign(text), 2, "danger") for text in self._review.refusals]
        if self._review.halted:
            refused.append(_fact("HALTED", "by panic-unblock: every packet passes, nothing is dropped", 1, "danger"))
        careful = [_fact("Careful", foreign(text), 2, "warn") for text in proposal.warnings]
        return [
            head,
            *refused,
            self._them(),
            *careful,
            _fact("Why", f"{terms.incident_id} {foreign(proposal.reason)}", 2),
            _fact("Evidence", self._evidence(), 1),
            _fact("Leaves", "packets from here to that address still go out; theirs are dropped", 1),
            _fact("Undo", f"u, or: aegis-tui blocks remove {terms.prefix}", 1),
        ]

    def _evidence(self) -> str:
        if self._incident is None:
            return "not recorded"
        found = self._incident.verdict
        verdict = f"verdict {found.conclusion.value} ({foreign(found.analyst)})" if found else "no verdict yet"
        return f"{len(self._incident.evidence)} items, {len(self._incident.alerts)} alerts · {verdict}"

    def _them(self) -> Paragraph:
        if self._incident is None:
            return _fact("Them?", "no flow of this address is recorded: it may be spoofed", 1, "warn")
        target_ip, prefix = self._incident.incident.target_ip, ipaddress.ip_network(self.proposal.terms.prefix)
        if ipaddress.ip_address(target_ip) not in prefix:
            return _fact("Them?", f"NOT {target_ip} of the incident: you may block a bystander", 2, "danger")
        if self._incident.incident.handshake:
            return _fact("Them?", "TCP handshake completed: the source is not spoofed", 1)
        return _fact("Them?", "NO handshake: the source may be spoofed, you may block a bystander", 2, "warn")

    def _status(self, snapshot: Snapshot) -> Paragraph:
        if self._done:
            return _outcome(self._done, snapshot)
        if self._said:
            return self._said
        off = self._why_off()
        if off:
            return paragraph(("Block is off: ", "hit" if self._blocking_off else "warn"), off)
        return paragraph("Nothing happens until you press Block.  ←→ choose  tab terms  esc close")

    def _write(self, selector: str, text: list[Paragraph], most: int) -> None:
        pane = self.query_one(selector, TextPane)
        width = max(20, self.query_one("#frame").size.width - 2 or 74)
        if sum(len(wrap(piece, width)) for piece in text) > most:
            text = [piece._replace(max_rows=1) for piece in text]
        pane.styles.height = min(sum(len(wrap(piece, width)) for piece in text), most)
        pane.write(text)

    def _take_over(self) -> None:
        """Show the prefix that the guard took in the field, and the field only where no option names it."""
        field, prefix = self.query_one("#custom", Input), self.query_one("#prefix", Choice)
        field.value = self.proposal.terms.prefix
        named = prefix.options[self._prefix_chosen()] != "custom"
        if named and field.has_focus:
            prefix.focus()
        field.set_class(named, "off")

    def _match_choices(self) -> None:
        """Show the terms that the guard has; a prefix it refused stays to be corrected."""
        custom = len(self._prefix_words()) - 1
        self.query_one("#prefix", Choice).put(custom if self._is_custom_open() else self._prefix_chosen())
        self.query_one("#term", Choice).put(_nearest(self.proposal.terms.ttl_s))

    def _prefix_words(self) -> tuple[str, ...]:
        version = ipaddress.ip_network(self.proposal.terms.prefix).version
        return ("/32", "/24", "custom") if version == 4 else ("/128", "/64", "custom")

    def _prefix_chosen(self) -> int:
        length = "/" + self.proposal.terms.prefix.partition("/")[2]
        words = self._prefix_words()
        return words.index(length) if length in words else len(words) - 1

    def _widened(self, length: int) -> str:
        terms = self.proposal.terms
        address = self._incident.incident.target_ip if self._incident else terms.prefix.partition("/")[0]
        return str(ipaddress.ip_network((address, length), strict=False))


def _fact(label: str, text: str, rows: int, style: str = "") -> Paragraph:
    return paragraph((f"{label:<9}", style or "bold"), (text, style), indent=9, max_rows=rows)


def _outcome(block: Block, snapshot: Snapshot) -> Paragraph:
    now = next((b for b in snapshot.blocks if b.prefix == block.prefix), block)
    dropped = f"{now.packets} packets dropped" + ("" if now.packets else " yet")
    return paragraph(
        (f"{now.state.value}, read back {clock(block.added_at)}, ", "bold"), f"{dropped}; {span(now.remaining_s)} left"
    )


def _blocking_off(snapshot: Snapshot) -> str:
    if snapshot.status.mode == "replay":
        return "this is a replay, blocking is off"
    return "" if snapshot.status.blocking else f"nothing can be blocked now: {snapshot.status.dataplane}"


def _nearest(ttl_s: float) -> int:
    return TERMS.index(ttl_s) if ttl_s in TERMS else min(range(4), key=lambda n: abs(TERMS[n] - ttl_s))


def _same(typed: str, prefix: str) -> bool:
    try:
        network = ipaddress.ip_network(typed.strip())
    except ValueError:
        return False
    target = ipaddress.ip_network(prefix)
    alone = network.num_addresses == 1
    return network == target or (alone and network.network_address == target.network_address)
