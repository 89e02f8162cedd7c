"""What every dialog before a block has: a deaf start, Cancel first, one token, and no way to slip through."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from aegis_tui.bridge import REFUSALS, EngineView, ReviewView
from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.keyboard.keys import dialog_bindings
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.block_facts import Fact, Preview, on_trial
from aegis_tui.screens.dialog import STATUS_ROWS, Dialog, Frame
from aegis_tui.widgets.controls import Push
from aegis_tui.widgets.field import Field, LabelledField
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.pane import Pane, TextPane
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import minutes
from engine.types import Block, Proposal, ProposalState, Snapshot

GUARD_S = 15.0
"""Longest wait for the guard's answer."""
RESUME = "halted; to end that: sudo aegis-tui blocks resume"


class Decision(Dialog):
    """Shows the guard's record of a proposal and carries a person's yes or no back to it."""

    BINDINGS: ClassVar[list[BindingType]] = dialog_bindings()
    made_by_opening = False
    """Whether only the key that opened the dialog asked for the proposal: then it goes with the dialog."""
    type_here = ""
    """What the field for the typed confirmation asks for."""

    def __init__(self, engine: EngineView, review: ReviewView, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(monotonic)
        self._engine = engine
        self._review = review
        self._busy = ""
        self._done: Block | None = None
        self._refused = False
        self._said: Paragraph | None = None
        self._preview = Preview()
        self._blocking_off = ""
        self._now = 0.0

    def keys_heard(self) -> list[tuple[str, str]]:
        """Return keys and labels for the footer below; once the kernel has the entry, how to take it back."""
        if self._done is None:
            return super().keys_heard()
        return [("esc", "close"), (f"then {key_of('screen-blocks')} {key_of('undo')}", "undo")]

    @property
    def proposal(self) -> Proposal:
        """The terms on the screen."""
        return self._review.proposal

    @property
    def done(self) -> bool:
        """Whether the guard executed it."""
        return self._done is not None

    @property
    def to_withdraw(self) -> tuple[str, str] | None:
        """Return id and token of a proposal that was made to be looked at, and that nothing became of."""
        if not (self.made_by_opening and self._waits()) or self._refused or self.is_in_use():
            return None
        return self.proposal.id, self._review.token

    def is_in_use(self) -> bool:
        """Whether something that was begun here needs the proposal."""
        return self._said is not None

    # --- what a dialog of its own kind says ---

    def controls(self) -> Iterable[Widget]:
        """Return the controls between the facts and the buttons."""
        return ()

    def buttons(self) -> Iterable[Widget]:
        """Return the buttons between Cancel and Block."""
        return ()

    @abstractmethod
    def facts(self, now: float) -> list[Fact]:
        """Return what to tell."""

    @abstractmethod
    def preview_of(self) -> Sequence[str]:
        """Return the prefixes whose impact is shown."""

    @abstractmethod
    def told(self, snapshot: Snapshot) -> Paragraph:
        """Return what became of it, after a yes."""

    @abstractmethod
    def why_unread(self) -> str:
        """Return why a yes would not be to what the controls show, or empty."""

    @abstractmethod
    def must_type(self) -> bool:
        """Whether the person has to type something first."""

    # --- life ---

    def compose(self) -> ComposeResult:
        """Lay out facts, controls and buttons; Cancel comes first."""
        with Frame():
            yield Pane("", id="facts")
            yield from self.controls()
            typed = Field(id="typed", compact=True, placeholder=self.type_here, select_on_focus=False)
            yield LabelledField("Confirm", typed, id="confirm").set_class(True, "off")
            with Horizontal(id="buttons"):
                yield Push("Cancel", id="cancel")
                yield from self.buttons()
                yield Push("Block", id="block")
                yield Push("Keep (K)", id="keep")
            yield TextPane("", id="status")

    def on_mount(self) -> None:
        """Put the focus on Cancel, and look at what the block would touch."""
        self.draw(self._engine.snapshot())
        self.look()
        self.appear()

    def look(self) -> None:
        """Ask what the block would have dropped lately."""
        self._preview = Preview()
        self.run_worker(self._fetch_impact(self.preview_of()), group="impact", exclusive=True)

    async def _fetch_impact(self, prefixes: Sequence[str]) -> None:
        try:
            self._preview = Preview(await self._engine.impact(prefixes))
        except REFUSALS as refusal:
            self._preview = Preview(None, f"not known: {refusal}")
        self.draw(self._engine.snapshot())

    # --- drawing ---

    def redraw(self) -> None:
        """Draw the record as it is now."""
        self.draw(self._engine.snapshot())

    def draw(self, snapshot: Snapshot) -> None:
        """Draw the record again: time runs, and after the block its counter."""
        if not self.query("#status"):  # polled while it opens or closes
            return
        self._blocking_off = _blocking_off(snapshot)
        self._now = snapshot.now
        self.draw_controls(snapshot)
        self.show_facts(self.facts(self._now))
        status = self.query_one("#status", TextPane)
        status.write([row._replace(max_rows=STATUS_ROWS) for row in self.status(snapshot)])

    def draw_controls(self, snapshot: Snapshot) -> None:
        """Show the controls that lead somewhere now."""
        block, cancel = self.query_one("#block", Push), self.query_one("#cancel", Push)
        block.put(self.why_off())
        block.display = not (self._blocking_off or self._done)
        cancel.label = "Close" if self._done or self._blocking_off else "Cancel"
        cancel.refresh(layout=True)
        self.query_one("#keep").display = bool(self.trials(snapshot))
        self.query_one("#confirm").set_class(not self.must_type() or bool(self._blocking_off or self._done), "off")

    def status(self, snapshot: Snapshot) -> list[Paragraph]:
        """Return the last two rows: what happened, what stands in the way, what a key would do."""
        if self._done:
            trials = self.trials(snapshot)
            said = [self._said] if self._said else []
            return [self.told(snapshot), *([on_trial(trials)] if trials else said)]
        more = " pgdn: more" if self._more_facts else ""
        leaves = [paragraph(self._cancel_leaves(), more)] if self._waits() else []
        if self._said:
            return [self._said, *leaves]
        off = self.why_off()
        if off:
            return [paragraph(("Block is off:", "hit" if self._blocking_off else "warn"), " ", off), *leaves]
        return [paragraph("Nothing happens until you press Block.  ←→ choose  tab terms"), *leaves]

    def trials(self, snapshot: Snapshot) -> list[Block]:
        """Return the blocks of this proposal that revert unless they are kept."""
        blocks = snapshot.blocks if self._done else ()
        return [block for block in blocks if block.proposal_id == self.proposal.id and block.keep_within_s > 0]

    def _cancel_leaves(self) -> str:
        if self.to_withdraw is not None:
            return f"Cancel withdraws {self.proposal.id}."
        waits = f"leaves {self.proposal.id} waiting {minutes(self.proposal.expires_at - self._now)}"
        return f"Close {waits}." if self._blocking_off else f"Cancel {waits}; r refuses it."

    def _waits(self) -> bool:
        pending = self.proposal.state is ProposalState.PENDING
        return pending and not self._done and self._now < self.proposal.expires_at

    # --- why Block is off ---

    def why_off(self) -> str:
        """Return why Block does nothing now, or empty."""
        if self._done or self._blocking_off or self._busy:
            return self._blocking_off or self._busy or "done"
        return self.why_refused() or self.why_unread()

    def why_refused(self) -> str:
        """Return why the guard would not take a yes, or empty."""
        if self._review.refusals:
            return "the guard refuses"
        if self._review.halted:
            return RESUME
        if self.proposal.state is not ProposalState.PENDING:
            return f"the proposal is {self.proposal.state.value}"
        return "the proposal has expired" if self._now >= self.proposal.expires_at else ""

    # --- keys ---

    def action_cancel(self) -> None:
        """Close; the proposal stays as it is."""
        if not self._busy:
            self.dismiss()

    def action_refuse(self) -> None:
        """Ask once whether to refuse the proposal."""
        if self._waits() and not self._busy and not self._blocking_off:
            question = f"Refuse {self.proposal.id}?  y refuses it, any other key leaves it waiting"
            self.app.push_screen(Ask(question, {"y": "yes"}), self._refuse_answered)

    def _refuse_answered(self, answer: str | None) -> None:
        if answer and not self._busy:
            self._busy = "refusing …"
            self.run_worker(self._refuse(), group="guard")

    async def _refuse(self) -> None:
        try:
            async with asyncio.timeout(GUARD_S):
                await self._engine.decide(self.proposal.id, self._review.token, False)
        except REFUSALS as refusal:
            self._busy = ""
            self._said = paragraph(("not refused: ", "danger"), foreign(str(refusal)) or no_answer())
            self.draw(self._engine.snapshot())
            return
        self._busy, self._refused = "", True
        if self.is_current:
            self.dismiss()

    def action_keep(self) -> None:
        """Keep what would revert by itself."""
        trials = self.trials(self._engine.snapshot())
        if trials:
            self.run_worker(self._keep([block.prefix for block in trials]), group="keep", exclusive=True)

    async def _keep(self, prefixes: Sequence[str]) -> None:
        try:
            for prefix in prefixes:
                said = await self._engine.keep(prefix)
            self._said = paragraph(foreign(said))
        except REFUSALS as refusal:
            self._said = paragraph(("not kept: ", "danger"), foreign(str(refusal)) or no_answer())
        self.draw(self._engine.snapshot())

    @on(Push.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        self.action_cancel()

    @on(Push.Pressed, "#keep")
    def _keep_pressed(self) -> None:
        self.action_keep()

    @on(Push.Pressed, "#block")
    def _block_pressed(self) -> None:
        if not self.why_off():
            self._busy = "asking the guard …"
            self.run_worker(self._approve(), group="guard")

    @on(Input.Submitted, "#typed")
    def _typed_given(self) -> None:
        self.query_one("#block").focus()

    async def _approve(self) -> None:
        typed = self.query_one("#typed", Input).value.strip()
        self.draw(self._engine.snapshot())
        try:
            async with asyncio.timeout(GUARD_S):
                block = await self._engine.decide(self.proposal.id, self._review.token, True, typed)
        except (TimeoutError, ConnectionError) as lost:
            # The yes may have arrived all the same: only the answer did not.
            why = "; ".join(filter(None, (foreign(str(lost)), no_answer())))
            self._said = paragraph(("not known whether blocked:", "danger"), " ", why)
        except REFUSALS as refusal:
            self._said = paragraph(("not blocked:", "danger"), " ", foreign(str(refusal)) or no_answer())
        else:
            self._done = block
            self._said = None if block else paragraph(("not blocked:", "danger"), " the guard executed nothing")
        self._busy = ""
        if self._done:
            self.query_one("#cancel").focus()
        self.draw(self._engine.snapshot())


def _blocking_off(snapshot: Snapshot) -> str:
    if snapshot.status.mode == "replay":
        return "this is a replay, nothing is blocked"
    return "" if snapshot.status.blocking else f"nothing can be blocked now: {snapshot.status.dataplane}"


def no_answer() -> str:
    """Return what to say where the guard was asked, and nothing came back."""
    return f"no answer from the guard; {screen_of('blocks')} shows what the kernel drops"
