"""The allow-list and the audit chain, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from aegis_tui.cli import main
from engine.guard.messages import AllowedPrefix, AuditEntry
from tests.aegis_tui.commands.conftest import Types
from tests.aegis_tui.commands.test_proposals import HOSTILE, proposed
from tests.engine.bench import GuardThread

Find = Callable[[object], None]


def test_an_allowed_prefix_is_listed_and_cannot_be_blocked_until_it_is_removed(
    guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    types("y", "y")
    assert main(["allow", "add", "203.0.113.9", "--reason", "the office"]) == 0
    assert main(["allow", "list"]) == 0
    assert "203.0.113.9/32" in capsys.readouterr().out
    assert main(["blocks", "add", "203.0.113.9", "--iface", "eth0"]) == 1
    assert "the office" in "".join(capsys.readouterr())
    assert main(["allow", "remove", "203.0.113.9"]) == 0
    capsys.readouterr()
    assert main(["allow", "list"]) == 0
    assert "the allow-list is empty" in capsys.readouterr().out
    assert main(["proposals", "approve", proposed(guard)]) == 0


@pytest.mark.parametrize(("words", "expires_at"), [([], 0.0), (["--for", "7d"], 1_800_604_800.0)], ids=["ever", "7d"])
def test_an_allowed_prefix_ends_when_told(
    words: list[str], expires_at: float, guard: GuardThread, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["allow", "add", "2001:DB8::/48", "--reason", "office", *words]) == 0
    capsys.readouterr()
    assert main(["allow", "list", "--json"]) == 0
    row = {"type": "allow", "prefix": "2001:db8::/48", "reason": "office", "expires_at": expires_at}
    assert json.loads(capsys.readouterr().out) == row
    assert guard.bench.ledger


@pytest.mark.parametrize(
    "words",
    [
        ["add", "203.0.113.9"],
        ["add", "nonsense", "--reason", "x"],
        ["add", "203.0.113.9/24", "--reason", "x"],
        ["remove", "x"],
    ],
    ids=["no reason", "no address", "host bits", "remove no address"],
)
def test_bad_words_are_bad_input(words: list[str], answered_by: Find) -> None:
    answered_by(object())
    try:
        status = main(["allow", *words])
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    assert status == 2


class Hostile:
    """A guard that holds hostile texts."""

    def allowed(self) -> list[AllowedPrefix]:
        """Return one row."""
        return [AllowedPrefix(HOSTILE, HOSTILE, 9e300)]

    def audit(self) -> Iterator[AuditEntry]:
        """Yield one entry."""
        yield AuditEntry(1, 9e300, HOSTILE, json.dumps({"why": HOSTILE}, ensure_ascii=False), HOSTILE)


@pytest.mark.parametrize("words", [["allow", "list"], ["audit", "export"]], ids=" ".join)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["rows", "json"])
def test_hostile_records_are_printed_inert(
    words: list[str], form: list[str], answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(Hostile())
    assert main([*words, *form]) == 0
    text = capsys.readouterr().out
    assert "pwned" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\nforged" not in text


def test_the_audit_chain_is_exported_as_it_is_stored(
    guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    types("y")
    assert main(["proposals", "approve", proposed(guard)]) == 0
    capsys.readouterr()
    assert main(["audit", "export", "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["seq"] for entry in entries] == list(range(entries[0]["seq"], entries[0]["seq"] + len(entries)))
    assert all(set(entry) == {"type", "seq", "at", "kind", "body", "mac"} for entry in entries)
    assert any("203.0.113.9/32" in json.loads(entry["body"]).values() for entry in entries)
    assert main(["audit", "export"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [int(row.split()[0]) for row in rows][: len(entries)] == [entry["seq"] for entry in entries]
