"""Payloads and tools that by themselves say which technique they are."""

from __future__ import annotations

import re
from pathlib import Path

MAX_CHARS = 4000
"""The length of a query that is read; the rest is cut."""


class Signs:
    """The lines of ``signs.tsv``: a technique and a pattern of what attackers send or run."""

    def __init__(self, path: Path) -> None:
        """Read them; raises ValueError naming the line that is no technique and pattern."""
        self._signs: list[tuple[str, re.Pattern[str]]] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                technique, pattern = line.split("\t")
                self._signs.append((technique, re.compile(pattern, re.IGNORECASE)))
            except (ValueError, re.error) as error:
                raise ValueError(f"cannot read the knowledge base: {path}, line {number}: {error}") from error

    def techniques(self, text: str) -> set[str]:
        """Return the techniques of which a sign is in the text."""
        head = text[:MAX_CHARS]
        return {technique for technique, pattern in self._signs if pattern.search(head)}
