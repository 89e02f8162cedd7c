from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import IPv4Network, ip_network
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.guard import policy
from engine.types import HostAddresses

HOST = HostAddresses(
    own=("192.0.2.2", "2001:db8:1::2", "127.0.0.1"),
    gateways=("192.0.2.1", "2001:db8:1::1"),
    resolvers=("198.51.100.53", "2001:db8:53::53"),
    operators=("198.51.100.7", "2001:db8:7::7"),
    dhcp=("203.0.113.67",),
    ntp=("203.0.113.123", "2001:db8:123::123"),
)
PROTECTED = policy.Protected(
    HOST,
    endpoints=("203.0.113.200", "2001:db8:200::200"),
    allowed=(("198.18.4.0/24", "office"), ("2001:db8:a::/64", "branch")),
    shared_hops=("198.18.8.0/22", "2001:db8:c::/64"),
    logins=frozenset({"203.0.113.22", "2001:db8:22::22"}),
)
CONNECTED = ("192.0.2.0/24", "2001:db8:1::/64")
WEEK = 7 * 86400.0


class Row(NamedTuple):
    """One case: what is asked for, and words of what the rules say; empty means they say nothing of the kind."""

    case: str
    prefix: str
    refused: str = ""
    warned: str = ""
    typed: str = ""
    """Words of the warning for which the address has to be typed."""
    ttl_s: float = 3600.0
    handshake: bool = True
    reported: bool = False


