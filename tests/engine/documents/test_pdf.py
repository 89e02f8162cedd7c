"""PDF pages become sections; what is hostile or encrypted is refused."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from engine.documents import pdf
from engine.documents.sections import Section
from tests.engine.documents import papers


def test_each_page_is_a_section() -> None:
    found = pdf.read_pdf(papers.pdf(["Backups run at 02:00", "Restore from vault-3"]))
    assert found.sections == (Section("page 1", "Backups run at 02:00"), Section("page 2", "Restore from vault-3"))


def test_chinese_is_read_by_the_map_in_the_file() -> None:
    found = pdf.read_pdf(papers.chinese_pdf("发现木马后隔离主机"))
    assert found.sections == (Section("page 1", "发现木马后隔离主机"),)


def test_a_page_that_cannot_be_read_is_said_and_hides_no_other() -> None:
    content = papers.raw_pdf([b"BT /F1 12 Tf (good) Tj ET", b"BT"]).replace(b"/Contents 7 0 R", b"/Contents 3 0 R")
    found = pdf.read_pdf(content)
    assert found.sections[0] == Section("page 1", "good")


def test_an_encrypted_file_is_refused() -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    packed = io.BytesIO()
    writer.write(packed)
    with pytest.raises(ValueError, match="encrypted"):
        pdf.read_pdf(packed.getvalue())


@pytest.mark.parametrize("content", [papers.endless(), papers.bomb(80), b"%PDF-1.7\n", papers.pdf(["x"])[:300]])
def test_hostile_and_broken_files_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|none of its pages"):
        pdf.read_pdf(content)


def test_no_more_than_so_many_pages_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "PAGES", 2)
    found = pdf.read_pdf(papers.pdf(["one", "two", "three"]))
    assert len(found.sections) == 2
    assert found.notes == ("only the first 2 of 3 pages were read",)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 900), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused(place: int, damage: bytes) -> None:
    content = bytearray(papers.pdf(["Backups run at 02:00", "Restore from vault-3"]))
    content[place : place + len(damage)] = damage
    try:
        pdf.read_pdf(bytes(content))
    except ValueError:
        return
