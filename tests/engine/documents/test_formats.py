"""Documents become text under headings; hostile ones are cut or refused, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.documents import formats
from engine.documents.formats import SUFFIXES, extract
from engine.documents.sections import HEADING_CHARACTERS, Section
from tests.engine.documents.papers import HANDBOOK, RUNBOOK


def _text(content: str | bytes, name: str) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return "\n".join(section.text for section in extract(raw, name).sections)


def test_markdown_keeps_each_text_under_its_heading_and_those_above() -> None:
    sections = extract(RUNBOOK.encode(), "runbook.md").sections
    assert [section.heading for section in sections] == ["Backup", "Backup > Restore"]
    assert "pg_restore" in sections[1].text


def test_chinese_markdown_keeps_its_headings() -> None:
    sections = extract(HANDBOOK.encode("gb18030"), "handbook.md").sections
    assert [section.heading for section in sections] == ["应急响应手册 > 木马处置", "应急响应手册 > 弱口令"]


def test_a_heading_with_nothing_below_it_is_still_text() -> None:
    long = "# Runbook: restart tomcat " + "and wait " * 40
    for content in (b"# Restart tomcat", long.encode()):
        found = extract(content, "runbook.md")
        assert "estart tomcat" in "".join(section.text for section in found.sections)
    assert extract(long.encode(), "runbook.md").sections[0].text == long


def test_a_hash_in_a_block_of_code_is_no_heading() -> None:
    (section,) = extract(b"# One #\n```sh\n# rm nothing\n```\nend", "a.md").sections
    assert section == Section("One", "```sh\n# rm nothing\n```\nend")


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"[" * 200_000, "a.json", "nested too deeply"),
        (b"{", "a.json", "no JSON"),
        (b"9" * 5000, "a.json", "no JSON"),
        (b'"' + b"a," * 1_000_000, "a.csv", "no table"),
        (b" \n\t\n", "a.txt", "no text"),
        (b"\n \n", "a.md", "no text"),
        (bytes(range(256)), "a.txt", "binary"),
        (b"%PDF-1.7 and then nothing", "a.pdf", "cannot be read as PDF"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_reason(content: bytes, name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        extract(content, name)


def test_a_file_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FILE_BYTES", 1024)
    with pytest.raises(ValueError, match="larger than"):
        extract(b"a" * 1025, "a.txt")


def test_a_text_over_the_limit_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "TEXT_CHARACTERS", 20)
    assert extract(b"x" * 30, "a.txt").notes == ("only the first 20 characters were read",)


def test_the_content_tells_a_pdf_whatever_its_name() -> None:
    with pytest.raises(ValueError, match="PDF"):
        extract(b"%PDF-1.4\n", "notes.txt")


def test_half_a_surrogate_and_a_zero_become_characters_that_can_be_stored() -> None:
    assert _text(r'{"a": "x\ud800y\u0000z"}', "a.json") == r"a: x\ud800y z"


@given(st.sampled_from(sorted(SUFFIXES)), st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
@example(".htm", b"<![ ")
@example(".htm", b"a<![ if IE]>b<![endif]>c")
@example(".md", b"#\n```")
@example(".csv", b"\r\r\n\0")
def test_any_bytes_are_a_document_or_refused(suffix: str, content: bytes) -> None:
    try:
        found = extract(content, f"a{suffix}")
    except ValueError:
        return
    assert found.sections
    for section in found.sections:
        section.text.encode()
        assert section.text.strip()
        assert len(section.heading) <= HEADING_CHARACTERS


def test_every_suffix_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "knowledge.md").read_text(encoding="utf-8")
    assert [suffix for suffix in SUFFIXES if f"`{suffix}`" not in guide] == []