TABLE = (
    # what may be blocked without more ado
    Row("a single address", "203.0.113.9/32"),
    Row("a bare address", "203.0.113.9"),
    Row("a mapped address", "::ffff:203.0.113.9"),
    Row("a mapped address in hexadecimal", "::ffff:cb00:7109/128"),
    Row("a single IPv6 address", "2001:db8:9::9/128"),
    Row("an IPv6 address in capitals", "2001:DB8:9:0::9"),
    Row("a zone is left out", "2001:db8:9::9%eth0/128"),
    Row("a private address", "10.1.2.3/32"),
    Row("a unique local address", "fd00::9/128"),
    Row("an address of shared address space", "100.64.0.9/32"),
    Row("a neighbour on the wire", "192.0.2.3/32"),
    Row("an IPv6 neighbour on the wire", "2001:db8:1::3/128"),
    Row("beside loopback", "128.0.0.1/32"),
    Row("beside link-local", "169.253.255.255/32"),
    Row("beside multicast", "223.255.255.255/32"),
    Row("beside unspecified", "1.0.0.0/32"),
    Row("beside broadcast, but reserved", "255.255.255.254/32"),
    Row("beside IPv6 loopback", "::2/128"),
    Row("beside IPv6 link-local", "fec0::1/128"),
    Row("a neighbour of the operator", "198.51.100.8/32"),
    # prefixes
    Row("a prefix tells how many it holds", "203.0.112.0/24", warned="holds 256 addresses"),
    Row("the widest prefix", "198.19.0.0/16", warned="holds 65536 addresses"),
    Row("half the wire, without host and gateway", "192.0.2.128/25", warned="holds 128 addresses"),
    Row("an IPv6 network", "2001:db8:9:9::/64", warned="holds 2^64 addresses"),
    Row("the widest IPv6 prefix", "2001:db8:9::/48", warned="holds 2^80 addresses"),
    Row("a mapped prefix", "::ffff:203.0.112.0/120", warned="holds 256 addresses"),
    Row("too wide", "198.20.0.0/15", refused="wider than /16", warned="addresses"),
    Row("too wide, mapped", "::ffff:198.20.0.0/111", refused="wider than /16", warned="addresses"),
    Row("too wide, IPv6", "2001:db8:8::/47", refused="wider than /48", warned="addresses"),
    Row("everything", "0.0.0.0/0", refused="wider than /16", warned="addresses", typed="logged in"),
    Row("everything of IPv6", "::/0", refused="wider than /48", warned="addresses", typed="logged in"),
    Row("everything, mapped", "::ffff:0:0/96", refused="wider than /16", warned="addresses", typed="logged in"),
    Row("around the mapped range", "::fffe:0:0/95", refused="IPv4-mapped range", warned="addresses"),
    Row("host bits", "203.0.113.9/24", refused="host bits"),
    Row("host bits of IPv6", "2001:db8:9::9/64", refused="host bits"),
    Row("host bits, mapped", "::ffff:203.0.113.9/120", refused="host bits"),
    Row("a netmask", "203.0.113.0/255.255.255.0", refused="not a prefix"),
    Row("a length too long", "203.0.113.9/33", refused="not a prefix"),
    Row("no length", "203.0.113.9/", refused="not a prefix"),
    Row("a signed length", "203.0.113.9/+32", refused="not a prefix"),
    Row("leading zeros", "203.0.113.009", refused="203.0.113.009"),
    Row("a name", "shop.local", refused="does not appear"),
    Row("a number", "3405803785", refused="does not appear"),
    Row("nothing", "", refused="does not appear"),
    Row("two", "203.0.113.9, 203.0.113.10", refused="does not appear"),
    # ranges that are never blocked
    Row("loopback", "127.0.0.1", refused="loopback"),
    Row("loopback, far end", "127.255.0.9/32", refused="loopback"),
    Row("loopback of IPv6", "::1/128", refused="loopback"),
    Row("loopback, mapped", "::ffff:127.0.0.1", refused="loopback"),
    Row("link-local", "169.254.169.254/32", refused="link-local"),
    Row("link-local of IPv6", "fe80::1/128", refused="link-local"),
    Row("link-local with a zone", "fe80::1%eth0/128", refused="link-local"),
    Row("a link-local prefix", "fe80::/64", refused="link-local", warned="addresses"),
    Row("multicast", "224.0.0.251/32", refused="multicast"),
    Row("a multicast prefix", "239.1.0.0/16", refused="multicast", warned="addresses"),
    Row("multicast of IPv6", "ff02::1/128", refused="multicast"),
    Row("unspecified", "0.0.0.0/32", refused="unspecified"),
    Row("this network", "0.1.2.3/32", refused="unspecified"),
    Row("unspecified of IPv6", "::/128", refused="unspecified"),
    Row("unspecified, mapped", "::ffff:0.0.0.0", refused="unspecified"),
    Row("broadcast", "255.255.255.255/32", refused="broadcast"),
    # addresses that stay reachable, and prefixes that hold them
    Row("own", "192.0.2.2/32", refused="192.0.2.2 is an address of this host"),
    Row("own of IPv6", "2001:db8:1::2/128", refused="an address of this host"),
    Row("own, mapped", "::ffff:192.0.2.2", refused="an address of this host"),
    Row("a prefix with own", "192.0.2.0/24", refused="192.0.2.2 is in the prefix", warned="addresses"),
    Row("an IPv6 prefix with own", "2001:db8:1::/64", refused="2001:db8:1::2 is in the prefix", warned="addresses"),
    Row("gateway", "192.0.2.1/32", refused="192.0.2.1 is a gateway"),
    Row("gateway of IPv6", "2001:db8:1::1/128", refused="gateway"),
    Row("a prefix with the gateway alone", "192.0.2.0/31", refused="192.0.2.1 is in the prefix", warned="addresses"),
    Row("operator", "198.51.100.7/32", refused="198.51.100.7 is the address you are connected from"),
    Row("operator of IPv6", "2001:db8:7::7/128", refused="the address you are connected from"),
    Row("operator, mapped", "::ffff:198.51.100.7", refused="the address you are connected from"),
    Row("a prefix with the operator", "198.51.0.0/16", refused="198.51.100.7 is in the prefix", warned="stays"),
    Row("the operator's network", "2001:db8:7::/64", refused="2001:db8:7::7 is in the prefix", warned="addresses"),
    Row("resolver", "198.51.100.53/32", refused="198.51.100.53/32 is a resolver"),
    Row("resolver of IPv6", "2001:db8:53::53/128", refused="is a resolver"),
    Row("a prefix with the resolver", "198.51.100.32/27", warned="198.51.100.53/32 stays reachable: it is a resolver"),
    Row("the resolver's network", "2001:db8:53::/64", warned="2001:db8:53::53/128 stays reachable: it is a resolver"),
    Row("DHCP server", "203.0.113.67/32", refused="203.0.113.67/32 is a DHCP server"),
    Row("a prefix with the DHCP server", "203.0.113.64/28", warned="203.0.113.67/32 stays reachable: it is a DHCP"),
    Row("time server", "203.0.113.123/32", refused="203.0.113.123/32 is a time server"),
    Row("time server of IPv6", "2001:db8:123::123/128", refused="is a time server"),
    Row("a prefix with the time server", "203.0.113.112/28", warned="203.0.113.123/32 stays reachable: it is a time"),
    Row("endpoint", "203.0.113.200/32", refused="203.0.113.200/32 is the model's endpoint"),
    Row("endpoint of IPv6", "2001:db8:200::200/128", refused="is the model's endpoint"),
    Row("a prefix with the endpoint", "203.0.113.192/28", warned="203.0.113.200/32 stays reachable: it is the model's"),
    Row("allowed", "198.18.4.9/32", refused="198.18.4.9/32 is on the allow-list (office)"),
    Row("all that is allowed", "198.18.4.0/24", refused="is on the allow-list (office)", warned="addresses"),
    Row("allowed of IPv6", "2001:db8:a::9/128", refused="is on the allow-list (branch)"),
    Row("around what is allowed", "198.18.4.0/23", warned="198.18.4.0/24 stays reachable: it is on the allow-list"),
    # what takes a typed address
    Row("shared hop", "198.18.9.9/32", typed="198.18.8.0/22 is a shared hop"),
    Row("shared hop of IPv6", "2001:db8:c::9/128", typed="2001:db8:c::/64 is a shared hop"),
    Row("shared hop, mapped", "::ffff:198.18.9.9", typed="is a shared hop"),
    Row("around a shared hop", "198.18.0.0/16", typed="is a shared hop", warned="stays reachable"),
    Row("beside a shared hop", "198.18.12.0/32"),
    Row("somebody logged in", "203.0.113.22/32", typed="somebody is logged in from 203.0.113.22"),
    Row("somebody logged in over IPv6", "2001:db8:22::22/128", typed="is logged in from 2001:db8:22::22"),
    Row("around somebody logged in", "203.0.113.16/28", typed="is logged in", warned="holds 16 addresses"),
    Row("spoofable", "203.0.113.9", handshake=False, typed="may be spoofed"),
    Row("only reported", "203.0.113.9", reported=True, typed="only reported"),
    Row("permanent", "203.0.113.9", ttl_s=0.0, typed="the block is permanent"),
    Row("a doubt does not lift a refusal", "192.0.2.2", handshake=False, refused="this host", typed="spoofed"),
    # how long
    Row("a second", "203.0.113.9", ttl_s=1.0),
    Row("a week", "203.0.113.9", ttl_s=WEEK),
    Row("more than a week", "203.0.113.9", ttl_s=WEEK + 1, refused="longer than 7 days"),
    Row("less than a second", "203.0.113.9", ttl_s=0.5, refused="no duration"),
    Row("negative", "203.0.113.9", ttl_s=-1.0, refused="no duration"),
    Row("for ever, as a number", "203.0.113.9", ttl_s=math.inf, refused="no duration"),
    Row("not a number", "203.0.113.9", ttl_s=math.nan, refused="no duration"),
)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.case) for row in TABLE])
def test_the_rules_say_of_each_case_what_the_table_says(row: Row) -> None:
    told = policy.judge(row.prefix, row.ttl_s, PROTECTED, handshake=row.handshake, reported_only=row.reported)
    assert bool(told.refusals) is bool(row.refused), told.refusals
    assert any(row.refused in refusal for refusal in told.refusals) or not row.refused, told.refusals
    assert told.typed_confirmation is bool(row.typed), told.warnings
    assert bool(told.warnings) is bool(row.warned or row.typed), told.warnings
    for words in (row.warned, row.typed):
        assert any(words in warning for warning in told.warnings) or not words, told.warnings


