"""PDF to text, a section for each page; pictures, forms, scripts and attachments are not looked at."""

from __future__ import annotations

import io
import logging

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from engine.documents.sections import TEXT_CHARACTERS, Extract, Section

PAGES = 2_000

_BROKEN = (
    PyPdfError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
    NotImplementedError, EOFError, OSError, AssertionError,
)  # fmt: skip
"""What the library raises at a page that is not as it should be."""


def read_pdf(content: bytes) -> Extract:
    """Return the text of the pages; one that cannot be read is left out and said.

    Raises:
        ValueError: it is encrypted, or damaged beyond reading.
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it is encrypted")
        pages = len(reader.pages)
    except _BROKEN as error:
        raise ValueError(f"it cannot be read as PDF: {str(error) or type(error).__name__}") from error
    sections, unread = _pages(reader, min(pages, PAGES))
    notes = [f"only the first {PAGES:,} of {pages:,} pages were read"] if pages > PAGES else []
    notes += [f"{len(unread)} pages could not be read, page {unread[0]} first"] if unread else []
    if unread and not sections:
        raise ValueError("none of its pages can be read")
    return Extract("pdf", tuple(sections), "", tuple(notes))


def _pages(reader: PdfReader, count: int) -> tuple[list[Section], list[int]]:
    sections: list[Section] = []
    unread: list[int] = []
    size = 0
    for number in range(count):
        try:
            text = reader.pages[number].extract_text()
        except _BROKEN:
            unread.append(number + 1)
            continue
        sections.append(Section(f"page {number + 1}", text))
        size += len(text)
        if size > TEXT_CHARACTERS:
            break
    return sections, unread
