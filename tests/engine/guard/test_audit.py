from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.guard.ledger import Ledger


def ledger_of_five(folder: Path) -> Ledger:
    ledger = Ledger(folder)
    for number in range(5):
        ledger.book.note(float(number), "test", number=number)
    return ledger


def tamper(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "guard.db") as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def problems(folder: Path) -> list[str]:
    ledger = Ledger(folder)
    _, found = ledger.book.chain.verify()
    ledger.close()
    return found


def test_an_untouched_chain_is_whole_across_restarts(tmp_path: Path) -> None:
    ledger_of_five(tmp_path).close()
    again = Ledger(tmp_path)
    again.book.note(6.0, "more")
    assert again.book.chain.verify() == (6, [])
    again.close()


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        pytest.param(("UPDATE audit SET body = '{}' WHERE seq = 3",), "entry 3 was edited", id="edit"),
        pytest.param(("UPDATE audit SET at = at + 1 WHERE seq = 3",), "entry 3 was edited", id="time"),
        pytest.param(("DELETE FROM audit WHERE seq = 3",), "entries 3 to 3 are missing", id="deletion"),
        pytest.param(("DELETE FROM audit WHERE seq = 1",), "entries 1 to 1 are missing", id="deletion of the first"),
        pytest.param(("DELETE FROM audit WHERE seq > 3",), "entries 4 to 5 were cut off", id="truncation"),
        pytest.param(("DELETE FROM audit",), "entries 1 to 5 were cut off", id="everything"),
        pytest.param(
            (
                "UPDATE audit SET seq = 99 WHERE seq = 2",
                "UPDATE audit SET seq = 2 WHERE seq = 3",
                "UPDATE audit SET seq = 3 WHERE seq = 99",
            ),
            "entry 2 was edited, moved",
            id="reorder",
        ),
        pytest.param(
            ("INSERT INTO audit SELECT 6, at, kind, body, mac FROM audit WHERE seq = 5",),
            "entry 6 was edited, moved or forged",
            id="forgery",
        ),
    ],
)
def test_tampering_with_the_table_shows(tmp_path: Path, statements: tuple[str, ...], words: str) -> None:
    ledger_of_five(tmp_path).close()
    tamper(tmp_path, *statements)
    assert any(words in problem for problem in problems(tmp_path))


def remove_head(folder: Path) -> None:
    (folder / "audit.head").unlink()


def forge_head(folder: Path) -> None:
    head = folder / "audit.head"
    head.write_text(head.read_text().replace('"seq": 5', '"seq": 3'))


def spoil_head(folder: Path) -> None:
    (folder / "audit.head").write_bytes(b"\xff{")


@pytest.mark.parametrize(
    ("change", "words"),
    [(remove_head, "missing"), (forge_head, "forged"), (spoil_head, "not readable")],
)
def test_tampering_with_the_head_shows(tmp_path: Path, change: Callable[[Path], None], words: str) -> None:
    ledger_of_five(tmp_path).close()
    change(tmp_path)
    assert any(words in problem for problem in problems(tmp_path))


def test_a_cut_tail_still_shows_after_the_guard_went_on_writing(tmp_path: Path) -> None:
    ledger_of_five(tmp_path).close()
    tamper(tmp_path, "DELETE FROM audit WHERE seq > 3")
    ledger_of_five(tmp_path).close()
    assert problems(tmp_path) == ["entries 4 to 5 are missing"]


def test_a_crash_between_commit_and_head_is_no_tampering(tmp_path: Path) -> None:
    ledger = ledger_of_five(tmp_path)
    before = (tmp_path / "audit.head").read_bytes()
    ledger.book.note(6.0, "last")
    ledger.close()
    (tmp_path / "audit.head").write_bytes(before)
    assert problems(tmp_path) == []


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    ledger_of_five(tmp_path).close()
    (tmp_path / "audit.key").chmod(0o644)
    with pytest.raises(PermissionError, match="others may read"):
        Ledger(tmp_path)


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    ledger_of_five(tmp_path).close()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_entries_are_read_in_parts_as_they_are_stored(tmp_path: Path) -> None:
    ledger = ledger_of_five(tmp_path)
    first = ledger.book.chain.entries(2, 0, 0)
    assert [(seq, kind, body) for seq, _, kind, body, _ in first] == [
        (1, "test", '{"number": 0}'),
        (2, "test", '{"number": 1}'),
    ]
    assert ledger.book.chain.entries(9, 0, 2) == ledger.book.chain.entries(9, 2, 0)
    ledger.close()