def test_rules_made_once_say_the_same_for_many_prefixes() -> None:
    rules = policy.Rules(PROTECTED)
    for row in TABLE:
        facts = {"handshake": row.handshake, "reported_only": row.reported}
        assert rules.judge(row.prefix, row.ttl_s, **facts) == policy.judge(row.prefix, row.ttl_s, PROTECTED, **facts)


def test_a_flood_of_reasons_is_cut() -> None:
    protected = replace(PROTECTED, allowed=tuple((f"198.19.{number}.0/24", "long" * 100) for number in range(100)))
    told = policy.judge("198.19.0.0/16", 60.0, protected, handshake=True, reported_only=False)
    assert len(told.warnings) == policy.TEXTS
    assert max(map(len, told.warnings)) == policy.TEXT_LIMIT


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        pytest.param("203.0.113.9", "203.0.113.9/32", id="v4"),
        pytest.param("::ffff:203.0.113.9", "203.0.113.9/32", id="mapped"),
        pytest.param("2001:db8:9:9::9", "2001:db8:9:9::/64", id="global off-link"),
        pytest.param("2001:db8:1::9", "2001:db8:1::9/128", id="on-link"),
        pytest.param("fd00::9", "fd00::9/128", id="unique local"),
        pytest.param("2001:db8:9::9%eth0", "2001:db8:9::/64", id="zone"),
    ],
)
def test_a_global_ipv6_address_behind_a_gateway_stands_for_its_network(address: str, prefix: str) -> None:
    assert policy.default_prefix(address, CONNECTED) == prefix


