"""Tables to text: each row can be read alone."""

from __future__ import annotations

import csv
import io

from engine.documents.sections import Section

ROWS = 50_000
FIELD_CHARACTERS = 1_000_000


def read_table(text: str, delimiter: str) -> tuple[list[Section], list[str]]:
    """Return each row as ``name: value`` pairs, one line a row, and what was left out.

    Raises:
        ValueError: it is no table.
    """
    csv.field_size_limit(FIELD_CHARACTERS)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text))
    try:
        names = [name.strip() for name in next(rows, [])]
        lines: list[str] = []
        for row in rows:
            if len(lines) == ROWS:
                return [_lines(names, lines)], [f"only the first {ROWS:,} rows were read"]
            lines.append(_row(names, row))
    except csv.Error as error:
        raise ValueError(f"it is no table: {error}") from error
    return [_lines(names, lines)], []


def _lines(names: list[str], lines: list[str]) -> Section:
    return Section("", "\n".join(filter(None, lines)) or ", ".join(names))


def _row(names: list[str], row: list[str]) -> str:
    cells = [" ".join(cell.split()) for cell in row]
    named = [
        f"{names[place]}: {cell}" if place < len(names) and names[place] else cell
        for place, cell in enumerate(cells)
        if cell
    ]
    return "; ".join(named)


def _delimiter(text: str) -> str:
    """Return the separator that the first line holds most of."""
    first = text.partition("\n")[0][:10_000]
    return max(",;\t|", key=first.count)
