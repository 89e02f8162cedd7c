"""What may be blocked at all: the rules the guard checks itself, whoever asks."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import NamedTuple

from engine.host.ip import canonical_ip
from engine.types import HostAddresses

Network = IPv4Network | IPv6Network

MAX_TTL_S = 7 * 86400.0
MIN_TTL_S = 1.0
TEXTS, TEXT_LIMIT = 16, 256
"""Most reasons told, and characters of each: an allow-list may be long."""
SPARED_SHOWN = 3
"""Most spared parts of a block that are named."""
WIDEST = {4: 16, 6: 48}
MAPPED = ip_network("::ffff:0:0/96")
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: each address is an IPv4 address behind a translator, seen from a host that has IPv6 alone."""

NEVER: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(prefix), name)
    for prefix, name in (
        ("127.0.0.0/8", "loopback"),
        ("::1/128", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("255.255.255.255/32", "broadcast"),
        ("::ffff:0:0/96", "the IPv4-mapped range"),
    )
)


@dataclass(frozen=True, slots=True)
class Protected:
    """What must stay reachable on this host, and what takes a second thought."""

    addresses: HostAddresses = field(default_factory=HostAddresses)
    endpoints: tuple[str, ...] = ()
    """Addresses of the model's endpoint."""
    allowed: tuple[tuple[str, str], ...] = ()
    """The allow-list: prefix and reason."""
    shared_hops: tuple[str, ...] = ()
    """Prefixes of proxies, CDNs and NATs that stand for many sources."""
    broadcasts: tuple[str, ...] = ()
    """Directed broadcast addresses: blocking one blocks what is said to the whole link."""
    logins: frozenset[str] = frozenset()
    """Addresses from which somebody is logged in now."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say about a block."""

    refusals: tuple[str, ...]
    """Why it must not be; empty when it may."""
    warnings: tuple[str, ...]
    typed_confirmation: bool


def canonical_prefix(text: str) -> str:
    """Return the CIDR without zone, an IPv4-mapped one as IPv4; raises ``ValueError`` in words."""
    host, slash, length = text.partition("/")
    address = ip_address(host.partition("%")[0])
    try:
        if slash and not length.isdecimal():
            raise ValueError
        network = ip_network(f"{address}{slash}{length}")
    except ValueError:
        raise ValueError(f"{text} is not a prefix: host bits are set, or the length is wrong") from None
    if isinstance(network, IPv6Network) and network.subnet_of(IPv6Network(MAPPED)):
        return f"{network.network_address.ipv4_mapped}/{network.prefixlen - 96}"
    return str(network)


def default_prefix(address: str, connected: tuple[str, ...]) -> str:
    """Return the prefix to propose: a global IPv6 address behind a gateway stands for its /64."""
    canonical = canonical_ip(address)
    if canonical is None:
        raise ValueError(f"{address} is not an address")
    network = ip_network(canonical)
    if isinstance(network, IPv4Network) or not network.subnet_of(GLOBAL_UNICAST):
        return str(network)
    if any(_overlap(network, near) for near in connected):
        return str(network)
    return str(network.supernet(new_prefix=64))


def broadcasts(connected: Iterable[str]) -> tuple[str, ...]:
    """Return the directed broadcast address of each IPv4 prefix that is long enough to lie on one link."""
    networks = (ip_network(prefix) for prefix in connected)
    links = (network for network in networks if network.version == 4 and WIDEST[4] <= network.prefixlen <= 30)
    return tuple(dict.fromkeys(str(network.broadcast_address) for network in links))


def judge(prefix: str, ttl_s: float, protected: Protected, *, handshake: bool, reported_only: bool) -> Judgement:
    """Return whether a block may be proposed or enforced, and what a person has to know and do."""
    return _rules(protected).judge(prefix, ttl_s, handshake=handshake, reported_only=reported_only)


def typed_matches(typed: str, prefix: str) -> bool:
    """Return whether the person typed the target: its prefix, or the address it starts with."""
    try:
        return canonical_prefix(typed.strip()) in (prefix, canonical_prefix(prefix.partition("/")[0]))
    except ValueError:
        return False


