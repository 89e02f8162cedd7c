"""This host as the guard sees it: one look at its processes serves every rule that asks about them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from engine.guard.policy import Protected, broadcasts, canonical_prefix
from engine.host import management, ssh
from engine.host.addresses import connected_prefixes, host_addresses
from engine.host.logins import login_peers


class HostView:
    """Reads the addresses, logins and connections of this host; the processes of its SSH servers once for all."""

    def __init__(self, parent: int, endpoints: Sequence[str], shared_hops: Sequence[str], ports: Sequence[int]) -> None:
        """Take the process that leads to the operator, addresses of models, proxies, and ports of management.

        The operators found now stay protected when the console that led to them is gone.
        """
        self._parent, self._ports = parent, tuple(ports)
        self._endpoints = tuple(canonical_prefix(address).partition("/")[0] for address in endpoints)
        self._hops = tuple(canonical_prefix(prefix) for prefix in shared_hops)
        self._first = host_addresses({}, parent).operators
        self._servers: ssh.Look | None = None

    def look(self) -> tuple[Protected, tuple[str, ...]]:
        """Look now, and return what is protected and what is reached without a gateway; raises ``OSError``."""
        self._servers = ssh.look(self._ports)
        now = host_addresses({}, self._parent if os.getppid() == self._parent else os.getpid())
        operators = tuple(dict.fromkeys((*self._first, *now.operators)))
        connected = connected_prefixes()
        protected = Protected(
            replace(now, operators=operators),
            self._endpoints,
            shared_hops=self._hops,
            broadcasts=broadcasts(connected),
            logins=login_peers(self._servers),
        )
        return protected, connected

    def flows(self) -> Sequence[tuple[str, str]]:
        """Return the connections over which people manage this host, as of the last look; raises ``OSError``."""
        return management.live_flows(self._ports, self._servers)

    def ssh_ports(self) -> tuple[int, ...]:
        """Return the ports of this host's SSH servers, as of the last look; raises ``OSError``."""
        return management.ssh_ports(self._parent, self._servers)
