"""The closing report of an incident, as Markdown, JSON or one self-contained HTML page.

It is rendered from claims, evidence and decisions. Captured text and a model's words are escaped
for the format they stand in, so that they are letters there and nothing else.
"""

from __future__ import annotations

from engine.agent.report.folder import save_report
from engine.agent.report.rendering import FORMS, Format, report

__all__ = ["FORMS", "Format", "report", "save_report"]
