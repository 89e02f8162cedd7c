"""A document's bytes to plain text under headings. Nothing in a document is executed, fetched or followed.

Every format has bounds of its own; what was cut is said in the notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from engine.documents.encoding import decode
from engine.documents.markup import read_html
from engine.documents.sections import HEADING_CHARACTERS, TEXT_CHARACTERS, Extract, Levels, Section, below, outline
from engine.documents.tables import read_table
from engine.documents.values import read_json, read_json_lines

FILE_BYTES = 32 * 1024 * 1024

SUFFIXES = {
    ".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text", ".log": "text", ".rst": "text",
    ".pdf": "pdf", ".html": "html", ".htm": "html", ".xhtml": "html", ".csv": "csv", ".tsv": "csv",
    ".json": "json", ".jsonl": "json lines", ".ndjson": "json lines",
}  # fmt: skip
"""A file's suffix to its format. In a folder, files with another suffix are passed by."""

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def extract(content: bytes, name: str) -> Extract:
    """Return the text of a document; ``name`` tells its format by the suffix.

    Raises:
        ValueError: it cannot be read; the text says why.
    """
    if len(content) > FILE_BYTES:
        raise ValueError(f"it is larger than {FILE_BYTES >> 20} MiB")
    kind = "pdf" if content.startswith(b"%PDF-") else SUFFIXES.get(PurePath(name).suffix.lower(), "text")
    if kind == "pdf":
        from engine.documents.pdf import read_pdf  # noqa: PLC0415 - only where there is one

        return _bounded(read_pdf(content))
    text, encoding = decode(content)
    sections, notes = _sections(kind, text.replace("\r\n", "\n").replace("\r", "\n"), name)
    return _bounded(Extract(kind, tuple(sections), encoding, tuple(notes)))


def _sections(kind: str, text: str, name: str) -> tuple[list[Section], list[str]]:
    match kind:
        case "markdown":
            return list(_markdown(text)), []
        case "html":
            return read_html(text), []
        case "csv":
            return read_table(text, "\t" if name.lower().endswith(".tsv") else "")
        case "json":
            return read_json(text)
        case "json lines":
            return read_json_lines(text)
        case _:
            return [Section("", text)], []


def _markdown(text: str) -> Iterator[Section]:
    levels: Levels = []
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        marks = _FENCE.match(line)
        if marks and (not fence or marks[1].startswith(fence)):
            fence = "" if fence else marks[1]
        heading = None if fence or marks or len(line) > HEADING_CHARACTERS else _ATX.match(line)
        if heading is None:
            lines.append(line)
            continue
        yield Section(outline(levels), "\n".join(lines))
        levels, lines = below(levels, len(heading[1]), line[heading.end() :].strip().rstrip("#")), []
    yield Section(outline(levels), "\n".join(lines))


def _bounded(whole: Extract) -> Extract:
    """Return the first ``TEXT_CHARACTERS`` of a text, in characters that can be stored.

    Raises:
        ValueError: there is no text in it.
    """
    left, kept, notes = TEXT_CHARACTERS, [], list(whole.notes)
    for section in whole.sections:
        if section.text.strip() and left > 0:
            kept.append(Section(_storable(section.heading), _storable(section.text[:left])))
        left -= len(section.text)
    if left < 0:
        notes.append(f"only the first {TEXT_CHARACTERS:,} characters were read")
    if not kept:
        kept = [Section("", _storable(section.heading)) for section in whole.sections if section.heading]
    if not kept:
        why = "pictures of pages only?" if whole.format == "pdf" else "; ".join(notes)
        raise ValueError("there is no text in it" + (f" ({why})" if why else ""))
    return Extract(whole.format, tuple(kept), whole.encoding, tuple(notes))


def _storable(text: str) -> str:
    return text.replace("\x00", " ").encode("utf-8", "backslashreplace").decode("utf-8")