@pytest.mark.parametrize(
    ("typed", "prefix", "matches"),
    [
        ("203.0.113.9", "203.0.113.9/32", True),
        (" 203.0.113.9/32 ", "203.0.113.9/32", True),
        ("203.0.113.10", "203.0.113.9/32", False),
        ("", "203.0.113.9/32", False),
        ("y", "203.0.113.9/32", False),
        ("203.0.113.0", "203.0.113.0/24", True),
        ("2001:DB8:9:0::", "2001:db8:9::/64", True),
        ("2001:db8:9::1", "2001:db8:9::/64", False),
    ],
)
def test_the_typed_address_must_be_the_target(typed: str, prefix: str, matches: bool) -> None:
    assert policy.typed_matches(typed, prefix) is matches


def test_the_kernel_spares_everything_that_is_never_blocked() -> None:
    allow = policy.kernel_allow(replace(PROTECTED, allowed=(("203.0.113.64/26", "office"),)))
    expected = {"127.0.0.0/8", "fe80::/10", "192.0.2.2/32", "192.0.2.1/32", "198.51.100.7/32", "203.0.113.64/26"}
    expected |= {"203.0.113.67/32", "203.0.113.123/32", "2001:db8:123::123/128", "203.0.113.200/32"}
    assert expected <= set(allow)
    assert not {"203.0.113.22/32", "198.18.8.0/22"} & set(allow)


def test_the_kernel_is_first_told_to_spare_what_a_person_would_be_cut_off_without() -> None:
    many = tuple((f"198.19.{number}.0/24", "office") for number in range(200))
    allow = list(policy.kernel_allow(replace(PROTECTED, allowed=many)))
    vital = {f"{ip}/{32 if '.' in ip else 128}" for ip in (*HOST.own, *HOST.gateways, *HOST.operators)}
    assert max(allow.index(prefix) for prefix in vital) < min(allow.index(f"{ip}/32") for ip in HOST.dhcp)
    assert vital <= set(allow[: len(policy.NEVER) + len(vital)])


@given(st.text(max_size=40), st.floats())
def test_no_text_and_no_number_makes_the_judge_raise(prefix: str, ttl_s: float) -> None:
    policy.judge(prefix, ttl_s, PROTECTED, handshake=True, reported_only=False)


KINDS = ("own", "gateways", "operators", "resolvers", "dhcp", "ntp", "endpoints", "allowed", "shared_hops", "logins")


