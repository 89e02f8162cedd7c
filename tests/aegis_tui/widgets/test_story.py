"""Incidents in words: each alert once, the verdict in a word, facts in the order they are read."""

from __future__ import annotations

import json
from dataclasses import replace

from aegis_tui.widgets.line import plain
from aegis_tui.widgets.story import asked, conclusion, fenced, grounds, recorded, trace
from engine.types import OUTCOME, Claim, Evidence, StepKind
from tests.aegis_tui import scenario


def of_alert(number: int, count: int, alert: str = "A-1") -> Evidence:
    """Return an alert as it stood at one time."""
    content = json.dumps({"alert": alert, "count": count})
    return Evidence(f"E-{number}", "INC-00000042", "alert", scenario.NOW, f"seen {count} times", content, "")


def shown(*evidence: Evidence) -> str:
    """Return the rows of recorded facts."""
    return "\n".join(plain(row.spans) for row in recorded(scenario.incident_view(evidence=evidence)))


def test_an_alert_that_repeats_is_shown_as_it_stands_now() -> None:
    text = shown(of_alert(1, 1), of_alert(2, 12), of_alert(3, 2), of_alert(4, 1, alert="A-2"))
    assert [name for name in ("E-1", "E-2", "E-3", "E-4") if name in text] == ["E-2", "E-4"]


def test_the_host_s_own_process_comes_first_and_its_lack_is_said() -> None:
    assert shown(*scenario.evidence()).startswith("socket owner ")
    assert shown(of_alert(1, 1)).startswith("No process facts")


def test_the_trace_tells_records_in_words_and_the_verdict_in_one() -> None:
    rows = [plain(row.spans) for row in trace(scenario.steps())]
    assert rows[1].endswith("gets get_pid_by_connection pid 8901, comm java, unit shop.service (0.1s)")
    assert rows[-1].endswith("verdict playbook malicious (0.5s)")


def test_a_verdict_step_that_holds_a_whole_verdict_is_told_by_its_conclusion() -> None:
    whole = json.dumps({"conclusion": "benign", "summary": "x" * 500})
    step = replace(scenario.steps()[-1], content=whole)
    assert plain(trace([step])[0].spans).endswith("verdict playbook benign (0.5s)")


def test_a_plan_is_not_said_to_plan_a_plan() -> None:
    step = replace(scenario.steps()[0], role="plan", kind=StepKind.PLAN, name="playbook", content="look")
    assert plain(trace([step])[0].spans).endswith("plans playbook look")


def with_outcome(**changes: object) -> list[str]:
    """Return the rows of a verdict that begins with whether it worked."""
    claim = Claim(f"{OUTCOME}every request seen was refused (404).", ("E-aaaaaaaaa1",), (), True)
    made = replace(scenario.verdict(), claims=(claim, *scenario.verdict().claims))
    view = scenario.incident_view(verdict=made, **changes)
    return [plain(row.spans) for row in (*conclusion(view), *grounds(view))]


def test_whether_it_worked_stands_right_below_the_conclusion_and_only_there() -> None:
    rows = with_outcome(alerts=())
    assert rows[0].startswith("MALICIOUS · ")
    assert rows[1] == "Outcome: every request seen was refused (404). E-aaaaaaaaa1"
    assert not [row for row in rows[2:] if "refused (404)" in row]


def test_an_outcome_that_more_came_after_says_so() -> None:
    late = replace(scenario.alert(), last_at=scenario.verdict().at + 60.0)
    assert "more came since" in with_outcome(alerts=(late,))[1]
    assert "more came since" not in with_outcome(alerts=(replace(late, last_at=scenario.verdict().at),))[1]


def test_a_verdict_without_an_outcome_is_shown_whole() -> None:
    rows = [plain(row.spans) for row in grounds(scenario.incident_view())]
    assert len([row for row in rows if row.startswith(("  + ", "  ? "))]) == len(scenario.verdict().claims)


def test_what_is_asked_and_why_are_told_apart() -> None:
    row = plain(asked(scenario.incident_view())[0].spans)
    assert row == (
        "P-17 block 203.0.113.9/32 for 1h: pending, [b] reviews it; why: "
        "Log4Shell then payload fetch from the same address"
    )


def test_text_that_is_cut_says_so_outside_its_fence() -> None:
    rows = [plain(row.spans) for row in fenced("\n".join("abcde"), rows=3)]
    assert [row.lstrip()[-1:] for row in rows[:3]] == ["a", "b", "c"]
    assert rows[3:] == ["  … +2 lines"]
    assert len(fenced("a\nb\nc", rows=3)) == 3
