"""Tests of what the commands that host an engine say."""

from __future__ import annotations

import pytest

from aegis_tui.commands.live import parting


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (None, "ended; whether blocks are in force is not known: sudo aegis-tui blocks list"),
        (0, "ended; no block is in force"),
        (1, "ended; 1 block stays in force; to lift all of them: sudo aegis-tui panic-unblock"),
        (1200, "ended; 1,200 blocks stay in force; to lift all of them: sudo aegis-tui panic-unblock"),
    ],
    ids=["not known", "none", "one", "many"],
)
def test_an_engine_that_ends_says_so_and_what_it_leaves_in_force(live: int | None, words: str) -> None:
    assert parting(live) == words
