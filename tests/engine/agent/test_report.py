"""A report says what is known and what is not, and nothing in it can act."""

from __future__ import annotations

import html.parser
import json
import re
import unicodedata
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from engine.agent.graph import Analyst
from engine.agent.report import FORMS, report
from engine.text import escape
from engine.types import Claim, IncidentView, Note, Proposal, ProposalState, Terms, Verdict
from tests.engine.agent.cases import HostFake, KnowledgeFake, case
from tests.engine.agent.report.hostile import HOSTILE, incident_of

LANGUAGES = ["en", "zh"]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.lists(st.sampled_from([*HOSTILE[:90], "\n", " ", "<", "`", '"', "&", "]", "("]), max_size=5).map("".join),
)


async def view(payload: bytes = b"GET / HTTP/1.1\r\n\r\n", **changes: Any) -> IncidentView:
    subject = case(payload)
    steps: list[Any] = []
    outcome = await Analyst(None, HostFake(), KnowledgeFake()).investigate(subject, steps.append)
    made = IncidentView(subject.incident, subject.alerts, outcome.evidence, tuple(steps), outcome.verdict, (), ())
    return replace(made, **changes)


async def test_the_report_holds_what_the_incident_came_to() -> None:
    made = await view()
    terms = Terms(made.incident.id, "203.0.113.7/32", 3600.0, ("eth0",), "0" * 64)
    proposal = Proposal("P-1", terms, "log4shell", 0.0, 60.0, ProposalState.REFUSED)
    text = report(replace(made, proposals=(proposal,), decisions=("refused by uid 1000",)), "md")
    for part in ("Summary", "Verdict", "Timeline", "Attack chain", "Indicators", "Evidence", "Decision"):
        assert f"## {part}" in text
    assert "malicious, severity critical" in text
    assert "T1190, Exploit Public-Facing Application, initial-access, first seen 1970-01-01 00:01:40.500Z" in text
    assert "proposal P-1: block 203.0.113.7/32 for 1 h, refused" in text
    assert "no tool serves this step" in text
    assert all(found.sha256 in text and found.id in text for found in made.evidence)


@pytest.mark.parametrize("form", FORMS)
async def test_notes_of_persons_stand_in_every_form_word_for_word(form: str) -> None:
    note = Note("INC-1", 1003.0, "ann on pts/1", "asked the owner\nit was a test")
    text = report(await view(notes=(note,)), form)
    assert "ann on pts/1" in text
    assert "asked the owner" in text and "it was a test" in text
    assert "Notes" not in report(await view(), "md")


async def test_words_of_the_program_bear_no_escapes_that_markdown_does_not_need() -> None:
    text = report(await view(), "md")
    words = re.sub(r"`+ .*? `+", "", text)
    assert "(set by a person only)" in words
    assert not re.search(r"\\[(){}!]|\w\\_\w", words)


async def test_an_unsupported_claim_is_marked() -> None:
    made = await view()
    assert made.verdict
    claims = (Claim("Proven.", ("E-1",), (), True), Claim("Guessed.", (), ("T0000",), False))
    doubtful = replace(made, verdict=replace(made.verdict, claims=claims))
    assert "- supported: ` Proven. [E-1] `" in report(doubtful, "md")
    assert "- UNSUPPORTED: ` Guessed. [T0000] `" in report(doubtful, "md")
    assert '<li class="unsupported"><span class="words">UNSUPPORTED</span>' in report(doubtful, "html")


async def test_a_models_free_text_stands_apart() -> None:
    made = await view()
    assert isinstance(made.verdict, Verdict)
    by_model = replace(made, verdict=replace(made.verdict, analyst="gpt", summary="I think so."))
    for form in ("md", "html"):
        text = report(by_model, form)
        assert text.count("I think so.") == 1
        assert text.index("Free text of the model") < text.index("not checked") < text.index("I think so.")
    parsed = json.loads(report(by_model, "json"))
    assert (parsed["model_text"], parsed["verdict"]["summary"]) == ("I think so.", "")


async def test_an_incident_without_verdict_has_a_report() -> None:
    made = await view(verdict=None, evidence=(), steps=())
    for form in FORMS:
        assert made.incident.id in report(made, form)


@pytest.mark.parametrize(("form", "lang"), [("pdf", "en"), ("md", "fr")])
async def test_what_there_is_not_is_refused_with_what_there_is(form: str, lang: str) -> None:
    with pytest.raises(ValueError, match=r"md, json, html|en and zh"):
        report(await view(), form, lang)


def test_a_report_that_began_the_incident_is_told_with_its_class() -> None:
    text = report(incident_of("x"), "md")
    assert "## Reported event" in text
    assert "the program saw none of it itself" in text
    assert "class x, confidence 1.00: ` x `" in text
    parsed = json.loads(report(incident_of("x"), "json"))["event"]
    assert (parsed["event"]["name"], parsed["class"], parsed["confidence"]) == ("x", "x", 1.0)


