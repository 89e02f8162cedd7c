"""A console's end: a mirror of the engine's state, what it tells, and the questions put to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from engine.attach import frames
from engine.attach.changes import EMPTY, applied
from engine.attach.roles import Role
from engine.attach.socket import hang_up
from engine.attach.values import unpacker
from engine.attach.view import Pushed, Rules, methods, schema
from engine.types import Event

WELCOME_S = 10.0
GONE = "the engine is gone; this console looks for it"
_ERRORS: dict[str, type[Exception]] = {one.__name__: one for one in (PermissionError, LookupError, ValueError, OSError)}
_unpack_event, _unpack_rules, _unpack_role = unpacker(Pushed), unpacker(Rules), unpacker(Role)


class Line:
    """One connection to an engine."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, block_ttl_s: float, role: Role
    ) -> None:
        self._reader, self._writer = reader, writer
        self.block_ttl_s = block_ttl_s
        """Of a block that a person asks for, by the engine's settings."""
        self.snapshot, self.rules = EMPTY, Rules()
        self.role = role
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._gone = False

    @classmethod
    async def open(cls, sock: socket.socket, who: str, *, watches: bool = False) -> Line:
        """Say who is there, and return the line.

        Raises:
            PermissionError: the engine does not let this console in; the text says why.
            OSError, EOFError, ValueError: it does not answer, or in a way that makes no sense.
        """
        reader, writer = await asyncio.open_unix_connection(sock=sock)
        try:
            writer.write(frames.frame({"schema": schema(), "who": who, "watches": watches}))
            async with asyncio.timeout(WELCOME_S):
                message = await frames.read(reader, frames.TOLD_BYTES)
            if not isinstance(facts := message.get("welcome"), dict):
                raise PermissionError(str(message.get("refused", "the engine does not answer as one")))
            ttl_s, role = unpacker(float)(facts.get("block_ttl_s")), _unpack_role(message.get("role"))
        except BaseException:
            await hang_up(writer)
            raise
        return cls(reader, writer, ttl_s, role)

    async def listen(self, tell: Callable[[Event], None]) -> None:
        """Keep the mirror, and pass events on, until the engine goes.

        Raises:
            OSError, EOFError: it is gone.
            ValueError: what it sends makes no sense.
        """
        try:
            while True:
                self._take(await frames.read(self._reader, frames.TOLD_BYTES), tell)
        except (TypeError, KeyError, AttributeError) as error:
            msg = f"the engine sends what makes no sense: {error}"
            raise ValueError(msg) from error
        finally:
            self.close()
            await hang_up(self._writer)

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Return the engine's answer to a question.

        Raises:
            ConnectionError: the engine is gone.
            PermissionError, LookupError, ValueError, OSError: as the engine raised it.
        """
        if self._gone:
            raise ConnectionError(GONE)
        method = methods()[name]
        number = self._number = self._number + 1
        sent = [pack(value) for pack, value in zip(method.pack_arguments, arguments, strict=True)]
        message = {"n": number, "ask": name, "with": sent}
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(frames.frame(message, frames.ASKED_BYTES))
            return method.unpack_answer(await answer)
        finally:
            self._waiting.pop(number, None)

    def take_over(self) -> None:
        """Decide at this console from now on."""
        if self._gone:
            raise ConnectionError(GONE)
        self._writer.write(frames.frame({"take": True}))

    def close(self) -> None:
        """Hang up; what is not answered never will be."""
        self._gone = True
        self._writer.transport.abort()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionError(GONE))

    def _take(self, message: dict[str, Any], tell: Callable[[Event], None]) -> None:
        if isinstance(change := message.get("change"), dict):
            self.snapshot = applied(self.snapshot, change)
        if (rules := message.get("rules")) is not None:
            self.rules = _unpack_rules(rules)
        if (role := message.get("role")) is not None:
            self.role = _unpack_role(role)
        for event in message.get("events") or ():
            tell(_unpack_event(event))
        if "n" in message:
            self._settle(message)

    def _settle(self, message: dict[str, Any]) -> None:
        answer = self._waiting.get(message["n"])
        if answer is None or answer.done():
            return
        if "value" in message:
            answer.set_result(message["value"])
            return
        kind, text = message.get("error") or ("", "")
        with contextlib.suppress(asyncio.InvalidStateError):
            answer.set_exception(_ERRORS.get(kind, OSError)(str(text)))
