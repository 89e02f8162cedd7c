"""The end of a program: what is being written is waited for, what only loads, reads or asks is not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

GRACE_S = 0.5
"""How long a report or an export that is being written may take."""
UNATTENDED_GRACE_S = 10.0
"""The same where no person waits for the end; a unit has 30 s."""


def run_to_end(main: Callable[[], Coroutine[Any, Any, object]], grace_s: float = GRACE_S) -> None:
    """Run on an event loop of its own, and wait for the threads that it leaves behind, but not for long.

    ``asyncio.run`` waits for them without end: for a guard that does not answer, or an endpoint that is slow.
    """
    asyncio.run(_with_grace(main, grace_s))


async def _with_grace(main: Callable[[], Coroutine[Any, Any, object]], grace_s: float) -> None:
    loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor(thread_name_prefix="asyncio")
    loop.set_default_executor(threads)
    try:
        await main()
    finally:
        waits = threading.Thread(target=threads.shutdown, daemon=True, name="grace")
        waits.start()
        waits.join(grace_s)
        loop.set_default_executor(ThreadPoolExecutor(1))  # which asyncio.run waits for, and nobody uses


def leave(status: int) -> NoReturn:
    """End this process at once, with what was said and logged.

    Python itself would wait for every thread, and crash in one that is half through loading a C++ library.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone
            stream.flush()
    os._exit(status)
