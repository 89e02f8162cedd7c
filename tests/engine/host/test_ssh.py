from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host import management, people, sockdiag, ssh
from engine.host.sockets import TCP_ESTABLISHED, TCP_LISTEN, Socket

OPERATOR, GUESSER = "203.0.113.5", "203.0.113.66"


@pytest.mark.parametrize(
    ("title", "who"),
    [
        (b"sshd: mary@pts/0\0\0\0", "mary@pts/0"),
        (b"sshd: root@pts/0,pts/1   \0", "root@pts/0,pts/1"),
        (b"sshd: mary@notty", "mary@notty"),
        (b"sshd: mary\0", "mary"),
        (b"sshd-session: bob@corp.example@pts/3\0", "bob@corp.example@pts/3"),
        (b"sshd: root [priv]\0\0", ""),
        (b"sshd: root [net]", ""),
        (b"sshd: bob@corp.example [net]", ""),
        (b"sshd: bob@corp.example [priv]", ""),
        (b"sshd: unknown [net]", ""),
        (b"sshd: [accepted]", ""),
        (b"sshd-session: [accepted]", ""),
        (b"sshd-auth: root [net]", ""),
        (b"sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", ""),
        (b"/usr/sbin/sshd\0-D\0-R\0", ""),
        (b"sshd: ", ""),
        (b"", ""),
    ],
)
def test_sshd_tells_by_its_title_whether_a_login_is_finished(title: bytes, who: str) -> None:
    assert ssh.logged_in(title) == who


def listener(port: int = 22, uid: int = 0, login_uid: int = -1) -> ssh.Process:
    return ssh.Process(1, 0, uid, login_uid, b"sshd: /usr/sbin/sshd [listener] 0 of 10-100 startups", frozenset({port}))


def process(pid: int, parent: int, title: bytes, inode: int, login_uid: int = -1) -> ssh.Process:
    return ssh.Process(pid, parent, 0, login_uid, title, frozenset({inode}))


TABLE = (
    Socket("tcp", "0.0.0.0", 22, "0.0.0.0", 0, TCP_LISTEN, 22),
    Socket("tcp", "0.0.0.0", 2222, "0.0.0.0", 0, TCP_LISTEN, 2222),
    Socket("tcp", "192.0.2.2", 22, OPERATOR, 50000, TCP_ESTABLISHED, 100),
    Socket("tcp", "192.0.2.2", 22, GUESSER, 50001, TCP_ESTABLISHED, 101),
    Socket("tcp", "192.0.2.2", 2222, OPERATOR, 50002, TCP_ESTABLISHED, 102),
    Socket("tcp", "192.0.2.2", 44444, GUESSER, 443, TCP_ESTABLISHED, 103),
    Socket("tcp", "192.0.2.2", 22, OPERATOR, 50003, 6, 104),
)
PRE_AUTH = (process(2, 1, b"sshd: root [priv]", 101), process(3, 2, b"sshd: root [net]", 101))


def among(table: Sequence[Socket]) -> Callable[..., list[Socket]]:
    """Return what answers for the kernel from a table."""
    return lambda states, ports=(): [
        sock for sock in table if sock.state in states and (not ports or sock.local_port in ports)
    ]


@pytest.mark.parametrize(
    ("processes", "peers"),
    [
        pytest.param((listener(), *PRE_AUTH), [], id="who guesses a password is not logged in"),
        pytest.param((listener(), process(4, 1, b"sshd: root@pts/0", 100)), [OPERATOR], id="root"),
        pytest.param(
            (listener(), process(4, 1, b"sshd: mary [priv]", 100), process(5, 4, b"sshd: mary@pts/0", 100)),
            [OPERATOR],
            id="a user, whose session has two processes",
        ),
        pytest.param(
            (listener(), process(4, 1, b"sshd: mary [priv]", 100, login_uid=1000)),
            [OPERATOR],
            id="by the audit login id",
        ),
        pytest.param(
            (listener(login_uid=1000), process(4, 1, b"sshd: mary [priv]", 101, login_uid=1000)),
            [],
            id="a listener that somebody started by hand leaves its login id to every connection",
        ),
        pytest.param((listener(2222), process(4, 1, b"sshd: mary@pts/0", 102)), [OPERATOR], id="another port"),
        pytest.param((process(4, 1, b"sshd: mary@pts/0", 102),), [], id="a port that sshd does not listen on"),
        pytest.param((listener(2222, uid=1000), process(4, 1, b"sshd: m@pts/0", 102)), [], id="somebody else's sshd"),
        pytest.param((listener(), process(4, 1, b"sshd: mary@pts/0", 103)), [], id="a tunnel out of a session"),
        pytest.param((listener(), process(4, 1, b"sshd: mary@pts/0", 104)), [], id="a closed connection"),
        pytest.param((), [], id="no SSH server"),
    ],
)
def test_only_a_finished_login_on_an_ssh_port_is_a_session(
    monkeypatch: pytest.MonkeyPatch, processes: tuple[ssh.Process, ...], peers: list[str]
) -> None:
    monkeypatch.setattr(ssh, "_processes", lambda: iter(processes))
    monkeypatch.setattr(sockdiag, "tcp", among(TABLE))
    assert [session.peer for session in ssh.sessions()] == peers


def test_management_flows_are_sessions_and_connections_to_named_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = (listener(), *PRE_AUTH, process(4, 1, b"sshd: root@pts/0", 100))
    monkeypatch.setattr(ssh, "_processes", lambda: iter(processes))
    monkeypatch.setattr(sockdiag, "tcp", among(TABLE))
    session = management.ManagementFlow(OPERATOR, f"SSH session root@pts/0 from {OPERATOR}")
    assert management.live_flows() == (session,)
    panel = management.ManagementFlow(OPERATOR, f"connection to management port 2222 from {OPERATOR}")
    assert management.live_flows((22, 2222)) == (session, panel)


def test_ssh_ports_begin_with_the_operators_own_and_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = [Socket("tcp", "::", port, "::", 0, TCP_LISTEN, 7) for port in (22, *range(3000, 3020))]
    monkeypatch.setattr(people, "ssh_sessions", lambda pid: ((OPERATOR, 2200), (OPERATOR, 0)))
    monkeypatch.setattr(ssh, "_processes", lambda: iter((listener(7),)))
    monkeypatch.setattr(sockdiag, "tcp", among(listening))
    assert management.ssh_ports(1) == (2200, 22, 3000, 3001, 3002, 3003, 3004, 3005)


@given(st.binary(max_size=200))
def test_no_title_makes_the_parser_raise(title: bytes) -> None:
    assert len(ssh.logged_in(title)) <= 64
    ssh.logged_in(b"sshd: " + title)
