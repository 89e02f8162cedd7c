"""Everything the analyst may ask about this host, from the places that know it, behind one door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import CancelledError
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from engine.agent.case import HostFacts
from engine.names import Names
from engine.networks import Networks
from engine.types import (
    AddressFacts,
    FileFacts,
    Finding,
    FiveTuple,
    Logins,
    PastIncidents,
    Persistence,
    ProcessFacts,
    Services,
    SocketOwner,
)

PAST_S = 3.0
"""How long the store may take to tell of earlier incidents."""

_DOCUMENTATION = tuple(
    ip_network(prefix) for prefix in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
_PRIVATE = tuple(
    ip_network(prefix) for prefix in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)

Past = Callable[[str], PastIncidents]


class Host:
    """Asks the guard, or what was recorded, about processes and files, and the engine itself about addresses."""

    def __init__(
        self,
        facts: HostFacts,
        names: Names,
        *,
        own: Collection[str] = (),
        networks: Networks | None = None,
        past: Past | None = None,
    ) -> None:
        """Take a ``HostDoor`` or a ``RecordedHost``; ``past`` blocks, and None stands for a store that is not asked."""
        self._facts, self._names, self._own = facts, names, frozenset(own)
        self._networks, self._past = networks, past

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the process behind a five-tuple."""
        return self._facts.socket_owner(five_tuple)

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return what is known of a process."""
        return self._facts.process(pid, start_time)

    def services(self) -> Services:
        """Return what this host offers to the network."""
        return self._facts.services()

    def logins(self, ip: str) -> Logins:
        """Return what the log says about logins from an address."""
        return self._facts.logins(ip)

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        """Return the facts of the program file of a process."""
        return self._facts.program_file(pid, start_time)

    def persistence(self) -> Persistence:
        """Return the places that start something by themselves and were changed last."""
        return self._facts.persistence()

    def address(self, ip: str) -> AddressFacts:
        """Return what was recorded of an address, else what its number, the answers seen and the database tell."""
        recorded = self._facts.address(ip)
        if recorded.finding is Finding.FOUND:
            return recorded
        number, name = self._networks.look_up(ip) if self._networks else (0, "")
        own = ip in self._own
        detail = "" if self._networks else "no database of networks is configured"
        return AddressFacts(Finding.FOUND, ip, scope_of(ip), own, self._names.of(ip), number, name, detail)

    def past_incidents(self, ip: str) -> PastIncidents:
        """Return the earlier incidents with an address as their target."""
        return self._facts.past_incidents(ip) if self._past is None else self._past(ip)


def scope_of(ip: str) -> str:
    """Return what kind of address it is, empty for no address."""
    try:
        address: IPv4Address | IPv6Address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ""
    kinds = {
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "documentation": any(address in network for network in _DOCUMENTATION),
        "private": any(address in network for network in _PRIVATE),
        "global": address.is_global,
    }
    return next((kind for kind, fits in kinds.items() if fits), "reserved")


def from_loop(
    loop: asyncio.AbstractEventLoop, ask: Callable[[str], Coroutine[Any, Any, PastIncidents]], wait_s: float = PAST_S
) -> Past:
    """Return what asks a coroutine of the engine's loop from another thread, and waits a bounded time."""

    def past(ip: str) -> PastIncidents:
        question = ask(ip)
        try:
            future = asyncio.run_coroutine_threadsafe(question, loop)
        except RuntimeError:
            question.close()
            return PastIncidents(Finding.NOT_RECORDED, detail="the engine is ending")
        try:
            return future.result(wait_s)
        except TimeoutError:
            future.cancel()
            return PastIncidents(Finding.NOT_RECORDED, detail=f"the store did not answer within {wait_s:g} s")
        except CancelledError:
            return PastIncidents(Finding.NOT_RECORDED, detail="the engine is ending")

    return past
