"""What this host is now: the addresses that must stay reachable, and the connections that manage it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from engine.guard import fields, policy
from engine.guard.grants import Grants
from engine.host.ip import canonical_ip
from engine.reason import reason
from engine.types import Approver

MET = 63
"""People whose addresses are remembered beside the newest one's."""


class Surroundings:
    """The never-block set as it is now; ``blind`` while it cannot be read."""

    def __init__(
        self,
        look: Callable[[], tuple[policy.Protected, tuple[str, ...]]],
        grants: Grants,
        management: Callable[[], Sequence[tuple[str, str]]] = tuple,
        ssh_ports: Callable[[], Sequence[int]] = tuple,
    ) -> None:
        self._look, self._grants, self._management, self._ssh_ports = look, grants, management, ssh_ports
        self.protected = policy.Protected()
        self.connected: tuple[str, ...] = ()
        self.ssh_ports: tuple[int, ...] = ()
        """Ports of this host's SSH servers."""
        self.blind = "the addresses of this host were not read yet"
        self._met: list[str] = []

    def refresh(self, wall: float) -> None:
        """Look at addresses and logins again; on failure keep what was known and say so."""
        protected = self.protected
        try:
            protected, self.connected = self._look()
            self.blind = ""
        except OSError as error:
            self.blind = f"cannot read the addresses of this host: {reason(error)}"
        allowed = tuple((prefix, reason) for prefix, reason, _ in self._grants.allowed(wall))
        self.protected = self._with_met(replace(protected, allowed=allowed))

    def refresh_ports(self) -> None:
        """Look which ports the SSH servers listen on; on failure keep what was known and say so."""
        try:
            self.ssh_ports = tuple(self._ssh_ports())
        except OSError as error:
            self.blind = f"cannot read the SSH ports of this host: {reason(error)}"

    def meet(self, approver: Approver) -> None:
        """Protect the SSH peer of a person who talks to this guard, for as long as it runs."""
        peer = canonical_ip(approver.ssh_peer)
        if peer is not None and peer not in self._met:
            self._met = [*self._met[-MET:], peer]
            self.protected = self._with_met(self.protected)

    def managed_from(self, prefixes: Iterable[str]) -> dict[str, str]:
        """Return which of the prefixes hold the far end of a connection that manages this host, and which one."""
        try:
            # A user chooses the title that sshd tells.
            flows = [(ip_address(peer), fields.plain(words)) for peer, words in self._management()]
        except OSError as error:
            return dict.fromkeys(prefixes, f"cannot tell whether it is managed from there: {reason(error)}")
        if not flows:
            return {}
        networks = ((prefix, ip_network(prefix)) for prefix in prefixes)
        touched = (
            (prefix, next((words for peer, words in flows if peer in network), "")) for prefix, network in networks
        )
        return {prefix: words for prefix, words in touched if words}

    def _with_met(self, protected: policy.Protected) -> policy.Protected:
        operators = tuple(dict.fromkeys((*protected.addresses.operators, *self._met)))
        return replace(protected, addresses=replace(protected.addresses, operators=operators))
