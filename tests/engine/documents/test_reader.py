"""Whatever a parser does with a document, the reader has an answer."""

from __future__ import annotations

import pytest

from engine.documents import formats
from engine.documents.reader import answer
from engine.documents.sections import Extract, Section


def test_a_document_is_answered_with_its_text() -> None:
    assert answer(b"text", "a.txt")["sections"] == (Section("", "text"),)


@pytest.mark.parametrize("error", [ValueError("no"), MemoryError(), KeyError("gone"), RecursionError()])
def test_what_a_parser_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(content: bytes, name: str) -> Extract:
        raise error

    monkeypatch.setattr(formats, "extract", fail)
    assert answer(b"", "a.txt")["why"]
