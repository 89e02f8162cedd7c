"""The chain tells the techniques in the order they were seen, and what the verdict adds."""

from __future__ import annotations

from dataclasses import replace

from engine.agent.report import attack
from engine.agent.report.attack import LINKS, Link, attack_chain
from engine.types import IncidentView
from tests.factories import alert, detection, incident


def _view(*seen: tuple[float, tuple[str, ...]], named: tuple[str, ...] = ()) -> IncidentView:
    alerts = tuple(
        replace(alert(), id=f"A-{number}", first_at=at, detection=detection(attack_ids=ids))
        for number, (at, ids) in enumerate(seen)
    )
    return IncidentView(replace(incident(), attack_ids=named), alerts, (), (), None, (), ())


def test_techniques_come_in_the_order_of_their_first_alerts() -> None:
    chain = attack_chain(_view((20.0, ("T1105",)), (10.0, ("T1190",)), (30.0, ("T1190", "T1059.004"))))
    assert [(link.technique, link.first_at) for link in chain] == [
        ("T1190", 10.0),
        ("T1105", 20.0),
        ("T1059.004", 30.0),
    ]


def test_a_technique_has_its_name_and_first_tactic() -> None:
    assert attack_chain(_view(named=("T1190",))) == (
        Link("T1190", "Exploit Public-Facing Application", "initial-access", 0.0),
    )


def test_an_id_that_attack_does_not_know_has_no_name() -> None:
    assert [link.name for link in attack_chain(_view(named=("T9999", "x\x1b[2J")))] == ["", ""]
    assert attack_chain(_view(named=("x\x1b",)))[0].technique == "x\\x1b"


def test_a_chain_has_an_end() -> None:
    assert len(attack_chain(_view(named=tuple(f"T{number}" for number in range(1000, 1100))))) == LINKS


def test_every_tactic_of_the_knowledge_has_its_place() -> None:
    tactics = {tactic for _, tactic in attack._matrix().values()}
    assert tactics - set(attack.TACTICS) == set()
    assert len(attack._matrix()) > 600
