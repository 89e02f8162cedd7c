"""``replay WHAT --diff``, as it is typed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands.comparing import changed
from engine.config import Settings
from tests.engine.bench import attack, furnish
from tests.factories import pcap_file


@pytest.fixture
def capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a capture with one exploit in it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "MODEL_NAME", "AEGIS_MODEL", "AEGIS_THRESHOLD"):
        monkeypatch.delenv(name, raising=False)
    furnish(tmp_path)
    return str(pcap_file(tmp_path / "a.pcap", attack(at=1000)))


def test_another_threshold_of_a_capture_is_told_line_by_line(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", capture, "--diff", "--threshold", "1.0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a.pcap"
    assert lines[1].startswith("before: threshold as shipped; after: threshold 1.0")
    assert any(line.startswith("- ") and "model.malicious" in line for line in lines)


class Screen(io.StringIO):
    """A terminal as far as anybody asks."""

    def isatty(self) -> bool:
        """Return that somebody sees it."""
        return True


def test_both_runs_tell_how_far_they_are_on_a_terminal_only(
    capture: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["replay", capture, "--diff", "--threshold", "1.0"]
    main(words)
    assert capsys.readouterr().err == ""
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    main(words)
    shown = screen.getvalue()
    assert "run 1 of 2: 0 alerts, 0 incidents" in shown
    assert "run 2 of 2: 1 alert, 1 incident" in shown
    assert shown.endswith("\r\x1b[K")


def test_json_holds_the_changes(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", capture, "--diff", "--threshold", "1.0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["type"] == "comparison"
    assert {change["kind"] for change in told["changes"] if change["what"] == "alert"} == {"gone"}


def test_a_stored_incident_is_compared_and_nothing_of_it_changes(
    capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["replay", capture, "--headless", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    incident_id = next(line["id"] for line in lines if line["type"] == "incident")
    main(["show", incident_id, "--json"])
    before = capsys.readouterr().out
    assert main(["replay", incident_id, "--diff", "--threshold", "1.0"]) == 0
    assert "model.malicious" in capsys.readouterr().out
    main(["show", incident_id, "--json"])
    assert capsys.readouterr().out == before


def test_a_difference_needs_something_that_differs(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", capture, "--diff"]) == 2
    assert "name another --threshold" in capsys.readouterr().err


def test_a_folder_of_rules_that_holds_none_is_a_fault_and_not_a_silence(
    capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["replay", capture, "--diff", "--rules", str(tmp_path / "empty")]) == 0
    out = capsys.readouterr().out
    assert "! rules: there are no rules" in out
    assert "- " in out


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({}, "name what is to differ"), ({"colour": "red"}, "name what is to differ"), ({"threshold": "2"}, "threshold"),
     ({"threshold": "much"}, "much"), ({"threshold": ""}, "could not convert")],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        changed(Settings(), changes)
