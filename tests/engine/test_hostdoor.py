"""The way to the guard: one question at a time, none of them holding up the engine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from engine.guard.client import GuardClient
from engine.host.loglines import Lines
from engine.host.processes import file_hash
from engine.host.programs import package_of
from engine.hostdoor import WAITING_WITNESSES, HostDoor
from engine.types import FileFacts, Finding, SocketOwner
from tests.engine.bench import guarding
from tests.factories import five_tuple


async def test_a_question_reaches_the_guard_and_its_answer_comes_back(tmp_path: Path) -> None:
    with guarding(tmp_path) as guard:
        welcome = await guard.door.ask(lambda client: client.hello())
        assert welcome.blocking


async def test_a_guard_that_is_gone_is_a_connection_error(tmp_path: Path) -> None:
    with guarding(tmp_path) as guard:
        guard.kill()
        with pytest.raises(OSError, match=r"gone|Broken pipe"):
            await guard.door.ask(lambda client: client.hello())


def test_a_process_that_has_vanished_is_not_found_and_nothing_is_claimed_of_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with guarding(tmp_path) as guard:
        facts = guard.door.process(ended.pid, 0.0)
        owner = guard.door.socket_owner(five_tuple())
    assert (facts.finding is Finding.FOUND, facts.exe) == (False, "")
    assert owner.finding is not Finding.FOUND


async def test_a_guard_that_hangs_is_not_asked_about_more_sockets_than_it_could_answer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door = HostDoor(GuardClient(ours))
    for number in range(10 * WAITING_WITNESSES):
        door.witness(five_tuple(src_port=number))
    assert door._thread._work_queue.qsize() <= WAITING_WITNESSES
    theirs.close()
    door.close()
    door._thread.shutdown(wait=True)
    ours.close()


def test_a_process_is_named_once_somebody_looked_and_its_name_is_escaped(tmp_path: Path) -> None:
    with guarding(tmp_path) as guard:
        assert guard.door.known_process(five_tuple()) == ""
        guard.door._witnessed[five_tuple()] = SocketOwner(Finding.FOUND, 812, 1.0, "ja\x1bva")
        guard.door._witnessed[five_tuple(src_port=1)] = SocketOwner(Finding.GONE)
        assert guard.door.known_process(five_tuple()) == r"ja\x1bva[812]"
        assert guard.door.known_process(five_tuple(src_port=1)) == ""


class Logged:
    """A guard that found lines in a log, and a file that it says is a program."""

    def __init__(self, lines: Lines | None = None, facts: FileFacts | None = None) -> None:
        self._lines, self._facts = lines, facts

    def log_lines(self, _: str) -> Lines | None:
        return self._lines

    def program_file(self, *_: object) -> FileFacts | None:
        return self._facts


@contextmanager
def door_to(guard: Logged) -> Iterator[HostDoor]:
    door = HostDoor(cast(GuardClient, guard))
    yield door
    door.close()


def test_the_guard_s_lines_are_parsed_here(tmp_path: Path) -> None:
    line = "2026-09-20T10:00:00Z web sshd[1]: Failed password for caf\xc3\xa9 from 203.0.113.7 port 4 ssh2"
    with door_to(Logged(Lines(Finding.FOUND, (line, "garbage \xff"), "/var/log/auth.log", 3))) as door:
        found = door.logins("203.0.113.7")
    assert [(login.user, login.ok, login.count) for login in found.entries] == [("café", False, 1)]
    assert found.detail == "from /var/log/auth.log; 3 older lines are not counted"


@pytest.mark.parametrize("finding", [Finding.NOT_PERMITTED, Finding.NOT_RECORDED])
def test_a_log_that_cannot_be_read_is_said_and_not_taken_for_empty(finding: Finding) -> None:
    with door_to(Logged(Lines(finding, detail="why"))) as door:
        found = door.logins("203.0.113.7")
    assert (found.finding, found.entries, found.detail) == (finding, (), "why")


def test_a_package_is_told_of_the_very_bytes_only() -> None:
    status = Path("/usr/bin/ls").stat()
    facts = FileFacts(
        Finding.FOUND, 1, "/usr/bin/ls", size_bytes=status.st_size, modified_at=status.st_mtime,
        sha256=file_hash("/usr/bin/ls"),
    )  # fmt: skip
    # Whoever mounts a file of theirs over the path, as any user may in a namespace, chooses its size and its times.
    for other in (replace(facts, size_bytes=1), replace(facts, sha256="0" * 64), replace(facts, sha256="")):
        with door_to(Logged(facts=other)) as door:
            assert door.program_file(1, 0.0).package == ""
    with door_to(Logged(facts=facts)) as door:
        assert door.program_file(1, 0.0).package == package_of("/usr/bin/ls")


def test_a_whole_guard_tells_of_this_host(tmp_path: Path) -> None:
    with guarding(tmp_path) as guard, socket.create_server(("127.0.0.1", 0)) as server:
        services, file = guard.door.services(), guard.door.program_file(os.getpid(), 0.0)
        port = server.getsockname()[1]
        assert guard.door.persistence().finding is Finding.FOUND
        assert guard.door.address("203.0.113.7").finding is Finding.NOT_RECORDED
        assert guard.door.past_incidents("203.0.113.7").finding is Finding.NOT_RECORDED
    assert os.getpid() in {one.pid for one in services.entries if one.port == port}
    assert (file.finding, len(file.sha256)) == (Finding.FOUND, 64)
