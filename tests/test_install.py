"""Tests of the locks and of the scripts that install the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from engine.paths import ROOT

LOCKS = ("requirements.txt", "requirements-test.txt")
BOTH_LOCKS = pytest.mark.parametrize("lock", LOCKS)


def names(text: str) -> dict[str, str]:
    """Package and version of each line that pins one; the last marker wins."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


@BOTH_LOCKS
def test_a_lock_holds_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="ascii")
    assert not re.search(r"://|^\s*-|^[a-z].*[@/]", text.replace("    --hash", ""), re.MULTILINE)
    pins = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in pin for pin in pins)


@BOTH_LOCKS
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    if lock == "requirements-test.txt":
        wanted += project["optional-dependencies"]["test"]
    pinned = names((ROOT / lock).read_text(encoding="ascii"))
    assert {re.split(r"[=<>~]", want)[0] for want in wanted} <= set(pinned)


def test_the_test_lock_changes_no_version_of_the_other() -> None:
    runtime, test = (names((ROOT / lock).read_text(encoding="ascii")) for lock in LOCKS)
    assert runtime.items() <= test.items()


def test_a_python_of_the_wrong_version_is_refused_by_name(tmp_path: Path) -> None:
    fake = tmp_path / "python2"
    fake.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    fake.chmod(0o755)
    done = find_python({"PYTHON": str(fake)})
    assert done.returncode == 1
    assert f"PYTHON={fake} is not Python 3.11 to 3.13" in done.stderr


def test_the_python_that_is_found_can_make_environments() -> None:
    done = find_python({})
    assert done.returncode == 0, done.stderr
    subprocess.run([done.stdout.strip(), "-c", "import ensurepip, venv"], check=True)


def find_python(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environ}
    return subprocess.run(
        [ROOT / "install" / "find-python.sh"], env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="a plain user is told the command")
def test_a_plain_user_is_told_how_to_install_what_is_missing() -> None:
    done = subprocess.run(
        [ROOT / "install" / "packages.sh", "python3-venv"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "sudo apt-get install -y python3-venv" in done.stderr) == (1, True)
