"""Documents are added once, replaced when they change, found with their source, and removed."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.documents import collection
from tests.engine.documents.conftest import Opener

LOADS_EXTENSIONS = hasattr(sqlite3.Connection, "enable_load_extension")


def test_a_passage_names_its_file_and_heading(opened: Opener, papers: Path) -> None:
    documents = opened()
    added = documents.add(papers)
    assert (len(added.new), added.pieces, added.fault) == (2, 4, "")
    passage = documents.search("how do I restore the database")[0]
    assert passage.title == "runbook.md: Backup > Restore"
    assert passage.source == f"{papers}/runbook.md, Backup > Restore"
    assert passage.id.startswith("K-")
    assert len(passage.id) == 12
    assert 0 < passage.score <= 1


def test_a_passage_is_found_again_by_its_id(opened: Opener, papers: Path) -> None:
    documents = opened()
    documents.add(papers)
    found = documents.search("木马处置")[0]
    again = documents.get(found.id)
    assert again is not None
    assert (again.id, again.text, again.source) == (found.id, found.text, found.source)
    assert documents.get("K-0000000000") is None
    assert documents.get("T1190") is None


def test_the_same_file_twice_adds_nothing_and_says_so(opened: Opener, papers: Path) -> None:
    documents = opened()
    documents.add(papers)
    (papers / "copy.md").write_bytes((papers / "runbook.md").read_bytes())
    added = documents.add(papers)
    assert (added.new, added.replaced, added.pieces) == ([], [], 0)
    assert (f"{papers}/copy.md", f"{papers}/runbook.md") in added.unchanged
    assert len(documents.entries()) == 2


def test_a_changed_file_takes_the_place_of_what_it_was(opened: Opener, papers: Path) -> None:
    documents = opened()
    documents.add(papers)
    before = documents.search("restore the customer database")[0]
    (papers / "runbook.md").write_text("# Coffee\n\nThe machine is on the third floor.\n")
    added = documents.add(papers / "runbook.md")
    assert added.replaced == [f"{papers}/runbook.md"]
    assert documents.get(before.id) is None
    assert documents.search("coffee machine")[0].title == "runbook.md: Coffee"
    assert len(documents.entries()) == 2


def test_bases_are_searched_apart_and_together(opened: Opener, papers: Path) -> None:
    documents = opened()
    documents.add(papers / "runbook.md", "team")
    documents.add(papers / "zh", "中文")
    assert documents.bases() == ["team", "中文"]
    assert documents.search("restore database", base="中文") == []
    assert documents.search("restore database", base="team") == documents.search("restore database")
    assert documents.search("restore database", base="no such base") == []


def test_what_lies_in_two_bases_is_found_once(opened: Opener, papers: Path) -> None:
    documents = opened()
    documents.add(papers / "runbook.md", "one")
    documents.add(papers / "runbook.md", "two")
    found = documents.search("restore the customer database from vault-3")
    assert len({passage.id for passage in found}) == len(found) == 2


@pytest.mark.parametrize("base", ["", "a b", "../x", "x" * 41, "a\n", "attack"])
def test_a_base_needs_a_proper_name(opened: Opener, papers: Path, base: str) -> None:
    with pytest.raises(ValueError, match="base"):
        opened().add(papers, base)


@pytest.mark.parametrize("what", ["id", "source", "folder", "relative"])
def test_documents_are_removed_by_id_source_or_folder(
    opened: Opener, papers: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = opened()
    documents.add(papers)
    monkeypatch.chdir(papers)
    named = {
        "id": documents.entries()[1].id,
        "source": f"{papers}/zh/handbook.md",
        "folder": f"{papers}/zh/",
        "relative": "zh/handbook.md",
    }[what]
    assert documents.remove(named) == 1
    assert [entry.source for entry in documents.entries()] == [f"{papers}/runbook.md"]
    assert documents.search("木马处置") == []
    assert documents.remove(named) == 0


def test_a_file_that_cannot_be_read_hides_no_other(opened: Opener, papers: Path) -> None:
    (papers / "broken.json").write_text("{")
    (papers / "bin.txt").write_bytes(bytes(range(256)))
    added = opened().add(papers)
    assert len(added.new) == 2
    assert {(Path(name).name, reason.partition(":")[0]) for name, reason in added.skipped} == {
        ("broken.json", "it is no JSON"),
        ("bin.txt", "it holds binary data, not text"),
    }


def test_the_collection_has_an_end(opened: Opener, papers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "PIECES", 2)
    added = opened().add(papers)
    assert len(added.new) == 1
    assert "more than 2 pieces" in added.skipped[0][1]


def test_progress_names_each_file_and_the_vectors(opened: Opener, papers: Path) -> None:
    told: list[tuple[int, int, str]] = []
    opened().add(papers, progress=lambda *what: told.append(what))
    assert told == [
        (0, 2, f"{papers}/runbook.md"),
        (1, 2, f"{papers}/zh/handbook.md"),
        (4, 4, "embedded with all-MiniLM-L6-v2 int8"),
    ]


def test_a_name_that_is_no_text_is_stored_and_listed(opened: Opener, papers: Path) -> None:
    name = os.fsencode(papers) + b"/caf\xe9.md"
    Path(os.fsdecode(name)).write_text("# Coffee\n\nthird floor\n")
    documents = opened()
    documents.add(papers)
    assert f"{papers}/caf\\xe9.md" in [entry.source for entry in documents.entries()]


@pytest.mark.skipif(not LOADS_EXTENSIONS, reason="this Python's sqlite3 loads no extensions")
def test_both_backends_give_the_same_passages_and_scores(opened: Opener, papers: Path) -> None:
    table = "host,owner,city\n" + "".join(f"vault-{n},Ada {n % 7},Bern {n % 5}\n" for n in range(600))
    (papers / "hosts.csv").write_text(table)
    with_extension = opened()
    with_extension.add(papers)
    plain = opened(extensions=False)
    assert (with_extension.backend, plain.backend) == ("sqlite-vec", "numpy")
    for query in ("who owns vault-17", "restore the database", "木马处置", "a city in Switzerland"):
        assert plain.search(query, 20) == with_extension.search(query, 20)
        assert plain.search(query, 20, "default") == with_extension.search(query, 20, "default")


def test_a_file_that_breaks_while_it_is_open_answers_nothing_and_says_so(opened: Opener, papers: Path) -> None:
    documents = opened()
    documents.add(papers)
    documents._db.execute("DROP TABLE words")
    assert documents.search("restore") == []
    assert documents.fault.startswith("cannot search the documents:")


def test_one_program_adds_while_another_searches(opened: Opener, papers: Path) -> None:
    searching, adding = opened(), opened()
    assert searching.search("restore the database") == []
    adding.add(papers)
    assert searching.search("restore the database")[0].title == "runbook.md: Backup > Restore"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=80), k=st.integers(-1, 9))
def test_any_query_is_answered(opened: Opener, papers: Path, query: str, k: int) -> None:
    documents = opened()
    if not documents.entries():
        documents.add(papers)
    found = documents.search(query, k)
    assert len(found) <= max(k, 0)
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)


def test_two_threads_may_search_at_once(opened: Opener, papers: Path) -> None:
    documents = opened()
    documents.add(papers)
    expected = documents.search("restore the database")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: documents.search("restore the database"), range(80)))
    assert found == [expected] * 80
    assert documents.fault == ""
