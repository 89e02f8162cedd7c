"""The lab and a console in it, as most of its tests begin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.lab import Lab
from tests.lab.tmux import Terminal
from tests.lab.wire import IFACE


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Give a lab of the test's own."""
    with Lab() as made:
        yield made


@pytest.fixture
def console(lab: Lab) -> Iterator[Terminal]:
    """Give a terminal with the console on the lab's server."""
    terminal = Terminal(*lab.aegis("--iface", IFACE))
    yield terminal
    terminal.close()
