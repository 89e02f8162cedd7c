"""The way to the guard: one question at a time, none of them holding up the engine."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.guard.client import GuardClient
from engine.hostdoor import WAITING_WITNESSES, HostDoor
from engine.types import Finding, SocketOwner
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
