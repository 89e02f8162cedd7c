"""Controls of the dialogs, one row each: a choice among options and a push button."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from aegis_tui.widgets.line import Span, line, strip

LABEL = 8
"""Cells of a control's label, behind the mark of the focus: its value stands below those of the facts."""


class Choice(Widget, can_focus=True):
    """One of a few options; left and right choose, and the choice settles on enter, space or leaving the row."""

    DEFAULT_CSS = "Choice { height: 1; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", show=False),
        Binding("right,l", "turn(1)", show=False),
        Binding("enter,space", "settle", show=False),
    ]

    class Turned(Message):
        """Another option is marked, and may not be the last one."""

    class Changed(Message):
        """Another option was settled on."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> Choice:
            """The choice, for selectors."""
            return self.choice

    def __init__(self, label: str, options: Sequence[str], chosen: int, *, id: str) -> None:
        super().__init__(id=id)
        self.label = label
        self.options = tuple(options)
        self.chosen = chosen
        self._settled = chosen

    @property
    def value(self) -> str:
        """The option chosen."""
        return self.options[self.chosen]

    @property
    def is_settled(self) -> bool:
        """Whether everyone was told of the option chosen."""
        return self.chosen == self._settled

    def put(self, chosen: int) -> None:
        """Choose without telling anyone."""
        self.chosen = self._settled = chosen
        self.refresh()

    def action_turn(self, step: int) -> None:
        """Choose the next option, without wrapping round."""
        chosen = max(0, min(len(self.options) - 1, self.chosen + step))
        if chosen != self.chosen:
            self.chosen = chosen
            self.refresh()
            self.post_message(self.Turned())

    def action_settle(self) -> None:
        """Tell of the option chosen, once."""
        if not self.is_settled:
            self._settled = self.chosen
            self.post_message(self.Changed(self))

    def on_blur(self) -> None:
        """Settle when the person goes to another row, but not when the terminal's window loses the focus."""
        if self.app.app_focus:
            self.action_settle()

    def render_line(self, y: int) -> Strip:
        """Return the row; the chosen option has a dot, and the focus a mark and reversed colours."""
        spans = [Span((">" if self.has_focus else " ") + f"{self.label:<{LABEL}}", "bold" if self.has_focus else "")]
        for number, option in enumerate(self.options):
            on = number == self.chosen
            style = "cursor" if on and self.has_focus else "bold" if on else ""
            spans += [Span(f"({'*' if on else ' '}) {option}", style), Span("  ")]
        return strip(tuple(spans), self.size.width)


class Push(Widget, can_focus=True):
    """A button: enter presses it."""

    DEFAULT_CSS = "Push { height: 1; width: auto; margin: 0 2; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "press", show=False)]

    class Pressed(Message):
        """The button was pressed."""

        def __init__(self, push: Push) -> None:
            super().__init__()
            self.push = push

        @property
        def control(self) -> Push:
            """The button, for selectors."""
            return self.push

    def __init__(self, label: str, *, id: str) -> None:
        super().__init__(id=id)
        self.label = label
        self.off = ""
        """Why it cannot be pressed now, or empty."""

    def put(self, off: str) -> None:
        """Switch it off for a reason, or on."""
        self.off = off
        self.refresh()

    def action_press(self) -> None:
        """Tell that it was pressed, on or off."""
        self.post_message(self.Pressed(self))

    def on_click(self, event: events.Click) -> None:
        """Press by mouse."""
        self.action_press()

    def get_content_width(self, container: object, viewport: object) -> int:
        """Return the width of the label, its brackets and the focus marks."""
        return len(self.label) + 6

    def render_line(self, y: int) -> Strip:
        """Return the row: dim in parentheses when off, reversed between marks when focused."""
        face = f"( {self.label} )" if self.off else f"[ {self.label} ]"
        style = "cursor" if self.has_focus else "dim" if self.off else ""
        mark = ">" if self.has_focus else " "
        return strip(line(mark, (face, style), "<" if self.has_focus else " "), self.size.width)
