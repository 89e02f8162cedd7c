"""The knowledge base answers from ATT&CK and from documents, and has a playbook for each class of event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import paths
from engine.knowledge import Knowledge
from engine.playbooks import parse_playbook, read_playbooks
from engine.types import Passage, Severity

QUERY = "someone guesses ssh passwords"


class DocumentsFake:
    """Documents that answer every query with the passages given."""

    def __init__(self, *scores: float) -> None:
        self.passages = [Passage(f"K-{at:010x}", "runbook", "text", "runbook.md", s) for at, s in enumerate(scores)]
        self.asked: list[tuple[str, int, str]] = []

    def search(self, query: str, k: int, base: str = "") -> list[Passage]:
        self.asked.append((query, k, base))
        return self.passages[:k]

    def get(self, passage_id: str, /) -> Passage | None:
        return next((passage for passage in self.passages if passage.id == passage_id), None)


@pytest.fixture(scope="module")
def knowledge() -> Iterator[Knowledge]:
    base = Knowledge()
    yield base
    base.close()


def with_documents(*scores: float) -> tuple[Knowledge, DocumentsFake]:
    documents = DocumentsFake(*scores)
    return Knowledge(documents=documents, embedding=False), documents


def test_a_document_that_fits_better_comes_first() -> None:
    base, documents = with_documents(0.99)
    found = base.search(QUERY)
    assert found[0] == documents.passages[0]
    assert found[1:] == Knowledge(embedding=False).search(QUERY)[:4]


def test_documents_that_fit_worse_change_nothing() -> None:
    base, _ = with_documents(0.01, 0.01)
    assert base.search(QUERY) == Knowledge(embedding=False).search(QUERY)


def test_documents_never_crowd_attack_out() -> None:
    base, _ = with_documents(*[1.0] * 20)
    found = base.search(QUERY, 5)
    assert [passage.id[0] for passage in found] == ["K", "K", "T", "T", "T"]
    assert found[2:] == Knowledge(embedding=False).search(QUERY, 3)


def test_documents_alone_fill_the_answer_where_attack_has_none() -> None:
    base, documents = with_documents(0.9, 0.8, 0.7)
    assert base.search("龘", 5) == documents.passages


def test_attack_can_be_searched_alone() -> None:
    base, documents = with_documents(1.0)
    assert base.search(QUERY, base="attack") == Knowledge(embedding=False).search(QUERY)
    assert documents.asked == []


def test_one_collection_of_documents_can_be_searched_alone() -> None:
    base, documents = with_documents(0.2, 0.1)
    assert base.search(QUERY, 1, "runbooks") == documents.passages[:1]
    assert documents.asked == [(QUERY, 1, "runbooks")]


def test_a_collection_without_documents_answers_nothing(knowledge: Knowledge) -> None:
    assert knowledge.search(QUERY, base="runbooks") == []


def test_a_passage_is_found_by_its_id_wherever_it_is() -> None:
    base, documents = with_documents(0.5)
    technique = base.get("T1110.001")
    assert technique is not None
    assert technique.title.startswith("Brute Force: Password Guessing")
    assert base.get(documents.passages[0].id) == documents.passages[0]
    assert base.get("K-ffffffffff") is None


def test_documents_may_come_later_and_use_the_same_model(knowledge: Knowledge) -> None:
    assert knowledge.embedder is not None
    knowledge.documents = DocumentsFake(1.0)
    assert knowledge.search(QUERY)[0].id.startswith("K-")
    knowledge.documents = None


def test_any_text_can_be_a_query(knowledge: Knowledge) -> None:
    assert knowledge.search("\x00\x1b[2J") is not None


# --- playbooks ------------------------------------------------------------------------------

BOOK = """---
id: PB-own
class: scan
name: Our scan
name_zh: 扫描
attack: [T1046]
tools: [related_flows]
severity: low
block: no
---

## Steps
1. `related_flows`: count the ports
   that answered.
2. Ask the night shift.

## Verdict criteria
- benign: our scanner.

## Actions
- Note it.
"""


def test_a_playbook_is_found_by_event_class(knowledge: Knowledge) -> None:
    book = knowledge.playbook("scan")
    assert book is not None
    assert (book.severity, book.block, book.steps[0].tool) == (Severity.MEDIUM, True, "related_flows")
    assert knowledge.playbook("no such class") is None


def test_a_users_playbook_replaces_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "scan.md"
    path.write_text(BOOK, encoding="utf-8")
    path.chmod(0o644)
    book = read_playbooks(paths.PLAYBOOKS, tmp_path)["scan"]
    assert (book.name, book.block, book.attack_ids) == ("Our scan", False, ("T1046",))
    assert book.steps == (("related_flows", "count the ports that answered."), ("", "Ask the night shift."))


def test_a_playbook_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.md"
    path.write_text(BOOK, encoding="utf-8")
    path.chmod(0o666)
    with pytest.raises(PermissionError, match="writable by others"):
        read_playbooks(paths.PLAYBOOKS, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class: scan\n", "", "class missing"),
        ("## Actions", "## Further", "Actions missing"),
        ("severity: low", "severity: terrible", "severity info"),
        ("block: no", "block: maybe", "block is yes or no"),
        ("name: Our scan", "Our scan", "is not key: value"),
        ("---\n", "", "missing or empty"),
    ],
    ids=["field", "section", "severity", "block", "line", "no front matter"],
)
def test_a_faulty_playbook_is_refused_with_its_path(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "scan.md"
    path.write_text(BOOK.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"scan.md.*{message}"):
        parse_playbook(path)
