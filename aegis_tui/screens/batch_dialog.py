"""The dialog before many prefixes are blocked at once: the sum, what is left out, and a number to type."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from textual import on
from textual.widgets import Input

from aegis_tui.bridge import EngineView, ReviewView
from aegis_tui.screens.block_facts import Fact, batch_facts, batch_outcome, prefixes
from aegis_tui.screens.decision import Decision
from aegis_tui.widgets.line import Paragraph
from engine.types import Listed, Snapshot

NOTHING = Listed(0, 0, ())


class BatchDialog(Decision):
    """Asks a person whether the kernel should drop the packets of a whole list."""

    type_here = "type the number of prefixes here"

    def __init__(
        self,
        engine: EngineView,
        review: ReviewView,
        known: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the prefixes that the person marked, where the console knows them; else the sample is previewed."""
        super().__init__(engine, review, monotonic)
        self._known = tuple(known)

    @property
    def listed(self) -> Listed:
        """The targets as the guard tells them."""
        return self.proposal.listed or NOTHING

    def facts(self, now: float) -> list[Fact]:
        """Return what to know about the list."""
        return batch_facts(self._review, self.listed, self._preview, now, self.done, self._previewed())

    def preview_of(self) -> Sequence[str]:
        """Return the prefixes that are known here."""
        return self._known or self.listed.sample

    def told(self, snapshot: Snapshot) -> Paragraph:
        """Return the blocks as the kernel has them."""
        return batch_outcome(self.proposal, snapshot, self._done)

    def must_type(self) -> bool:
        """Whether the number has to be typed: always, as nobody reads a whole list."""
        return True

    def why_unread(self) -> str:
        """Return why a yes would not be to the whole list, or empty."""
        if not self.listed.prefixes:
            return "the list is empty"
        wanted = str(self.listed.prefixes)
        typed = self.query_one("#typed", Input).value.strip()
        return (
            "" if typed == wanted else f"tab to the field and type {wanted} to confirm {prefixes(self.listed.prefixes)}"
        )

    @on(Input.Changed, "#typed")
    def _typed_changed(self) -> None:
        self.draw(self._engine.snapshot())

    def _previewed(self) -> int:
        return len(self.preview_of())
