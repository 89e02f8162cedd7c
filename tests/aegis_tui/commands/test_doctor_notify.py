"""``doctor --notify`` sends a test and says what came of it, and times are in the zone that was asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.clock import moment, show_utc
from tests.receivers import webhook


@pytest.fixture(autouse=True)
def _local_again() -> Iterator[None]:
    yield
    show_utc(False)


def _config(folder: Path, text: str) -> str:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return str(file)


def test_each_receiver_gets_a_test_and_its_outcome_is_told_without_a_credential(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with webhook() as receiver:
        urls = [f"json://127.0.0.1:{receiver.port}/hook", "json://user:hunter22@127.0.0.1:1/secret"]
        file = _config(tmp_path, f"notify = {json.dumps(urls)}")
        assert main(["doctor", "--notify", "--config", file]) == 1
    out = capsys.readouterr().out
    assert "1 (json at 127.0.0.1): told" in out
    assert "failed   2 (json at 127.0.0.1): " in out
    assert "[hidden]" in out
    assert "hunter22" not in out
    assert "secret" not in out
    assert "Sent by aegis-tui doctor --notify" in receiver.got[0]["message"]


WRONG = ["foo://hunter22@x", "json://user:hunter22@127.0.0.1:99999/secret", "json://127.0.0.1/hook"]


@pytest.mark.parametrize("words", [["config", "show"], ["doctor"]], ids=" ".join)
def test_a_url_that_can_tell_nobody_is_found_without_sending_anything(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*words, "--config", _config(tmp_path, f"notify = {json.dumps(WRONG)}")])
    printed = "".join(capsys.readouterr())
    assert "1 (foo): apprise knows no such kind of URL" in printed
    assert "2 (json at 127.0.0.1): its port is none: 1 to 65535" in printed
    assert "3 (json" not in printed
    assert "hunter22" not in printed and "secret" not in printed
    assert status == (2 if words == ["config", "show"] else 0)


def test_urls_that_fit_are_shown_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _config(tmp_path, 'notify = ["json://127.0.0.1:1/hook", "tgram://123456789:abcdefg_hijklmnop/12315544/"]')
    assert main(["config", "show", "--config", file]) == 0
    assert "(set)" in capsys.readouterr().out


def test_with_nobody_to_tell_it_says_how_to_name_somebody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--notify", "--config", _config(tmp_path, "")]) == 2
    assert 'notify = ["URL", ...]' in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--utc", "config", "show"], ["config", "show", "--utc"]], ids=" ".join)
def test_utc_may_be_asked_for_before_or_after_the_command(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    _tzset()
    try:
        assert main(["config", "show"]) == 0
        assert moment(0) == "1970-01-01 09:00:00 +0900"
        assert main(words) == 0
        assert moment(0) == "1970-01-01 00:00:00 +0000"
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[1:] for line in lines if line.startswith("utc ")][-1] == ["true", "flag"]
    finally:
        monkeypatch.undo()
        _tzset()


def test_the_setting_does_the_same_and_a_broken_file_stops_no_command_that_needs_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "show", "--config", _config(tmp_path, "utc = true")]) == 0
    assert moment(0).endswith("+0000")
    place = Path(os.environ["XDG_CONFIG_HOME"]) / "aegis"
    place.mkdir(parents=True)
    (place / "config.toml").write_text("not toml", encoding="utf-8")
    assert main(["completions", "bash"]) == 0
    assert "complete -F" in capsys.readouterr().out


def _tzset() -> None:
    import time

    time.tzset()
