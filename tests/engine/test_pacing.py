"""The gate before each step of a replay."""

from __future__ import annotations

import asyncio
import time

from engine.pacing import Pacer
from engine.transport import Transport


async def test_a_command_wakes_a_replay_that_stands_still() -> None:
    pacer = Pacer(Transport(playing=False), lambda: 0.0)
    step = asyncio.create_task(pacer.admit(1.0))
    await pacer.resting.wait()
    pacer.command("step")
    await step
    assert (pacer.deck.steps, pacer.resting.is_set()) == (1, False)


async def test_an_open_gate_holds_nothing_back() -> None:
    pacer = Pacer(Transport(playing=False), lambda: 0.0)
    step = asyncio.create_task(pacer.admit(1.0))
    await pacer.resting.wait()
    pacer.open()
    await step
    await pacer.admit(None)
    assert pacer.deck.steps == 2


async def test_the_first_step_that_is_asked_for_says_that_the_replay_has_begun() -> None:
    pacer = Pacer(Transport(), lambda: 0.0)
    assert not pacer.begun.is_set()
    await pacer.admit(1.0)
    assert pacer.begun.is_set()


async def test_a_command_that_lets_nothing_by_leaves_the_replay_at_rest() -> None:
    pacer = Pacer(Transport(playing=False), lambda: 0.0)
    step = asyncio.create_task(pacer.admit(1.0))
    await pacer.resting.wait()
    pacer.command("speed", 4.0)
    await pacer.resting.wait()
    assert (pacer.deck.steps, step.done()) == (0, False)
    pacer.open()
    await step


async def test_a_replay_that_plays_goes_on_by_itself() -> None:
    pacer = Pacer(Transport(64.0), time.monotonic)
    for at in (1.0, 1.5, 2.0):
        await pacer.admit(at)
    assert pacer.deck.steps == 3
