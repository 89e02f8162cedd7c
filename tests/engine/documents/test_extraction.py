"""A document is read by a process that knows no key, writes no file and starts nothing, and may die alone."""

from __future__ import annotations

import pytest

from engine.documents import extraction
from engine.documents.extraction import read_apart
from engine.documents.sections import Extract, Section
from tests.engine.documents import papers


def _reader(body: str) -> str:
    """Return a reader that runs ``body`` once its limits are set."""
    return f"import sys; sys.path.insert(0, sys.argv[1])\nfrom engine.documents.reader import limit\nlimit()\n{body}"


def test_the_text_comes_back() -> None:
    expected = Extract("markdown", (Section("One", "text"),), "utf-8")
    assert read_apart("# One\ntext".encode(), "a.md") == expected  # noqa: UP012 - bytes as they are read


def test_a_refusal_comes_back_with_its_reason() -> None:
    with pytest.raises(ValueError, match="binary"):
        read_apart(bytes(range(256)), "a.txt")


def test_a_pdf_that_unpacks_to_much_takes_nothing_down() -> None:
    with pytest.raises(ValueError, match=r"cannot be read|none of its pages"):
        read_apart(papers.bomb(300), "a.pdf")


def test_a_reader_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(ValueError, match="more than"):
        read_apart(b"text", "a.txt", limit_s=0.001)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("bytearray(2 << 30)", "was stopped"),
        ("import os; os.kill(os.getpid(), 9)", "was stopped"),
        ("import os; os.write(os.memfd_create('x'), b'x')", "was stopped"),
        (
            "import os, json; print(json.dumps({'why': ' '.join(sorted(os.environ)) or 'no environment'}))",
            "LC_CTYPE|no",
        ),
        ("print('not json')", "no answer"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "longer than 64 MiB"),
        (
            "import sys\nfor _ in range(99): sys.stderr.write('x' * 65536)\nprint('{\"why\": \"it said much\"}')",
            "it said much",
        ),
    ],
    ids=["memory", "killed", "writes a file", "environment", "no answer", "no end", "many errors"],
)
def test_the_limits_hold(monkeypatch: pytest.MonkeyPatch, body: str, why: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(extraction, "_PROGRAM", _reader(body))
    with pytest.raises(ValueError, match=why) as refused:
        read_apart(b"text", "a.txt")
    assert "OPENAI" not in str(refused.value)
