from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.suppression import Suppressions, concerning, make, preview
from engine.types import SeenAlert, Severity, Suppression
from tests.factories import ATTACKER, alert, detection


def rule(**changes: Any) -> Suppression:
    values: dict[str, Any] = {"target": ATTACKER, "detector": "", "label": "", "reason": "our scanner", "by": "ann"}
    return make(**(values | {"now": 1000.0, "ttl_s": 3600.0} | changes))


@pytest.mark.parametrize(
    ("scope", "hidden"),
    [
        ({"target": ATTACKER}, True),
        ({"target": "203.0.113.0/24"}, True),
        ({"target": "::ffff:203.0.113.9"}, True),
        ({"target": "203.0.113.8"}, False),
        ({"target": "2001:db8::/48"}, False),
        ({"target": "", "label": "log4shell.jndi"}, True),
        ({"target": "", "label": "log4shell.*"}, True),
        ({"target": "", "label": "log4shell"}, False),
        ({"target": "", "detector": "rules"}, True),
        ({"detector": "model"}, False),
        ({"detector": "rules", "label": "scan.*"}, False),
    ],
)
def test_a_rule_hides_what_is_in_its_scope_and_nothing_else(scope: dict[str, str], hidden: bool) -> None:
    assert Suppressions([rule(**scope)]).hides(ATTACKER, detection(at=1000.5)) is hidden


@pytest.mark.parametrize(("at", "hidden"), [(999.9, False), (1000.0, True), (4599.9, True), (4600.0, False)])
def test_a_rule_holds_from_its_beginning_to_its_end(at: float, hidden: bool) -> None:
    assert Suppressions([rule()]).hides(ATTACKER, detection(at=at)) is hidden


def test_a_rule_without_an_end_lasts() -> None:
    assert Suppressions([rule(ttl_s=0)]).hides(ATTACKER, detection(at=1e12))


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({"target": ""}, "needs a scope"),
        ({"reason": " "}, "needs a reason"),
        ({"target": "203.0.0.0/8"}, "wider than /16"),
        ({"target": "2001:db8::/32"}, "wider than /48"),
        ({"target": "::ffff:0:0/96"}, "wider than /16"),
        ({"label": "*"}, "after at least one letter"),
        ({"label": "a*b"}, "after at least one letter"),
        ({"target": "example.org"}, "does not appear"),
    ],
)
def test_a_rule_that_would_blind_the_program_is_refused(scope: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rule(**scope)


def test_a_wide_prefix_is_fine_for_one_label() -> None:
    assert rule(target="10.0.0.0/8", label="scan.*").scope == "scan.* of 10.0.0.0/8"


def test_each_rule_counts_what_it_hid() -> None:
    first, second = rule(target="198.51.100.1"), rule()
    rules = Suppressions([first, second])
    for at in (1001.0, 1002.0):
        rules.hides(ATTACKER, detection(at=at))
    assert (rules.hidden, rules.take_hits(), rules.take_hits()) == (2, ((second.id, 2, 1002.0),), ())


def test_a_preview_tells_alerts_repeats_and_the_incidents_that_would_be_gone() -> None:
    stored = [
        alert(id="A-1", incident_id="INC-1", count=3),
        alert(id="A-2", incident_id="INC-2", detection=detection(severity=Severity.LOW)),
        alert(id="A-3", incident_id="INC-2", detection=detection("scan.ports")),
        alert(id="A-4", incident_id="INC-3", target_ip="198.51.100.1"),
    ]
    told = preview(rule(label="log4shell.*"), map(SeenAlert.of, stored))
    assert (told.alerts, told.detections, told.incidents) == (2, 4, ("INC-1",))
    assert told.severities == ((Severity.CRITICAL, 1), (Severity.LOW, 1))
    assert told.sample[0] == f"{ATTACKER} critical rules log4shell.jndi x3"


def test_only_rules_that_can_concern_a_target_go_with_its_incident() -> None:
    anybody, other = rule(target="", label="scan.*"), rule(target="198.51.100.0/24")
    assert concerning([anybody, other, rule()], ATTACKER) == (anybody, rule())


@given(st.lists(st.sampled_from(["203.0.113.9", "203.0.113.0/24", "198.51.100.7", "2001:db8::1"]), max_size=4))
def test_rules_together_hide_what_any_of_them_hides(targets: list[str]) -> None:
    rules = [rule(target=target) for target in targets]
    together = Suppressions(rules).hides(ATTACKER, detection(at=1001.0))
    assert together is any(Suppressions([one]).hides(ATTACKER, detection(at=1001.0)) for one in rules)


def test_a_preview_looks_at_each_of_very_many_alerts_once() -> None:
    """Where each alert was looked for among those that are hidden, this would take an hour."""
    seen = SeenAlert.of(alert(target_ip=ATTACKER))
    alerts = [replace(seen, incident_id=f"INC-{at}") for at in range(100_000)]
    found = preview(rule(), [*alerts, replace(seen, incident_id="INC-0", target_ip="198.51.100.3")])
    assert (found.alerts, len(found.incidents)) == (100_000, 99_999)
