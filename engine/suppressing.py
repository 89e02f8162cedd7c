"""The engine's side of what persons set aside: kept in the database, obeyed by the judges, and what it hid is told."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import NoReturn, Protocol, TypeVar

from engine.plan import Plan
from engine.store.database import Store
from engine.store.rows import Row, end_suppression, put_hits, put_note, put_suppression
from engine.store.writer import Writer
from engine.suppression import MOST, Suppressions, make, preview
from engine.types import Note, Suppression, SuppressionPreview

LOOK_EVERY_S = 2.0
"""How soon a rule that was made on the command line holds."""

KEPT_S = 86400.0
"""How long after its end a rule is still named in the context of incidents, which may have begun under it."""

LOOKED_AT = 20_000
"""Stored alerts that a preview looks at, the latest."""

NOTE_CHARS = 4000

T = TypeVar("T")


class InJudge(Protocol):
    """Calls something in the judges' thread."""

    def __call__(self, call: Callable[[], T]) -> Awaitable[T]:
        """Return what the call returned."""
        ...


class Suppressing:
    """Takes rules from persons to the judges."""

    def __init__(
        self,
        plan: Plan,
        rules: Suppressions,
        writer: Writer,
        in_judge: InJudge,
        adopted: Callable[[tuple[Suppression, ...]], None],
    ) -> None:
        """Take the judges' ``rules``, which ``in_judge`` changes in their thread; ``adopted`` hears what holds."""
        self._plan = plan
        self._rules = rules
        self._writer = writer
        self._in_judge = in_judge
        self._adopted = adopted
        self._store: Store | None = None
        self._held: tuple[Suppression, ...] = plan.suppressions

    def suppressions(self) -> tuple[Suppression, ...]:
        """Return the rules in force and those that ended within a day, the newest first."""
        return self._held

    async def load(self, store: Store) -> None:
        """Obey the rules that are stored; a replay has its own."""
        self._store = store
        if self._plan.live:
            # A database in trouble is told of by the writer; it is looked at again soon.
            with suppress(sqlite3.Error):
                await self._look(store)

    async def follow(self) -> NoReturn:
        """Obey what the command line changes, and write down what was hidden."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            assert self._store is not None  # noqa: S101 - loaded before
            with suppress(sqlite3.Error):  # the rules held so far go on
                await self._look(self._store)

    async def suppress(self, target: str, detector: str, label: str, reason: str, by: str, ttl_s: float) -> Suppression:
        """Hide from now on what is in a scope, on behalf of a person.

        Raises:
            ValueError: the scope is none or too wide, there is no reason, or too many rules are in force.
            LookupError: this is a replay, which has the rules of its recording.
        """
        store, now = self._live_store(), time.time()
        if sum(not rule.ends_at or rule.ends_at > now for rule in self._held) >= MOST:
            msg = f"{MOST} suppressions are in force: end some first"
            raise ValueError(msg)
        rule = make(target, detector, label, reason, by, now, ttl_s)
        await self._put(store, put_suppression(rule))
        return rule

    async def end_suppression(self, rule_id: str) -> None:
        """End a rule, so that what it hid raises alerts again.

        Raises:
            LookupError: no rule in force has this id, or this is a replay.
        """
        store, now = self._live_store(), time.time()
        if not any(rule.id == rule_id and (not rule.ends_at or rule.ends_at > now) for rule in self._held):
            msg = f"no suppression {rule_id} is in force"
            raise LookupError(msg)
        await self._put(store, end_suppression(rule_id, now))

    async def preview_suppression(self, target: str, detector: str, label: str) -> SuppressionPreview:
        """Return what a rule of this scope would have hidden of the alerts that are stored.

        Raises:
            ValueError: the scope is none or too wide.
            LookupError: no database is open yet.
        """
        store = self._open_store()
        rule = make(target, detector, label, "preview", "", 0.0, 0.0)
        await self._writer.settled()
        return await asyncio.to_thread(preview, rule, await store.latest_seen(LOOKED_AT))

    async def note(self, incident_id: str, text: str, by: str) -> Note:
        """Store what a person writes beside an incident.

        Raises:
            ValueError: the text is empty or too long.
            LookupError: there is no such incident.
        """
        store = self._open_store()
        if not 0 < len(text.strip()) <= NOTE_CHARS:
            msg = f"a note has 1 to {NOTE_CHARS} characters, not {len(text.strip())}"
            raise ValueError(msg)
        await self._writer.settled()
        note = Note(await store.find(incident_id), time.time(), by, text.strip())
        self._writer.add([put_note(note)])
        return note

    async def _put(self, store: Store, row: Row) -> None:
        self._writer.add([row])
        await self._writer.settled()
        await self._look(store)

    async def _look(self, store: Store) -> None:
        """Write down what was hidden, and go by what is stored."""
        self._writer.add([put_hits(*hit) for hit in await self._in_judge(self._rules.take_hits)])
        await self._writer.settled()
        rules = tuple(await store.suppressions(time.time() - KEPT_S))
        if [rule.id for rule in rules] != [rule.id for rule in self._held] or _ends(rules) != _ends(self._held):
            await self._in_judge(partial(self._rules.adopt, rules))
            self._adopted(rules)
        self._held = rules

    def _live_store(self) -> Store:
        if not self._plan.live:
            msg = "a replay hides what was hidden when it was recorded: suppress in the live console"
            raise LookupError(msg)
        return self._open_store()

    def _open_store(self) -> Store:
        if self._store is None:
            msg = "the database is not open yet"
            raise LookupError(msg)
        return self._store


def _ends(rules: tuple[Suppression, ...]) -> list[float]:
    return [rule.ends_at for rule in rules]
