"""One attached console, as the engine sees it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from engine.attach import frames
from engine.attach.changes import EMPTY, Change
from engine.attach.roles import Role, Roles
from engine.attach.values import packer
from engine.attach.view import DECIDES, ConsoleDoor, Pushed, Rules, methods, schema
from engine.reason import reason
from engine.text import escape
from engine.types import Event, Snapshot

log = logging.getLogger(__name__)

GARBAGE = (OSError, ValueError, EOFError)
"""How a console goes: hung up, too slow (``TimeoutError`` is an ``OSError``), or sending what makes no sense."""
REFUSED = (OSError, LookupError, ValueError, RuntimeError, sqlite3.Error)
"""What the engine raises where it cannot do what it is asked."""
HELLO_S = 5.0
STALL_S = 10.0
"""How long a console may leave what it was sent lying; then it is hung up on, and may attach again."""
ASKED = 8
"""Questions of one console that are answered at once; it is not read from beyond."""
WHO = 64
LINE = 400
HUNG_UP = "it hung up"
EVENTS = 256
"""Events in one frame; the others go with the next."""
_pack_event, _pack_rules = packer(Pushed), packer(Rules)
_PUSHED = tuple(Pushed.__args__)


class Told(NamedTuple):
    """The present state, and what leads to it."""

    now: Snapshot
    change: Change
    rules: Rules


class Peer:
    """Sends a console what changed since it was last told, so that a slow one gets less often more, and no queue."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        engine: ConsoleDoor,
        roles: Roles,
        facts: dict[str, Any],
    ) -> None:
        self._reader, self._writer, self._engine, self._roles, self._facts = reader, writer, engine, roles, facts
        self._base, self._rules = EMPTY, Rules()
        self._number = 0
        self._role: Role | None = None
        self._due = asyncio.Event()
        self._sending = asyncio.Lock()
        self._room = asyncio.Semaphore(ASKED)
        writer.transport.set_write_buffer_limits(high=0)

    def wake(self) -> None:
        """Say that there is something new to send."""
        self._due.set()

    async def turn_away(self, reason: str) -> None:
        """Say why this console is not let in."""
        await self._send({"refused": reason})

    async def serve(self, events: asyncio.Queue[Event], look: Callable[[Snapshot], Told]) -> None:
        """Serve until the console goes, which one of ``GARBAGE`` tells."""
        async with asyncio.timeout(HELLO_S):
            hello = await frames.read(self._reader, frames.ASKED_BYTES)
        if hello.get("schema") != schema():
            await self.turn_away("this engine is of another version than the console: restart the daemon")
            return
        who = escape(_text(hello.get("who"), WHO))
        self._number = self._roles.join(who, watches=hello.get("watches") is True)
        log.info("console attached: %s", who)
        try:
            self._role = self._roles.of(self._number)
            await self._send({"welcome": self._facts, "role": list(self._role)})
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell(events, look), name="attach: tell")
                await self._listen(tasks)
        finally:
            self._roles.leave(self._number)
            log.info("console gone: %s", who)

    async def _tell(self, events: asyncio.Queue[Event], look: Callable[[Snapshot], Told]) -> NoReturn:
        while True:
            await self._due.wait()
            self._due.clear()
            self._base, change, rules = look(self._base)
            message: dict[str, Any] = {"change": change} if change else {}
            if rules != self._rules:
                message["rules"], self._rules = _pack_rules(rules), rules
            pushed = [event for event in _taken(events) if isinstance(event, _PUSHED)]
            if pushed:
                message["events"] = [_pack_event(event) for event in pushed]
            role = self._roles.of(self._number)
            if role != self._role:
                message["role"], self._role = list(role), role
            if message:
                await self._send(message)

    async def _listen(self, tasks: asyncio.TaskGroup) -> NoReturn:
        while True:
            await self._room.acquire()
            message = await frames.read(self._reader, frames.ASKED_BYTES)
            if message.get("take") is True:
                self._roles.take_over(self._number)
                self._room.release()
                self.wake()
            else:
                tasks.create_task(self._answer(message), name="attach: answer")

    async def _answer(self, message: dict[str, Any]) -> None:
        try:
            number = message.get("n")
            if type(number) is not int:
                msg = "a question without a number"
                raise ValueError(msg)
            try:
                await self._send({"n": number, "value": await self._value(message)})
            except REFUSED as error:
                await self._send({"n": number, "error": [_kind(error), reason(error)]})
        finally:
            self._room.release()

    async def _value(self, message: dict[str, Any]) -> Any:
        """Return the packed answer to a question; a broken one is this console's matter, and logged."""
        name, sent = message.get("ask"), message.get("with")
        method = methods().get(name) if isinstance(name, str) else None
        if method is None or not isinstance(sent, list) or len(sent) != len(method.unpack_arguments):
            msg = "no such question"
            raise ValueError(msg)
        if name in DECIDES and not self._roles.of(self._number).decides:
            msg = f"{self._roles.of(self._number).decider} decides: take over first"
            raise PermissionError(msg)
        arguments = [unpack(value) for unpack, value in zip(method.unpack_arguments, sent, strict=True)]
        if name in ("learn", "look"):
            arguments[1] = escape(arguments[1], limit=LINE)
        try:
            answer = getattr(self._engine, str(name))(*arguments)
            if inspect.isawaitable(answer):
                answer = await answer
        except REFUSED:
            raise
        except Exception as error:  # the stage's boundary: one question must not end the engine
            log.exception("cannot answer %s", name)
            raise RuntimeError(f"the engine broke on this question: {reason(error)}") from error
        return method.pack_answer(answer)

    async def _send(self, message: dict[str, Any]) -> None:
        data = frames.frame(message)
        async with self._sending, asyncio.timeout(STALL_S):
            if self._writer.is_closing():
                raise ConnectionResetError(HUNG_UP)
            self._writer.write(data)
            await self._writer.drain()


def _taken(events: asyncio.Queue[Event]) -> list[Event]:
    return [events.get_nowait() for _ in range(min(events.qsize(), EVENTS))]


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str):
        msg = "text expected"
        raise ValueError(msg)
    return value[:limit]


def _kind(error: BaseException) -> str:
    """Return the one of a few kinds that an error is, for the other end to raise."""
    kinds = (PermissionError, LookupError, ValueError, OSError)
    return next((kind.__name__ for kind in kinds if isinstance(error, kind)), "OSError")
