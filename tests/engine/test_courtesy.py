"""Loading that gives way."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from engine import courtesy


def test_nobody_waits_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    courtesy._due[0] = 0.0
    courtesy.give_way()
    assert slept == []


def test_loading_waits_until_the_answer_is_due() -> None:
    courtesy.expect_answer()
    courtesy.give_way()
    assert time.monotonic() >= courtesy._due[0]


def test_loading_goes_on_under_a_key_that_is_held_down() -> None:
    courtesy._due[0] = time.monotonic() + 3600
    courtesy.give_way()
    courtesy._due[0] = 0.0


def test_modules_are_found_as_ever() -> None:
    sys.modules.pop("this_is_none", None)
    with courtesy.giving_way():
        import colorsys

        assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_what_was_switched_is_switched_back() -> None:
    before = sys.getswitchinterval()
    with courtesy.loading():
        assert not gc.isenabled()
    assert (gc.isenabled(), sys.getswitchinterval()) == (True, before)


async def test_what_loads_aside_is_returned() -> None:
    assert await courtesy.aside(lambda: threading.current_thread().daemon)


async def test_what_fails_aside_fails_here() -> None:
    with pytest.raises(KeyError):
        await courtesy.aside(partial(dict[str, int]().__getitem__, "none"))


async def test_a_load_that_nobody_waits_for_any_more_ends_quietly() -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    goes_on, ended = threading.Event(), threading.Event()

    def load() -> None:
        loop.call_soon_threadsafe(begun.set)
        goes_on.wait()
        ended.set()

    waiting = asyncio.create_task(courtesy.aside(load))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    goes_on.set()
    assert await asyncio.to_thread(ended.wait, 10)


async def test_a_load_that_was_given_up_before_its_thread_began_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begins: list[Callable[[], None]] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: begins.append(thread.run))
    begun: list[None] = []
    waiting = asyncio.create_task(courtesy.aside(partial(begun.append, None)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    [begin] = begins
    begin()
    assert begun == []


def test_what_loads_while_the_program_leaves_ends_at_its_next_module() -> None:
    sys.modules.pop("colorsys", None)
    with courtesy.leaving(), pytest.raises(courtesy.Left), courtesy.giving_way():
        import colorsys
    with courtesy.giving_way():
        import colorsys
    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_others_import_while_the_program_leaves() -> None:
    sys.modules.pop("colorsys", None)
    with courtesy.leaving():
        import colorsys
    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)
