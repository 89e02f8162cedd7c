"""What was said stands on the last line, and is kept."""

from __future__ import annotations

import pytest

from tests.aegis_tui.console import preferring, settle, typed
from tests.aegis_tui.screens.test_block_dialog import text


@pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=str)
async def test_a_notice_takes_a_second_row_above_the_keys_and_is_kept_in_full(size: tuple[int, int]) -> None:
    app = preferring()
    long = "the end of a long notice is there to be read: " + "word " * 40 + "END"
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        app.say(long)
        await settle(pilot)
        *_, first, second, keys = text(pilot).splitlines()
        assert first.strip().startswith("the end of a long notice")
        assert second.rstrip().endswith("… :notices")
        assert keys.startswith(" enter open") and keys.rstrip().endswith("q quit")
        await typed(pilot, "notices")
        assert "END" in text(pilot)


async def test_only_the_last_fifty_notices_are_kept() -> None:
    app = preferring()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for number in range(60):
            app.say(f"notice {number}")
        assert [words for _, words in app.last_line.notices] == [f"notice {number}" for number in range(10, 60)]
