"""Looking ahead in a replay."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from pathlib import Path

import pytest

from engine.desk import Desk
from engine.intake import Intake
from engine.parts import load_rules
from engine.scout import Scout
from engine.sources.pcapfile import CaptureError, PcapFile
from tests.engine.bench import attack, settings
from tests.factories import pcap_file


async def _look(path: Path, only: str = "") -> Scout:
    scout = Scout(only)
    desk = Desk([load_rules(settings())], 60.0, ())
    ticks = itertools.count()
    await scout.run(lambda: Intake(PcapFile(path), max_flows=10, paced=True), desk, lambda: next(ticks) / 1000)
    return scout


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    frames = [frame for start in (1000, 1100) for frame in attack(at=start)]
    return pcap_file(tmp_path / "a.pcap", frames)


async def test_steps_and_alerts_are_found_in_the_order_of_time(capture: Path) -> None:
    scout = await _look(capture)
    assert scout.done
    assert list(scout.times) == sorted(scout.times)
    assert [round(one.at) for one in scout.alerts] == [1000, 1100]
    assert bisect_right(scout.times, 1050) < scout.alerts[1].step


async def test_the_alerts_beside_a_step_are_told(capture: Path) -> None:
    scout = await _look(capture)
    first, second = scout.alerts
    assert (scout.next_alert(0), scout.next_alert(first.step), scout.next_alert(second.step)) == (first, second, None)
    assert (scout.alert_before(second.step), scout.alert_before(first.step)) == (first, None)


async def test_alerts_of_other_incidents_do_not_count(capture: Path) -> None:
    assert (await _look(capture, only="INC-00000000")).alerts == []


async def test_a_capture_that_breaks_off_ends_there(capture: Path) -> None:
    with capture.open("r+b") as file:
        file.truncate(file.seek(0, 2) - 5)
    scout = await _look(capture)
    assert scout.done
    with pytest.raises(CaptureError):
        list(PcapFile(capture).batches())
