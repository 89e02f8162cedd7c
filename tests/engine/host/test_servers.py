from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host import procfs, servers
from engine.host.servers import Leases

NETWORKD = b"""# This is private data. Do not parse.
ADDRESS=192.0.2.20
NETMASK=255.255.255.0
ROUTER=192.0.2.1
SERVER_ADDRESS=192.0.2.3
DNS=192.0.2.53
NTP=192.0.2.4 192.0.2.5
"""
DHCLIENT = b"""lease {
  interface "eth0";
  fixed-address 192.0.2.20;
  option domain-name "dhcp-server-identifier 203.0.113.1";
  option dhcp-server-identifier 192.0.2.3;
  renew 4 2026/11/21 22:00:00;
}
lease {
  option ntp-servers 192.0.2.4, 192.0.2.5;
  option dhcp-server-identifier 192.0.2.6;
}
"""


def packet(*options: bytes) -> bytes:
    return bytes(236) + servers.DHCP_MAGIC + b"".join(options)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(NETWORKD, Leases(("192.0.2.3",), ("192.0.2.4", "192.0.2.5")), id="systemd-networkd"),
        pytest.param(DHCLIENT, Leases(("192.0.2.3", "192.0.2.6"), ("192.0.2.4", "192.0.2.5")), id="dhclient"),
        pytest.param(b"[lease]\nSERVER_ADDRESS = 192.0.2.3\n", Leases(("192.0.2.3",)), id="NetworkManager"),
        pytest.param(
            packet(b"\x00\x35\x01\x05", b"\x36\x04\xc0\x00\x02\x03", b"\x2a\x08\xc0\x00\x02\x04\xc0\x00\x02\x05\xff"),
            Leases(("192.0.2.3",), ("192.0.2.4", "192.0.2.5")),
            id="dhcpcd",
        ),
        pytest.param(packet(b"\xff\x36\x04\xc0\x00\x02\x03"), Leases(), id="after the end of a packet"),
        pytest.param(packet(b"\x36\x04\xc0\x00"), Leases(), id="cut short"),
        pytest.param(b"", Leases(), id="empty"),
    ],
)
def test_a_lease_names_its_server_and_the_time_servers(content: bytes, found: Leases) -> None:
    assert servers.parse_lease(content) == found


def test_of_very_many_leases_the_newest_count() -> None:
    content = b"".join(b"option dhcp-server-identifier 10.0.%d.1;\n" % number for number in range(100))
    assert servers.parse_lease(content).dhcp == tuple(f"10.0.{number}.1" for number in range(68, 100))


def test_time_servers_of_timesyncd_are_read_and_names_and_comments_are_not() -> None:
    content = (
        b"[Time]\n#NTP=192.0.2.9\nNTP=192.0.2.4 ntp.example.org 2001:db8::4\nFallbackNTP=192.0.2.5\nRootDistance=5\n"
    )
    assert servers.parse_timesyncd(content) == ("192.0.2.4", "2001:db8::4", "192.0.2.5")


def test_time_servers_of_chrony_and_ntpd_are_read_and_names_and_comments_are_not() -> None:
    content = (
        b"# server 192.0.2.9\nserver 192.0.2.4 iburst\npool ntp.example.org\nserver -6 2001:db8::4\npeer 192.0.2.5\n"
    )
    content += b"! server 192.0.2.8\nallow 192.0.2.0/24\nserver\nservers 192.0.2.6 # 192.0.2.7\n"
    assert servers.parse_ntp(content) == ("192.0.2.4", "2001:db8::4", "192.0.2.5", "192.0.2.6")


def table(*lines: tuple[str, int, int]) -> bytes:
    """A table of UDP sockets with far end, far port and user."""
    rows = [b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
    for address, port, user in lines:
        (far,) = struct.unpack("=I", socket.inet_aton(address))
        rows.append(b"1: 00000000:A001 %08X:%04X 01 0:0 0:0 0 %d 0 77 2 0 0" % (far, port, user))
    return b"\n".join(rows)


def test_a_time_daemon_that_asks_a_server_protects_it_and_any_other_user_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = table(("192.0.2.4", 123, 0), ("203.0.113.9", 123, 65534), ("192.0.2.5", 53, 0))
    real = procfs.read
    monkeypatch.setattr(
        procfs, "read", lambda path, limit=65536: tables if path == "/proc/net/udp" else real(path, limit)
    )
    found = servers.time_servers()
    assert "192.0.2.4" in found
    assert not {"203.0.113.9", "192.0.2.5"} & set(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: others' sockets protect nobody")
def test_a_connected_socket_of_root_is_found_in_the_kernels_table() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("127.0.0.9", 123))
        assert "127.0.0.9" in servers.time_servers()
    assert "127.0.0.9" not in servers.time_servers()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lease_that_is_no_regular_file_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "1").write_bytes(NETWORKD)
    strange = tmp_path / "2"
    if kind == "link":
        (tmp_path / "elsewhere").write_bytes(NETWORKD.replace(b".3", b".33"))
        strange.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(strange)
    else:
        strange.mkdir()
    monkeypatch.setattr(servers, "LEASES", (f"{tmp_path}/[0-9]", "/nowhere/at/all/*"))
    assert servers.leases().dhcp == ("192.0.2.3",)


@given(st.binary(max_size=400))
def test_no_parser_raises_on_garbage(content: bytes) -> None:
    for parse in (servers.parse_lease, servers.parse_timesyncd, servers.parse_ntp):
        parse(content)
        parse(b"server " + content)
        parse(b"option ntp-servers " + content)
        parse(b"NTP=" + content)
    servers.parse_lease(packet(content))


@given(
    st.lists(
        st.sampled_from([b"server 10.0.0.%d\n" % n for n in range(99)] + [b"NTP=10.1.0.%d\n" % n for n in range(99)])
    )
)
def test_the_lists_stay_bounded(lines: list[bytes]) -> None:
    content = b"".join(lines)
    for found in (servers.parse_timesyncd(content), servers.parse_ntp(content), servers.parse_lease(content).ntp):
        assert len(found) == len(set(found)) <= servers.MOST
