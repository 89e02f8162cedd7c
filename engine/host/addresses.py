"""The addresses of this host and of those it cannot do without."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from engine.host import people, procfs, servers
from engine.host.ip import canonical_ips
from engine.host.netlink import own_addresses, routes
from engine.types import HostAddresses

RESOLV_FILES = tuple(
    Path(path)
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf")
)


def host_addresses(environ: Mapping[str, str] | None = None, pid: int | None = None) -> HostAddresses:
    """Return what must never be blocked on this host, seen from a process and its ancestors; raises ``OSError``."""
    operators = [people.peer_of(dict(os.environ if environ is None else environ))]
    operators += people.ssh_peers(os.getpid() if pid is None else pid)
    leases = servers.leases()
    return HostAddresses(
        own=own_ips(),
        gateways=canonical_ips(gateway for route in routes() for gateway in route.gateways),
        resolvers=canonical_ips(resolvers()),
        operators=canonical_ips(operators),
        dhcp=leases.dhcp,
        ntp=canonical_ips((*leases.ntp, *servers.time_servers())),
    )


def own_ips() -> tuple[str, ...]:
    """Return the addresses of this host; raises ``OSError``."""
    return canonical_ips(own_addresses())


def connected_prefixes() -> tuple[str, ...]:
    """Return the prefixes whose addresses are reached without a gateway."""
    return tuple(dict.fromkeys(route.prefix for route in routes() if not route.gateways and route.prefix))


def resolvers() -> list[str]:
    """Return the name servers, those behind systemd-resolved and NetworkManager included."""
    found: list[str] = []
    for path in RESOLV_FILES:
        try:
            found += parse_resolv(procfs.read(str(path)))
        except OSError:
            continue
    return found


def parse_resolv(content: bytes) -> list[str]:
    """Return the ``nameserver`` addresses of a resolv.conf."""
    lines = (line.split() for line in content.splitlines())
    return [procfs.text(line[1], 64) for line in lines if len(line) > 1 and line[0] == b"nameserver"]
