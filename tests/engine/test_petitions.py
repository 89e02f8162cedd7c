"""What a person asks of the guard is the same at every console; test_decisions.py plays it through."""

from __future__ import annotations

import inspect

import pytest

from aegis_tui.attached.remote import RemoteEngine
from engine.decisions import Decisions
from engine.petitions import Petitions, holds

ASKED = [name for name, _ in inspect.getmembers(Petitions, inspect.iscoroutinefunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", ASKED)
def test_an_attached_console_asks_as_the_hosting_one_does(name: str) -> None:
    assert getattr(Decisions, name) is getattr(Petitions, name) is getattr(RemoteEngine, name)


@pytest.mark.parametrize(
    ("prefix", "address", "held"),
    [
        ("203.0.113.0/24", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.9", True),
        ("203.0.113.0/24", "198.51.100.1", False),
        ("2001:db8::/32", "203.0.113.9", False),
        ("a prefix", "203.0.113.9", False),
        ("203.0.113.0/24", "", False),
    ],
)
def test_what_is_no_prefix_or_no_address_holds_nothing(prefix: str, address: str, held: bool) -> None:
    assert holds(prefix, address) is held
