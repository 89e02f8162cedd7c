"""Fixed time zone and terminal for every test of the console."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from aegis_tui.keyboard.keymap import Keymap, use


@pytest.fixture(scope="session", autouse=True)
def _parse_each_style_sheet_once() -> Iterator[None]:
    """Keep what Textual parses from one console to the next: it is a sixteenth of what a picture costs."""
    parse, known = Stylesheet._parse_rules, dict[Any, list[RuleSet]]()

    def parse_once(self: Stylesheet, *css: Any, **where: Any) -> list[RuleSet]:
        key = (*css, *sorted(where.items()), *sorted(self._variables.items()))
        if key not in known:
            known[key] = parse(self, *css, **where)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


@pytest.fixture(autouse=True)
def _fixed_surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    use(Keymap())
    yield
    monkeypatch.undo()
    time.tzset()
