"""Where a program works: an attack and its look-alike side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import weigh
from engine.types import Finding, FiveTuple, ProcessFacts, SocketOwner
from tests.engine.agent.cases import LOCAL, TARGET, case, detection

CURL = ProcessFacts(
    Finding.FOUND, 7, exe="/usr/bin/curl", user="ana", uid=1000, cmdline=("curl", "https://x.example/a")
)


def names(facts: ProcessFacts, *, inbound: bool = False) -> set[str]:
    subject = case(event_class="c2_beacon")
    ends = FiveTuple(TARGET, 4000, LOCAL, 80, "tcp") if inbound else FiveTuple(LOCAL, 40000, TARGET, 443, "tcp")
    carrier = replace(subject.flows[0], five_tuple=ends)
    alert = replace(subject.alerts[0], flow=carrier, detection=detection(event_class="c2_beacon", spans=()))
    told = Scene(replace(subject, alerts=(alert,), flows=(carrier,)), [SocketOwner(Finding.FOUND, 7), facts])
    return {reason.name for reason in weigh(told)}


@pytest.mark.parametrize(
    ("changes", "name", "holds"),
    [
        ({"cwd": "/dev/shm"}, "works_in_temporary", True),
        ({"cwd": "/home/ana"}, "works_in_temporary", False),
        ({"user": "www-data", "uid": 33}, "service_account_shell", True),
        ({}, "service_account_shell", False),
        ({"children": ("9 bash",)}, "fetches_and_runs", True),
        ({}, "fetches_and_runs", False),
        ({"exe": "/usr/bin/nc.openbsd"}, "bare_pipe", True),
        ({"exe": "/usr/bin/python3", "cmdline": ("python3", "-c", "print()")}, "inline_program", True),
        ({"exe": "/usr/bin/python3", "cmdline": ("python3", "job.py")}, "inline_program", False),
        ({"parents": ("3 evil-winrm",)}, "offensive_tool", True),
    ],
)
def test_a_program_speaks_by_where_and_for_whom_it_works(changes: dict[str, Any], name: str, holds: bool) -> None:
    assert (name in names(replace(CURL, **changes))) is holds


def test_a_monitoring_agent_tells_what_it_sees_by_trade() -> None:
    agent = replace(CURL, exe="/usr/bin/bash", cmdline=("bash", "/usr/bin/check_mk_agent"), unit="check-mk.service")
    assert "hands_out_by_trade" in names(agent, inbound=True)
    assert "hands_out_by_trade" not in names(replace(agent, unit=""), inbound=True)
