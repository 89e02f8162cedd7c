"""``triage``: an event line in, an investigated incident out; what is no event is refused in one line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aegis_tui.cli import main
from tests.engine.bench import furnish

SAMPLE = "2023/10/9 11:23 172.24.158.39:45676 180.215.5.133:2599  emp3r0r木马攻击 https中疑似存在emp3r0r恶意流量"
EVE = json.dumps(
    {
        "timestamp": "2023-10-09T11:23:00.000000+0000",
        "event_type": "alert",
        "src_ip": "203.0.113.9",
        "src_port": 4000,
        "dest_ip": "10.0.0.7",
        "dest_port": 80,
        "proto": "TCP",
        "alert": {"signature": "ET WEB_SERVER SQL Injection union select", "category": "Web Application Attack"},
    }
)

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep state and settings of the person who runs the tests out of it."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    furnish(tmp_path)
    return tmp_path


def triage(capsys: Captured, *words: str) -> dict[str, Any]:
    assert main(["triage", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_an_event_is_classed_investigated_and_told_as_one_document(capsys: Captured) -> None:
    found = triage(capsys, SAMPLE)
    assert found["classification"]["class"] == "trojan"
    assert found["classification"]["ranking"][0] == {
        "class": "trojan",
        "share": found["classification"]["confidence"],
    }
    assert (found["event"]["src_ip"], found["target_ip"]) == ("172.24.158.39", "180.215.5.133")
    assert found["verdict"]["incident_id"] == found["incident_id"]
    ids = {one["id"] for one in found["evidence"]}
    assert all(set(claim["evidence_ids"]) <= ids for claim in found["verdict"]["claims"])


def test_a_record_of_suricata_accuses_the_public_end(capsys: Captured) -> None:
    found = triage(capsys, EVE)
    assert (found["classification"]["class"], found["target_ip"]) == ("sql_injection", "203.0.113.9")


def test_an_address_that_is_ours_is_never_the_target(capsys: Captured) -> None:
    line = "2023/10/9 11:23 203.0.113.9:1 198.51.100.7:2 SQL注入攻击 union select"
    assert triage(capsys, line)["target_ip"] == "203.0.113.9"
    assert triage(capsys, line, "--local", "203.0.113.9")["target_ip"] == "198.51.100.7"


def test_a_person_reads_class_verdict_and_what_was_not_done(capsys: Captured) -> None:
    assert main(["triage", SAMPLE]) == 0
    out = capsys.readouterr().out
    for word in ("class     trojan", "verdict   ", "claim     ", "not done  ", "action    ", "aegis-tui show INC-"):
        assert word in out


def test_a_block_that_nobody_is_asked_for_is_only_shown_and_nobody_reads_of_a_replay(capsys: Captured) -> None:
    line = "2023/10/9 11:23 203.0.113.9:4000 192.0.2.1:80 SQL injection GET /?id=1 UNION SELECT"
    told = triage(capsys, line)
    assert [one["state"] for one in told["proposals"]] == ["replay"]
    for words in (["triage", line], ["show", told["incident_id"]], ["report", told["incident_id"]]):
        assert main(words) == 0
        (asked,) = [row for row in capsys.readouterr().out.splitlines() if told["proposals"][0]["id"] in row]
        assert ("only shown" in asked, "replay" in asked) == (True, False)


def test_the_incident_is_stored_and_replays_to_the_same_alerts_and_verdict(capsys: Captured) -> None:
    told = triage(capsys, SAMPLE)
    assert main(["replay", told["incident_id"], "--headless", "--json"]) == 0
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    alerts = [row for row in again if row["type"] == "alert"]
    (verdict,) = [row for row in again if row["type"] == "verdict"]
    assert [row["incident_id"] for row in alerts] == [told["incident_id"]]
    assert alerts[0]["detection"]["event"] == told["event"]
    kept = ("conclusion", "severity", "disposition", "claims", "not_done", "actions", "summary")
    assert {name: verdict[name] for name in kept} == {name: told["verdict"][name] for name in kept}


def test_the_report_can_be_had_at_once(capsys: Captured) -> None:
    assert main(["triage", SAMPLE, "--report", "md"]) == 0
    assert "180.215.5.133" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("", "line"),
        ("hello", "time"),
        ("2023/10/9 11:23 999.1.1.1:1 1.2.3.4:2 a b", "source address"),
        ("2023/10/9 11:23 1.2.3.4:99999 1.2.3.4:2 a b", "source port"),
        ('{"event_type": "dns"}', "event_type"),
    ],
)
def test_what_is_no_event_is_refused_in_one_line_that_names_the_field(capsys: Captured, line: str, field: str) -> None:
    assert main(["triage", line, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1 and field in err


def test_an_unknown_model_is_refused(capsys: Captured) -> None:
    assert main(["triage", SAMPLE, "--json", "--model", "gpt-none"]) == 2
    assert "no such model" in capsys.readouterr().err


def test_standard_input_holds_one_event_a_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    feed(monkeypatch, f"{SAMPLE}\n\n{EVE}\n".encode())
    assert main(["triage", "-", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["classification"]["class"] for one in found] == ["trojan", "sql_injection"]


def test_a_bad_line_of_many_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    feed(monkeypatch, b"hello\n" + b"\xff" * 40_000 + b"\n" + SAMPLE.encode())
    assert main(["triage", "-", "--json"]) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "line 1: cannot read the event: time" in err
    assert "line 2: cannot read the event: line: is longer" in err


def test_empty_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    feed(monkeypatch, b"\n")
    assert main(["triage", "-", "--json"]) == 2
    assert "no event" in capsys.readouterr().err


def test_hostile_text_reaches_the_terminal_as_visible_escapes(capsys: Captured) -> None:
    line = "2023/10/9 11:23 203.0.113.9:1 10.0.0.7:2 \x1b]52;c;eA==\x07name \x1b[2Jcon\u202etent\x9b31m"
    for extra in ([], ["--json"], ["--report", "md"]):
        assert main(["triage", line, *extra]) == 0
        out = capsys.readouterr().out
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)


SPY = """
import sys
from aegis_tui.commands import triage
read = triage.parse
def spy(text):
    rows = dict(row.split(":\\t", 1) for row in open("/proc/self/status").read().splitlines() if ":\\t" in row)
    print("CapEff", int(rows["CapEff"], 16), "CapBnd", int(rows["CapBnd"], 16), "NNP", rows["NoNewPrivs"])
    return read(text)
triage.parse = spy
from aegis_tui.cli import main
sys.argv = ["aegis-tui", "triage", "hello"]
sys.exit(main())
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: there is nothing to give up")
def test_root_has_given_its_privileges_up_when_the_event_is_read() -> None:
    done = subprocess.run([sys.executable, "-c", SPY], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == "CapEff 0 CapBnd 0 NNP 1\n"
