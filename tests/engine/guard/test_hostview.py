"""Tests of what the guard sees of this host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.guard import hostview
from engine.guard.hostview import HostView
from engine.host import management, sockdiag, ssh
from engine.host.sockets import TCP_ESTABLISHED, TCP_LISTEN, Socket

OPERATOR = "198.51.100.9"


def test_the_processes_are_looked_at_once_for_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[int] = []
    sessions = [ssh.Process(4, 1, 0, -1, b"sshd: root@pts/0", frozenset({100}))]
    listener = ssh.Process(1, 0, 0, -1, b"/usr/sbin/sshd", frozenset({7}))

    def walk() -> Iterator[ssh.Process]:
        walks.append(1)
        return iter((listener, *sessions))

    table = (
        Socket("tcp", "::", 2222, "::", 0, TCP_LISTEN, 7),
        Socket("tcp", "192.0.2.2", 2222, OPERATOR, 5, TCP_ESTABLISHED, 100),
        Socket("tcp", "192.0.2.2", 8443, "198.51.100.10", 5, TCP_ESTABLISHED, 101),
    )
    monkeypatch.setattr(ssh, "_processes", walk)
    monkeypatch.setattr(sockdiag, "tcp", lambda states, ports=(): [sock for sock in table if sock.state in states])
    view = HostView(1, (), (), (8443,))
    protected, _ = view.look()
    assert protected.logins >= {OPERATOR}
    assert [peer for peer, _ in view.flows()] == [OPERATOR, "198.51.100.10"]
    assert 2222 in view.ssh_ports()
    assert len(walks) == 1
    sessions.clear()
    assert OPERATOR not in view.look()[0].logins
    assert [peer for peer, _ in view.flows()] == ["198.51.100.10"]


def test_the_flows_of_no_look_yet_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "live_flows", lambda ports, at: (("198.51.100.9", f"looked at {at}"),))
    assert HostView(1, (), (), ()).flows() == (("198.51.100.9", "looked at None"),)


def test_the_broadcast_addresses_of_the_links_are_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostview, "connected_prefixes", lambda: ("192.0.2.0/24", "2001:db8::/64"))
    protected, connected = HostView(1, (), (), ()).look()
    assert (protected.broadcasts, connected) == (("192.0.2.255",), ("192.0.2.0/24", "2001:db8::/64"))
