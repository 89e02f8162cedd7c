"""What a person pastes does not reach the terminal as it came."""

from __future__ import annotations

import pytest
from textual import events
from textual.app import App, ComposeResult

from aegis_tui.widgets.field import MARK, Field


class _Form(App[None]):
    def compose(self) -> ComposeResult:
        """Lay out the field."""
        yield Field()


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x1b]0;pwned\x07", "\x9b2J", "\u202etxt\u202c", "a\u200bb", "\u2066x"])
async def test_hostile_characters_are_kept_and_shown_as_marks(hostile: str) -> None:
    async with _Form().run_test() as pilot:
        field = pilot.app.query_one(Field)
        field.post_message(events.Paste(f"2023 {hostile} end"))
        await pilot.pause()
        shown = field.render_line(0).text
        assert field.value == f"2023 {hostile} end"
        assert shown.isprintable()
        assert MARK in shown


async def test_plain_and_chinese_words_are_shown_as_they_are() -> None:
    async with _Form().run_test() as pilot:
        field = pilot.app.query_one(Field)
        field.value = "2023/10/9 11:23 木马通信 GET /?q=[bold]x[/]"
        await pilot.pause()
        assert field.render_line(0).text.rstrip() == field.value
