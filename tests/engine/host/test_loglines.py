"""Lines that name an address are found in the newest part of a log, and told as they stand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.host import loglines
from engine.host.loglines import LINE_BYTES, MOST_LINES, TAIL_BYTES, find_journal, journal_lines, log_lines
from engine.types import Finding

IP = "203.0.113.7"
SAID = "sshd[1]: Invalid user x "
"""What a line about a login begins with."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    made = tmp_path / "var/log/auth.log"
    made.parent.mkdir(parents=True)
    return made


def script(folder: Path, body: str) -> Path:
    made = folder / "journalctl"
    made.write_text(f"#!/bin/sh\n{body}\n")
    made.chmod(0o755)
    return made


def test_lines_are_told_oldest_first_with_their_bytes(log: Path, tmp_path: Path) -> None:
    one, two = (f"{number} {SAID}{IP}".encode() for number in ("one", "two"))
    log.write_bytes(one + b" \xff\x1b\n" + SAID.encode() + b"198.51.100.1\n" + two + b"\n")
    found = log_lines(IP, tmp_path)
    assert (found.finding, found.source, found.omitted) == (Finding.FOUND, "/var/log/auth.log", 0)
    assert [line.encode("latin-1") for line in found.lines] == [one + b" \xff\x1b", two]


@pytest.mark.parametrize(
    ("line", "there"),
    [
        (f"sshd[1]: Failed password for invalid user x from {IP} port 4 ssh2", True),
        (f"sshd[1]: Accepted keyboard-interactive/pam for ann from {IP} port 4 ssh2", True),
        (f"sshd[1]: Connection closed by authenticating user root {IP} port 4 [preauth]", True),
        (f"su: pam_unix(su:auth): authentication failure; logname= uid=1 euid=0 tty= ruser=a rhost={IP}", True),
        (f"sudo: ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/mysql -h {IP} -pThePassword", False),
        (f"doas: ann ran command mysql -h {IP} -pThePassword as root", False),
    ],
)  # fmt: skip
def test_what_people_ran_is_not_told(line: str, there: bool, log: Path, tmp_path: Path) -> None:
    log.write_text(f"2026-09-20T10:00:00Z web {line}\n")
    assert bool(log_lines(IP, tmp_path).lines) == there


@pytest.mark.parametrize(
    ("line", "there"),
    [
        (f"from {IP} port", True), (f"rhost={IP}", True), (f"{IP}.", True), (f"::ffff:{IP}", True),
        (f"[{IP}]:22", True), (f"{IP}:22", True),
        (f"1{IP}", False), (f"{IP}1", False), (f"9.{IP}", False), (f"{IP}.9", False),
    ],
)  # fmt: skip
def test_only_the_whole_address_counts(line: str, there: bool, log: Path, tmp_path: Path) -> None:
    log.write_text(f"{SAID}{line}\n")
    assert bool(log_lines(IP, tmp_path).lines) == there


def test_only_the_whole_ipv6_address_counts(log: Path, tmp_path: Path) -> None:
    ends = ("from 2001:DB8::7 port", "from 2001:db8::77 port", "from 2001:db8::7:1 port", "from a2001:db8::7")
    log.write_text("".join(f"{SAID}{end}\n" for end in ends))
    assert log_lines("2001:db8::7", tmp_path).lines == (f"{SAID}from 2001:DB8::7 port",)


def test_the_newest_lines_are_kept_and_cut(log: Path, tmp_path: Path) -> None:
    log.write_text("".join(f"{number} {SAID}{IP} {'x' * 1000}\n" for number in range(MOST_LINES + 7)))
    found = log_lines(IP, tmp_path)
    assert (len(found.lines), found.omitted) == (MOST_LINES, 7)
    assert found.lines[-1].startswith(f"{MOST_LINES + 6} ")
    assert {len(line) for line in found.lines} == {LINE_BYTES}


def test_a_huge_log_is_read_at_its_end_only(log: Path, tmp_path: Path) -> None:
    with log.open("wb") as file:
        file.write(f"old {SAID}{IP}\n".encode())
        file.truncate(TAIL_BYTES * 20)
        file.seek(0, os.SEEK_END)
        file.write(f"\nnew {SAID}{IP}\n".encode())
    assert log_lines(IP, tmp_path).lines == (f"new {SAID}{IP}",)


def test_the_other_name_of_the_log_is_tried(log: Path, tmp_path: Path) -> None:
    log.with_name("secure").write_text(f"from {IP}\n")
    assert log_lines(IP, tmp_path).source == "/var/log/secure"


def test_a_link_or_a_pipe_in_the_place_of_a_log_is_not_read(log: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SAID}{IP}\n")
    log.symlink_to(tmp_path / "secret")
    assert log_lines(IP, tmp_path).lines == ()
    log.unlink()
    os.mkfifo(log)
    assert log_lines(IP, tmp_path).finding is Finding.NOT_RECORDED


def test_without_a_log_nothing_is_recorded(tmp_path: Path) -> None:
    assert log_lines(IP, tmp_path).finding is Finding.NOT_RECORDED


def test_the_journal_is_read_newest_first_and_told_oldest_first(tmp_path: Path) -> None:
    program = script(tmp_path, f"echo 'two {SAID}{IP}'; echo other; echo 'one {SAID}{IP}'")
    found = journal_lines(IP, program)
    assert (found.lines, found.source) == ((f"one {SAID}{IP}", f"two {SAID}{IP}"), "journal")


def test_the_journal_s_arguments_are_the_same_for_every_address(tmp_path: Path) -> None:
    program = script(tmp_path, f'echo "{SAID}{IP} $*"; echo "{SAID}{IP} $0"')
    assert journal_lines(IP, program).lines[1] == f"{SAID}{IP} {' '.join(loglines.JOURNAL_OPTIONS)}"[:LINE_BYTES]


@pytest.mark.parametrize("body", ["exec sleep 60", "exit 1", "kill -9 $$"])
def test_a_journal_that_hangs_or_fails_says_nothing(body: str, tmp_path: Path) -> None:
    assert journal_lines(IP, script(tmp_path, body)).finding is Finding.NOT_RECORDED


def test_a_journal_without_end_is_cut(tmp_path: Path) -> None:
    found = journal_lines(IP, script(tmp_path, f"yes '{SAID}{IP}'"))
    assert len(found.lines) == MOST_LINES
    assert found.omitted > 0


def test_a_program_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    assert find_journal(str(tmp_path)) is None
    assert find_journal(str(script(tmp_path, "").parent)) == tmp_path / "journalctl"
    assert journal_lines(IP, tmp_path / "gone").finding is Finding.NOT_RECORDED
