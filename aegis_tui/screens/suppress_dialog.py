"""The dialog before a suppression: its scope, its term, why, and what it would have hidden."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from aegis_tui.bridge import REFUSALS, EngineView
from aegis_tui.screens.dialog import STATUS_ROWS, Dialog, Frame
from aegis_tui.screens.suppress_facts import Scope, Subject, Wanted, merged, scopes, suppress_facts
from aegis_tui.widgets.controls import Choice, Push
from aegis_tui.widgets.field import Field, LabelledField
from aegis_tui.widgets.line import Paragraph, fit, paragraph
from aegis_tui.widgets.pane import Pane, TextPane
from aegis_tui.widgets.safe import foreign
from engine.types import Suppression, SuppressionPreview

TERMS = (3600.0, 86400.0, 604800.0, 2592000.0, 0.0)
TERM_WORDS = ("1 h", "24 h", "7 d", "30 d", "until removed")
A_DAY = 1
LOOKING = "looking at the alerts that are stored …"
ENGINE_S = 15.0
"""Longest wait for the engine's answer."""
LABEL_CELLS = 24
"""Of a label, in the row of choices; the heading tells it in full."""


class SuppressDialog(Dialog):
    """Asks a person what to hide from now on, and why."""

    def __init__(
        self,
        engine: EngineView,
        subjects: Sequence[Subject],
        by: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what the row, or each marked row, is about, and the person's name for the record."""
        super().__init__(monotonic)
        self._engine = engine
        self._subjects = tuple(subjects)
        self._by = by
        self._where = _where(self._subjects)
        self._what = _what(self._subjects)
        self._seen: SuppressionPreview | None = None
        self._why_not = LOOKING
        self._wrong = ""
        self._busy = ""
        self._said: Paragraph | None = None
        self.made: list[Suppression] = []
        """The rules that were made."""

    def compose(self) -> ComposeResult:
        """Lay out facts, choices, the reason and the buttons."""
        with Frame():
            yield Pane("", id="facts")
            yield from self._choices()
            reason = Field(id="reason", compact=True, placeholder="why: the next person on watch will ask")
            yield LabelledField("Reason", reason, id="why")
            with Horizontal(id="buttons"):
                yield Push("Cancel", id="cancel")
                yield Push("Suppress", id="suppress")
            yield TextPane("", id="status")

    def _choices(self) -> Iterable[Widget]:
        # The narrowest rule that hides this row stands first: a wider one takes a keypress.
        narrowest = next((n for n, (name, _) in enumerate(self._what) if name == "label"), 0)
        yield Choice("Where", [words for _, words in self._where], 0, id="where")
        yield Choice("What", [words for _, words in self._what], narrowest, id="what")
        yield Choice("For", TERM_WORDS, A_DAY, id="term")

    def on_mount(self) -> None:
        """Put the cursor where the reason is typed, without which enter does nothing; look what would be hidden."""
        self.look()
        self.appear("#reason")

    # --- what is chosen ---

    @property
    def wanted(self) -> Wanted:
        """What the controls stand at."""
        where, what, term = (self.query_one(f"#{name}", Choice).chosen for name in ("where", "what", "term"))
        return Wanted(self._where[where][0], self._what[what][0], TERMS[term])

    @property
    def chosen(self) -> list[Scope]:
        """What the rules would hide."""
        return scopes(self._subjects, self.wanted)

    @property
    def reason(self) -> str:
        """What the person typed."""
        return self.query_one("#reason", Input).value.strip()

    def look(self) -> None:
        """Ask what rules of these scopes would have hidden."""
        self._seen, self._why_not, self._wrong, self._said = None, LOOKING, "", None
        self.redraw()
        self.run_worker(self._fetch(self.chosen), group="preview", exclusive=True)

    async def _fetch(self, chosen: Sequence[Scope]) -> None:
        try:
            self._seen = merged([await self._engine.preview_suppression(*scope) for scope in chosen])
        except ValueError as error:
            self._wrong = self._why_not = str(error)
        except REFUSALS as refusal:
            self._why_not = f"not known: {refusal}"
        self.redraw()

    @on(Choice.Turned)
    def _turned(self) -> None:
        self.look()

    @on(Input.Changed, "#reason")
    def _typed(self) -> None:
        self.redraw()

    @on(Input.Submitted, "#reason")
    def _reason_given(self) -> None:
        if self.reason:
            self.set_focus(self.query_one("#suppress"))  # at once: the next key may have come already

    # --- drawing ---

    def redraw(self) -> None:
        """Draw facts and status again."""
        if not self.query("#status"):  # an answer came while it closes
            return
        now = self._engine.snapshot().now
        rules = [rule for rule in self._engine.suppressions() if not rule.ends_at or rule.ends_at > now]
        self.query_one("#suppress", Push).put(self.why_off())
        self.show_facts(suppress_facts(self._subjects, self.wanted, self._seen, self._why_not, rules, now))
        status = [row._replace(max_rows=STATUS_ROWS) for row in self._status()]
        self.query_one("#status", TextPane).write(status)

    def _status(self) -> list[Paragraph]:
        if self._said:
            return [self._said]
        more = "  pgdn: more" if self._more_facts else ""
        off = self.why_off()
        if off:
            return [paragraph(("Suppress is off: ", "warn"), foreign(off), more)]
        return [paragraph(f"Nothing is hidden until you press Suppress.  ←→ choose  tab next{more}")]

    def why_off(self) -> str:
        """Return why Suppress does nothing now, or empty."""
        if self._busy or self._wrong:
            return self._busy or self._wrong
        if not self.chosen:
            return "no rule would be made"
        if self._seen is None and self._why_not == LOOKING:
            return LOOKING
        return "" if self.reason else "type the reason"

    # --- keys ---

    def action_cancel(self) -> None:
        """Close; nothing is hidden."""
        if not self._busy:
            self.dismiss()

    @on(Push.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        self.action_cancel()

    @on(Push.Pressed, "#suppress")
    def _suppress_pressed(self) -> None:
        if not self.why_off():
            self._busy = "asking the engine …"
            self.run_worker(self._suppress(self.chosen, self.wanted.ttl_s, self.reason), group="engine")

    async def _suppress(self, chosen: Sequence[Scope], ttl_s: float, reason: str) -> None:
        self.redraw()
        try:
            async with asyncio.timeout(ENGINE_S):
                for scope in chosen:
                    if all(rule.scope != scope.words for rule in self.made):
                        self.made.append(await self._engine.suppress(*scope, reason, self._by, ttl_s))
        except REFUSALS as refusal:
            done = f"{len(self.made)} of {len(chosen)} were made; " if self.made else ""
            self._said = paragraph((f"{done}not suppressed: ", "danger"), foreign(str(refusal)) or "no answer")
        self._busy = ""
        if self._said is None and self.is_current:
            self.dismiss()
        else:
            self.redraw()


def _where(subjects: Sequence[Subject]) -> list[tuple[str, str]]:
    """Return name and words of the places that a rule can be about."""
    one = subjects[0] if len(subjects) == 1 else None
    here = ("address", one.address if one else "each address")
    widths = sorted({f"/{subject.neighbourhood.partition('/')[2]}" for subject in subjects if subject.neighbourhood})
    around = [("prefix", f"its {widths[0]}" if one else f"each {' or '.join(widths)}")] if widths else []
    return [here, *around, ("any", "any address")]


def _what(subjects: Sequence[Subject]) -> list[tuple[str, str]]:
    """Return name and words of what a rule can hide."""
    one = subjects[0] if len(subjects) == 1 else None
    options = [("anything", "anything")]
    if any(subject.label and "*" not in subject.label for subject in subjects):
        options.append(("label", _short(one.label) if one else "its label"))
    if any(subject.detector for subject in subjects):
        options.append(("detector", f"detector {_short(one.detector)}" if one else "its detector"))
    return options


def _short(text: str) -> str:
    shown = foreign(text, 200)
    return shown if len(shown) <= LABEL_CELLS else fit(shown, LABEL_CELLS)
