"""What a person does about blocks: review, undo, keep, extend, refuse, allow, one row or all marked ones.

Nothing here drops a packet: every key leads to a dialog, a question, or a request to the guard.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from textual import events
from textual.widgets import Input
from textual.worker import Worker

from aegis_tui.bridge import REFUSALS, EngineView
from aegis_tui.keyboard.keymap import Keymap, screen_of
from aegis_tui.keyboard.typeahead import TypeaheadApp
from aegis_tui.screens.ask import Ask, AskWords
from aegis_tui.screens.decision import Decision
from aegis_tui.screens.dialog import Dialog
from aegis_tui.screens.view import View
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Table
from engine.types import IncidentView, Proposal, ProposalState, Snapshot

NOTICE_S = 8.0
LIST_REASON = "rows that a person marked at the console"
ANSWERS = frozenset({"enter", "space", "escape", "y"})
"""Keys that do nothing else when they answer a line that asks for any key; a command's key does both."""
SAMPLE = 3
"""Prefixes that a question about many of them names."""


class BlockingApp(TypeaheadApp):
    """The part of the console that carries decisions about blocks down to the engine."""

    def __init__(self, engine: EngineView, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.engine = engine
        self._monotonic = monotonic
        self._notice: tuple[Line, float] = ((), 0.0)
        self._keeping = False
        self._proved = False
        """Whether a key already answered what asks for any key."""
        self.keymap = Keymap()
        """The keys in force; words that name a key take it from here."""

    def poll(self) -> None:
        """Draw the engine's state as it is now."""

    def say(self, words: str, style: str = "bold") -> None:
        """Show words on the last line for a while."""
        self._notice = (line((words, style)) if words else (), self._monotonic() + NOTICE_S)
        self.poll()

    def looked_at(self) -> Aim | None:
        """Return what the keys on rows are about where no row is under the cursor."""
        return None

    def shows(self, view: str) -> bool:
        """Return whether a person looks at this view."""
        return isinstance(self.screen, View) and self.screen.view == view

    def _aim(self) -> Aim | None:
        return (self.screen.aim() or self.looked_at()) if isinstance(self.screen, View) else None

    def _table(self) -> Table | None:
        return self.screen.table() if isinstance(self.screen, View) else None

    def _run(self, work: Awaitable[None], group: str) -> None:
        # Another dialog takes the place of one that has not opened; what a person told the guard is never cut short.
        self.run_worker(work, group=group, exclusive=group == "review")

    def begin(self, group: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin work that takes the place of what its group does: it may be replaced before it was called."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=True)

    # --- a person is there ---

    async def on_event(self, event: events.Event) -> None:
        """Drop what comes too soon for the dialog on top; any key proves that the person is not cut off."""
        if isinstance(event, events.Key | events.MouseDown):
            proved = self._prove_alive()
            if isinstance(self.screen, View):
                self.screen.hold(event.time)
                if (
                    proved
                    and isinstance(event, events.Key)
                    and event.key in ANSWERS
                    and not isinstance(self.focused, Input)
                ):
                    event.stop()
                    return
        top = self.screen_stack[-1] if self.screen_stack else None
        typed = isinstance(event, events.InputEvent | events.Paste) and not isinstance(event, events.MouseMove)
        if typed and isinstance(top, Dialog) and top.is_deaf(time.monotonic() - event.time):
            event.stop()
            return
        await super().on_event(event)

    def _prove_alive(self) -> bool:
        """Have kept what would revert; returns whether this was the first key since it was asked for."""
        if self.engine.snapshot().status.keep_within_s <= 0:
            self._keeping = self._proved = False
            return False
        first, self._proved = not self._proved, True
        if not self._keeping:
            self._keeping = True
            self.run_worker(self._keep_attached(), group="alive")
        return first

    async def _keep_attached(self) -> None:
        try:
            self.say(foreign(await self.engine.keep()))
        except REFUSALS as refusal:
            self._keeping = False
            self.say(f"not kept: {foreign(str(refusal))}", "danger")

    # --- propose and review ---

    def action_mark(self) -> None:
        """Mark the row, or take its mark away."""
        table = self._table()
        if table is None or not table.mark():
            self.say("this row cannot be marked: it names no address")

    def action_review(self) -> None:
        """Open the dialog for the row, or for all marked rows."""
        table, aim = self._table(), self._aim()
        marked = list(dict.fromkeys(aim.address for aim in table.marked.values())) if table else []
        if table is not None and len(marked) > 1:
            self._run(self._review_all(marked, table), "review")
            return
        aim = next(iter(table.marked.values())) if table is not None and marked else aim
        if aim is None:
            self.say("nothing is selected that a block could be about")
        elif aim.in_force:
            extend, undo = self.keymap.first("extend"), self.keymap.first("undo")
            self.say(f"{aim.address} is blocked already: {extend} asks for another term, {undo} lets it pass again")
        else:
            self._run(self._review(aim), "review")

    def proposed(self) -> set[str]:
        """Return what is asked already: what is not among it was made by a key or a command just now."""
        return {proposal.id for proposal in self.engine.snapshot().proposals}

    async def _review(self, aim: Aim) -> None:
        try:
            known = self.proposed()
            proposal = self._waiting(aim) or await self.engine.propose(aim.address, aim.incident_id)
            await self._open(proposal, made=proposal.id not in known)
        except REFUSALS as refusal:
            self.say(f"no proposal: {foreign(str(refusal))}", "danger")

    async def _review_all(self, prefixes: Sequence[str], table: Table) -> None:
        try:
            known = self.proposed()
            proposal = await self.engine.propose_list(prefixes, LIST_REASON)
            await self._open(proposal, prefixes, table, made=proposal.id not in known)
        except REFUSALS as refusal:
            self.say(f"no proposal for {len(prefixes)} rows: {foreign(str(refusal))}", "danger")

    async def _open(
        self, proposal: Proposal, known: Sequence[str] = (), table: Table | None = None, *, made: bool = False
    ) -> None:
        review = await self.engine.review(proposal.id)
        incident = await self._incident_of_terms(proposal)
        if not isinstance(self.screen, View):
            return
        from aegis_tui.screens.batch_dialog import BatchDialog  # noqa: PLC0415 - not before the first frame
        from aegis_tui.screens.block_dialog import BlockDialog  # noqa: PLC0415

        dialog: Decision = (
            BatchDialog(self.engine, review, known, self._monotonic)
            if review.proposal.terms.action == "block list"
            else BlockDialog(self.engine, review, incident, self._monotonic)
        )

        dialog.made_by_opening = made

        def closed(_: None) -> None:
            if (looked_at := dialog.to_withdraw) is not None:
                self._run(self._withdraw(*looked_at), "withdraw")
            if table is not None and dialog.done:
                table.unmark()
            self.poll()

        self.say("")  # what was said before is no news in a dialog, and hides its keys
        self.push_screen(dialog, closed)

    async def _withdraw(self, proposal_id: str, token: str) -> None:
        """Refuse what nobody asked for but a key: it would wait, and be offered to others as an analyst's."""
        try:
            await self.engine.decide(proposal_id, token, False)
        except REFUSALS as refusal:
            how = f"{screen_of('blocks')} lists it"
            self.say(f"{proposal_id} waits on, {how}; not withdrawn: {foreign(str(refusal))}", "warn")
        else:
            self.say(f"{proposal_id} is withdrawn, nothing is blocked")

    async def _incident_of_terms(self, proposal: Proposal) -> IncidentView | None:
        if not proposal.terms.incident_id:
            return None
        try:
            return await self.engine.incident(proposal.terms.incident_id)
        except LookupError:
            return None

    def _waiting(self, aim: Aim) -> Proposal | None:
        """Return the proposal a row is about that can still be decided on, or that a replay made."""
        now = self.engine.snapshot()
        asked = [p for p in now.proposals if _is_about(p, aim)]
        pending = (p for p in asked if p.state is ProposalState.PENDING and now.now < p.expires_at)
        return next(pending, None) or next((p for p in asked if p.state is ProposalState.REPLAY), None)

    # --- undo, keep, extend, refuse, allow ---

    def only_watches(self) -> bool:
        """Say who decides where this console does not; returns whether it only watches."""
        status = self.engine.snapshot().status
        if status.stale_since:
            self.say("the daemon does not answer: nothing can be decided until it is back", "warn")
        elif status.decider:
            take_over = self.keymap.first("take-over")
            self.say(f"this console watches: {foreign(status.decider)} decides; {take_over} takes over", "warn")
        return bool(status.stale_since or status.decider)

    def action_undo(self) -> None:
        """Ask whether to undo the block of the row, all marked ones, or the last one."""
        if self.only_watches():
            return
        prefixes = self._to_undo(self.engine.snapshot())
        if not prefixes:
            self.say("nothing is blocked" if not self.engine.snapshot().blocks else "this row is no block in force")
            return
        more = f" and {len(prefixes) - SAMPLE} more" if len(prefixes) > SAMPLE else ""
        many = f"{len(prefixes)} blocks ({', '.join(prefixes[:SAMPLE])}{more})"
        what = prefixes[0] if len(prefixes) == 1 else many
        self._ask_then(f"Let {what} pass again?  y yes, any other key no", lambda: self._undo(prefixes))

    def _to_undo(self, snapshot: Snapshot) -> list[str]:
        table = self._table() if self.shows("blocks") else None
        in_force = {block.prefix for block in snapshot.blocks if not block.watch}
        if table is not None and table.marked:
            return [aim.address for aim in table.marked.values() if aim.in_force and aim.address in in_force]
        if table is not None and table.aim is not None and table.id != "proposals":
            return [table.aim.address] if table.aim.in_force else []
        last = max((b for b in snapshot.blocks if not b.watch), key=lambda block: block.added_at, default=None)
        return [last.prefix] if last else []

    async def _undo(self, prefixes: Sequence[str]) -> None:
        refused: list[str] = []
        for prefix in prefixes:
            try:
                await self.engine.unblock(prefix)
            except REFUSALS as refusal:
                refused.append(f"cannot undo the block of {prefix}: {foreign(str(refusal))}")
        passed = len(prefixes) - len(refused)
        if (table := self._table()) is not None:
            table.unmark()
        if refused:
            self.say("; ".join([f"{passed} pass again", *refused] if passed else refused), "danger")
        else:
            self.say(f"{prefixes[0]} passes again" if passed == 1 else f"{passed} prefixes pass again")

    def action_keep(self) -> None:
        """Keep the block of the row, or the one that reverts first."""
        trials = [block for block in self.engine.snapshot().blocks if block.keep_within_s > 0]
        aim = self._aim()
        of_row = next((block for block in trials if aim is not None and block.prefix == aim.address), None)
        block = of_row or min(trials, key=lambda one: one.keep_within_s, default=None)
        if block is None:
            self.say("no block is on trial: nothing reverts by itself")
        else:
            self._run(self._keep(block.prefix), "keep")

    async def _keep(self, prefix: str) -> None:
        try:
            self.say(foreign(await self.engine.keep(prefix)))
        except REFUSALS as refusal:
            self.say(f"cannot keep the block of {prefix}: {foreign(str(refusal))}", "danger")

    def action_extend(self) -> None:
        """Ask for another term of the row's block."""
        if self.only_watches():
            return
        aim = self._aim()
        if aim is None or not aim.in_force:
            self.say(
                f"{self.keymap.first('extend')} asks for another term of a block: choose one on {screen_of('blocks')}"
            )
            return
        from aegis_tui.screens.block_dialog import TERM_WORDS, TERMS  # noqa: PLC0415 - not before the first frame

        prefix = aim.address

        def answered(answer: str | None) -> None:
            if answer:
                self._run(self._extend(prefix, TERMS[int(answer)]), "review")

        words = "  ".join(f"{n + 1}: {word}" for n, word in enumerate(TERM_WORDS))
        keys = {str(n + 1): str(n) for n in range(len(TERMS))}
        self.push_screen(Ask(f"Block {prefix}, from now on, for:\n{words}  esc", keys), answered)

    async def _extend(self, prefix: str, ttl_s: float) -> None:
        try:
            known = self.proposed()
            proposal = await self.engine.extend(prefix, ttl_s)
            await self._open(proposal, made=proposal.id not in known)
        except REFUSALS as refusal:
            self.say(f"cannot propose another term for {prefix}: {foreign(str(refusal))}", "danger")

    def action_refuse(self) -> None:
        """Ask once whether to refuse the proposal of the row."""
        aim = self._aim() if self.shows("blocks") else None
        pending = aim is not None and any(
            p.id == aim.proposal_id and p.state is ProposalState.PENDING for p in self.engine.snapshot().proposals
        )
        if aim is None or not pending:
            self.say(
                f"{self.keymap.first('refuse')} refuses a proposal that waits: choose one on {screen_of('blocks')}"
            )
            return
        proposal_id = aim.proposal_id
        question = f"Refuse {proposal_id}?  y refuses it, any other key leaves it waiting"
        self._ask_then(question, lambda: self._refuse(proposal_id))

    async def _refuse(self, proposal_id: str) -> None:
        try:
            await self.engine.decide(proposal_id, "", False)
        except REFUSALS as refusal:
            self.say(f"cannot refuse {proposal_id}: {foreign(str(refusal))}", "danger")
        else:
            self.say(f"{proposal_id} is refused")

    def action_allow(self) -> None:
        """Ask why the row's address is never to be blocked."""
        if self.only_watches():
            return
        aim = self._aim()
        if aim is None or not aim.address:
            self.say("nothing is selected that could be allowed")
        else:
            self.ask_why_allowed(aim.address)

    def ask_why_allowed(self, prefix: str) -> None:
        """Ask for the reason, and put a prefix on the allow-list with it."""

        def answered(reason: str | None) -> None:
            if reason:
                self._run(self._allow(prefix, reason), "allow")

        self.push_screen(AskWords(f"Never block {prefix}: why?  enter stores it, esc does not", "a reason"), answered)

    async def _allow(self, prefix: str, reason: str) -> None:
        try:
            self.say(foreign(await self.engine.allow(prefix, reason)))
        except REFUSALS as refusal:
            self.say(f"cannot allow {prefix}: {foreign(str(refusal))}", "danger")

    def _ask_then(self, question: str, work: Callable[[], Awaitable[None]]) -> None:
        def answered(answer: str | None) -> None:
            if answer:
                self._run(work(), "answer")

        self.push_screen(Ask(question, {"y": "yes"}), answered)


def _is_about(proposal: Proposal, aim: Aim) -> bool:
    if aim.proposal_id:
        return proposal.id == aim.proposal_id
    if "/" in aim.address:
        return proposal.terms.prefix == aim.address
    if aim.incident_id:
        return proposal.terms.incident_id == aim.incident_id
    return _holds(proposal.terms.prefix, aim.address)


def _holds(prefix: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(prefix)
    except ValueError:
        return False
