"""Whose a connection is and what runs, asked of this very host."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.agent.recorded import RecordedHost, RecordingHost
from engine.agent.tools import Answer, Result
from engine.agent.tools.processes import TREE_ANCESTORS, TREE_CHILDREN
from engine.types import FileFacts, Finding, FiveTuple, ProcessFacts
from tests.engine.agent.cases import HostFake
from tests.engine.agent.tools.hosts import ThisHost, toolbox_of

HOLDER = (
    "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
    " print('connected', flush=True); sys.stdin.read()"
)


@pytest.fixture
def held() -> Iterator[tuple[int, FiveTuple]]:
    """A child that holds a connection to this process, and the connection, whose server is this process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        accepted, peer = server.accept()
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        ends = FiveTuple("127.0.0.1", peer[1], "127.0.0.1", port, "tcp")
        yield child.pid, ends
        accepted.close()
        child.stdin.close()
        child.wait()
        child.stdout.close()


def told(answer: Answer) -> dict[str, Any]:
    assert answer.result is Result.ANSWERED
    assert answer.evidence
    value: dict[str, Any] = json.loads(answer.evidence.content)
    return value


def test_the_owner_of_a_real_connection_is_found(held: tuple[int, FiveTuple], tmp_path: Path) -> None:
    answer = toolbox_of(ThisHost(tmp_path), held[1]).call("get_pid_by_connection", {"flow_id": "1:ownflow="})
    assert told(answer)["owner"]["pid"] == os.getpid()


def test_a_tree_holds_the_process_its_ancestors_and_its_children(held: tuple[int, FiveTuple], tmp_path: Path) -> None:
    answer = toolbox_of(ThisHost(tmp_path), held[1]).call("process_tree", {"pid": os.getpid()})
    members = told(answer)["members"]
    assert members[0]["pid"] == os.getpid()
    assert {member["pid"] for member in members if member["relation"] == "ancestor"} >= {os.getppid()}
    assert held[0] in {member["pid"] for member in members if member["relation"] == "child"}
    assert all(isinstance(member, ProcessFacts) for member in answer.subject)


def test_who_is_in_the_tree_belongs_to_the_incident(held: tuple[int, FiveTuple], tmp_path: Path) -> None:
    tools = toolbox_of(ThisHost(tmp_path), held[1])
    assert tools.call("process_sockets", {"pid": held[0]}).result is Result.REFUSED
    tools.call("process_tree", {"pid": os.getpid()})
    lines = told(tools.call("process_sockets", {"pid": held[0]}))["sockets"]
    assert any(f"127.0.0.1:{held[1].src_port} -> 127.0.0.1:{held[1].dst_port} ESTABLISHED" in line for line in lines)


def test_the_file_of_a_real_process_is_described(held: tuple[int, FiveTuple], tmp_path: Path) -> None:
    answer = toolbox_of(ThisHost(tmp_path), held[1]).call("file_facts", {"pid": os.getpid()})
    assert isinstance(answer.subject, FileFacts)
    assert told(answer)["path"] == str(Path("/proc/self/exe").readlink())
    assert len(told(answer)["sha256"]) == 64


def test_a_recorded_tree_is_the_same_tree(held: tuple[int, FiveTuple], tmp_path: Path) -> None:
    host = RecordingHost(ThisHost(tmp_path))
    first = toolbox_of(host, held[1]).call("process_tree", {"pid": os.getpid()})
    again = toolbox_of(RecordedHost(host.records), held[1]).call("process_tree", {"pid": os.getpid()})
    assert (again.evidence, again.subject) == (first.evidence, first.subject)


def test_a_tree_is_bounded() -> None:
    crowd = tuple(f"{pid} sh" for pid in range(100, 300))
    host = HostFake(parents=crowd, children=crowd)
    answer = toolbox_of(host).call("process_tree", {"pid": 4242})
    assert len(answer.subject) == 1 + TREE_ANCESTORS + TREE_CHILDREN
    assert len(host.asked) == 2 + TREE_ANCESTORS + TREE_CHILDREN


def test_relatives_that_ended_meanwhile_are_left_out() -> None:
    class Orphan(HostFake):
        def process(self, pid: int, start_time: float) -> ProcessFacts:
            if pid == 4242:
                return ProcessFacts(Finding.FOUND, pid, parents=("1 systemd", "7 gone"), children=("8 gone",))
            return ProcessFacts(Finding.FOUND if pid == 1 else Finding.GONE, pid)

    answer = toolbox_of(Orphan()).call("process_tree", {"pid": 4242})
    assert [member.pid for member in answer.subject] == [4242, 1]


def test_a_name_that_looks_like_a_pid_makes_no_process_known() -> None:
    tools = toolbox_of(HostFake(children=("5151 1 sh", "x 999 y", "77777777 long")))
    tools.call("analyze_process_behavior", {"pid": 4242})
    assert [tools.call("file_facts", {"pid": pid}).result for pid in (5151, 999)] == [Result.ANSWERED, Result.REFUSED]
