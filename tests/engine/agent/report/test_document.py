"""The report as JSON has the fields that ``docs/json.md`` promises, and no others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import fields, replace

from engine import paths, wire
from engine.agent.report import page, report
from engine.types import Evidence, SourcedAnswer
from tests.engine.agent.report.hostile import incident_of

DOCS = (paths.ROOT / "docs" / "json.md").read_text("utf-8")


def _rows(heading: str) -> dict[str, str]:
    part = DOCS.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| (.*) \|$", part, re.MULTILINE))


def test_every_field_is_documented_and_every_documented_field_is_there() -> None:
    told = json.loads(report(incident_of("x"), "json"))
    rows = _rows("Reports")
    assert {name for name in rows if "." not in name} == set(told)
    for name, inner in rows.items():
        entry = told
        for part in name.split("."):
            entry = entry[part]
        entry = entry[0] if isinstance(entry, list) and entry else entry
        if isinstance(entry, dict) and name not in ("incident", "verdict", "proposals"):
            assert all(f"{key}" in inner for key in entry), name


def test_an_answer_has_the_fields_that_are_documented() -> None:
    assert set(_rows("Answers")) == {one.name for one in fields(SourcedAnswer)}


def test_numbers_that_json_cannot_hold_are_null() -> None:
    made = incident_of("x")
    endless = wire.loads(
        type(made.incident), wire.dumps(made.incident).replace('"opened_at":1000.5', '"opened_at":null')
    )
    told = json.loads(report(replace(made, incident=endless), "json"), parse_constant=lambda name: 1 / 0)
    assert told["incident"]["opened_at"] is None


def test_the_digest_of_evidence_can_be_checked_by_a_reader() -> None:
    content = '{"a":1}'
    digest = hashlib.sha256(f"payload\n{content}".encode()).hexdigest()
    evidence = Evidence("E-0123456789", "INC-1", "payload", 0.0, "", content, digest)
    (told,) = json.loads(report(replace(incident_of("x"), evidence=(evidence,)), "json"))["evidence"]
    assert hashlib.sha256(f"{told['kind']}\n{told['content']}".encode()).hexdigest() == told["sha256"]


def test_the_policy_of_the_page_allows_its_own_style_sheet_alone() -> None:
    shown = report(incident_of("x"), "html")
    (style,) = re.findall("<style>(.*?)</style>", shown, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.POLICY
    assert page.POLICY in shown
