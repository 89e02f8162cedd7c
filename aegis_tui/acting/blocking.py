"""What a person does about what was decided: undo, keep, extend, refuse, allow, one row or all marked ones."""

from __future__ import annotations

from collections.abc import Sequence

from aegis_tui.acting.attaching import Roles
from aegis_tui.acting.console import Console, Deed, ask_then
from aegis_tui.acting.reviewing import Reviews
from aegis_tui.acting.seeing import Sight
from aegis_tui.bridge import REFUSALS
from aegis_tui.keyboard.completing import network, no_prefix, no_time, seconds
from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.screens.ask import Ask, AskWords
from aegis_tui.widgets.safe import foreign
from engine.types import ProposalState, Snapshot

SAMPLE = 3
"""Prefixes that a question about many of them names."""


class Blocks:
    """Carries decisions about blocks down to the engine."""

    def __init__(self, console: Console, sight: Sight, roles: Roles, reviews: Reviews) -> None:
        self._console = console
        self._sight = sight
        self._roles = roles
        self._reviews = reviews
        self.deeds = {
            "undo": Deed(self._ask_to_undo, self._undo_named),
            "keep": Deed(self._keep_row, self._keep_named),
            "extend": Deed(self._ask_to_extend, self._extend_named),
            "refuse": Deed(self._ask_to_refuse),
            "allow": Deed(self._allow_row, self._allow_named),
        }

    def _named(self, words: str) -> str:
        """Return the prefix of the block in force that was meant, or say that there is none."""
        target = network(words)
        in_force = [block.prefix for block in self._console.engine.snapshot().blocks if not block.watch]
        same = [prefix for prefix in in_force if target and network(prefix) == target]
        if not same:
            known = f"; in force: {', '.join(in_force[:3])}" if in_force else ": nothing is blocked"
            self._console.say(f"no block of {foreign(words, 60)}{known}", "warn")
        return same[0] if same else ""

    # --- undo ---

    def _ask_to_undo(self) -> None:
        """Ask whether to undo the block of the row, all marked ones, or the last one."""
        if self._roles.only_watches():
            return
        now = self._console.engine.snapshot()
        prefixes = self._to_undo(now)
        if not prefixes:
            self._console.say("nothing is blocked" if not now.blocks else "this row is no block in force")
            return
        more = f" and {len(prefixes) - SAMPLE} more" if len(prefixes) > SAMPLE else ""
        many = f"{len(prefixes)} blocks ({', '.join(prefixes[:SAMPLE])}{more})"
        self._let_pass(prefixes[0] if len(prefixes) == 1 else many, prefixes)

    def _undo_named(self, words: str) -> None:
        found = "" if self._roles.only_watches() else self._named(words)
        if found:
            self._let_pass(found, [found])

    def _let_pass(self, what: str, prefixes: Sequence[str]) -> None:
        ask_then(self._console, f"Let {what} pass again?  y yes, any other key no", lambda: self._undo(prefixes))

    def _to_undo(self, snapshot: Snapshot) -> list[str]:
        table = self._sight.table() if self._sight.name() == "blocks" else None
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
                await self._console.engine.unblock(prefix)
            except REFUSALS as refusal:
                refused.append(f"cannot undo the block of {prefix}: {foreign(str(refusal))}")
        passed = len(prefixes) - len(refused)
        if (table := self._sight.table()) is not None:
            table.unmark()
        if refused:
            self._console.say("; ".join([f"{passed} pass again", *refused] if passed else refused), "danger")
        else:
            self._console.say(f"{prefixes[0]} passes again" if passed == 1 else f"{passed} prefixes pass again")

    # --- keep, extend ---

    def _keep_row(self) -> None:
        """Keep the block of the row, or the one that reverts first."""
        trials = [block for block in self._console.engine.snapshot().blocks if block.keep_within_s > 0]
        aim = self._sight.aim()
        of_row = next((block for block in trials if aim is not None and block.prefix == aim.address), None)
        block = of_row or min(trials, key=lambda one: one.keep_within_s, default=None)
        if block is None:
            self._console.say("no block is on trial: nothing reverts by itself")
        else:
            self._console.work(self._keep(block.prefix), "keep")

    def _keep_named(self, words: str) -> None:
        if found := self._named(words):
            self._console.work(self._keep(found), "keep")

    async def _keep(self, prefix: str) -> None:
        try:
            self._console.say(foreign(await self._console.engine.keep(prefix)))
        except REFUSALS as refusal:
            self._console.say(f"cannot keep the block of {prefix}: {foreign(str(refusal))}", "danger")

    def _ask_to_extend(self) -> None:
        """Ask for another term of the row's block."""
        if self._roles.only_watches():
            return
        aim = self._sight.aim()
        if aim is None or not aim.in_force:
            what = f"{key_of('extend')} asks for another term of a block"
            self._console.say(f"{what}: choose one on {screen_of('blocks')}")
            return
        from aegis_tui.screens.block_dialog import TERM_WORDS, TERMS  # noqa: PLC0415 - not before the first frame

        prefix = aim.address

        def answered(answer: str | None) -> None:
            if answer:
                self._reviews.extend(prefix, TERMS[int(answer)])

        words = "  ".join(f"{n + 1}: {word}" for n, word in enumerate(TERM_WORDS))
        keys = {str(n + 1): str(n) for n in range(len(TERMS))}
        self._console.push_screen(Ask(f"Block {prefix}, from now on, for:\n{words}  esc", keys), answered)

    def _extend_named(self, words: str) -> None:
        prefix, _, term = words.partition(" ")
        found, ttl_s = self._named(prefix), seconds(term.strip())
        if found and ttl_s is None:
            self._console.say(no_time(term), "warn")
        elif found and ttl_s is not None:
            self._reviews.extend(found, ttl_s)

    # --- refuse, allow ---

    def _ask_to_refuse(self) -> None:
        """Ask once whether to refuse the proposal of the row."""
        aim = self._sight.aim() if self._sight.name() == "blocks" else None
        pending = aim is not None and any(
            p.id == aim.proposal_id and p.state is ProposalState.PENDING
            for p in self._console.engine.snapshot().proposals
        )
        if aim is None or not pending:
            what = f"{key_of('refuse')} refuses a proposal that waits"
            where = "under Proposals (tab)" if self._sight.name() == "blocks" else f"on {screen_of('blocks')}"
            self._console.say(f"{what}: choose one {where}")
            return
        proposal_id = aim.proposal_id
        question = f"Refuse {proposal_id}?  y refuses it, any other key leaves it waiting"
        ask_then(self._console, question, lambda: self._refuse(proposal_id))

    async def _refuse(self, proposal_id: str) -> None:
        try:
            await self._console.engine.decide(proposal_id, "", False)
        except REFUSALS as refusal:
            self._console.say(f"cannot refuse {proposal_id}: {foreign(str(refusal))}", "danger")
        else:
            self._console.say(f"{proposal_id} is refused")

    def _allow_row(self) -> None:
        """Ask why the row's address is never to be blocked."""
        if self._roles.only_watches():
            return
        aim = self._sight.aim()
        if aim is None or not aim.address:
            self._console.say("nothing is selected that could be allowed")
        else:
            self._ask_why_allowed(aim.address)

    def _allow_named(self, words: str) -> None:
        prefix, _, reason = words.partition(" ")
        target, reason = network(prefix), reason.strip()
        if not target:
            self._console.say(no_prefix(prefix), "warn")
        elif reason:
            question = f"Never block {target} ({foreign(reason, 80)})?  y yes, any other key no"
            ask_then(self._console, question, lambda: self._allow(target, reason))
        else:
            self._ask_why_allowed(target)

    def _ask_why_allowed(self, prefix: str) -> None:
        """Ask for the reason, and put a prefix on the allow-list with it."""

        def answered(reason: str | None) -> None:
            if reason:
                self._console.work(self._allow(prefix, reason), "allow")

        question = f"Never block {prefix}: why?  enter stores it, esc does not"
        self._console.push_screen(AskWords(question, "a reason"), answered)

    async def _allow(self, prefix: str, reason: str) -> None:
        try:
            self._console.say(foreign(await self._console.engine.allow(prefix, reason)))
        except REFUSALS as refusal:
            self._console.say(f"cannot allow {prefix}: {foreign(str(refusal))}", "danger")
