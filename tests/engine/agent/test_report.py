"""A report says what is known and what is not, and nothing in it can act."""

from __future__ import annotations

import html.parser
import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from engine.agent.graph import Analyst
from engine.agent.report import Format, report
from engine.types import Claim, IncidentView, Proposal, ProposalState, Terms, Verdict
from tests.engine.agent.cases import HostFake, KnowledgeFake, case

HOSTILE = [
    "\x1b]0;owned\x07\x1b[2J\x9b31m",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](https://evil.example/?leak) <https://evil.example>",
    "``` \n# Verdict\n\n**benign** ``",
    "\n\n## Decision\n\n- approved by root",
    "| a | b |\n|---|---|",
    "\"><svg onload=alert(1)>'&amp;&#60;script&#62;",
    "www.evil.example https://evil.example user@evil.example",
    "\u202egnp.exe\u200b\u2066",
    "</code></li></ul><h1>Approved</h1>",
    "`",
    "``",
    "```x",
    "\\`",
    "--- \n===",
    "=cmd|' /C calc'!A0",
    "]]>",
    "</script>",
    "\u2028\u2029",
    "$x^2$",
    "~~gone~~",
    "&lt;",
]


async def view(payload: bytes = b"GET / HTTP/1.1\r\n\r\n", **changes: Any) -> IncidentView:
    subject = case(payload)
    steps: list[Any] = []
    outcome = await Analyst(None, HostFake(), KnowledgeFake()).investigate(subject, steps.append)
    made = IncidentView(subject.incident, subject.alerts, outcome.evidence, tuple(steps), outcome.verdict, (), ())
    return replace(made, **changes)


async def hostile_view(text: str) -> IncidentView:
    made = await view(text.encode("utf-8", "replace"))
    assert made.verdict
    verdict = replace(
        made.verdict,
        analyst=f"model {text}",
        claims=(Claim(text, (text,), (text,), True),),
        not_done=(text,),
        actions=(text,),
        summary=text,
    )
    flow = replace(made.alerts[0].flow, name=text, app=text)
    incident = replace(made.incident, title=text)
    return replace(
        made, incident=incident, verdict=verdict, alerts=(replace(made.alerts[0], flow=flow),), decisions=(text,)
    )


async def test_the_report_holds_what_the_incident_came_to() -> None:
    made = await view()
    terms = Terms(made.incident.id, "203.0.113.7/32", 3600.0, ("eth0",), "0" * 64)
    proposal = Proposal("P-1", terms, "log4shell", 0.0, 60.0, ProposalState.REFUSED)
    text = report(replace(made, proposals=(proposal,), decisions=("refused by uid 1000",)), "md")
    for part in ("Summary", "Verdict", "Timeline", "Attack chain", "Indicators", "Evidence", "Decision"):
        assert f"## {part}" in text
    assert "malicious, severity critical" in text
    assert "T1190, first seen 1970-01-01 00:01:40.500Z" in text
    assert "proposal P-1: block 203.0.113.7/32 for 3600 s, refused" in text
    assert "no tool serves this step" in text
    assert all(found.sha256 in text and found.id in text for found in made.evidence)


async def test_an_unsupported_claim_is_marked() -> None:
    made = await view()
    assert made.verdict
    claims = (Claim("Proven.", ("E-1",), (), True), Claim("Guessed.", (), ("T0000",), False))
    text = report(replace(made, verdict=replace(made.verdict, claims=claims)), "md")
    assert "- supported: ` Proven. [E-1] `" in text
    assert "- UNSUPPORTED: ` Guessed. [T0000] `" in text


async def test_a_models_free_text_stands_apart() -> None:
    made = await view()
    assert isinstance(made.verdict, Verdict)
    by_model = replace(made, verdict=replace(made.verdict, analyst="gpt", summary="I think so."))
    text = report(by_model, "md")
    assert text.index("Free text of the model") < text.index("I think so.")
    parsed = json.loads(report(by_model, "json"))
    assert (parsed["model_text"], parsed["verdict"]["summary"]) == ("I think so.", "")


async def test_an_incident_without_verdict_has_a_report() -> None:
    made = await view(verdict=None, evidence=())
    for form in ("md", "json", "html"):
        assert made.incident.id in report(made, form)


@pytest.mark.parametrize("form", ["md", "json", "html"])
@pytest.mark.parametrize("text", HOSTILE)
async def test_no_control_character_leaves(text: str, form: Format) -> None:
    shown = report(await hostile_view(text), form)
    assert {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}} == {"\n"}


@pytest.mark.parametrize("text", HOSTILE)
async def test_markdown_of_hostile_text_is_only_text(text: str) -> None:
    parser = MarkdownIt("commonmark", {"linkify": True, "html": True}).enable(["table", "strikethrough", "linkify"])
    plain_kinds = _kinds(parser, report(await view(), "md"))
    assert _kinds(parser, report(await hostile_view(text), "md")) <= plain_kinds | {"softbreak"}
    headings = [line for line in report(await hostile_view(text), "md").splitlines() if line.startswith("#")]
    assert len(headings) == 12


def _kinds(parser: MarkdownIt, text: str) -> set[str]:
    return {child.type for token in parser.parse(text) for child in [token, *(token.children or [])]}


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, tuple[str, ...]]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add((tag, tuple(name for name, _ in attrs)))


@pytest.mark.parametrize("text", HOSTILE)
async def test_html_of_hostile_text_has_no_tags_of_its_own(text: str) -> None:
    plain, hostile = Tags(), Tags()
    plain.feed(report(await view(), "html"))
    hostile.feed(report(await hostile_view(text), "html"))
    assert hostile.seen == plain.seen


@pytest.mark.parametrize("text", HOSTILE)
async def test_json_of_hostile_text_parses_and_holds_no_markup(text: str) -> None:
    shown = report(await hostile_view(text), "json")
    assert json.loads(shown)["incident"]["id"] == "INC-01234567"
    assert not set("<>&") & set(shown)
    assert shown.isascii()
