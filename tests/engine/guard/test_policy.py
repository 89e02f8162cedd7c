from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.guard import policy
from tests.engine.guard.bench import CONNECTED, PROTECTED


def judge(prefix: str, ttl_s: float = 3600.0, **changed: bool) -> policy.Judgement:
    facts = {"handshake": True, "reported_only": False} | changed
    return policy.judge(prefix, ttl_s, PROTECTED, **facts)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        pytest.param("127.0.0.1", "loopback", id="loopback"),
        pytest.param("127.255.0.9/32", "loopback", id="loopback far end"),
        pytest.param("::1/128", "loopback", id="loopback v6"),
        pytest.param("::ffff:127.0.0.1", "loopback", id="loopback mapped"),
        pytest.param("169.254.169.254/32", "link-local", id="link-local"),
        pytest.param("fe80::1/128", "link-local", id="link-local v6"),
        pytest.param("fe80::1%eth0/128", "link-local", id="link-local with zone"),
        pytest.param("fe80::/64", "link-local", id="link-local prefix"),
        pytest.param("224.0.0.251/32", "multicast", id="multicast"),
        pytest.param("239.1.0.0/16", "multicast", id="multicast prefix"),
        pytest.param("ff02::1/128", "multicast", id="multicast v6"),
        pytest.param("0.0.0.0/32", "unspecified", id="unspecified"),
        pytest.param("::/128", "unspecified", id="unspecified v6"),
        pytest.param("::ffff:0.0.0.0", "unspecified", id="unspecified mapped"),
        pytest.param("255.255.255.255/32", "broadcast", id="broadcast"),
        pytest.param("0.0.0.0/0", "wider than /16", id="everything"),
        pytest.param("::/0", "wider than /48", id="everything v6"),
        pytest.param("::ffff:0:0/96", "wider than /16", id="everything mapped"),
        pytest.param("::fffe:0:0/95", "IPv4-mapped range", id="around the mapped range"),
        pytest.param("203.0.0.0/15", "wider than /16", id="too wide"),
        pytest.param("::ffff:203.0.0.0/111", "wider than /16", id="too wide mapped"),
        pytest.param("2001:db8::/47", "wider than /48", id="too wide v6"),
        pytest.param("192.0.2.2/32", "address of this host", id="own"),
        pytest.param("2001:db8:1::2/128", "address of this host", id="own v6"),
        pytest.param("::ffff:192.0.2.2", "address of this host", id="own mapped"),
        pytest.param("192.0.2.0/24", "address of this host", id="prefix with own"),
        pytest.param("2001:db8:1::/64", "address of this host", id="prefix with own v6"),
        pytest.param("192.0.2.1/32", "gateway", id="gateway"),
        pytest.param("192.0.2.0/31", "gateway", id="prefix with gateway"),
        pytest.param("198.51.100.7/32", "connected from", id="operator"),
        pytest.param("::ffff:198.51.100.7", "connected from", id="operator mapped"),
        pytest.param("198.51.0.0/16", "connected from", id="prefix with operator"),
        pytest.param("2001:db8:7::/64", "connected from", id="prefix with operator v6"),
        pytest.param("198.51.100.53/32", "resolver", id="resolver"),
        pytest.param("203.0.113.200/32", "endpoint", id="endpoint"),
        pytest.param("203.0.113.9/24", "host bits", id="host bits"),
        pytest.param("203.0.113.0/255.255.255.0", "not a prefix", id="netmask"),
        pytest.param("203.0.113.9/33", "not a prefix", id="long length"),
        pytest.param("203.0.113.9/", "not a prefix", id="no length"),
        pytest.param("shop.local", "does not appear", id="name"),
        pytest.param("", "does not appear", id="nothing"),
        pytest.param("203.0.113.9, 203.0.113.10", "does not appear", id="two"),
    ],
)
def test_what_must_stay_reachable_is_refused_with_its_reason(prefix: str, words: str) -> None:
    assert any(words in refusal for refusal in judge(prefix).refusals)


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("203.0.113.9/32", id="single"),
        pytest.param("203.0.113.9", id="bare"),
        pytest.param("::ffff:203.0.113.9", id="mapped"),
        pytest.param("203.0.0.0/16", id="widest, endpoint spared"),
        pytest.param("10.1.2.3/32", id="private"),
        pytest.param("192.0.2.128/25", id="on-link neighbour"),
        pytest.param("2001:db8:9::9/128", id="single v6"),
        pytest.param("2001:db8:9::/48", id="widest v6"),
        pytest.param("2001:db8:1::3/128", id="on-link neighbour v6"),
        pytest.param("128.0.0.1/32", id="beside loopback"),
        pytest.param("223.255.255.255/32", id="beside multicast"),
        pytest.param("fd00::9/128", id="unique local"),
    ],
)
def test_the_look_alikes_may_be_blocked(prefix: str) -> None:
    assert judge(prefix).refusals == ()


