"""``token rotate`` and ``token show-path``: the user's own, and as root the live engine's as its user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_tui.cli import main
from engine import paths
from engine.edge import token
from tests.folders import open_to_all


def test_a_rotation_prints_the_place_and_only_when_asked_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "rotate", "--own"]) == 0
    place = Path(capsys.readouterr().out.strip())
    first = token.read(place)
    assert main(["token", "rotate", "--own", "--print"]) == 0
    printed = capsys.readouterr().out.strip()
    assert (printed == token.read(place), printed == first) == (True, False)


def test_the_place_is_beside_the_users_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "show-path", "--own"]) == 0
    assert capsys.readouterr().out.strip() == str(paths.user_state() / "token")


AS_ROOT = """
import sys
from pathlib import Path
from engine import paths
paths.LIVE_STATE = Path(sys.argv[1]); paths.LIVE_DATABASE = paths.LIVE_STATE / "engine" / "aegis.db"
from aegis_tui.cli import main
sys.exit(main(sys.argv[2:]))
"""


def as_root(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the live state somewhere else."""
    command = [sys.executable, "-c", AS_ROOT, str(state), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=paths.ROOT)


@pytest.mark.root
def test_root_rotates_the_live_token_as_the_engines_user(tmp_path: Path) -> None:
    open_to_all(tmp_path)
    live = tmp_path / "engine"
    live.mkdir(mode=0o700)
    os.chown(live, 65534, 65534)
    done = as_root(tmp_path, "token", "rotate", "--print")
    found = (live / "token").stat()
    assert (done.returncode, len(done.stdout.strip()), found.st_uid, found.st_mode & 0o777) == (0, 43, 65534, 0o600)


@pytest.mark.root
def test_root_writes_through_no_link_that_the_engines_user_planted(tmp_path: Path) -> None:
    open_to_all(tmp_path)
    live, roots = tmp_path / "engine", tmp_path / "shadow"
    roots.write_text("root's own", encoding="ascii")
    live.mkdir(mode=0o700)
    (live / "token").symlink_to(roots)
    os.chown(live, 65534, 65534)
    assert as_root(tmp_path, "token", "rotate").returncode == 0
    assert (roots.read_text(encoding="ascii"), (live / "token").is_symlink()) == ("root's own", False)


@pytest.mark.root
def test_where_nothing_was_watched_yet_root_is_told_so(tmp_path: Path) -> None:
    done = as_root(tmp_path, "token", "rotate")
    assert (done.returncode, "nothing was watched" in done.stderr) == (2, True)
