"""Somebody is told beside the engine, and tried again where that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engine.config import Settings
from engine.core import Engine
from engine.messenger import Told
from engine.notify import Notice
from engine.outbox import FIRST_RETRY_S, LAST_RETRY_S, WAITING
from engine.telling import ABILITY, Telling
from engine.types import Block, BlockState, Event, Fault
from tests.engine.bench import Wire, attack, live_plan, running
from tests.receivers import webhook

URLS = ("json://user:hunter22@192.0.2.1/a", "slack://TokenA/TokenB")
BROKEN = Fault("capture", "eth0 went away", "check it", 0)


class World:
    """Receivers that answer or not, and a console that is open or not."""

    def __init__(self, **settings: object) -> None:
        self.sent: list[tuple[tuple[str, ...], str]] = []
        self.told: list[str] = []
        self.down: set[str] = set()
        self.attended = False
        self.fails_with: OSError | None = None
        values = Settings(**({"notify": URLS} | settings))  # type: ignore[arg-type]
        self.telling = Telling(values, lambda: self.attended, self.fault, self.clear, sending=self.send)
        self.events: asyncio.Queue[Event] = asyncio.Queue()

    async def send(self, urls: Sequence[str], notice: Notice) -> Sequence[Told]:
        """Note what is sent."""
        if self.fails_with:
            raise self.fails_with
        self.sent.append((tuple(urls), notice.title.partition(": ")[2]))
        return [Told(url not in self.down, "no answer" if url in self.down else "") for url in urls]

    def fault(self, ability: str, message: str, remedy: str) -> None:
        """Note a fault."""
        self.told.append(f"{ability}: {message}")

    def clear(self, ability: str) -> None:
        """Note the end of one."""
        self.told.append(f"{ability} clear")

    async def happens(self, event: Event) -> None:
        """Have the room hear of an event."""
        self.events.put_nowait(event)
        following = asyncio.create_task(self.telling.follow(self.events))
        await asyncio.sleep(0)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def test_what_happens_is_told_to_every_receiver() -> None:
    world = World()
    await world.happens(BROKEN)
    await world.telling.look(1e9)
    assert world.sent == [(URLS, "capture does not work")]
    assert world.telling.fill()[0] == 0


async def test_a_receiver_that_failed_is_tried_again_alone_and_the_fault_holds_no_credential() -> None:
    world = World()
    world.down = {URLS[0]}
    await world.happens(BROKEN)
    await world.telling.look(1e9)
    await world.telling.look(1e9 + FIRST_RETRY_S - 1)
    world.down = set()
    await world.telling.look(1e9 + FIRST_RETRY_S)
    assert [urls for urls, _ in world.sent] == [URLS, URLS[:1]]
    assert world.told[-1] == f"{ABILITY} clear"
    failed = [line for line in world.told if line.startswith(f"{ABILITY}: ")]
    assert failed[-1] == f"{ABILITY}: cannot tell 1 (json at 192.0.2.1): no answer"


async def test_a_process_that_cannot_be_started_is_a_fault_and_tried_again() -> None:
    world = World()
    world.fails_with = BlockingIOError("no more processes")
    await world.happens(BROKEN)
    await world.telling.look(1e9)
    assert "no more processes" in world.told[-1]
    assert world.telling.fill()[0] == len(URLS)


async def test_what_had_to_be_given_up_is_told_with_the_fault() -> None:
    world = World(notify=URLS[:1], notify_every_s=0.0)
    world.down = {URLS[0]}
    for number in range(WAITING + 2):
        await world.happens(Block(f"192.0.2.{number}/32", BlockState.FAILED, (), 0, 0, 0, 0))
        await world.telling.look(number * LAST_RETRY_S)
    assert world.telling.fill() == (WAITING, WAITING)
    assert world.told[-1] == f"{ABILITY}: cannot tell 1 (json at 192.0.2.1): no answer; given up so far: 2"


async def test_with_a_console_open_nobody_is_told_where_that_is_wanted() -> None:
    world = World(notify_when="unattended")
    world.attended = True
    await world.happens(BROKEN)
    await world.telling.look(1e9)
    assert world.sent == []
    world.attended = False
    await world.happens(Fault("store", "disk full", "make room", 0))
    await world.telling.look(1e9)
    assert [title for _, title in world.sent] == ["store does not work"]


async def test_a_live_engine_tells_a_real_receiver_of_an_attack_and_a_replay_tells_nobody(tmp_path: Path) -> None:
    with webhook() as receiver:
        wire = Wire()
        plan = live_plan(tmp_path, wire)
        told = replace(plan.settings, notify=(f"json://127.0.0.1:{receiver.port}",))
        assert not replace(plan, settings=told, live=False).tells
        async with running(replace(plan, settings=told)) as at_work:
            wire.send(attack())
            assert await asyncio.to_thread(receiver.arrived.acquire, timeout=60)
            opened = await at_work.engine.incidents()
            assert at_work.engine.snapshot().status.receivers == 1
    assert [opened[0].id in message["title"] for message in receiver.got] == [True]
    assert "Verdict: malicious (playbook)." in receiver.got[0]["message"]
    assert "jndi" not in str(receiver.got)


async def test_a_program_that_listens_is_no_person_who_watches(tmp_path: Path) -> None:
    engine = Engine(live_plan(tmp_path))
    stream = engine.subscribe(program=True)
    assert not engine._announcer.attended()
    console = engine.subscribe()
    assert engine._announcer.attended()
    engine.unsubscribe(console)
    engine.unsubscribe(stream)
    assert not engine._announcer.attended()
