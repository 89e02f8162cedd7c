"""What the guard tells of this host: typed, in one packet, and with a log that it does not parse."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from engine.guard import codec, messages
from engine.guard.hostlook import JOURNALS_PER_MINUTE, HostLook, fitting
from engine.host.loglines import LINE_BYTES, MOST_LINES, Lines
from engine.types import Finding
from tests.engine.guard.bench import Bench
from tests.fakes import FakeClock

IP = "203.0.113.7"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    made = tmp_path / "journalctl"
    made.write_text(f"#!/bin/sh\necho 'sshd[1]: from {IP}'\n")
    made.chmod(0o755)
    return made


def test_the_lines_of_a_log_come_before_the_journal_s(tmp_path: Path, journal: Path) -> None:
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "var/log/auth.log").write_text(f"from {IP}\n")
    assert HostLook(FakeClock(), tmp_path, journal).log_lines(IP).source == "/var/log/auth.log"


def test_without_a_log_the_journal_is_asked_but_not_all_the_time(tmp_path: Path, journal: Path) -> None:
    clock = FakeClock()
    look = HostLook(clock, tmp_path, journal)
    findings = [look.log_lines(IP).finding for _ in range(JOURNALS_PER_MINUTE + 1)]
    assert findings == [Finding.FOUND] * JOURNALS_PER_MINUTE + [Finding.NOT_PERMITTED]
    clock.advance(61)
    assert look.log_lines(IP).finding is Finding.FOUND


@pytest.mark.parametrize("ip", ["", "203.0.113.7/32", "2001:DB8::1", ".", "203.0.113.7\n", "../shadow", "x" * 8000])
def test_the_log_is_searched_for_an_address_only(ip: str, tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="one address"):
        HostLook(FakeClock(), tmp_path).log_lines(ip)


@pytest.mark.parametrize("character", ["x", "\x1b", "\xff", '"', "\\"])
def test_as_many_lines_are_told_as_fit_a_packet(character: str) -> None:
    found = fitting(Lines(Finding.FOUND, (character * LINE_BYTES,) * (MOST_LINES - 1) + ("newest",), "x", 2))
    assert found.lines[-1] == "newest"
    assert len(found.lines) + found.omitted == MOST_LINES + 2
    assert len(codec.encode(messages.LogLines(found), 1)) <= codec.PACKET_BYTES


def test_places_with_the_longest_names_fit_a_packet(tmp_path: Path) -> None:
    folder = tmp_path / "etc/cron.d"
    folder.mkdir(parents=True)
    for number in range(40):
        (folder / ("\x1b" * 250 + f"{number:03}")).write_bytes(b"\x01" * 5000)
    found = HostLook(FakeClock(), tmp_path).persistence()
    assert len(found.points) == 20
    assert len(codec.encode(messages.PersistenceList(found), 1)) <= codec.PACKET_BYTES


def test_the_guard_answers_each_question(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listed = bench.ask(messages.ListServices())
        port = server.getsockname()[1]
    assert isinstance(listed, messages.ServiceList)
    assert os.getpid() in {one.pid for one in listed.services.entries if one.port == port}
    described = bench.ask(messages.DescribeFile(os.getpid(), 0.0))
    assert isinstance(described, messages.ProgramFile)
    assert described.facts.path == str(Path("/proc/self/exe").readlink())
    assert isinstance(bench.ask(messages.ListPersistence()), messages.PersistenceList)
    assert isinstance(bench.ask(messages.SearchLog(IP)), messages.LogLines)


def test_a_search_for_no_address_is_a_refusal(bench: Bench) -> None:
    assert "one address" in bench.refused(messages.SearchLog("/etc/shadow"))
