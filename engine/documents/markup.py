"""HTML to text under headings: scripts, styles and comments are left out, and nothing is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from engine.documents.sections import Levels, Section, below, outline

_SILENT = frozenset({"script", "style", "template", "noscript", "svg", "math", "object", "iframe", "head", "textarea"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def read_html(text: str) -> list[Section]:
    """Return what a reader of the page would read."""
    page = _Page()
    page.feed(text)
    page.close()
    page.end_section()
    return page.sections


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[Section] = []
        self._levels: Levels = []
        self._texts: list[str] = []
        self._titles: list[str] | None = None
        """The words of a heading that is open."""
        self._silent = ""
        """The element whose end is waited for; the first of several."""

    def parse_html_declaration(self, i: int) -> int:
        """Read what begins with ``<!`` and return where it ends; some versions of Python give up at ``<![ ``."""
        try:
            return super().parse_html_declaration(i)
        except AssertionError:
            return self.parse_bogus_comment(i)  # as a browser does

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            return
        if tag in _SILENT:
            self._silent = tag
        elif tag in _HEADINGS:
            self.end_section()
            self._titles = []
        else:
            self._texts.append(_border(tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._silent:
            self._texts.append(_border(tag))

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._silent = "" if tag == self._silent else self._silent
        elif tag in _HEADINGS and self._titles is not None:
            self._levels = below(self._levels, _HEADINGS[tag], "".join(self._titles))
            self._titles = None
        else:
            self._texts.append(_border(tag))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            (self._texts if self._titles is None else self._titles).append(data)

    def end_section(self) -> None:
        """Keep what was read since the last heading; one that was never closed is text."""
        text = _BLANK_LINES.sub("\n\n", "".join((*self._texts, *(self._titles or ()))))
        self.sections.append(Section(outline(self._levels), text.strip()))
        self._texts, self._titles = [], None


def _border(tag: str) -> str:
    if tag in ("td", "th"):
        return " "
    if tag == "br":
        return "\n"
    return "\n\n" if tag in _BLOCKS else ""
