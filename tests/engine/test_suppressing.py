from __future__ import annotations

from pathlib import Path

import pytest

from engine import suppressing
from engine.core import Engine
from engine.plan import Context
from engine.store.database import open_store
from engine.store.rows import put_suppression
from engine.suppression import MOST, make
from engine.types import Alert, Incident
from tests.engine.bench import Wire, assert_accounted, attack, live_plan, locked, replay_plan, run, running, stored
from tests.factories import ATTACKER, pcap_file

OTHER = "198.51.100.99"


async def test_what_is_suppressed_raises_no_alert_and_is_counted_until_the_rule_ends(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        engine = at_work.engine
        await _open(engine)
        rule = await engine.suppress(ATTACKER, "", "", "our own scanner", "ann", 3600)
        wire.send(attack())
        wire.send(attack(OTHER))
        assert (await at_work.hears(Alert)).target_ip == OTHER
        await engine.end_suppression(rule.id)
        [ended] = engine.suppressions()
        assert ended.last_hit_at > 0 and 0 < ended.ends_at < rule.ends_at
        assert not any(isinstance(event, Alert) and event.target_ip == ATTACKER for event in at_work.events)
        wire.send(attack())
        await at_work.hears(Alert, lambda alert: alert.target_ip == ATTACKER)
        with pytest.raises(LookupError, match="in force"):
            await engine.end_suppression(rule.id)
    assert engine.counters().suppressed == ended.hits > 0
    assert_accounted(engine)


async def test_a_rule_made_beside_the_engine_holds_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppressing, "LOOK_EVERY_S", 0.02)
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        await _open(at_work.engine)
        rule = make(ATTACKER, "", "", "by hand", "root", 0.0, 0.0)
        async with locked(tmp_path / "aegis.db") as other:
            other.execute(*put_suppression(rule))
        while not at_work.engine.suppressions():
            await at_work.engine.incidents()
        wire.send(attack())
        wire.send(attack(OTHER))
        assert (await at_work.hears(Alert)).target_ip == OTHER


async def test_rules_outlive_a_restart(tmp_path: Path) -> None:
    async with running(live_plan(tmp_path, Wire())) as at_work:
        await _open(at_work.engine)
        rule = await at_work.engine.suppress("", "scan", "", "noisy", "ann", 0)
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as again:
        await _open(again.engine)
        assert [one.id for one in again.engine.suppressions()] == [rule.id]


async def test_an_incident_names_the_rules_that_may_hide_a_part_of_it(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        await _open(at_work.engine)
        rule = await at_work.engine.suppress(ATTACKER, "model", "", "our own scanner", "ann", 3600)
        await at_work.engine.suppress(OTHER, "", "", "another", "ann", 3600)
        wire.send(attack())
        incident = await at_work.hears(Incident)
    async with open_store(tmp_path / "aegis.db") as store:
        context = await store.context_of(incident.id)
    assert [one.id for one in context.suppressions] == [rule.id]
    assert Context().suppressions == ()


async def test_a_replay_hides_what_was_hidden_and_takes_no_new_rules(tmp_path: Path) -> None:
    rule = make(ATTACKER, "", "", "our own scanner", "ann", 0.0, 0.0)
    capture = pcap_file(tmp_path / "attack.pcap", attack())
    engine, _ = await run(replay_plan(tmp_path, capture, suppressions=(rule,)))
    assert (engine.counters().alerts, await stored(tmp_path)) == (0, [])
    assert engine.counters().suppressed > 0
    assert_accounted(engine)
    with pytest.raises(LookupError, match="a replay hides what was hidden"):
        await engine.suppress(ATTACKER, "", "", "why", "ann", 0)


async def test_a_note_is_kept_with_its_incident_and_is_never_empty(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        await _open(at_work.engine)
        wire.send(attack())
        incident = await at_work.hears(Incident)
        await at_work.engine.note(incident.id, " asked the owner \n", "ann")
        with pytest.raises(ValueError, match="1 to 4000"):
            await at_work.engine.note(incident.id, "  ", "ann")
        with pytest.raises(LookupError):
            await at_work.engine.note("INC-none", "x", "ann")
        [note] = (await at_work.engine.incident(incident.id)).notes
        assert (note.text, note.by, note.incident_id) == ("asked the owner", "ann", incident.id)


async def _open(engine: Engine) -> None:
    """Wait until the engine's database is open."""
    while engine._store is None or engine._suppressing._store is None:
        await engine._judges.wait()


async def test_no_more_rules_are_made_than_can_be_held_in_sight(tmp_path: Path) -> None:
    rules = [make(f"203.0.113.{at % 256}", "", f"label{at}", "many", "ann", float(at), 0.0) for at in range(MOST)]
    ended = make(OTHER, "", "", "over", "ann", 0.0, 1.0)
    async with open_store(tmp_path / "aegis.db") as store:
        await store.write(put_suppression(rule) for rule in (*rules[1:], ended))
    async with running(live_plan(tmp_path, Wire())) as at_work:
        await _open(at_work.engine)
        await at_work.engine.suppress(ATTACKER, "", "", "the last one", "ann", 0)
        with pytest.raises(ValueError, match=f"{MOST} suppressions are in force"):
            await at_work.engine.suppress(OTHER, "", "", "one too many", "ann", 0)
