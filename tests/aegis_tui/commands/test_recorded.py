"""What lies beside a capture is a stranger's, like the capture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aegis_tui.commands.recorded import HOST_SUFFIX, plan_of_files
from aegis_tui.commands.replay import DEMO
from engine.config import Settings

NONE = (
    "[1]", "5", "null", "{", "[" * 100_000,
    '{"local": 5}', '{"local": "192.0.2.1"}', '{"local": [1]}', '{"answers": [1]}', '{"answers": {"q": 5}}',
)  # fmt: skip


@pytest.mark.parametrize("record", NONE, ids=lambda record: record[:20])
def test_a_record_that_is_none_is_refused_by_its_name(record: str, tmp_path: Path) -> None:
    capture = Path(shutil.copy(DEMO, tmp_path / "a.pcap"))
    (tmp_path / f"a{HOST_SUFFIX}").write_text(record, encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.host\.json"):
        plan_of_files(Settings(), [capture], "a", state=tmp_path)


def test_a_record_tells_the_addresses_of_the_watched_host(tmp_path: Path) -> None:
    capture = Path(shutil.copy(DEMO, tmp_path / "a.pcap"))
    (tmp_path / f"a{HOST_SUFFIX}").write_text(json.dumps({"local": ["192.0.2.1"]}), encoding="utf-8")
    assert plan_of_files(Settings(), [capture], "a", state=tmp_path).local_ips == ("192.0.2.1",)
