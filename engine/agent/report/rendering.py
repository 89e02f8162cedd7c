"""One incident, three formats, two languages."""

from __future__ import annotations

from typing import Final, Literal, get_args

from engine.agent.report.document import as_json
from engine.agent.report.markdown import as_markdown
from engine.agent.report.page import as_html
from engine.agent.tongue import Tongue
from engine.types import IncidentView

Format = Literal["md", "json", "html"]

FORMS: Final[tuple[Format, ...]] = get_args(Format)


def report(view: IncidentView, form: str, lang: str = "en") -> str:
    """Return the report in the format and language asked for.

    Raises:
        ValueError: there is no such format or language.
    """
    writers = {"md": as_markdown, "json": as_json, "html": as_html}
    if form not in writers:
        msg = f"a report is {', '.join(FORMS)}, not {form!r}"
        raise ValueError(msg)
    return writers[form](view, Tongue(lang))
