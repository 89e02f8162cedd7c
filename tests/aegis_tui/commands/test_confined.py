"""Root becomes whoever decides where the state folder leads."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

import pytest

from aegis_tui.commands.confined import confine_to_home, owner_of
from engine import privileges
from engine.store.database import open_store
from engine.store.rows import put_incident
from tests.aegis_tui.launching import launch
from tests.factories import incident
from tests.folders import open_to_all

SOMEBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")


@pytest.fixture
def confined(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    users: list[int] = []
    monkeypatch.setattr(privileges, "confine", users.append)
    return users


@pytest.mark.parametrize("owned", ["state", "state/aegis"])
def test_a_link_in_a_folder_of_somebody_s_makes_no_command_keep_root_s_files(
    owned: str, tmp_path: Path, confined: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root-only").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state/aegis").symlink_to(tmp_path / "root-only")
    os.lchown(tmp_path / owned, SOMEBODY, SOMEBODY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    confine_to_home(argparse.Namespace(own_process=True))
    assert confined == [SOMEBODY]


@pytest.mark.root
@pytest.mark.parametrize(
    "words", [["token", "rotate", "--own"], ["report", "INC-1", "--save"], ["demo", "--headless"]], ids=lambda it: it[0]
)
def test_no_command_of_root_s_writes_where_somebody_s_link_leads(words: list[str], tmp_path: Path) -> None:
    async def write() -> None:
        async with open_store(tmp_path / "a.db") as store:
            await store.write([put_incident(incident(id="INC-1"), "a.pcap")])

    asyncio.run(write())
    open_to_all(tmp_path)
    (tmp_path / "root-only").mkdir(mode=0o700)
    (tmp_path / "state").mkdir()
    (tmp_path / "state/aegis").symlink_to(tmp_path / "root-only")
    os.chown(tmp_path / "state", SOMEBODY, SOMEBODY)
    named = ["--database", str(tmp_path / "a.db")] if words[0] == "report" else []
    own = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    done = launch(tmp_path / "live", *words, *named, env=own)
    assert done.returncode != 0
    assert list((tmp_path / "root-only").iterdir()) == []


def test_root_s_own_folder_is_root_s_also_where_it_is_not_there_yet(tmp_path: Path) -> None:
    assert owner_of(tmp_path / "state/aegis") == 0
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", SOMEBODY, SOMEBODY)
    assert owner_of(tmp_path / "state/aegis") == SOMEBODY


def test_a_command_inside_another_program_changes_nothing(confined: list[int]) -> None:
    confine_to_home(argparse.Namespace())
    assert confined == []
