"""Persons and logins: the fresher and the more alike, the more an earlier word says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import weigh
from engine.types import AddressFacts, Disposition, Finding, Login, Logins, PastIncident, PastIncidents, Severity
from tests.engine.agent.cases import TARGET, case, detection

DAY_S = 86_400.0


def names(event_class: str, *subjects: object) -> set[str]:
    subject = case(event_class=event_class)
    alert = replace(subject.alerts[0], detection=detection(event_class=event_class))
    return {reason.name for reason in weigh(Scene(replace(subject, alerts=(alert,)), subjects))}


def past(disposition: Disposition, age_s: float, event_class: str = "scan") -> PastIncidents:
    began = case().incident.opened_at
    one = PastIncident("INC-1", began - age_s, "x", Severity.LOW, disposition, event_class=event_class)
    return PastIncidents(Finding.FOUND, (one,))


@pytest.mark.parametrize(
    ("disposition", "days", "event_class", "name"),
    [
        (Disposition.BENIGN_POSITIVE, 2, "scan", "called_harmless_lately"),
        (Disposition.FALSE_POSITIVE, 2, "scan", "called_harmless"),
        (Disposition.BENIGN_POSITIVE, 20, "scan", "called_harmless"),
        (Disposition.BENIGN_POSITIVE, 90, "scan", "called_harmless_long_ago"),
        (Disposition.TRUE_POSITIVE, 0.5, "xss", "called_hostile_today"),
        (Disposition.TRUE_POSITIVE, 9, "scan", "called_hostile"),
    ],
)
def test_an_earlier_word_fades(disposition: Disposition, days: float, event_class: str, name: str) -> None:
    found = names("scan", past(disposition, days * DAY_S, event_class))
    assert {one for one in found if one.startswith("called_")} == {name}


def test_a_harmless_word_on_another_kind_says_nothing() -> None:
    found = names("scan", past(Disposition.BENIGN_POSITIVE, DAY_S, "xss"))
    assert not [one for one in found if one.startswith("called_")]


@pytest.mark.parametrize(
    ("name", "holds"),
    [("vps33.cheapnode.example", True), ("exit9.privacy.example", True), ("www.shop.example", False)],
)
def test_a_rented_address_is_told_by_its_name(name: str, holds: bool) -> None:
    told = AddressFacts(Finding.FOUND, TARGET, names=(name,))
    assert ("passing_address" in names("scan", told)) is holds


@pytest.mark.parametrize(("failed", "name"), [(12, "broke_in"), (4, "got_in_at_last")])
def test_failures_that_end_in_a_password_speak_by_their_number(failed: int, name: str) -> None:
    at = case().incident.opened_at
    entries = (
        Login("ana", TARGET, False, "password", failed, at - 3, at - 3),
        Login("ana", TARGET, True, "password", 1, at - 1, at - 1),
    )
    assert name in names("brute_force", Logins(Finding.FOUND, entries))
