"""An attached console sees what the engine sees, and decides at the guard itself."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from aegis_tui.attached import remote as remote_engine
from aegis_tui.attached.remote import RemoteEngine
from aegis_tui.attached.usher import Usher
from aegis_tui.bridge import EngineView
from engine.attach.changes import EMPTY
from engine.attach.line import Line
from engine.attach.roles import Role
from engine.types import BlockState, Disposition, Fault, Proposal, ProposalState
from tests.aegis_tui import scenario
from tests.aegis_tui.daemonside import Ways, console, daemon, until
from tests.engine.bench import Wire, attack
from tests.factories import ATTACKER


def test_everything_that_a_console_may_ask_is_served() -> None:
    asked = {name for name, _ in inspect.getmembers(EngineView, inspect.isfunction) if not name.startswith("_")}
    missing = {name for name in asked if not callable(getattr(RemoteEngine, name, None))}
    assert missing == set()


async def test_it_mirrors_the_engine(tmp_path: Path) -> None:
    wire = Wire()
    async with daemon(tmp_path, wire) as (at_work, _), console(tmp_path) as remote:
        wire.send(attack())
        proposal = await at_work.hears(Proposal)
        await until(lambda: proposal in remote.snapshot().proposals)
        engine = at_work.engine
        incident_id = proposal.terms.incident_id
        assert remote.snapshot().alerts == engine.snapshot().alerts
        assert await remote.incident(incident_id) == await engine.incident(incident_id)
        assert (await remote.impact([ATTACKER])).flows == 1
        with pytest.raises(LookupError):
            await remote.incident("INC-nothing")


async def test_rules_are_told_to_every_console_as_they_change_and_known_while_the_engine_is_gone(
    tmp_path: Path,
) -> None:
    async with daemon(tmp_path, Wire()), console(tmp_path) as mary, console(tmp_path) as tom:
        assert (tuple(mary.suppressions()), tuple(tom.suppressions())) == ((), ())
        rule = await mary.suppress("", "scan", "", "ours", "mary", 60.0)
        await until(lambda: [one.id for one in tom.suppressions()] == [rule.id])
        await mary.end_suppression(rule.id)
        await until(lambda: all(0 < one.ends_at < rule.ends_at for one in tom.suppressions()))
        known = tom.suppressions()
        tom._lose("it hung up")
        assert tom.suppressions() == known


async def test_the_one_that_decides_blocks_through_a_connection_of_its_own(tmp_path: Path) -> None:
    wire = Wire()
    async with daemon(tmp_path, wire) as (at_work, guard), console(tmp_path) as mary, console(tmp_path) as tom:
        wire.send(attack())
        proposal = await at_work.hears(Proposal)
        await until(lambda: proposal in tom.snapshot().proposals)
        with pytest.raises(PermissionError, match="decides; D takes over"):
            await tom.review(proposal.id)
        with pytest.raises(PermissionError, match="without the right to approve"):
            token = (await at_work.engine.review(proposal.id)).token
            await at_work.engine.decide(proposal.id, token, approve=True)
        assert guard.bench.blocker.map == {}
        await tom.take_over()
        await until(lambda: not tom.snapshot().status.decider)
        review = await tom.review(proposal.id)
        block = await tom.decide(proposal.id, review.token, approve=True)
        assert block is not None
        assert (block.state, list(guard.bench.blocker.map)) == (BlockState.LIVE, [f"{ATTACKER}/32"])
        for one in (mary, tom):
            await until(lambda one=one: [b.prefix for b in one.snapshot().blocks] == [block.prefix])  # type: ignore[misc]
            assert one.snapshot().proposals[0].state is ProposalState.APPROVED
        decisions = (await mary.incident(proposal.terms.incident_id)).decisions
        assert any("approved by" in line and "live, read back" in line for line in decisions)
        with pytest.raises(PermissionError, match="decides"):
            await mary.unblock(block.prefix)
        await tom.unblock(block.prefix)
        assert guard.bench.blocker.map == {}
        await until(lambda: mary.snapshot().blocks == ())


async def test_an_engine_that_does_not_answer_keeps_from_nobody_what_the_guard_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(remote_engine, "INFORM_S", 0.05)
    async with daemon(tmp_path, Wire()) as (at_work, guard), console(tmp_path) as mary:
        monkeypatch.setattr(at_work.engine, "learn", never)
        async with asyncio.timeout(20):
            asked = await mary.propose("198.51.100.9", "")
            token = (await mary.review(asked.id)).token
            block = await mary.decide(asked.id, token, approve=True, typed="198.51.100.9")
        assert block is not None
        assert list(guard.bench.blocker.map) == [block.prefix]


async def test_a_proposal_of_a_person_shows_at_the_other_consoles(tmp_path: Path) -> None:
    async with daemon(tmp_path, Wire()), console(tmp_path) as mary, console(tmp_path) as tom:
        asked = await mary.propose("198.51.100.9", "")
        assert asked.terms.ttl_s == 600
        await until(lambda: asked in tom.snapshot().proposals)
        revised = await mary.revise(asked.id, "198.51.100.9/32", 60.0)
        await until(lambda: {p.id for p in tom.snapshot().proposals} == {asked.id, revised.id})


async def test_a_watcher_may_look_and_ask_but_sets_nothing(tmp_path: Path) -> None:
    wire = Wire()
    async with daemon(tmp_path, wire) as (at_work, _), console(tmp_path), console(tmp_path) as tom:
        wire.send(attack())
        incident_id = (await at_work.hears(Proposal)).terms.incident_id
        assert await tom.ended_blocks() == ()
        assert await tom.keep() == "nothing is on trial"
        assert (await tom.ask("was it blocked?", incident_id)).claims
        with pytest.raises(PermissionError, match="decides; D takes over"):
            await tom.set_disposition(incident_id, Disposition.BENIGN_POSITIVE)
        with pytest.raises(PermissionError, match="decides"):
            await tom.suppress("", "scan", "", "ours", "tom", 60.0)


async def test_when_the_engine_goes_it_says_so_shows_the_last_state_and_comes_back(tmp_path: Path) -> None:
    wire = Wire()
    async with daemon(tmp_path, wire) as (at_work, _):
        attached = console(tmp_path)
        remote = await attached.__aenter__()
        heard = remote.subscribe()
        wire.send(attack())
        proposal = await at_work.hears(Proposal)
        await until(lambda: proposal in remote.snapshot().proposals)
        seen = await remote.incident(proposal.terms.incident_id)
    await until(lambda: remote.snapshot().status.stale_since > 0)
    last = remote.snapshot()
    assert (last.incidents[0].target_ip, last.faults[0].ability) == (ATTACKER, "daemon")
    assert (last.status.blocking, last.status.dataplane) == (False, "the engine does not answer")
    with pytest.raises(ConnectionError):
        await remote.impact([ATTACKER])
    assert await remote.incident(seen.incident.id) is seen
    async with daemon(tmp_path, Wire()):
        await until(lambda: remote.snapshot().status.stale_since == 0)
        assert await remote.incident(last.incidents[0].id)
        await remote.propose("198.51.100.9", "")
        events = [heard.get_nowait() for _ in range(heard.qsize())]
        told = [(event.ability, event.cleared) for event in events if isinstance(event, Fault)]
        assert told == [("daemon", False), ("daemon", True)]
        await attached.__aexit__(None, None, None)


async def test_a_daemon_that_goes_before_it_has_read_what_is_stored_replaces_nothing_that_was_known(
    tmp_path: Path,
) -> None:
    remote, role = RemoteEngine(cast(Usher, Ways(tmp_path))), Role(True, "root on pts/2", 1)
    for mirrored in (scenario.snapshot(), EMPTY):
        remote._line = cast(Line, SimpleNamespace(snapshot=mirrored, role=role, rules=()))
        assert remote.snapshot().incidents == mirrored.incidents
    remote._lose("it hung up")
    last = remote.snapshot()
    assert (last.incidents, last.status.stale_since) == (scenario.snapshot().incidents, scenario.NOW)


@pytest.mark.parametrize("sooner", ["the daemon", "the console"])
async def test_a_console_that_ends_just_as_its_daemon_does_looks_for_it_no_longer(tmp_path: Path, sooner: str) -> None:
    async with daemon(tmp_path, Wire()):
        for turns in range(40):
            running, line = await _attached(tmp_path)
            first, then = (line.close, running.cancel) if sooner == "the daemon" else (running.cancel, line.close)
            first()
            for _ in range(turns):
                await asyncio.sleep(0)
            then()
            async with asyncio.timeout(30):
                await asyncio.wait([running])
            assert running.cancelled()


async def _attached(folder: Path) -> tuple[asyncio.Task[None], Line]:
    remote = RemoteEngine(cast(Usher, Ways(folder)))
    running = asyncio.create_task(remote.run())
    await until(lambda: remote._line is not None)
    assert remote._line is not None
    return running, remote._line