@lru_cache(maxsize=2)
def kernel_allow(protected: Protected) -> Mapping[str, str]:
    """Return the prefixes for the kernel's allow map, which is consulted before the blocks, and what each is.

    The first are those that a person would be cut off without: where the map is full, it holds them.
    """
    spared: dict[str, str] = {}
    for network, _, name in _spared(protected):
        spared.setdefault(str(network), name)
    return MappingProxyType(spared)


class Sparing(NamedTuple):
    """What the kernel's allow map lets pass of a block, in words; empty for nothing."""

    whole: str
    """What it is that holds all of the block, so that every packet passes."""
    within: str
    """The prefixes inside the block, the first of them, each with what it is."""


class Spared:
    """Which blocks the kernel's allow map spares, in whole or in part."""

    def __init__(self, spared: Mapping[str, str]) -> None:
        """Take what ``kernel_allow`` returned."""
        self._rules = [(ip_network(prefix), name) for prefix, name in spared.items()]
        self._index = _Index([network for network, _ in self._rules])

    def of(self, prefix: str) -> Sparing:
        """Say what is spared of a block."""
        network = ip_network(prefix)
        whole, parts = "", list[str]()
        for number in self._index.touched(network):
            spared, name = self._rules[number]
            if spared.prefixlen <= network.prefixlen:
                whole = whole or name[:TEXT_LIMIT]
            else:
                parts.append(f"{spared} ({name})"[:TEXT_LIMIT])
        more = f" and {len(parts) - SPARED_SHOWN} more" if len(parts) > SPARED_SHOWN else ""
        return Sparing(whole, ", ".join(parts[:SPARED_SHOWN]) + more)


class _Weight(Enum):
    """What it means for a block to touch a rule's network."""

    NEVER = "never"
    """Refused."""
    VITAL = "vital"
    """Refused, also when it is one of many addresses."""
    KEPT = "kept"
    """Refused when it is the target, and spared by the kernel when it lies within a wider one."""
    DOUBT = "doubt"
    """Takes a typed address."""


class _Rule(NamedTuple):
    network: Network
    weight: _Weight
    name: str


class _Index:
    """Finds which of many networks hold a given one or lie in it."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._within: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        """By version: first address and number of each network, in the order of addresses."""
        self._around: dict[int, dict[int, dict[int, list[int]]]] = {4: {}, 6: {}}
        """By version, length and leading bits: the numbers of the networks."""
        for number, network in enumerate(networks):
            self._within[network.version].append((int(network.network_address), number))
            lengths = self._around[network.version].setdefault(network.prefixlen, {})
            lengths.setdefault(_leading(network, network.prefixlen), []).append(number)
        for ordered in self._within.values():
            ordered.sort()

    def touched(self, network: Network) -> list[int]:
        """Return the numbers of those networks, in their order."""
        found = {
            number
            for length, numbers in self._around[network.version].items()
            if length <= network.prefixlen
            for number in numbers.get(_leading(network, length), ())
        }
        ordered = self._within[network.version]
        start = bisect_left(ordered, (int(network.network_address), 0))
        end = bisect_left(ordered, (int(network.broadcast_address) + 1, 0))
        found |= {number for _, number in ordered[start:end]}
        return sorted(found)


class Rules:
    """The rules for one never-block set, made once to judge many prefixes."""

    def __init__(self, protected: Protected) -> None:
        self._rules = (*_spared(protected), *_doubtful(protected))
        self._index = _Index([rule.network for rule in self._rules])

    def judge(self, prefix: str, ttl_s: float, *, handshake: bool, reported_only: bool) -> Judgement:
        """Return what ``judge`` does."""
        try:
            network = ip_network(canonical_prefix(prefix))
        except ValueError as error:
            return Judgement((str(error),), (), False)
        refusals, warnings = _ttl_refusals(ttl_s), []
        doubts = _doubts(ttl_s, handshake, reported_only)
        touched = [self._rules[number] for number in self._index.touched(network)]
        refusals += [f"{network} holds {rule.name} addresses" for rule in touched if rule.weight is _Weight.NEVER]
        if isinstance(network, IPv6Network) and network.supernet_of(NAT64):
            refusals.append(f"{network} holds every IPv4 address behind NAT64")
        if network.prefixlen < WIDEST[network.version]:
            refusals.append(f"{network} is wider than /{WIDEST[network.version]}")
        for rule in touched:
            if rule.weight is _Weight.VITAL:
                verb = "is" if network.num_addresses == 1 else "is in the prefix and is"
                refusals.append(f"{rule.network.network_address} {verb} {rule.name}")
            elif rule.weight is _Weight.DOUBT:
                doubts.append(rule.name)
            elif rule.weight is _Weight.KEPT and rule.network.prefixlen <= network.prefixlen:
                refusals.append(f"{network} is {rule.name}")
            elif rule.weight is _Weight.KEPT:
                warnings.append(f"{rule.network} stays reachable: it is {rule.name}")
        if network.num_addresses > 1:
            warnings.append(f"{network} holds {_count(network)} addresses")
        return Judgement(_bounded(refusals), _bounded([*doubts, *warnings]), bool(doubts))


@lru_cache(maxsize=2)
def _rules(protected: Protected) -> Rules:
    return Rules(protected)


def _spared(protected: Protected) -> Iterator[_Rule]:
    """What no block may hold, or cuts a hole into: the kernel's allow map."""
    addresses = protected.addresses
    for network, name in NEVER:
        yield _Rule(network, _Weight.NEVER, name)
    singles = (
        (addresses.own, _Weight.VITAL, "an address of this host"),
        (addresses.gateways, _Weight.VITAL, "a gateway of this host"),
        (addresses.operators, _Weight.VITAL, "the address you are connected from"),
        (addresses.resolvers, _Weight.KEPT, "a resolver of this host"),
        (addresses.dhcp, _Weight.KEPT, "a DHCP server of this host"),
        (addresses.ntp, _Weight.KEPT, "a time server of this host"),
        (protected.endpoints, _Weight.KEPT, "the model's endpoint"),
        (protected.broadcasts, _Weight.KEPT, "the broadcast address of a link of this host"),
    )
    for ips, weight, name in singles:
        for ip in ips:
            yield _Rule(ip_network(canonical_prefix(ip)), weight, name)
    for prefix, reason in protected.allowed:
        yield _Rule(ip_network(prefix), _Weight.KEPT, f"on the allow-list ({reason})")


