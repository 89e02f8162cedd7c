"""Loading that gives way: while a person waits for an answer, what loads in other threads pauses between modules.

Python runs one thread at a time, so that an import of a thousand modules takes half of each answer's time. Nor does
the end of the program wait for what only loads: on a busy host that takes ten seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from importlib.abc import MetaPathFinder
from typing import TypeVar

ANSWER_S = 0.15
"""How long an answer may take."""
LONGEST_S = 0.6
"""The most that loading pauses at a time, so that a key held down does not keep it from its end."""
SWITCH_S = 0.001
"""How long a thread that loads keeps the others waiting, where Python's own is 5 ms."""

_T = TypeVar("_T")

_due = [0.0]
_here = threading.local()
_leaving = threading.Event()


def expect_answer() -> None:
    """Say that a person waits from now on. Any thread may call it, at any rate."""
    _due[0] = time.monotonic() + ANSWER_S


def give_way() -> None:
    """Wait until nobody waits for an answer."""
    began = now = time.monotonic()
    while now < min(_due[0], began + LONGEST_S):
        time.sleep(0.01)
        now = time.monotonic()


async def aside(load: Callable[[], _T]) -> _T:
    """Return what a thread of its own loads. Unlike those of the event loop, nobody joins it when the program ends."""
    loaded: Future[_T] = Future()
    threading.Thread(target=_fill, args=(loaded, load), daemon=True, name="load").start()
    return await asyncio.wrap_future(loaded)


def _fill(loaded: Future[_T], load: Callable[[], _T]) -> None:
    if not loaded.set_running_or_notify_cancel():
        return  # nobody waited long enough for the thread to begin
    try:
        found = load()
    except BaseException as error:  # as an executor does: the caller is told, whatever it was
        loaded.set_exception(error)
    else:
        loaded.set_result(found)


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """Have what loads end at its next module: it would take the time of what is written last."""
    _leaving.set()
    try:
        yield
    finally:
        _leaving.clear()


class Left(BaseException):
    """What was being loaded is not needed any more; no fault, so that nothing tells of one or loads another way."""


@contextlib.contextmanager
def giving_way() -> Iterator[None]:
    """Have this thread give way before each module that it imports."""
    if _GivesWay not in sys.meta_path:
        sys.meta_path.insert(0, _GivesWay)
    _here.loads = True
    try:
        yield
    finally:
        _here.loads = False


class _GivesWay(MetaPathFinder):
    """Finds no module, and is asked for each."""

    @classmethod
    def find_spec(cls, *_: object) -> None:
        if getattr(_here, "loads", False):
            if _leaving.is_set():
                raise Left
            give_way()


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Have threads change places quickly, and free nothing in circles, while much is loaded that stays."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(before)
