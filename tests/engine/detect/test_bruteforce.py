"""Password guessing is told from ordinary logins."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from engine.detect.bruteforce import FORM_POSTS, MAX_PAIRS, VISITS, WINDOW_S, BruteForceDetector
from engine.types import Detection, Direction, Flow, FlowState, FlowUpdate, Party, UpdateReason
from tests.factories import five_tuple, flow


def _visit(number: int, at: float, sent: int = 1800, lasted: float = 3.0, **changes: object) -> FlowUpdate:
    ends = five_tuple(src_port=40000 + number, dst_port=22)
    values = {"first_seen": at - lasted, "last_seen": at, "payload_bytes": (sent, 2400), "app": "ssh"}
    return FlowUpdate(flow(ends, state=FlowState.CLOSED, **(values | changes)), UpdateReason.END, at)


def _says(chunk: bytes, at: float, to_server: bool, of: Flow | None = None) -> FlowUpdate:
    direction = Direction.TO_SERVER if to_server else Direction.TO_CLIENT
    return FlowUpdate(of or flow(), UpdateReason.PAYLOAD, at, direction, chunk)


def _run(updates: list[FlowUpdate]) -> list[Detection]:
    detector = BruteForceDetector()
    return [found for one in updates for found in detector.inspect(one)]


def test_many_short_ssh_visits_are_one_detection() -> None:
    found = _run([_visit(number, 1000.0 + number * 2) for number in range(VISITS * 3)])
    assert [(one.label, one.event_class, one.attacker) for one in found] == [
        ("bruteforce.ssh", "brute_force", Party.INITIATOR)
    ]


@pytest.mark.parametrize(
    "visits",
    [
        pytest.param([_visit(n, 1000.0 + n, sent=40_000) for n in range(40)], id="sessions that carry work"),
        pytest.param([_visit(n, 1000.0 + n * 60) for n in range(40)], id="a check once a minute"),
        pytest.param([_visit(n, 1000.0 + n * 90, lasted=80.0) for n in range(20)], id="people at work"),
        pytest.param([_visit(n, 1000.0 + n, app="http") for n in range(40)], id="web requests"),
        pytest.param([_visit(n, 1000.0 + n, payload_bytes=(0, 0)) for n in range(40)], id="a port check"),
    ],
)
def test_ordinary_visits_are_no_guessing(visits: list[FlowUpdate]) -> None:
    assert not _run(visits)


@pytest.mark.parametrize(
    "refusal",
    [
        b"530 Login incorrect.\r\n",
        b"535 5.7.8 Authentication credentials invalid\r\n",
        b"-ERR [AUTH] Authentication failed.\r\n",
        b"a1 NO [AUTHENTICATIONFAILED] Invalid credentials\r\n",
        b"-WRONGPASS invalid username-password pair\r\n",
        b"\r\nLogin incorrect\r\n",
        b"E\x00\x00\x00eSFATAL\x00Mpassword authentication failed for user \"x\"\x00",
        b"H\x00\x00\x02\xff\x15\x04#28000Access denied for user",
    ],
)  # fmt: skip
def test_refused_logins_are_counted_in_any_protocol(refusal: bytes) -> None:
    assert len(_run([_says(refusal, 1000.0 + n, to_server=False) for n in range(20)])) == 1


def test_a_person_who_mistypes_three_times_is_no_guesser() -> None:
    assert not _run([_says(b"530 Login incorrect.\r\n", 1000.0 + n * 5, to_server=False) for n in range(3)])


def test_many_posts_to_a_login_page_are_guessing() -> None:
    posts = [_says(b"POST /wp-login.php HTTP/1.1\r\n\r\n", 1000.0 + n, to_server=True) for n in range(FORM_POSTS)]
    assert [one.label for one in _run(posts)] == ["bruteforce.http"]


def test_many_posts_elsewhere_are_not() -> None:
    assert not _run([_says(b"POST /api/cart HTTP/1.1\r\n\r\n", 1000.0 + n, to_server=True) for n in range(100)])


def test_different_basic_credentials_are_guessing_and_one_repeated_is_not() -> None:
    def request(password: str, at: float) -> FlowUpdate:
        token = base64.b64encode(f"admin:{password}".encode()).decode()
        return _says(f"GET / HTTP/1.1\r\nAuthorization: Basic {token}\r\n\r\n".encode(), at, to_server=True)

    assert not _run([request("right", 1000.0 + n) for n in range(100)])
    assert len(_run([request(f"guess{n}", 1000.0 + n) for n in range(30)])) == 1


def test_guessing_that_goes_on_is_reported_again_after_the_window() -> None:
    found = _run([_visit(number, 1000.0 + number * 5) for number in range(60)])
    assert len(found) == 1 + int((59 - VISITS) * 5 // WINDOW_S)


def test_guesses_at_different_services_are_not_added_up() -> None:
    apart = []
    for number in range(40):
        one = _visit(number, 1000.0 + number)
        ends = one.flow.five_tuple._replace(dst_ip=f"192.0.2.{number}")
        apart.append(replace(one, flow=replace(one.flow, five_tuple=ends)))
    assert not _run(apart)


def test_the_number_of_pairs_is_bounded() -> None:
    detector = BruteForceDetector()
    for number in range(MAX_PAIRS + 20):
        ends = five_tuple(src_ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", dst_port=22)
        detector.inspect(replace(_visit(1, 1000.0), flow=flow(ends, app="ssh")))
    assert len(detector) == MAX_PAIRS
