from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine import paths
from engine.detect.lexicon import MAX_TEXT, Usual, patterns_in, read_classes, reading, terms_in
from engine.playbooks import read_playbooks

CLASSES = read_classes(paths.CLASSES)

FILE = """severity: high
attack: T1190, T1059
accused: initiator
usual: in

== terms
SQL injection | sql注入 |

== patterns
union.{0,9}select

== lines
a line
"""


def test_a_class_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(FILE, encoding="utf-8")
    found = read_classes(tmp_path)["one"]
    assert (found.name, found.attack_ids, found.usual) == ("one", ("T1190", "T1059"), Usual.IN)
    assert (found.terms, found.lines) == (("sql injection", "sql注入"), ("a line",))


@pytest.mark.parametrize(
    ("old", "new"), [("severity: high\n", ""), ("high", "awful"), ("== lines\n", ""), ("union.{0,9}select", "(")]
)
def test_a_broken_file_is_named(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "one.txt").write_text(FILE.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=r"one\.txt"):
        read_classes(tmp_path)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no event classes"):
        read_classes(tmp_path)


def test_every_class_has_a_playbook_and_every_playbook_a_class() -> None:
    assert set(CLASSES) == set(read_playbooks(paths.PLAYBOOKS))
    assert len(CLASSES) == 23


def test_every_pattern_is_bounded() -> None:
    for found in CLASSES.values():
        for pattern in found.patterns:
            outside = re.sub(r"\\.|\[(\\.|[^\]])*\]", "", pattern.pattern)
            assert not re.search(r"[*+]|,\}", outside), (found.name, pattern.pattern)


def test_every_class_is_told_in_both_languages() -> None:
    for found in CLASSES.values():
        chinese = sum(bool(re.search("[\u4e00-\u9fff]", line)) for line in found.lines)
        assert min(chinese, len(found.lines) - chinese) >= 20, found.name


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("SQL_INJECTION seen", "sql injection"),
        ("ＳＱＬ注入", "sql注入"),
        ("m\u200bining pool", "mining pool"),
        ("m\\u200bining pool", "mining pool"),
        ("%2e%2e%2fetc", "../etc"),
        ("&lt;script&gt;", "<script>"),
    ],
)
def test_a_term_is_found_however_it_is_written(text: str, term: str) -> None:
    assert terms_in(reading(text), (term,)) == [term]


def test_a_latin_term_begins_a_word() -> None:
    assert terms_in(reading("separate"), ("rat",)) == []


def test_patterns_are_counted() -> None:
    assert patterns_in(reading("UNION  ALL SELECT"), (re.compile("union.{0,9}select"), re.compile("x"))) == 1


def test_only_the_beginning_of_a_long_report_is_read() -> None:
    assert len(reading("%41" * 10_000).text) <= 2 * MAX_TEXT
