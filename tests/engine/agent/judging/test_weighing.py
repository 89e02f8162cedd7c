"""Every consideration is in the table, and no bytes break the one that looks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import weigh
from engine.agent.judging.weights import TABLE
from engine.types import Finding, FiveTuple, ProcessFacts, SocketOwner
from tests.engine.agent.cases import LOCAL, TARGET, case, detection, flow

CLASSES = [
    "trojan",
    "webshell",
    "web_exploit",
    "deserialisation",
    "sql_injection",
    "xss",
    "command_injection",
    "file_inclusion",
    "ssrf",
    "xxe",
    "brute_force",
    "weak_password",
    "scan",
    "dos",
    "c2_beacon",
    "dns_tunnel",
    "mining",
    "ransomware",
    "phishing_download",
    "exfiltration",
    "lateral_movement",
    "privilege_escalation",
    "vulnerability_exploit",
]
WORDS = st.sampled_from(
    [b"HTTP/1.1 200 OK\r\n", b"POST /a?b=c HTTP/1.1\r\n", b"\r\n\r\n", b"<!DOCTYPE a [", b"\0\0", b'{"']
)
BYTES = st.lists(WORDS | st.binary(max_size=40), max_size=8).map(b"".join)


def scene(sent: bytes, back: bytes, event_class: str, *, outbound: bool = False, app: str = "http") -> Scene:
    subject = case(sent, event_class=event_class)
    ends = FiveTuple(LOCAL, 40000, TARGET, 53, "udp") if outbound else subject.flows[0].five_tuple
    carrier = replace(subject.flows[0], head=(sent, back), five_tuple=ends, app=app)
    alert = replace(subject.alerts[0], flow=carrier, detection=detection(event_class=event_class))
    return Scene(replace(subject, alerts=(alert,), flows=(carrier,)), ())


def names(of: Scene) -> set[str]:
    return {reason.name for reason in weigh(of)}


@given(
    sent=BYTES,
    back=BYTES,
    event_class=st.sampled_from(CLASSES),
    outbound=st.booleans(),
    app=st.sampled_from(["http", "dns"]),
)
def test_no_bytes_break_a_consideration(sent: bytes, back: bytes, event_class: str, outbound: bool, app: str) -> None:
    assert names(scene(sent, back, event_class, outbound=outbound, app=app)) <= TABLE.keys()


def test_the_words_are_told_once_and_hold_no_place_for_captured_text() -> None:
    words = [entry.words for entry in TABLE.values()]
    assert not any("{" in text for text in words)
    assert all(entry.kind for entry in TABLE.values())


@pytest.mark.parametrize(
    ("sent", "back", "event_class", "name"),
    [
        (
            b"GET /p?id=1 HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nuid=33(www-data) gid=33(www-data)",
            "web_exploit",
            "answer_command_output",
        ),
        (
            b"GET /p?id=1' HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 500 E\r\n\r\nORA-01756: quoted string",
            "sql_injection",
            "answer_database",
        ),
        (b'POST /x HTTP/1.1\r\n\r\n<!DOCTYPE a [<!ENTITY b SYSTEM "file:///x">]>', b"", "xxe", "entity_attack"),
        (b'POST /x HTTP/1.1\r\n\r\n<!DOCTYPE a [<!ENTITY b "Sons">]>', b"", "xxe", "entity_plain"),
        (
            b"POST /n HTTP/1.1\r\nCookie: a=1\r\n\r\nx",
            b'HTTP/1.1 201 C\r\n\r\n{"id":1}',
            "web_exploit",
            "session_accepted",
        ),
    ],
)
def test_a_payload_and_its_answer_speak(sent: bytes, back: bytes, event_class: str, name: str) -> None:
    assert name in names(scene(sent, back, event_class))


FOUND = ProcessFacts(Finding.FOUND, 7, exe="/usr/sbin/apache2", unit="apache2.service", parents=("1 systemd",))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"children": ("9 sh",)}, "server_ran_shell"),
        ({"children": ()}, "packaged_server"),
        ({"exe": "/dev/shm/x"}, "odd_program"),
        ({"exe": "/usr/bin/bash", "parents": ("3 apache2", "1 systemd")}, "server_started_it"),
        ({"exe": "/usr/sbin/sshd", "unit": "ssh.service", "children": ("9 bash",)}, "packaged_server"),
    ],
)
def test_a_process_speaks_by_its_place_its_parents_and_its_children(changes: dict[str, Any], name: str) -> None:
    subjects = [SocketOwner(Finding.FOUND, 7), replace(FOUND, **changes)]
    assert name in {reason.name for reason in weigh(Scene(case(), subjects))}


@pytest.mark.parametrize("finding", [Finding.GONE, Finding.NOT_PERMITTED, Finding.NOT_RECORDED])
def test_what_was_not_found_is_no_consideration(finding: Finding) -> None:
    absent = [SocketOwner(finding, 7), replace(FOUND, finding=finding, exe="/tmp/x", children=("9 sh",))]
    assert weigh(Scene(case(), absent)) == weigh(Scene(case(), ()))


def test_looks_alone_lower_nothing() -> None:
    quiet = flow(b"GET / HTTP/1.1\r\n\r\n", five_tuple=FiveTuple(LOCAL, 40000, TARGET, 80, "tcp"))
    agent = replace(quiet, head=(b"GET / HTTP/1.1\r\nUser-Agent: vendor-agent/1.2\r\n\r\n", b""))
    subject = case(event_class="c2_beacon")
    alert = replace(subject.alerts[0], flow=agent, detection=detection(event_class="c2_beacon", spans=()))
    assert not [r for r in weigh(Scene(replace(subject, alerts=(alert,), flows=(agent,)), ())) if r.weight < 0]
