"""An attached console's own way to the guard: opened again by the usher when the guard was started anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aegis_tui.attached.usher import GUARD, Usher
from engine.guard.client import GuardClient, GuardError

_T = TypeVar("_T")


class GuardLine:
    """Asks the guard in one thread, which is also the only one that talks to the usher."""

    def __init__(self, usher: Usher) -> None:
        self._usher = usher
        self._client: GuardClient | None = None
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="guard-line")

    async def ask(self, question: Callable[[GuardClient], _T]) -> _T:
        """Put a question to the guard without holding up the event loop; raises ``OSError`` when it is not there."""
        return await asyncio.wrap_future(self.thread.submit(self._ask, question))

    def close(self) -> None:
        """Hang up; what was not asked yet is not asked any more."""
        self.thread.shutdown(wait=False, cancel_futures=True)
        self._drop()

    def _ask(self, question: Callable[[GuardClient], _T]) -> _T:
        """Ask over the connection there is, or a new one; nothing is asked twice, since it may have been done."""
        if self._client is not None and self._client.hung_up():
            self._drop()
        if self._client is None:
            self._client = GuardClient(self._usher.reach(GUARD))
        try:
            return question(self._client)
        except GuardError:
            raise
        except OSError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
