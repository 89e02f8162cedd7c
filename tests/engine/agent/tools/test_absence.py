"""Gone, not permitted, not recorded: fifty ways of hearing nothing, none of which is an answer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.agent.recorded import RecordedHost
from engine.agent.tools import Answer, Result, Toolbox, UserTool
from engine.types import AddressFacts, Finding, FiveTuple, ProcessFacts, SocketOwner
from tests.engine.agent.cases import LOCAL, TARGET, HostFake, KnowledgeFake, case
from tests.engine.agent.tools.hosts import FLOW, NONCE, OWN_FLOW, AbsentHost, ThisHost, toolbox_of

EXCUSES = (Finding.GONE, Finding.NOT_PERMITTED, Finding.NOT_RECORDED)
OF_A_PROCESS = ("analyze_process_behavior", "process_tree", "process_sockets", "file_facts")
OF_AN_ADDRESS = ("logins", "address_facts", "past_incidents")
OF_THE_HOST = ("listening_services", "persistence_points")
ARGUMENTS: dict[str, dict[str, Any]] = (
    {name: {"pid": 4242} for name in OF_A_PROCESS}
    | {name: {"ip": TARGET} for name in OF_AN_ADDRESS}
    | {name: {} for name in OF_THE_HOST}
)


def assert_says_nothing(tools: Toolbox, answer: Answer) -> None:
    tools.keep(answer)
    assert answer.result is Result.ABSENT
    assert "says nothing for or against anyone" in answer.text
    assert "<<<" not in answer.text
    assert answer.evidence is not None
    assert tools.absent == {answer.evidence.id}


@pytest.mark.parametrize("finding", EXCUSES)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_excuse_of_the_host_says_nothing(name: str, finding: Finding) -> None:
    tools = toolbox_of(AbsentHost(finding))
    assert_says_nothing(tools, tools.call(name, ARGUMENTS[name]))


@pytest.mark.parametrize("finding", EXCUSES)
def test_a_socket_without_an_owner_says_nothing(finding: Finding) -> None:
    tools = Toolbox(case(), HostFake(finding), KnowledgeFake(), NONCE)
    assert_says_nothing(tools, tools.call("get_pid_by_connection", FLOW))


@pytest.mark.parametrize("name", [*OF_AN_ADDRESS, *OF_THE_HOST, "get_pid_by_connection"])
def test_a_replay_without_records_says_nothing(name: str) -> None:
    tools = Toolbox(case(), RecordedHost(), KnowledgeFake(), NONCE)
    assert_says_nothing(tools, tools.call(name, ARGUMENTS.get(name, FLOW)))


class Nameless(HostFake):
    """A host whose answers about addresses hold no name, whether there is one or not."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self._excuse = finding

    def address(self, ip: str) -> AddressFacts:
        return AddressFacts(self._excuse, ip)


@pytest.mark.parametrize("finding", Finding)
def test_an_address_without_a_name_says_nothing(finding: Finding) -> None:
    subject = case()
    silent = tuple(replace(flow, name="") for flow in subject.flows)
    alerts = tuple(replace(alert, flow=silent[0]) for alert in subject.alerts)
    tools = Toolbox(replace(subject, flows=silent, alerts=alerts), Nameless(finding), KnowledgeFake(), NONCE)
    assert_says_nothing(tools, tools.call("dns_names", {"ip": TARGET}))


@pytest.fixture
def ended() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


class Gone(ThisHost):
    """This host, where the socket belonged to a process that has ended."""

    def __init__(self, root: Path, pid: int, start_time: float = 0.0) -> None:
        super().__init__(root)
        self._owner = (pid, start_time)

    def socket_owner(self, _: FiveTuple) -> SocketOwner:
        return SocketOwner(Finding.FOUND, *self._owner, "gone")


@pytest.mark.parametrize("name", OF_A_PROCESS)
def test_a_process_that_ended_says_nothing(name: str, ended: int, tmp_path: Path) -> None:
    tools = toolbox_of(Gone(tmp_path, ended))
    assert_says_nothing(tools, tools.call(name, {"pid": ended}))


