"""The engine's end: lets consoles of root's in, sends each what changed, and answers what it asks."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any, NoReturn, cast

from engine.attach import frames
from engine.attach.changes import EMPTY, between
from engine.attach.peer import GARBAGE, Peer, Told
from engine.attach.roles import Roles
from engine.attach.socket import hang_up
from engine.attach.socket import peer as peer_of
from engine.attach.view import MirroredEngine, Rules
from engine.types import Snapshot

if TYPE_CHECKING:
    from engine.edge.view import EngineDoor

log = logging.getLogger(__name__)

CONSOLES = 8
"""Most at once; one more is told so and hung up on."""
TICK_S = 0.25
AGAIN_S = 0.2
"""Pause after a connection that could not be accepted, as when descriptors have run out."""


class AttachDoor:
    """Serves consoles on a socket that was opened while there were privileges to open it."""

    name = "attach"

    def __init__(self, listener: socket.socket, facts: dict[str, Any], owners: frozenset[int] = frozenset({0})) -> None:
        """Take what each console is told at first, and the users that may attach."""
        self._listener, self._facts, self._owners = listener, facts, owners
        self._roles = Roles()
        self._peers: set[Peer] = set()
        self._now, self._rules = EMPTY, Rules()
        self._changes: dict[int, tuple[Snapshot, dict[str, Any]]] = {}
        """What turns the snapshot of an address in memory, kept beside it, into the present one."""

    async def serve(self, engine: EngineDoor) -> None:
        """Serve until cancelled."""
        with self._listener:
            await self._let_in(cast(MirroredEngine, engine))

    async def _let_in(self, engine: MirroredEngine) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(engine), name="attach: tick")
            while True:
                sock = await self._accept()
                tasks.create_task(self._attend(sock, engine), name="attach: console")

    async def _accept(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                log.warning("cannot accept a console: %s", error)
                await asyncio.sleep(AGAIN_S)
                continue
            if peer_of(sock)[1] in self._owners:
                return sock
            sock.close()

    async def _attend(self, sock: socket.socket, engine: MirroredEngine) -> None:
        """Serve one console to its end; whatever it sends, and however it goes, is no matter of the engine's."""
        try:
            reader, writer = await asyncio.open_unix_connection(sock=sock, limit=frames.ASKED_BYTES)
            try:
                await self._serve(Peer(reader, writer, engine, self._roles, self._facts), engine)
            finally:
                await hang_up(writer)
        except* EOFError:
            pass  # a look whether a daemon runs; of a console that attached, its peer tells
        except* GARBAGE as group:
            log.info("a console is gone: %s", group.exceptions[0])

    async def _serve(self, peer: Peer, engine: MirroredEngine) -> None:
        if len(self._peers) >= CONSOLES:
            await peer.turn_away(f"{CONSOLES} consoles are attached already")
            return
        self._peers.add(peer)
        queue = engine.subscribe()
        self._look(engine)
        try:
            await peer.serve(queue, self._told)
        finally:
            engine.unsubscribe(queue)
            self._peers.discard(peer)

    async def _tick(self, engine: MirroredEngine) -> NoReturn:
        while True:
            if self._peers:
                self._look(engine)
            await asyncio.sleep(TICK_S)

    def _look(self, engine: MirroredEngine) -> None:
        """Take one snapshot for all consoles; one that just came need not wait for the others' next."""
        self._now, self._rules, self._changes = engine.snapshot(), engine.suppressions(), {}
        for peer in self._peers:
            peer.wake()

    def _told(self, base: Snapshot) -> Told:
        """Return the present state and what leads to it, worked out once for all consoles that stand at ``base``."""
        if id(base) not in self._changes:
            self._changes[id(base)] = base, between(base, self._now)
        return Told(self._now, self._changes[id(base)][1], self._rules)