@given(st.integers(0, 2**32 - 1), st.integers(12, 32), st.sampled_from(KINDS), st.integers(0, 2**20), st.booleans())
def test_each_kind_of_protected_address_is_heeded_wherever_it_lies(
    base: int, length: int, kind: str, offset: int, inside: bool
) -> None:
    """Compared with plain overlap, network by network."""
    network = ip_network((base, length), strict=False)
    first = int(network.network_address)
    single = ip_network(first + offset % network.num_addresses if inside else (first + (1 << 20) + offset) % 2**32)
    ip = str(single.network_address)
    if kind in HostAddresses.__slots__:
        protected = policy.Protected(HostAddresses(**{kind: (ip,)}))
    else:
        values: dict[str, Any] = {"endpoints": (ip,), "allowed": ((f"{ip}/32", "x"),), "shared_hops": (f"{ip}/32",)}
        protected = replace(policy.Protected(), **{kind: values.get(kind, frozenset({ip}))})
    told = policy.judge(str(network), 60.0, protected, handshake=True, reported_only=False)
    never = length < 16 or any(network.overlaps(other) for other, _ in policy.NEVER if other.version == 4)
    touched = network.overlaps(single)
    target = kind in KINDS[:3] or (kind in KINDS[3:8] and length == 32)
    assert bool(told.refusals) is (never or (touched and target))
    assert told.typed_confirmation is (touched and kind in KINDS[8:])
    assert any("stays reachable" in warning for warning in told.warnings) is (
        touched and kind in KINDS[3:8] and length < 32
    )


@given(st.integers(0, 31), st.sampled_from(["192.0.2.2", "192.0.2.1", "198.51.100.7", "127.0.0.1"]))
def test_no_prefix_around_a_vital_address_is_ever_let_through(length: int, vital: str) -> None:
    around = ip_network(f"{vital}/{length}", strict=False)
    assert policy.judge(str(around), 60.0, PROTECTED, handshake=True, reported_only=False).refusals


def look_at(prefix: str) -> policy.Judgement:
    return policy.judge(prefix, 600.0, PROTECTED, handshake=True, reported_only=False)


def test_a_nat64_address_takes_a_typed_confirmation_and_the_whole_of_nat64_is_refused() -> None:
    one = look_at("64:ff9b::cb00:7109/128")
    assert (one.refusals, one.typed_confirmation) == ((), True)
    assert any("NAT64" in warning for warning in one.warnings)
    assert look_at("64:ff9b::cb00:0/112").typed_confirmation
    for whole in ("64:ff9b::/96", "64:ff9b::/64", "64:ff9b::/48"):
        assert f"{whole} holds every IPv4 address behind NAT64" in look_at(whole).refusals
    assert not look_at("64:ff9c::1/128").typed_confirmation


def test_the_broadcast_address_of_a_connected_network_is_refused_and_spared_inside_a_wider_prefix() -> None:
    connected = ("192.0.2.0/24", "203.0.113.0/25", "203.0.113.128/31", "2001:db8:1::/64", "10.0.0.0/8")
    found = policy.broadcasts(connected)
    assert found == ("192.0.2.255", "203.0.113.127")
    protected = replace(PROTECTED, broadcasts=found)
    broadcast = policy.judge("203.0.113.127/32", 600.0, protected, handshake=True, reported_only=False)
    assert broadcast.refusals == ("203.0.113.127/32 is the broadcast address of a link of this host",)
    wider = policy.judge("203.0.113.0/24", 600.0, protected, handshake=True, reported_only=False)
    assert wider.refusals == ()
    assert "203.0.113.127/32" in policy.kernel_allow(protected)


@given(
    spared=st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), max_size=6),
    block=st.tuples(st.integers(0, 255), st.integers(24, 32)),
)
def test_what_is_spared_of_a_block_is_what_the_kernel_would_let_pass(
    spared: list[tuple[int, int]], block: tuple[int, int]
) -> None:
    def network(last: int, length: int) -> IPv4Network:
        return IPv4Network((f"203.0.113.{last}", length), strict=False)

    target, rules = network(*block), [network(*one) for one in spared]
    told = policy.Spared({str(rule): "spared" for rule in rules}).of(str(target))
    assert bool(told.whole) == any(target.subnet_of(rule) for rule in rules)
    inside = {rule for rule in rules if rule != target and rule.subnet_of(target)}
    assert bool(told.within) == bool(inside)
