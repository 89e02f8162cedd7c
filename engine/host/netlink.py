"""Asks the kernel for addresses and routes, and hears when they change."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

DUMP_MESSAGES = 65536
"""Most netlink messages read in one dump: a host with a full routing table is not read to its end."""
DRAIN_MESSAGES = 1024
"""Most notices taken off the socket at once: the rest is there at the next look."""

NLMSG_DONE, NLMSG_ERROR = 3, 2
RTM_NEWADDR, RTM_GETADDR, RTM_NEWROUTE, RTM_GETROUTE = 20, 22, 24, 26
NLM_F_REQUEST_DUMP = 0x301
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA = 1, 5, 9, 18
RTN_UNICAST = 1
RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE = 1, 0x10, 0x40, 0x100, 0x400
ADDRESS_BYTES = {int(socket.AF_INET): 4, int(socket.AF_INET6): 16}


class Route(NamedTuple):
    """One route, as far as it matters here."""

    prefix: str
    gateways: tuple[str, ...]


class Watch:
    """Hears of every change to the links, addresses and routes of this network namespace; raises ``OSError``."""

    def __init__(self) -> None:
        groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE
        self._socket = _open()
        try:
            self._socket.bind((0, groups))
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return what becomes readable at a change."""
        return self._socket.fileno()

    def changed(self) -> bool:
        """Return whether something changed since the last call, without waiting."""
        heard = False
        for _ in range(DRAIN_MESSAGES):
            try:
                self._socket.recv(1)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
            heard = True  # also when there were more notices than the socket holds
        return heard

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


def own_addresses() -> list[str]:
    """Return the addresses of every interface."""
    return parse_addresses(dump(RTM_GETADDR, bytes(8))[0])


def routes() -> list[Route]:
    """Return the unicast routes of every table, both families."""
    return parse_routes(dump(RTM_GETROUTE, bytes(12))[0])


def parse_addresses(content: bytes) -> list[str]:
    """Return the local addresses of a netlink address dump."""
    found = []
    for kind, body in messages(content):
        if kind == RTM_NEWADDR and len(body) >= 8:
            attributes = dict(_attributes(body[8:]))
            found.append(_address(body[0], attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS, b"")))
    return [address for address in found if address]


def parse_routes(content: bytes) -> list[Route]:
    """Return the unicast routes of a netlink route dump."""
    found = []
    for kind, body in messages(content):
        if kind == RTM_NEWROUTE and len(body) >= 12 and body[7] == RTN_UNICAST:
            attributes = dict(_attributes(body[12:]))
            destination = _address(body[0], attributes.get(RTA_DST, b""))
            prefix = f"{destination}/{body[1]}" if destination else ""
            found.append(Route(prefix, tuple(_gateways(body[0], attributes))))
    return found


def _gateways(family: int, attributes: Mapping[int, bytes]) -> Iterator[str]:
    if address := _address(family, attributes.get(RTA_GATEWAY, b"")):
        yield address
    via = attributes.get(RTA_VIA, b"")
    if len(via) > 2 and (address := _address(int.from_bytes(via[:2], sys.byteorder), via[2:])):
        yield address
    hops = attributes.get(RTA_MULTIPATH, b"")
    while len(hops) >= 8 and (length := struct.unpack_from("=H", hops)[0]) >= 8:
        yield from _gateways(family, {key: value for key, value in _attributes(hops[8:length]) if key != RTA_MULTIPATH})
        hops = hops[(length + 3) & ~3 :]


def _address(family: int, content: bytes) -> str:
    return socket.inet_ntop(family, content) if ADDRESS_BYTES.get(family) == len(content) else ""


def messages(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and body of each netlink message."""
    offset = 0
    while len(content) - offset >= 16:
        length, kind = struct.unpack_from("=IH", content, offset)
        if not 16 <= length <= len(content) - offset:
            return
        yield kind, content[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    while len(content) >= 4:
        length, kind = struct.unpack_from("=HH", content)
        if not 4 <= length <= len(content):
            return
        yield kind & 0x3FFF, content[4:length]
        content = content[(length + 3) & ~3 :]


def _open(protocol: int = 0) -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)


def dump(kind: int, body: bytes, protocol: int = 0, most: int = DUMP_MESSAGES) -> tuple[bytes, bool]:
    """Return the kernel's answer to a dump, and whether that is all of it and not cut; raises ``OSError``."""
    answers = []
    with _open(protocol) as netlink:
        netlink.settimeout(2)
        netlink.sendto(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST_DUMP, 1, 0) + body, (0, 0))
        count = 0
        while count < most:
            answer = netlink.recv(1 << 18)
            kinds = [found for found, _ in messages(answer)]
            if not kinds or NLMSG_ERROR in kinds:
                raise OSError(f"cannot read what the kernel knows: netlink answered {kinds} to request {kind}")
            answers.append(answer)
            count += len(kinds)
            if NLMSG_DONE in kinds:
                return b"".join(answers), True
    return b"".join(answers), False