def _doubtful(protected: Protected) -> Iterator[_Rule]:
    """What a person may block, but has to mean: NAT64 is how a host without IPv4 reaches single IPv4 addresses."""
    yield _Rule(NAT64, _Weight.DOUBT, f"{NAT64} is NAT64: the addresses are of IPv4, behind a translator")
    for hop in protected.shared_hops:
        yield _Rule(ip_network(hop), _Weight.DOUBT, f"{hop} is a shared hop: it stands for many sources")
    for ip in sorted(protected.logins):
        yield _Rule(ip_network(ip), _Weight.DOUBT, f"somebody is logged in from {ip}")


def _ttl_refusals(ttl_s: float) -> list[str]:
    if not math.isfinite(ttl_s) or ttl_s < 0 or 0 < ttl_s < MIN_TTL_S:
        return [f"{ttl_s} s is no duration for a block"]
    return [f"longer than {MAX_TTL_S / 86400:.0f} days, the longest term beside permanent"] if ttl_s > MAX_TTL_S else []


def _doubts(ttl_s: float, handshake: bool, reported_only: bool) -> list[str]:
    """What takes a typed address, whatever the target."""
    doubts = []
    if ttl_s == 0:
        doubts.append("the block is permanent")
    if not handshake:
        doubts.append("no completed handshake of the source is known here: it may be spoofed")
    if reported_only:
        doubts.append("the source was only reported, not seen by this host")
    return doubts


def _leading(network: Network, length: int) -> int:
    return int(network.network_address) >> (network.max_prefixlen - length)


def _bounded(texts: list[str]) -> tuple[str, ...]:
    return tuple(text[:TEXT_LIMIT] for text in texts[:TEXTS])


def _overlap(network: Network, other: str) -> bool:
    other_network = ip_network(other)
    return network.version == other_network.version and network.overlaps(other_network)


def _count(network: Network) -> str:
    return (
        str(network.num_addresses)
        if network.num_addresses < 1 << 32
        else f"2^{network.max_prefixlen - network.prefixlen}"
    )
