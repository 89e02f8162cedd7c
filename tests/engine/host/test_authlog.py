"""Lines of a login log: what sshd, sudo and su say of an address, and what others make them say."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.authlog import MOST_LOGINS, parse, parse_line
from engine.types import Login

IP = "203.0.113.7"
NOW = 1_790_000_000.0
HEAD = "2026-09-20T10:00:00.123456+00:00 web sshd[812]: "
AT = 1_789_898_400.123456


def logins(*messages: str, ip: str = IP, head: str = HEAD) -> tuple[Login, ...]:
    return parse([f"{head}{message}".encode() for message in messages], ip, NOW)


SAID: dict[str, tuple[str, tuple[str, bool, str, int]]] = {
    "a failed password": (f"Failed password for root from {IP} port 4 ssh2", ("root", False, "password", 1)),
    "an unknown user": (
        f"Failed password for invalid user admin from {IP} port 4 ssh2", ("admin", False, "password", 1),
    ),
    "a login by key": (
        f"Accepted publickey for ann from {IP} port 4 ssh2: ED25519 SHA256:abc", ("ann", True, "publickey", 1),
    ),
    "a keyboard": (
        f"Accepted keyboard-interactive/pam for ann from {IP} port 4 ssh2",
        ("ann", True, "keyboard-interactive/pam", 1),
    ),
    "only a name": (f"Invalid user oracle from {IP} port 4", ("oracle", False, "", 1)),
    "an old sshd": (f"Illegal user oracle from {IP}", ("oracle", False, "", 1)),
    "no name at all": (f"Invalid user  from {IP} port 4", ("", False, "", 1)),
    "who left before the password": (
        f"Connection closed by authenticating user root {IP} port 4 [preauth]", ("root", False, "", 1),
    ),
    "repeats": (
        f"message repeated 5 times: [ Failed password for root from {IP} port 4 ssh2]",
        ("root", False, "password", 5),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "said"), SAID.values(), ids=SAID.keys())
def test_what_sshd_says_is_read(message: str, said: tuple[Any, ...]) -> None:
    (found,) = logins(message)
    assert (found.user, found.ok, found.method, found.count) == said
    assert (found.ip, found.first_at, found.last_at) == (IP, AT, AT)


def test_ipv6_in_any_spelling_is_the_same_address() -> None:
    message = "Failed password for root from 2001:DB8::7%eth0 port 4 ssh2"
    assert [login.count for login in logins(message, ip="2001:db8::7")] == [1]


@pytest.mark.parametrize(
    ("head", "at"),
    [
        pytest.param("2026-09-20T10:00:00Z web sshd[1]: ", 1_789_898_400.0, id="ISO in UTC"),
        pytest.param("2026-09-20T12:00:00.5+02:00 web sshd[1]: ", 1_789_898_400.5, id="ISO elsewhere"),
        pytest.param("2026-09-20T10:00:00+0000 web sshd[1]: ", 1_789_898_400.0, id="the journal's"),
        pytest.param("2026-99-99T99:99:99Z web sshd[1]: ", 0.0, id="no time"),
        pytest.param("Feb 30 10:00:00 web sshd-session[1]: ", None, id="no day"),
        pytest.param("Xyz 10 10:00:00 web sshd[1]: ", 0.0, id="no month"),
    ],
)
def test_time_stamps_are_read(head: str, at: float | None) -> None:
    (found,) = logins(f"Failed password for root from {IP} port 4 ssh2", head=head)
    assert at is None or found.first_at == at


@pytest.mark.parametrize(("month", "year"), [("Sep", 2026), ("Dec", 2025), ("Jan", 2026)])
def test_a_stamp_without_a_year_is_the_latest_that_is_past(month: str, year: int) -> None:
    (found,) = logins(f"Failed password for root from {IP} port 4 ssh2", head=f"{month}  5 10:00:00 web sshd[1]: ")
    assert time.localtime(found.first_at).tm_year == year


def test_attempts_of_one_user_are_one_entry_and_successes_come_first() -> None:
    failed = f"Failed password for root from {IP} port 4 ssh2"
    found = logins(failed, failed, f"Accepted password for ann from {IP} port 4 ssh2", failed)
    assert [(login.user, login.ok, login.count) for login in found] == [("ann", True, 1), ("root", False, 3)]


def test_one_attempt_that_two_lines_tell_of_counts_once() -> None:
    found = logins(
        f"Invalid user bob from {IP} port 4",
        f"Failed password for invalid user bob from {IP} port 4 ssh2",
        f"Connection closed by invalid user bob {IP} port 4 [preauth]",
    )
    assert [(login.user, login.count) for login in found] == [("bob", 1)]


@pytest.mark.parametrize("service", ["sudo", "su", "login", "dovecot"])
def test_failures_that_other_programs_tell_of_are_read(service: str) -> None:
    message = (
        f"pam_unix({service}:auth): authentication failure; logname=x uid=0 euid=0 tty= ruser= rhost={IP}  user=root"
    )
    (found,) = logins(message, head=f"2026-09-20T10:00:00Z web {service}: ")
    assert (found.user, found.ok, found.method) == ("root", False, f"pam {service}")


FORGED = {
    "a name that ends like a line": f"Failed password for x from {IP} port 22 ssh2 from 198.51.100.9 port 4 ssh2",
    "a name with a colon": f"Failed password for x from {IP} port 1 ssh2: y from 198.51.100.9 port 4 ssh2",
    "a name that accepts": f"Invalid user Accepted password for root from {IP} port 1 from 198.51.100.9 port 4",
    "a name with another rhost": (
        f"pam_unix(su:auth): authentication failure; ruser=a rhost=198.51.100.9  user=x rhost={IP}  user=root"
    ),
    "an address that only begins the same": f"Failed password for root from {IP}0 port 4 ssh2",
    "no message of sshd's": f"Received disconnect from {IP} port 4:11: Accepted password for root",
    "an accepted word in the middle": f"error: Accepted password for root from {IP} port 4 ssh2",
}


@pytest.mark.parametrize("message", FORGED.values(), ids=FORGED.keys())
def test_a_user_s_name_cannot_speak_for_an_address(message: str) -> None:
    assert logins(message) == ()
    assert logins(message, head=HEAD.replace("sshd", "su")) == ()


def test_another_program_cannot_speak_for_sshd() -> None:
    assert logins(f"Accepted password for root from {IP} port 4 ssh2", head=HEAD.replace("sshd", "nginx")) == ()


def test_a_name_stays_bounded_and_there_are_not_too_many() -> None:
    found = logins(*(f"Failed password for {'x' * 300}{n} from {IP} port 4 ssh2" for n in range(3)))
    assert [len(login.user) for login in found] == [64]
    many = logins(*(f"Failed password for u{n} from {IP} port 4 ssh2" for n in range(500)))
    assert len(many) == MOST_LOGINS


def test_huge_repeats_stay_a_number() -> None:
    line = f"message repeated 999999999 times: [ Failed password for root from {IP} port 4 ssh2]"
    assert logins(*[line] * 50)[0].count == 1_000_000


PIECES = st.sampled_from(
    [
        HEAD, "Sep 20 10:00:00 web sudo: ", "message repeated 3 times: [ ", "Failed password for ", "invalid user ",
        "Invalid user ", f" from {IP}", " port 4", " ssh2", "]", ": ", "Accepted publickey for ", "root", "\x1b[2J",
        "pam_unix(su:auth): authentication failure;", f" rhost={IP}", " user=", "٣", "\xff", "9" * 60, "[preauth]",
    ]
)  # fmt: skip


@given(st.binary(max_size=400) | st.lists(PIECES, max_size=14).map("".join).map(str.encode), st.floats(0, 4e9))
def test_no_line_raises(line: bytes, now: float) -> None:
    parse_line(line, now)
    assert all(login.ip == IP for login in parse([line], IP, now))


def test_a_line_made_to_be_slow_is_not() -> None:
    slow = [
        f"{HEAD}Failed password for {' from 1.2.3.4 port 5' * 19}x".encode(),
        (HEAD + "message repeated " * 20).encode(),
    ]
    assert parse(slow * 200, IP, NOW) == ()
