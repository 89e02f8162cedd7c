"""What every test of the project shares."""

from __future__ import annotations

import gc
import os
import stat
import tempfile
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

from engine import paths

settings.register_profile("same", derandomize=True)
settings.register_profile("new")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

MEMORY, ROOM_BYTES = Path("/dev/shm"), 2 << 30


def pytest_configure() -> None:
    """Keep what tests write in memory, where that can be: a database waits for the disk at each of its records."""
    if _takes_tests():
        os.environ.setdefault("TMPDIR", str(MEMORY))
        tempfile.tempdir = None  # what was found out before


def _takes_tests() -> bool:
    """Whether it has room, runs programs, and is a place that the guard would make a folder in."""
    if not os.access(MEMORY, os.W_OK):
        return False
    there = os.statvfs(MEMORY)
    has_room = there.f_bavail * there.f_frsize > ROOM_BYTES
    return has_room and not there.f_flag & os.ST_NOEXEC and bool(MEMORY.stat().st_mode & stat.S_ISVTX)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and skip what needs root where there is none."""
    tests = Counter(item.path for item in items)
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: (item.path not in long, -tests[item.path], item.path))
    if os.geteuid() == 0:
        return
    needs_root = pytest.mark.skip(reason="root only: network namespaces and BPF")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(needs_root)


def pytest_collection_finish() -> None:
    """Spare the collector what every test shares: going through it again and again took a quarter of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


def pytest_sessionfinish() -> None:
    """Wait for what an engine of the last test still loads: native code that is cut off at the end aborts a process."""
    for thread in threading.enumerate():
        if thread.name == "load":
            thread.join(60)


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the developer's and the live engine's incidents and settings out of the tests, and the tests out of them."""
    folder = tmp_path_factory.mktemp("xdg")
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(folder))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MODEL_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(paths, "LIVE_STATE", folder / "live")
    monkeypatch.setattr(paths, "LIVE_DATABASE", folder / "live" / "engine" / "aegis.db")
    return folder