@pytest.mark.parametrize("name", OF_A_PROCESS)
def test_a_pid_that_belongs_to_another_process_now_says_nothing(name: str, tmp_path: Path) -> None:
    tools = toolbox_of(Gone(tmp_path, os.getpid(), start_time=1.0))
    assert_says_nothing(tools, tools.call(name, {"pid": os.getpid()}))


def test_a_kernel_thread_or_a_closed_proc_says_nothing_of_its_program(tmp_path: Path) -> None:
    tools = toolbox_of(Gone(tmp_path, 2))
    answer = tools.call("file_facts", {"pid": 2})
    if answer.result is not Result.ANSWERED:  # in a container PID 2 may be an ordinary process
        assert_says_nothing(tools, answer)


@pytest.fixture
def closed_connection() -> Iterator[FiveTuple]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        (src_ip, src_port), (dst_ip, dst_port) = client.getsockname(), client.getpeername()
        ends = FiveTuple(src_ip, src_port, dst_ip, dst_port, "tcp")
        accepted, _ = server.accept()
        accepted.close()
        client.close()
    yield ends


def test_a_connection_that_is_closed_says_nothing(closed_connection: FiveTuple, tmp_path: Path) -> None:
    tools = toolbox_of(ThisHost(tmp_path), closed_connection)
    assert_says_nothing(tools, tools.call("get_pid_by_connection", {"flow_id": OWN_FLOW}))


@pytest.mark.parametrize("proto", ["icmp", "icmp6", "ip-47"])
def test_a_protocol_without_ports_says_nothing(proto: str, tmp_path: Path) -> None:
    tools = toolbox_of(ThisHost(tmp_path), FiveTuple(TARGET, 0, LOCAL, 0, proto))
    assert_says_nothing(tools, tools.call("get_pid_by_connection", {"flow_id": OWN_FLOW}))


def test_a_host_without_a_login_log_says_nothing(tmp_path: Path) -> None:
    tools = toolbox_of(ThisHost(tmp_path))
    assert_says_nothing(tools, tools.call("logins", {"ip": TARGET}))


def test_a_log_that_is_a_link_or_a_pipe_says_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "var/log"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "auth.log")
    tools = toolbox_of(ThisHost(tmp_path))
    assert_says_nothing(tools, tools.call("logins", {"ip": TARGET}))


def test_a_folder_that_cannot_be_opened_says_nothing_of_what_starts(tmp_path: Path) -> None:
    tools = toolbox_of(ThisHost(tmp_path / "nowhere"))
    assert_says_nothing(tools, tools.call("persistence_points", {}))


class Hidden(HostFake):
    """A host that may describe a process but not list its sockets."""

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        return ProcessFacts(Finding.FOUND, pid, comm="java", detail="sockets: Permission denied")


def test_sockets_that_may_not_be_listed_say_nothing() -> None:
    tools = toolbox_of(Hidden())
    assert_says_nothing(tools, tools.call("process_sockets", {"pid": 4242}))


@pytest.mark.parametrize("said", [None, ""], ids=["nothing", "an empty text"])
def test_a_user_s_tool_that_finds_nothing_says_nothing(said: str | None) -> None:
    mine = UserTool("owner_of", "Who owns a machine.", {"ip": "ip"}, lambda ip: said)
    tools = Toolbox(case(), HostFake(), KnowledgeFake(), NONCE, [mine])
    assert_says_nothing(tools, tools.call("owner_of", {"ip": TARGET}))


def test_a_user_s_tool_that_a_replay_has_no_answer_of_says_nothing() -> None:
    mine = UserTool("owner_of", "Who owns a machine.", {"ip": "ip"}, lambda ip: "asked again")
    tools = Toolbox(case(), RecordedHost(), KnowledgeFake(), NONCE, [mine])
    assert_says_nothing(tools, tools.call("owner_of", {"ip": TARGET}))


def test_the_evidence_of_an_absence_says_which_it_is() -> None:
    answer = toolbox_of(AbsentHost(Finding.NOT_PERMITTED)).call("process_tree", {"pid": 4242})
    assert answer.evidence is not None
    assert json.loads(answer.evidence.content)["finding"] == "not_permitted"