def test_a_trace_that_was_edited_is_told() -> None:
    whole = incident_of("x")
    edited = replace(whole, steps=(replace(whole.steps[0], content="benign"),))
    unchained = replace(whole, steps=(replace(whole.steps[0], digest=""),))
    told = [json.loads(report(one, "json"))["trace"] for one in (whole, edited, unchained)]
    assert [(one["chain"], one["broken_at"]) for one in told] == [("whole", 0), ("broken", 1), ("none", 0)]
    assert "BROKEN at step 1 of 1" in report(edited, "md")
    assert '<li class="alarm">' in report(edited, "html")


def test_the_plan_is_told() -> None:
    assert "- flow_payload: ` read it `" in report(_planned("flow_payload", "read it"), "md")
    assert json.loads(report(_planned("a", "b"), "json"))["plan"] == {"by": "m", "steps": [{"tool": "a", "why": "b"}]}


def test_a_plan_that_is_no_json_is_told_line_by_line() -> None:
    step = replace(incident_of("x").steps[0], content="first\n# second\n{")
    text = report(replace(incident_of("x"), steps=(step,)), "md")
    assert "- ` first `\n- ` # second `\n- ` { `\n" in text


def _planned(tool: str, why: str) -> IncidentView:
    made = incident_of("x")
    content = json.dumps({"steps": [{"tool": tool, "why": why}]})
    return replace(made, steps=(replace(made.steps[0], name="m", content=content),))


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_a_page_refers_to_nothing_outside_and_runs_nothing(lang: str) -> None:
    page = report(await view(), "html", lang)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy and policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<script|url\(|@import| style=", page)
    assert re.findall('href="([^"]*)"', page)
    assert all(re.fullmatch("#E-[0-9a-f]{10}", one) for one in re.findall('href="([^"]*)"', page))


def test_what_is_long_is_bounded_and_says_how_much_is_missing() -> None:
    one = incident_of("a" * 20_000)
    many = replace(
        one, alerts=one.alerts * 300, evidence=one.evidence * 200, decisions=one.decisions * 300, notes=one.notes * 250
    )
    texts = {form: report(many, form) for form in FORMS}
    assert {form: len(text) < 20_000_000 for form, text in texts.items()} == {"md": True, "json": True, "html": True}
    assert "and 401 more" in texts["md"]
    assert json.loads(texts["json"])["left_out"] == {"timeline": 100, "evidence": 200, "decisions": 400, "notes": 50}


# What hostile text must not become. A page, a document and an object of harmless text are the measure.


def _structure(page: str) -> list[Any]:
    parser = Page()
    parser.feed(page)
    parser.close()
    return parser.seen


class Page(html.parser.HTMLParser):
    """Notes every element with its attributes, and everything that is neither element nor text."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment", data))

    def handle_pi(self, data: str) -> None:
        self.seen.append(("pi", data))

    def unknown_decl(self, data: str) -> None:
        self.seen.append(("declaration", data))


def _tokens(text: str) -> list[str]:
    parser = MarkdownIt("commonmark", {"linkify": True, "html": True}).enable(["table", "strikethrough", "linkify"])
    found = [one.type for token in parser.parse(text) for one in [token, *(token.children or [])]]
    return [kind for kind in found if kind not in ("text", "code_inline")]


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    return [_shape(one) for one in value] if isinstance(value, list) else type(value)


@cache
def _harmless(lang: str) -> tuple[Any, Any, Any]:
    page, document, body = (report(incident_of("harmless"), form, lang) for form in ("html", "md", "json"))
    return _structure(page), _tokens(document), _shape(json.loads(body))


def _is_inert(text: str, lang: str) -> None:
    made = incident_of(text)
    page, document, body = (report(made, form, lang) for form in ("html", "md", "json"))
    assert (_structure(page), _tokens(document), _shape(json.loads(body))) == _harmless(lang)
    assert body.isascii()
    assert not set("<>&\x7f") & set(body)
    for shown in (page, document, body):
        assert {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}} <= {"\n"}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_hostile_text_in_every_field_is_only_text(text: str, lang: str) -> None:
    _is_inert(text, lang)


@settings(max_examples=150, deadline=None)
@given(TEXTS.filter(str.strip), st.sampled_from(LANGUAGES))
def test_no_text_becomes_anything_but_text(text: str, lang: str) -> None:
    _is_inert(text, lang)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_a_trace_of_any_content_has_a_report(content: str) -> None:
    made = incident_of("x")
    for form in FORMS:
        report(replace(made, steps=(replace(made.steps[0], content=content),)), form)


@pytest.mark.parametrize("text", HOSTILE[:90], ids=lambda text: ascii(text)[:40])
def test_hostile_text_is_not_lost_either(text: str) -> None:
    page = Page()
    page.feed(report(incident_of(text), "html"))
    assert page.text.count(escape(text)) > 10
    assert escape(text) in json.loads(report(incident_of(text), "json"))["evidence"][0]["summary"]


def test_the_table_of_hostile_texts_is_long_enough() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60
