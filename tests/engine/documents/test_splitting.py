"""Pieces hold the whole text, each of a size to cite, cut where a reader would cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.sections import Section
from engine.documents.splitting import MOST, TARGET, Piece, split

ENGLISH = "The host vault-3 keeps every backup for ninety days. " * 40
CHINESE = "发现木马后，先隔离主机，再保留内存镜像。" * 80


def _letters(text: str) -> str:
    return "".join(text.split())


def test_a_short_text_is_one_piece_with_its_heading() -> None:
    assert split([Section("Backup > Restore", " one\n\ntwo ")]) == [Piece("Backup > Restore", "one\n\ntwo")]


@pytest.mark.parametrize(("text", "end"), [(ENGLISH, "."), (CHINESE, "。")], ids=["English", "Chinese"])
def test_a_long_paragraph_is_cut_between_sentences(text: str, end: str) -> None:
    pieces = split([Section("", text)])
    assert len(pieces) > 2
    assert all(piece.text.endswith(end) for piece in pieces)
    assert all(TARGET / 2 < len(piece.text) <= TARGET for piece in pieces[:-1])


def test_paragraphs_stay_whole_where_they_fit() -> None:
    paragraphs = [f"{number} " + "word " * 60 for number in range(6)]
    for piece in split([Section("", "\n\n".join(paragraphs))]):
        assert piece.text.split("\n\n")[-1].count("word") == 60


def test_headings_are_never_joined() -> None:
    assert [piece.heading for piece in split([Section("a", "x"), Section("b", "y")])] == ["a", "b"]


def test_a_line_without_an_end_is_cut_all_the_same() -> None:
    pieces = split([Section("", "x" * 100_000)])
    assert "".join(piece.text for piece in pieces) == "x" * 100_000


@given(
    st.lists(
        st.text(alphabet=st.sampled_from("ab .!?。！；，,\n\t\r\u3000木马" + "x" * 20), max_size=2500).map(
            lambda text: Section("h", text)
        ),
        max_size=3,
    )
)
def test_pieces_cover_the_text_and_are_bounded(sections: list[Section]) -> None:
    pieces = split(sections)
    assert _letters("".join(piece.text for piece in pieces)) == _letters("".join(text for _, text in sections))
    assert all(0 < len(piece.text) <= MOST for piece in pieces)
    assert all(piece.text == piece.text.strip() for piece in pieces)
