"""The way to the dialog before a block: a proposal that waits, or one that is asked for now.

Nothing here drops a packet: every key leads to a dialog, or to a request to the guard.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aegis_tui.acting.console import Console, Deed
from aegis_tui.acting.seeing import Sight
from aegis_tui.bridge import REFUSALS
from aegis_tui.keyboard.completing import network, no_prefix, no_time, seconds
from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.screens.decision import Decision
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Table
from engine.types import IncidentView, Proposal, ProposalState

LIST_REASON = "rows that a person marked at the console"


class Reviews:
    """Opens the dialog before a block."""

    def __init__(self, console: Console, sight: Sight) -> None:
        self._console = console
        self._sight = sight
        self.deeds = {"block": Deed(self._review, self._review_named), "mark": Deed(self._mark)}

    def extend(self, prefix: str, ttl_s: float) -> None:
        """Open the dialog on another term of a block in force."""
        self._begin(lambda: self._console.engine.extend(prefix, ttl_s), f"cannot propose another term for {prefix}")

    def _mark(self) -> None:
        """Mark the row, or take its mark away."""
        table = self._sight.table()
        if table is None or not table.mark():
            self._console.say("this row cannot be marked: it names no address")

    def _review(self) -> None:
        """Open the dialog for the row, or for all marked rows."""
        table, aim = self._sight.table(), self._sight.aim()
        marked = list(dict.fromkeys(aim.address for aim in table.marked.values())) if table else []
        if table is not None and len(marked) > 1:
            self._begin(
                lambda: self._console.engine.propose_list(marked, LIST_REASON),
                f"no proposal for {len(marked)} rows", known=marked, table=table,
            )  # fmt: skip
            return
        aim = next(iter(table.marked.values())) if table is not None and marked else aim
        if aim is None:
            self._console.say("nothing is selected that a block could be about")
        elif aim.in_force:
            how = f"{key_of('extend')} asks for another term, {key_of('undo')} lets it pass again"
            self._console.say(f"{aim.address} is blocked already: {how}")
        else:
            self._begin(partial(self._proposed, aim), "no proposal")

    def _review_named(self, words: str) -> None:
        """Open the dialog for an address or a prefix, on its usual term or on the one that was typed."""
        prefix, _, term = words.partition(" ")
        ttl_s = seconds(term.strip()) if term.strip() else None
        target = network(prefix)
        if target and (ttl_s is not None or not term.strip()):
            self._begin(partial(self._proposed, Aim(target)), "no proposal", ttl_s)
        else:
            self._console.say(no_prefix(prefix) if not target else no_time(term), "warn")

    def _begin(
        self,
        ask: Callable[[], Awaitable[Proposal]],
        trouble: str,
        ttl_s: float | None = None,
        known: Sequence[str] = (),
        table: Table | None = None,
    ) -> None:
        """Have a proposal asked for, on other terms where they are given, and open the dialog on it."""

        async def reviewed() -> None:
            engine = self._console.engine
            try:
                waiting = {proposal.id for proposal in engine.snapshot().proposals}
                proposal = await ask()
                made = proposal.id not in waiting
                if ttl_s is not None and proposal.terms.ttl_s != ttl_s:
                    proposal = await engine.revise(proposal.id, proposal.terms.prefix, ttl_s)
                await self._open(proposal, known, table, made=made)
            except REFUSALS as refusal:
                self._console.say(f"{trouble}: {foreign(str(refusal))}", "danger")

        self._console.work(reviewed(), "review")

    async def _proposed(self, aim: Aim) -> Proposal:
        return self._waiting(aim) or await self._console.engine.propose(aim.address, aim.incident_id)

    def _waiting(self, aim: Aim) -> Proposal | None:
        """Return the proposal a row is about that can still be decided on, or that a replay made."""
        now = self._console.engine.snapshot()
        asked = [p for p in now.proposals if _is_about(p, aim)]
        pending = (p for p in asked if p.state is ProposalState.PENDING and now.now < p.expires_at)
        return next(pending, None) or next((p for p in asked if p.state is ProposalState.REPLAY), None)

    async def _open(self, proposal: Proposal, known: Sequence[str], table: Table | None, *, made: bool) -> None:
        engine, monotonic = self._console.engine, self._console.monotonic
        review = await engine.review(proposal.id)
        incident = await self._incident_of_terms(proposal)
        if self._sight.view() is None:
            return
        from aegis_tui.screens.batch_dialog import BatchDialog  # noqa: PLC0415 - not before the first frame
        from aegis_tui.screens.block_dialog import BlockDialog  # noqa: PLC0415

        dialog: Decision = (
            BatchDialog(engine, review, known, monotonic)
            if review.proposal.terms.action == "block list"
            else BlockDialog(engine, review, incident, monotonic)
        )

        dialog.made_by_opening = made

        def closed(_: None) -> None:
            if (looked_at := dialog.to_withdraw) is not None:
                self._console.work(self._withdraw(*looked_at), "withdraw")
            if table is not None and dialog.done:
                table.unmark()
            self._console.poll()

        self._console.say("")  # what was said before is no news in a dialog, and hides its keys
        self._console.push_screen(dialog, closed)

    async def _withdraw(self, proposal_id: str, token: str) -> None:
        """Refuse what nobody asked for but a key: it would wait, and be offered to others as an analyst's."""
        try:
            await self._console.engine.decide(proposal_id, token, False)
        except REFUSALS as refusal:
            how = f"{screen_of('blocks')} lists it"
            self._console.say(f"{proposal_id} waits on, {how}; not withdrawn: {foreign(str(refusal))}", "warn")
        else:
            self._console.say(f"{proposal_id} is withdrawn, nothing is blocked")

    async def _incident_of_terms(self, proposal: Proposal) -> IncidentView | None:
        if not proposal.terms.incident_id:
            return None
        try:
            return await self._console.engine.incident(proposal.terms.incident_id)
        except LookupError:
            return None


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
