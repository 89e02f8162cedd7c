"""What a filter could go on with."""

from __future__ import annotations

import pytest

from engine.filter import complete, parse


@pytest.mark.parametrize(
    ("text", "first"),
    [("sr", "src:"), ("sc", "score>"), ("app:dns !se", "app:dns !sev:"), ("sev>=h", "sev>=high"), ("dir:o", "dir:out")],
)
def test_the_last_word_is_completed(text: str, first: str) -> None:
    assert complete(text)[0] == first


def test_an_empty_text_offers_every_field() -> None:
    assert "src:" in complete("")
    assert len(complete("")) == 17


@pytest.mark.parametrize("text", ["sev:", "state:", "app:", "dir:", "det:"])
def test_every_value_that_is_offered_can_be_read(text: str) -> None:
    assert all(parse(offered) for offered in complete(text))


def test_a_text_that_begins_no_field_is_left_alone() -> None:
    assert complete("src:10.0.0.1 zebra") == []
