"""What may be blocked at all: the rules the guard checks itself, whoever asks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from engine.host.addresses import canonical_ip
from engine.types import HostAddresses

Network = IPv4Network | IPv6Network

DEFAULT_TTL_S = 3600.0
MAX_TTL_S = 7 * 86400.0
MIN_TTL_S = 1.0
TEXTS, TEXT_LIMIT = 16, 256
"""Most reasons told, and characters of each: an allow-list may be long."""
WIDEST = {4: 16, 6: 48}
MAPPED = ip_network("::ffff:0:0/96")
GLOBAL_UNICAST = IPv6Network("2000::/3")

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


def judge(prefix: str, ttl_s: float, protected: Protected, *, handshake: bool, reported_only: bool) -> Judgement:
    """Return whether a block may be proposed or enforced, and what a person has to know and do."""
    try:
        network = ip_network(canonical_prefix(prefix))
    except ValueError as error:
        return Judgement((str(error),), (), False)
    refusals = [*_ttl_refusals(ttl_s), *_range_refusals(network), *_vital_refusals(network, protected.addresses)]
    warnings: list[str] = []
    for kept, name in _kept(protected):
        if not _overlap(network, kept):
            continue
        if network.subnet_of(ip_network(kept)):  # type: ignore[arg-type]  # the overlap proves one family
            refusals.append(f"{network} is {name}")
        else:
            warnings.append(f"{kept} stays reachable: it is {name}")
    doubts = _doubts(network, ttl_s, protected, handshake, reported_only)
    if network.num_addresses > 1:
        warnings.append(f"the prefix holds {_count(network)} addresses")
    return Judgement(_bounded(refusals), _bounded([*doubts, *warnings]), bool(doubts))


def typed_matches(typed: str, prefix: str) -> bool:
    """Return whether the person typed the target: its prefix, or the address it starts with."""
    try:
        return canonical_prefix(typed.strip()) in (prefix, canonical_prefix(prefix.partition("/")[0]))
    except ValueError:
        return False


def kernel_allow(protected: Protected) -> tuple[str, ...]:
    """Return the prefixes for the kernel's allow map, which is consulted before the blocks."""
    addresses = protected.addresses
    single = (*addresses.own, *addresses.gateways, *addresses.resolvers, *addresses.operators, *protected.endpoints)
    never = (str(network) for network, _ in NEVER)
    return tuple(dict.fromkeys([*never, *map(canonical_prefix, single), *(prefix for prefix, _ in protected.allowed)]))


def _ttl_refusals(ttl_s: float) -> list[str]:
    if not math.isfinite(ttl_s) or ttl_s < 0 or 0 < ttl_s < MIN_TTL_S:
        return [f"{ttl_s} s is no duration for a block"]
    return [f"longer than {MAX_TTL_S / 86400:.0f} days; permanent is 0"] if ttl_s > MAX_TTL_S else []


def _range_refusals(network: Network) -> list[str]:
    refusals = [f"{network} holds {name} addresses" for never, name in NEVER if _overlap(network, str(never))]
    if network.prefixlen < WIDEST[network.version]:
        refusals.append(f"{network} is wider than /{WIDEST[network.version]}")
    return refusals


def _vital_refusals(network: Network, addresses: HostAddresses) -> list[str]:
    kinds = (
        (addresses.own, "an address of this host"),
        (addresses.gateways, "a gateway of this host"),
        (addresses.operators, "the address you are connected from"),
    )
    verb = "is" if network.num_addresses == 1 else "is in the prefix and is"
    return [f"{ip} {verb} {name}" for ips, name in kinds for ip in ips if _overlap(network, ip)]


def _kept(protected: Protected) -> list[tuple[str, str]]:
    """What is refused when it is the target, and spared by the kernel when it lies within a wider one."""
    return [
        *((canonical_prefix(ip), "a resolver of this host") for ip in protected.addresses.resolvers),
        *((canonical_prefix(ip), "the model's endpoint") for ip in protected.endpoints),
        *((prefix, f"on the allow-list ({reason})") for prefix, reason in protected.allowed),
    ]


def _doubts(network: Network, ttl_s: float, protected: Protected, handshake: bool, reported_only: bool) -> list[str]:
    """What takes a typed address."""
    doubts = []
    if ttl_s == 0:
        doubts.append("the block is permanent")
    if not handshake:
        doubts.append("the source never completed a handshake here: it may be spoofed")
    if reported_only:
        doubts.append("the source was only reported, not seen by this host")
    doubts += [
        f"{hop} is a shared hop: it stands for many sources" for hop in protected.shared_hops if _overlap(network, hop)
    ]
    doubts += [f"somebody is logged in from {ip}" for ip in sorted(protected.logins) if _overlap(network, ip)]
    return doubts


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
