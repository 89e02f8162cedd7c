"""The page of keys is the table."""

from __future__ import annotations

from pathlib import Path

from aegis_tui.keyboard.keypage import page

PAGE = Path(__file__).parents[3] / "docs" / "keys.md"


def test_the_page_of_keys_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m aegis_tui.keyboard.keypage > docs/keys.md"
