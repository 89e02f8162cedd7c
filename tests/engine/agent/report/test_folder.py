"""Reports are kept in a folder a day, closed to others, and nothing planted there is followed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.agent.report import FORMS, folder, save_report
from engine.types import IncidentView
from tests.factories import alert, detection, incident


def _view(**changes: object) -> IncidentView:
    made = replace(incident(), opened_at=1_795_293_719.3, **changes)  # type: ignore[arg-type]
    return IncidentView(made, (), (), (), None, (), ())


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_three_forms_are_written_to_the_day_of_the_incident(tmp_path: Path) -> None:
    files = save_report(tmp_path / "reports", _view())
    names = ["INC-01234567.md", "INC-01234567.json", "INC-01234567.html"]
    assert files == [tmp_path / "reports" / "2026-11-21" / name for name in names]
    assert json.loads(files[1].read_text())["incident"]["id"] == "INC-01234567"
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (files[0].parent, files[0].parent.parent)} == {0o700}
    assert _names(files[0].parent) == sorted(names)


def test_another_language_has_files_of_its_own(tmp_path: Path) -> None:
    save_report(tmp_path / "reports", _view(), ["md"])
    (file,) = save_report(tmp_path / "reports", _view(), ["md"], "zh")
    assert (file.name, len(_names(file.parent))) == ("INC-01234567.zh.md", 2)


def test_a_later_report_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    save_report(tmp_path / "reports", _view())
    (file,) = save_report(tmp_path / "reports", _view(title="Webshell"), ["md"])
    assert "Webshell" in file.read_text()


@pytest.mark.parametrize("opened_at", [float("inf"), 9.2e12, -1e18])
def test_an_incident_of_no_day_has_a_folder_too(opened_at: float, tmp_path: Path) -> None:
    view = replace(_view(), incident=replace(incident(), opened_at=opened_at))
    assert save_report(tmp_path / "reports", view, FORMS)[0].parent.name == "undated"


@pytest.mark.parametrize("incident_id", ["../../etc/cron.d/x", "", "a/b", "a" * 65, "INC\n", ".", "..", "INC-\0"])
def test_an_id_that_is_no_name_of_a_file_is_refused(incident_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        save_report(tmp_path / "reports", _view(id=incident_id))
    assert _names(tmp_path) == []


def test_a_link_in_place_of_the_report_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (file,) = save_report(tmp_path / "reports", _view(), ["md"])
    file.unlink()
    file.symlink_to(victim)
    save_report(tmp_path / "reports", _view(), ["md"])
    assert (victim.read_text(), file.is_symlink()) == ("mine", False)


@pytest.mark.parametrize("place", ["reports", "reports/2026-11-21"])
def test_a_link_in_place_of_a_folder_is_refused(place: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / place).parent.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / place).symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        save_report(tmp_path / "reports", _view())
    assert _names(elsewhere) == []


def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports").chmod(0o770)
    with pytest.raises(PermissionError, match="open to others"):
        save_report(tmp_path / "reports", _view())


def test_a_report_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "reports" / "2026-11-21"
    (place / "INC-01234567.md").mkdir(mode=0o700, parents=True)
    (tmp_path / "reports").chmod(0o700)
    place.chmod(0o700)
    with pytest.raises(OSError, match="directory"):
        save_report(tmp_path / "reports", _view(), ["md"])
    assert _names(place) == ["INC-01234567.md"]


def test_a_full_day_takes_no_new_report_but_a_later_one_of_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "DAY_FILES", 1)
    save_report(tmp_path / "reports", _view(), ["md"])
    save_report(tmp_path / "reports", _view(), ["md"])
    with pytest.raises(OSError, match="1 files of this day are kept already"):
        save_report(tmp_path / "reports", _view(id="INC-other"), ["md"])


def test_what_was_only_reported_leaves_room_for_what_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "REPORTED_FILES", 1)
    monkeypatch.setattr(folder, "REPORTED_DAYS", 1)
    told = replace(_view(), alerts=(alert(detection=detection(detector="event")),))
    save_report(tmp_path / "reports", told, ["md"])
    with pytest.raises(OSError, match="1 files of this day are kept already"):
        save_report(tmp_path / "reports", replace(told, incident=replace(told.incident, id="INC-other")), ["md"])
    with pytest.raises(OSError, match="1 days are kept already"):
        save_report(tmp_path / "reports", replace(told, incident=replace(told.incident, opened_at=0.0)), ["md"])
    save_report(tmp_path / "reports", _view(id="INC-seen"), ["md"])
    save_report(tmp_path / "reports", replace(_view(), incident=replace(incident(), opened_at=0.0)), ["md"])
