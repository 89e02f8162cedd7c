from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host import netlink
from engine.host.ip import canonical_ips


def attribute(kind: int, content: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body + bytes(-len(body) % 4)


def ip(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def test_the_local_address_of_a_point_to_point_link_is_ours_and_not_the_peer() -> None:
    body = bytes([socket.AF_INET, 32, 0, 0, 2, 0, 0, 0])
    attributes = attribute(netlink.IFA_ADDRESS, ip("10.0.0.1")) + attribute(netlink.IFA_LOCAL, ip("10.0.0.2"))
    assert netlink.parse_addresses(message(netlink.RTM_NEWADDR, body + attributes)) == ["10.0.0.2"]


def test_gateways_are_read_from_single_and_multipath_routes() -> None:
    head = bytes([socket.AF_INET, 0, 0, 0, 254, 4, 0, netlink.RTN_UNICAST, 0, 0, 0, 0])
    hop = attribute(netlink.RTA_GATEWAY, ip("192.0.2.7"))
    hops = struct.pack("=HBBi", 8 + len(hop), 0, 0, 2) + hop
    single = message(netlink.RTM_NEWROUTE, head + attribute(netlink.RTA_GATEWAY, ip("192.0.2.1")))
    multi = message(netlink.RTM_NEWROUTE, head + attribute(netlink.RTA_MULTIPATH, hops + hops))
    found = [gateway for route in netlink.parse_routes(single + multi) for gateway in route.gateways]
    assert found == ["192.0.2.1", "192.0.2.7", "192.0.2.7"]


def test_a_route_without_a_gateway_is_a_connected_prefix() -> None:
    head = bytes([socket.AF_INET6, 64, 0, 0, 254, 2, 0, netlink.RTN_UNICAST, 0, 0, 0, 0])
    route = message(netlink.RTM_NEWROUTE, head + attribute(netlink.RTA_DST, ip("2001:db8:1::")))
    assert netlink.parse_routes(route) == [netlink.Route("2001:db8:1::/64", ())]


def test_the_address_of_an_interface_is_this_hosts_own() -> None:
    assert "127.0.0.1" in canonical_ips(netlink.own_addresses())


CHANGES = """
import subprocess, time
from engine.host.netlink import Watch

def heard(watch, command):
    subprocess.run(command.split(), check=True)
    until = time.monotonic() + 5
    while not watch.changed() and time.monotonic() < until:
        time.sleep(0.01)
    return time.monotonic() < until

with Watch() as watch:
    print(watch.changed())
    for command in (
        "ip link add hnl0 type veth peer name hnl1", "ip addr add 192.0.2.7/24 dev hnl0", "ip link set hnl0 up",
        "ip route add 203.0.113.0/24 via 192.0.2.1", "ip -6 addr add 2001:db8::7/64 dev hnl0 nodad",
        "ip -6 route add 2001:db8:1::/64 via 2001:db8::1", "ip link del hnl0",
    ):
        print(heard(watch, command))
        time.sleep(0.05)
        watch.changed()
    print(watch.changed())
"""


def in_a_network_of_its_own(code: str) -> list[str]:
    command = ["unshare", "--net", sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")


@pytest.mark.root
@needs_root
def test_every_change_of_links_addresses_and_routes_is_heard_once() -> None:
    assert in_a_network_of_its_own(CHANGES) == ["False", *["True"] * 7, "False"]


FLOOD = """
import subprocess
from engine.host.netlink import Watch

with Watch() as watch:
    lines = [f"address {verb} 10.{n // 250}.{n % 250}.1/32 dev lo" for n in range(1500) for verb in ("add", "del")]
    subprocess.run(["ip", "-batch", "-"], input="\\n".join(lines), text=True, check=True)
    print(watch.changed())
    while watch.changed():
        pass
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print(watch.changed())
"""


@pytest.mark.root
@needs_root
def test_more_changes_than_the_socket_holds_are_still_a_change() -> None:
    assert in_a_network_of_its_own(FLOOD) == ["True", "True"]


@given(st.binary(max_size=300))
def test_no_parser_raises_on_garbage(content: bytes) -> None:
    netlink.parse_addresses(content)
    netlink.parse_routes(content)
    netlink.parse_addresses(message(netlink.RTM_NEWADDR, content))
    netlink.parse_routes(message(netlink.RTM_NEWROUTE, content))
    netlink.parse_routes(message(netlink.RTM_NEWROUTE, bytes(7) + b"\x01" + content))