@pytest.mark.parametrize(
    ("ttl_s", "allowed", "typed"),
    [
        (3600.0, True, False),
        (7 * 86400.0, True, False),
        (7 * 86400.0 + 1, False, False),
        (0.0, True, True),
        (-1.0, False, False),
        (0.5, False, False),
        (math.inf, False, False),
        (math.nan, False, False),
    ],
)
def test_a_block_lasts_at_most_seven_days_unless_the_address_is_typed(ttl_s: float, allowed: bool, typed: bool) -> None:
    judgement = judge("203.0.113.9/32", ttl_s)
    assert (not judgement.refusals, judgement.typed_confirmation) == (allowed, typed)


def test_a_spoofable_or_reported_source_takes_typed_confirmation() -> None:
    assert not judge("203.0.113.9/32").typed_confirmation
    assert "spoofed" in judge("203.0.113.9/32", handshake=False).warnings[0]
    assert judge("203.0.113.9/32", reported_only=True).typed_confirmation


def test_a_login_or_a_shared_hop_takes_typed_confirmation() -> None:
    protected = replace(PROTECTED, logins=frozenset({"203.0.113.9"}), shared_hops=("203.0.113.64/26",))
    facts = {"handshake": True, "reported_only": False}
    login = policy.judge("203.0.113.9/32", 60, protected, **facts)
    hop = policy.judge("203.0.113.65/32", 60, protected, **facts)
    neither = policy.judge("203.0.113.10/32", 60, protected, **facts)
    assert "logged in" in login.warnings[0]
    assert "shared hop" in hop.warnings[0]
    assert [login.typed_confirmation, hop.typed_confirmation, neither.typed_confirmation] == [True, True, False]


def test_an_allowed_target_is_refused_and_one_within_a_wider_prefix_is_spared() -> None:
    protected = replace(PROTECTED, allowed=(("203.0.113.64/26", "office"),))
    facts = {"handshake": True, "reported_only": False}
    inside = policy.judge("203.0.113.65/32", 60, protected, **facts)
    around = policy.judge("203.0.113.0/24", 60, protected, **facts)
    assert inside.refusals == ("203.0.113.65/32 is on the allow-list (office)",)
    assert around.refusals == ()
    assert "203.0.113.64/26 stays reachable: it is on the allow-list (office)" in around.warnings


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
    assert expected <= set(allow)


@given(st.text(max_size=40), st.floats())
def test_no_text_and_no_number_makes_the_judge_raise(prefix: str, ttl_s: float) -> None:
    judge(prefix, ttl_s)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_nothing_that_overlaps_a_vital_address_is_ever_let_through(address: int, length: int) -> None:
    network = ip_network((address, length), strict=False)
    vital = [ip_network(ip) for ip in ("192.0.2.2", "192.0.2.1", "198.51.100.7", "127.0.0.0/8")]
    if length < 16 or any(network.overlaps(other) for other in vital):
        assert judge(str(network)).refusals
