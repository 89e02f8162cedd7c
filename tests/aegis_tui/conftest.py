"""Fixed time zone and terminal for every test of the console."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from aegis_tui.keyboard.keymap import Keymap, use


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
