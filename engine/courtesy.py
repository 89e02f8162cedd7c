"""Loading that gives way: while a person waits for an answer, what loads in other threads pauses between modules.

Python runs one thread at a time, so that an import of a thousand modules takes half of each answer's time.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from collections.abc import Iterator
from importlib.abc import MetaPathFinder

ANSWER_S = 0.15
"""How long an answer may take."""
LONGEST_S = 0.6
"""The most that loading pauses at a time, so that a key held down does not keep it from its end."""
SWITCH_S = 0.001
"""How long a thread that loads keeps the others waiting, where Python's own is 5 ms."""

_due = [0.0]
_here = threading.local()


def expect_answer() -> None:
    """Say that a person waits from now on. Any thread may call it, at any rate."""
    _due[0] = time.monotonic() + ANSWER_S


def give_way() -> None:
    """Wait until nobody waits for an answer."""
    began = now = time.monotonic()
    while now < min(_due[0], began + LONGEST_S):
        time.sleep(0.01)
        now = time.monotonic()


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
