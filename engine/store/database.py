"""The engine's database, as everybody else sees it: incidents, and what is stored beside them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from engine.store.connection import readable
from engine.store.contents import Contents
from engine.store.incidents import Incidents
from engine.store.rows import storable
from engine.types import Flow, Suppression

FLOWS_LOOKED_AT = 5000
"""Flows among which those with one address are looked for: the latest, some milliseconds of work."""
ALERTS_LOOKED_AT = 1000
"""Alerts among which the last one that a sensor raised is looked for."""


class Store(Incidents, Contents):
    """The database, open. Only the writer writes."""

    async def broke_off_at(self, source: str) -> float:
        """Return when the last run over a source stored its last; 0 where it came to its end, or there was none.

        What others report is dated by them, and is not looked at.
        """
        query = (
            "SELECT max(began_at, COALESCE((SELECT MAX(last_seen) FROM flow), 0),"
            " COALESCE((SELECT at FROM fault ORDER BY number DESC LIMIT 1), 0),"
            " COALESCE((SELECT at FROM decision ORDER BY number DESC LIMIT 1), 0),"
            " COALESCE((SELECT last_at FROM (SELECT last_at, body FROM alert ORDER BY last_at DESC LIMIT ?)"
            " WHERE json_valid(body) AND json_extract(body, '$.detection.detector') <> 'event' LIMIT 1), 0))"
            " FROM run WHERE source = ? AND ended_at = 0"
        )
        rows = await self._all(query, ALERTS_LOOKED_AT, storable(source))
        return float(rows[0][0]) if rows else 0.0

    async def suppressions(self, since: float = 0.0) -> list[Suppression]:
        """Return the suppressions that were in force at ``since`` or later, the newest first."""
        query = (
            "SELECT body, ends_at, hits, last_hit_at FROM suppression WHERE ends_at = 0 OR ends_at >= ?"
            " ORDER BY json_extract(body, '$.added_at') DESC, id"
        )
        found = []
        for body, ends_at, hits, last_hit_at in await self._all(query, since):
            for rule in readable(Suppression, [(body,)]):
                found.append(replace(rule, ends_at=ends_at, hits=hits, last_hit_at=last_hit_at))
        return found

    async def spending(self, day: str) -> list[tuple[str, int, int, int]]:
        """Return model, tokens in, tokens out and calls of a day."""
        query = "SELECT model, tokens_in, tokens_out, calls FROM spending WHERE day = ? ORDER BY model"
        return [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in await self._all(query, day)]

    async def flows_with(self, ip: str, limit: int) -> list[Flow]:
        """Return the latest flows with an address at either end, newest first, out of the last that ended."""
        query = (
            "SELECT body FROM (SELECT body, last_seen FROM flow ORDER BY last_seen DESC LIMIT ?)"
            " WHERE ? IN (json_extract(body, '$.five_tuple.src_ip'), json_extract(body, '$.five_tuple.dst_ip'))"
            " ORDER BY last_seen DESC LIMIT ?"
        )
        return readable(Flow, await self._all(query, FLOWS_LOOKED_AT, ip, limit))

    async def flows_before(self, before: float) -> int:
        """Return how many flows ended before a time, counted to 10,000 at most."""
        query = "SELECT COUNT(*) FROM (SELECT 1 FROM flow WHERE last_seen < ? LIMIT 10000)"
        return int((await self._all(query, before))[0][0])

    async def counts(self) -> Mapping[str, int]:
        """Return how many rows each table holds."""
        tables = ("incident", "alert", "flow", "quarantine")
        return {table: int((await self._all(f"SELECT COUNT(*) FROM {table}"))[0][0]) for table in tables}  # noqa: S608 - names from the line above

    async def ids(self, query: str) -> list[str]:
        """Return the ids that a query of ``engine.store.expiry`` finds."""
        return [str(row[0]) for row in await self._all(query)]


@asynccontextmanager
async def open_store(path: Path | None) -> AsyncIterator[Store]:
    """Open the database at ``path``, made with mode 0600 when missing; ``None`` is one that vanishes when closed.

    Raises:
        sqlite3.DatabaseError: the file is not a database, or is damaged.
        ValueError: a later version of the program wrote it.
    """
    with tempfile.TemporaryDirectory(prefix="aegis-") as folder:
        file = path or Path(folder) / "aegis.db"
        store = Store(file)
        try:
            await store.open()
            yield store
        finally:
            await store.close()
