"""Replays made for a console that is open."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from aegis_tui.commands.studio import Workshop
from engine.stored import Stored
from engine.types import ProposalState
from tests.aegis_tui import scenario
from tests.engine.bench import attack, knowledge_cache, settings
from tests.factories import pcap_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with captures, one of them deeper, and other files."""
    (tmp_path / "deep").mkdir()
    pcap_file(tmp_path / "deep" / "b.pcap", attack(at=1000))
    pcap_file(tmp_path / "a.PCAPNG", attack(at=1000))
    (tmp_path / "notes.txt").write_text("no capture", encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.pcap").symlink_to(tmp_path / "nowhere")
    return tmp_path


def test_captures_are_found_below_the_folder_and_links_are_not_followed_round(folder: Path) -> None:
    found = Workshop(settings(), folder).captures()
    assert {one.name for one in found} == {"a.PCAPNG", "deep/b.pcap"}
    assert all(one.size_bytes > 0 for one in found)


def test_without_a_folder_there_are_none() -> None:
    assert (Workshop(settings()).captures(), Workshop(settings()).folder) == ((), "")


def test_the_configured_folder_is_looked_at(folder: Path) -> None:
    assert Workshop(settings(captures=str(folder))).captures()


def test_a_capture_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot read"):
        Workshop(settings(), tmp_path).of_capture(str(tmp_path / "none.pcap"))


async def test_a_replay_keeps_nothing_and_blocks_nothing(folder: Path) -> None:
    (folder / "knowledge.db").hardlink_to(knowledge_cache())
    replay = Workshop(settings(), folder, state=folder).of_capture(str(folder / "deep" / "b.pcap"))
    task = asyncio.create_task(replay.run())
    replay.transport("end")
    async with asyncio.timeout(60):
        while not replay.snapshot().finished:  # noqa: ASYNC110 - a console polls as well
            await asyncio.sleep(0.01)
    now = replay.snapshot()
    assert (now.status.mode, now.status.blocking, now.blocks) == ("replay", False, ())
    assert {proposal.state for proposal in now.proposals} == {ProposalState.REPLAY}
    review = await replay.review(now.proposals[0].id)
    assert (review.token, review.refusals) == ("", ("this is a replay: blocking is off",))
    with pytest.raises(PermissionError):
        await replay.decide(now.proposals[0].id, "token", True)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not (folder / "aegis.db").exists()


def test_the_replay_of_an_incident_tells_of_that_one_only(tmp_path: Path) -> None:
    replay = Workshop(settings(), state=tmp_path).of_incident(Stored(scenario.incident_view()))
    assert (replay.plan.only, replay.plan.database, replay.plan.lockstep) == ("INC-00000042", None, True)
