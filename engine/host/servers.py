"""The DHCP and time servers this host depends on, from leases, configuration and open sockets."""

from __future__ import annotations

import pwd
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from engine.host import procfs, sockets
from engine.host.ip import canonical_ip, canonical_ips

LEASES = (
    "/run/systemd/netif/leases/*",
    "/var/lib/dhcp/*.lease*",
    "/var/lib/dhclient/*.lease*",
    "/var/lib/NetworkManager/*.lease",
    "/var/lib/dhcpcd/*.lease",
    "/var/lib/dhcpcd5/*.lease",
)
"""Of systemd-networkd, dhclient, NetworkManager and dhcpcd."""
TIMESYNCD = tuple(
    f"{folder}/systemd/{name}"
    for folder in ("/usr/lib", "/run", "/etc")
    for name in ("timesyncd.conf", "timesyncd.conf.d/*.conf")
)
NTP = (
    "/etc/chrony.conf",
    "/etc/chrony/chrony.conf",
    "/etc/chrony.d/*.conf",
    "/etc/chrony/conf.d/*.conf",
    "/etc/chrony/sources.d/*.sources",
    "/run/chrony-dhcp/*.sources",
    "/etc/ntp.conf",
    "/run/ntp.conf.dhcp",
    "/etc/ntpsec/ntp.conf",
    "/etc/ntpsec/ntp.d/*.conf",
    "/run/ntpsec/ntp.conf.dhcp",
    "/etc/ntpd.conf",
    "/etc/openntpd/ntpd.conf",
)
NTP_PORT = 123
NTP_USERS = ("root", "_chrony", "chrony", "ntp", "ntpsec", "_ntp", "openntpd", "systemd-timesync")
"""Whose sockets count: else any local user could make an address a time server, and so safe from a block."""
FILES = 64
"""Most files read of one kind."""
FILE_BYTES = 1 << 20
MOST = 32
"""Most servers of one kind; dhclient keeps every lease it ever had, the newest last."""
NAME_BYTES = 64

DHCP_MAGIC, DHCP_OPTIONS_AT = bytes.fromhex("63825363"), 240
OPTION_PAD, OPTION_NTP, OPTION_SERVER, OPTION_END = 0, 42, 54, 255
NETWORKD_KEYS = {b"SERVER_ADDRESS": "dhcp", b"NTP": "ntp"}
DHCLIENT_KEYS = {b"dhcp-server-identifier": "dhcp", b"ntp-servers": "ntp"}
SEPARATORS = re.compile(rb"[\s,;]+")
COMMENT = re.compile(rb"[#;!].*")


class Leases(NamedTuple):
    """What the leases of this host name, the newest last."""

    dhcp: tuple[str, ...] = ()
    """The servers that gave them."""
    ntp: tuple[str, ...] = ()
    """The time servers they tell of."""


def leases() -> Leases:
    """Return what the readable leases name."""
    return _joined(parse_lease(content) for content in _contents(LEASES))


def time_servers() -> tuple[str, ...]:
    """Return the time servers that are configured by address, and those that are being asked now."""
    found = [server for content in _contents(TIMESYNCD) for server in parse_timesyncd(content)]
    found += [server for content in _contents(NTP) for server in parse_ntp(content)]
    return canonical_ips((*found, *_asked()))[-MOST:]


def parse_lease(content: bytes) -> Leases:
    """Return what a lease names: a DHCP packet as dhcpcd keeps it, else the text of another client."""
    if content[DHCP_OPTIONS_AT - 4 : DHCP_OPTIONS_AT] == DHCP_MAGIC:
        return _parse_packet(content[DHCP_OPTIONS_AT:])
    found: dict[str, list[str]] = {"dhcp": [], "ntp": []}
    for line in content.splitlines():
        key, _, value = line.partition(b"=")
        kind = NETWORKD_KEYS.get(key.strip())
        words = [word for word in SEPARATORS.split(value if kind else line) if word]
        if kind is None and len(words) > 2 and words[0] == b"option":
            kind, words = DHCLIENT_KEYS.get(words[1]), words[2:]
        if kind is not None:
            found[kind] += _texts(words)
    return Leases(canonical_ips(found["dhcp"])[-MOST:], canonical_ips(found["ntp"])[-MOST:])


def parse_timesyncd(content: bytes) -> tuple[str, ...]:
    """Return the addresses in a timesyncd.conf; names are left out."""
    lines = (COMMENT.sub(b"", line).partition(b"=") for line in content.splitlines())
    values = (value for key, _, value in lines if key.strip() in (b"NTP", b"FallbackNTP"))
    return canonical_ips(text for value in values for text in _texts(value.split()))[:MOST]


def parse_ntp(content: bytes) -> tuple[str, ...]:
    """Return the addresses in the configuration of chrony or an ntpd; names are left out."""
    lines = (COMMENT.sub(b"", line).split() for line in content.splitlines())
    named = (words[1:3] for words in lines if len(words) > 1 and words[0] in (b"server", b"servers", b"pool", b"peer"))
    return canonical_ips(text for words in named for text in _texts(words))[:MOST]


def _parse_packet(options: bytes) -> Leases:
    found: dict[int, list[str]] = {OPTION_SERVER: [], OPTION_NTP: []}
    while len(options) > 1 and options[0] != OPTION_END:
        if options[0] == OPTION_PAD:
            options = options[1:]
            continue
        value = options[2 : 2 + options[1]]
        if options[0] in found:
            whole = range(0, len(value) - len(value) % 4, 4)
            found[options[0]] += [socket.inet_ntoa(value[at : at + 4]) for at in whole]
        options = options[2 + options[1] :]
    return Leases(canonical_ips(found[OPTION_SERVER])[-MOST:], canonical_ips(found[OPTION_NTP])[-MOST:])


def _asked() -> Iterator[str]:
    """The far ends of the sockets of time daemons; a daemon that connects none is known by its configuration."""
    users = _ids(NTP_USERS)
    try:
        for sock in sockets.read_table("udp"):
            if sock.peer_port == NTP_PORT and sock.uid in users and canonical_ip(sock.peer_ip):
                yield sock.peer_ip
    except OSError:
        return


def _ids(users: Iterable[str]) -> set[int]:
    found = set()
    for user in users:
        try:
            found.add(pwd.getpwnam(user).pw_uid)
        except KeyError:
            continue
    return found


def _contents(patterns: Iterable[str]) -> Iterator[bytes]:
    """The files of some patterns, each without following a link: some of the folders are not root's."""
    for pattern in patterns:
        folder, _, name = pattern.rpartition("/")
        try:
            paths = sorted(Path(folder).glob(name))[:FILES]
        except OSError:
            continue
        for path in paths:
            try:
                yield procfs.read_plain(str(path), FILE_BYTES)
            except OSError:
                continue


def _texts(words: Iterable[bytes]) -> list[str]:
    return [procfs.text(word, NAME_BYTES) for word in words]


def _joined(found: Iterable[Leases]) -> Leases:
    every = list(found)
    dhcp = canonical_ips(server for lease in every for server in lease.dhcp)
    return Leases(dhcp[-MOST:], canonical_ips(server for lease in every for server in lease.ntp)[-MOST:])
