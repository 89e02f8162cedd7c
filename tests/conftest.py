"""What every test of the project shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import paths


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root where there is none."""
    if os.geteuid() == 0:
        return
    needs_root = pytest.mark.skip(reason="root only: network namespaces and BPF")
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(needs_root)


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
