"""What a replay came to, put into the database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.keeping import keep, keep_found, left_as_stored, rows_of
from engine.plan import Context, Recording
from engine.store.database import open_store
from engine.stored import Stored, stored_of
from engine.types import Disposition
from tests.aegis_tui import scenario
from tests.factories import update


def _stored(**changes: object) -> Stored:
    view = scenario.incident_view(**changes)
    heard = (Recording("playbook", {"services": "{}"}),)
    return Stored(view, (update(), update(at=2.0)), b"pcap", heard, Context(("192.0.2.10",)), "night.pcap")


async def _read(file: Path) -> Stored:
    async with open_store(file) as store:
        view = await store.view("INC-00000042")
        assert view is not None
        return await stored_of(store, view)


async def test_what_is_kept_is_read_back_whole(tmp_path: Path) -> None:
    await keep(tmp_path / "aegis.db", rows_of(_stored()))
    assert await _read(tmp_path / "aegis.db") == _stored()


async def test_keeping_it_again_doubles_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        await keep(tmp_path / "aegis.db", rows_of(_stored()))
    assert await _read(tmp_path / "aegis.db") == _stored()


async def test_what_a_person_made_of_it_before_stays_unless_they_made_something_else(tmp_path: Path) -> None:
    file, given = tmp_path / "aegis.db", Disposition.FALSE_POSITIVE
    await keep(file, rows_of(_stored(incident=scenario.incident(disposition=given))))
    await keep(file, rows_of(_stored()))
    assert (await _read(file)).view.incident.disposition is given
    await keep(file, rows_of(_stored(incident=scenario.incident(disposition=Disposition.TRUE_POSITIVE))))
    assert (await _read(file)).view.incident.disposition is Disposition.TRUE_POSITIVE


async def test_what_another_source_came_to_replaces_nothing(tmp_path: Path) -> None:
    file, poorer = tmp_path / "aegis.db", replace(_stored(evidence=()), source="slice.pcap")
    assert await keep_found(file, [_stored()]) == {}
    assert await keep_found(file, [poorer]) == {"INC-00000042": "night.pcap"}
    assert await _read(file) == _stored()


async def test_the_same_source_played_to_its_end_again_is_kept_in_the_place_of_the_first(tmp_path: Path) -> None:
    file, again = tmp_path / "aegis.db", _stored(evidence=())
    await keep_found(file, [_stored()])
    assert await keep_found(file, [again]) == {}
    assert await _read(file) == again


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({}, ""),
        ({"INC-1": "a.pcap"}, "INC-1 (from a.pcap) is stored already and stays as it is: "),
        (dict.fromkeys(("INC-1", "INC-2", "INC-3", "INC-4"), "a"), "INC-3 (from a) and 1 more are stored already and "),
    ],
    ids=["none", "one", "many"],
)
def test_what_was_left_as_it_is_stored_is_said_in_a_sentence(left: dict[str, str], told: str) -> None:
    assert told in left_as_stored(left)
    assert bool(left_as_stored(left)) is bool(left)
