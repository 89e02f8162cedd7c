from __future__ import annotations

import numpy as np

from engine import paths
from engine.detect.features import BUCKETS, grams, hits
from engine.detect.lexicon import read_classes, reading


def test_columns_are_distinct_and_within_the_table() -> None:
    columns = grams(reading("反弹shell CVE-2021-44228 bash -i 4444 4444"))
    assert len(set(columns.tolist())) == len(columns)
    assert columns.min() >= 0
    assert columns.max() < BUCKETS


def test_which_number_it_is_does_not_matter() -> None:
    assert np.array_equal(grams(reading("port 3333")), grams(reading("port 4444")))


def test_a_flaw_is_one_word_however_it_is_written() -> None:
    assert np.array_equal(grams(reading("CVE-2021-44228")), grams(reading("cve_2021_44228")))


def test_an_empty_text_has_no_columns() -> None:
    assert len(grams(reading(""))) == 0


def test_hits_are_counted_for_each_class() -> None:
    classes = read_classes(paths.CLASSES)
    found = hits(reading("sqlmap union select 1,2"), classes)
    assert len(found) == 2 * len(classes)
    assert found[: len(classes)].argmax() == list(classes).index("sql_injection")
