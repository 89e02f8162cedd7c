"""The report as Markdown: what others wrote stands in code spans that it cannot end."""

from __future__ import annotations

import re

from engine.agent.report.lines import LINE_CHARACTERS, Line
from engine.agent.report.sections import sections, title
from engine.agent.tongue import Tongue
from engine.text import escape
from engine.types import IncidentView

_RISKY = re.compile(
    r"^\s|^\d+[.)]|//|www\.|mailto:|xmpp:|@|\.(?:[a-z]{2}|aero|asia|biz|com|coop|edu|gov|info|museum|name|net|org|pro|"
    r"shop|web|xn--|xxx|рф)\b",
    re.IGNORECASE,
)
"""What a reader of Markdown makes a link or a list of although no mark asks for it."""

_ACTING = re.compile(r"[\\`*\[\]<>#|~&$^=]|(?<![^\W_])_|_(?![^\W_])|^[-:+]")
"""Marks that do something where they stand: an underscore within a word does nothing, nor does a lone parenthesis."""


def as_markdown(view: IncidentView, tongue: Tongue) -> str:
    """Return the report as CommonMark."""
    lines = [f"# {_words(title(view, tongue))}", ""]
    for section in sections(view, tongue):
        lines += [f"## {section.title}", "", *map(_line, section.lines), ""]
    return "\n".join(lines)


def _line(line: Line) -> str:
    ids = f"[{', '.join(line.ids)}]" if line.ids else ""
    quoted = " ".join(filter(None, (escape(line.quoted, limit=LINE_CHARACTERS), escape(ids, limit=LINE_CHARACTERS))))
    told = [_item(line.words, quoted), *(f"  {_item(name, value)}" for name, value in line.fields)]
    return "\n".join(told)


def _item(words: str, quoted: str) -> str:
    return "- " + ": ".join(filter(None, (_words(words), code_span(quoted) if quoted else "")))


def _words(text: str) -> str:
    """Return words of the program, with what may stand among them, as one line of plain text."""
    shown = escape(text, limit=LINE_CHARACTERS)
    if _RISKY.search(shown):
        return code_span(shown)
    return _ACTING.sub(r"\\\g<0>", shown)


def code_span(text: str) -> str:
    """Return hostile text as a Markdown code span that it cannot end: nothing is parsed in it."""
    body = escape(text)
    longest = max(map(len, re.findall("`+", body)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {body} {ticks}"
