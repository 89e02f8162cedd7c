"""The block dialog: what a person sees and decides before the kernel drops anything.

It is drawn from the guard's record alone. Changed terms go back to the guard, which answers with a
new proposal and a new token; the button that blocks is off until that answer is on the screen.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from aegis_tui.bridge import REFUSALS, EngineView, ReviewView
from aegis_tui.screens.block_facts import Fact, block_facts, outcome, watching
from aegis_tui.screens.decision import GUARD_S, Decision, no_answer
from aegis_tui.widgets.controls import Choice, Push
from aegis_tui.widgets.field import Field, LabelledField
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.safe import foreign
from engine.types import Block, IncidentView, Snapshot

TERMS = (600.0, 3600.0, 86400.0, 604800.0, 0.0)
TERM_WORDS = ("10 m", "1 h", "24 h", "7 d", "permanent")
WATCH_S = 30.0


class BlockDialog(Decision):
    """Asks a person whether the kernel should drop a source's packets."""

    type_here = "type the address here"

    def __init__(
        self,
        engine: EngineView,
        review: ReviewView,
        incident: IncidentView | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engine, review, monotonic)
        self._incident = incident
        self._watch: tuple[Block, float] | None = None
        """The entry that counts as it was last seen, and when it ends."""
        self._was_listed = False

    def controls(self) -> Iterable[Widget]:
        """Return the choices of prefix and term."""
        terms = self.proposal.terms
        yield Choice("Prefix", self._prefix_words(), self._prefix_chosen(), id="prefix")
        field = Field(terms.prefix, id="custom", compact=True, placeholder="address/length, enter")
        named = self._prefix_words()[self._prefix_chosen()] != "custom"
        yield LabelledField("", field, id="other").set_class(named, "off")
        yield Choice("For", TERM_WORDS, _nearest(terms.ttl_s), id="term")

    def buttons(self) -> Iterable[Widget]:
        """Return the button that counts before anything is dropped."""
        yield Push(f"Watch {WATCH_S:.0f} s first", id="watch")

    def facts(self, now: float) -> list[Fact]:
        """Return what to know about this block."""
        return block_facts(self._review, self._incident, self._preview, now, self.done)

    def preview_of(self) -> Sequence[str]:
        """Return the prefix on the screen."""
        return (self.proposal.terms.prefix,)

    def told(self, snapshot: Snapshot) -> Paragraph:
        """Return the block as the kernel has it."""
        if self._done is None:
            return paragraph("")
        self._was_listed |= any(b.prefix == self._done.prefix and not b.watch for b in snapshot.blocks)
        return outcome(self._done, snapshot, self._was_listed)

    def must_type(self) -> bool:
        """Whether the person has to type the address first."""
        return self.proposal.typed_confirmation or self.proposal.terms.ttl_s == 0

    def why_unread(self) -> str:
        """Return why a yes would not be to what the controls show, or empty."""
        prefix = self.proposal.terms.prefix
        if self._is_custom_open() and self.query_one("#custom", Input).value.strip() != prefix:
            return "press enter to use this prefix"
        if not all(choice.is_settled for choice in self.query(Choice)):
            return "press enter to ask for these terms"
        if self.must_type() and not _same(self.query_one("#typed", Input).value, prefix):
            return f"tab to the field and type {prefix.partition('/')[0]} to confirm"
        return ""

    def status(self, snapshot: Snapshot) -> list[Paragraph]:
        """Return the last rows; while it watches, the count comes first."""
        rows = super().status(snapshot)
        counted = self._counted(snapshot)
        if counted is None or self.done:
            return rows
        return [counted, rows[0] if self.why_off() or self._said else rows[-1]]

    def draw_controls(self, snapshot: Snapshot) -> None:
        """Show the controls that lead somewhere now."""
        super().draw_controls(snapshot)
        watch = self.query_one("#watch", Push)
        watch.put(self._busy or self.why_refused())
        watch.display = not (self._blocking_off or self.done)
        for choice in self.query(Choice):
            choice.disabled = bool(self.done or self._blocking_off)

    # --- watch first ---

    def is_in_use(self) -> bool:
        """Whether something that was begun here needs the proposal: an entry that counts belongs to it."""
        return super().is_in_use() or self._watch is not None

    @on(Push.Pressed, "#watch")
    def _watch_pressed(self) -> None:
        if not (self.done or self._blocking_off or self._busy or self.why_refused()):
            self._busy = "asking the guard …"
            self.run_worker(self._count(), group="guard")

    async def _count(self) -> None:
        try:
            async with asyncio.timeout(GUARD_S):
                block = await self._engine.watch(self.proposal.id, WATCH_S)
            self._watch = (block, self._now + block.remaining_s)
            self._said = None
        except REFUSALS as refusal:
            self._said = paragraph(("not watched: ", "danger"), foreign(str(refusal)) or no_answer())
        self._busy = ""
        self.draw(self._engine.snapshot())

    def _counted(self, snapshot: Snapshot) -> Paragraph | None:
        if self._watch is None:
            return None
        block, ends_at = self._watch
        held = next((b for b in snapshot.blocks if b.watch and b.prefix == block.prefix), None)
        if held is not None:
            self._watch = (held, snapshot.now + held.remaining_s)
            return watching(held, held.remaining_s)
        return watching(block, ends_at - snapshot.now)

    # --- other terms ---

    @on(Choice.Changed, "#prefix")
    def _prefix_changed(self, event: Choice.Changed) -> None:
        custom = event.choice.value == "custom"
        self.query_one("#other").set_class(not custom, "off")
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

    def _ask(self, prefix: str, ttl_s: float) -> None:
        if self._busy or self.done or not self.is_current:
            return
        self._busy = "asking the guard about the new terms …"
        self.query_one("#block", Push).put(self._busy)
        self.run_worker(self._revise(prefix, ttl_s), group="guard")

    async def _revise(self, prefix: str, ttl_s: float) -> None:
        before = self.proposal.terms.prefix
        try:
            async with asyncio.timeout(GUARD_S):
                revised = await self._engine.revise(self.proposal.id, prefix, ttl_s)
                self._review = await self._engine.review(revised.id)
            self._said = None
            self._take_over(before)
        except REFUSALS as refusal:
            self._said = paragraph(("terms unchanged: ", "danger"), foreign(str(refusal)) or no_answer())
        self._busy = ""
        self._match_choices()
        self.draw(self._engine.snapshot())

    def _take_over(self, before: str) -> None:
        """Show the prefix that the guard took in the field, and the field only where no option names it."""
        field, prefix = self.query_one("#custom", Input), self.query_one("#prefix", Choice)
        field.value = self.proposal.terms.prefix
        named = prefix.options[self._prefix_chosen()] != "custom"
        if named and field.has_focus:
            prefix.focus()
        self.query_one("#other").set_class(named, "off")
        if self.proposal.terms.prefix != before:
            self._watch = None
            self.look()

    def _match_choices(self) -> None:
        """Show the terms that the guard has; a prefix it refused stays to be corrected."""
        custom = len(self._prefix_words()) - 1
        self.query_one("#prefix", Choice).put(custom if self._is_custom_open() else self._prefix_chosen())
        self.query_one("#term", Choice).put(_nearest(self.proposal.terms.ttl_s))

    def _is_custom_open(self) -> bool:
        return not self.query_one("#other").has_class("off")

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
