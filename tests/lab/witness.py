"""Runs on the lab's server machine while it is attacked, and writes down whose sockets the connections are."""

from __future__ import annotations

import json
import signal
import socket
import sys
from ipaddress import ip_address

from engine.agent.recorded import RecordedHost, RecordingHost
from engine.host.processes import describe
from engine.host.sockets import find_owner
from engine.packet import Packet, parse
from engine.types import Finding, FiveTuple, ProcessFacts, SocketOwner

ETHERNET, ALL_PROTOCOLS, TCP = 1, 3, 6


class ThisHost(RecordedHost):
    """The host's sockets and processes, asked of the kernel directly; nothing else is known."""

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the process behind a five-tuple."""
        return find_owner(five_tuple)

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return what is known of a process."""
        return describe(pid, start_time)


class Witness:
    """Asks at the first packet of a connection, and again until a process holds it."""

    def __init__(self) -> None:
        self._flows: dict[FiveTuple, bool] = {}
        """Whether the process that holds the connection is known."""
        self.host = RecordingHost(ThisHost())

    def see(self, frame: bytes) -> None:
        """Ask about the connection that a frame belongs to, unless it is known."""
        packet = parse(frame, ETHERNET)
        if not isinstance(packet, Packet) or packet.proto != TCP:
            return
        flow = _flow(packet)
        back = FiveTuple(flow.dst_ip, flow.dst_port, flow.src_ip, flow.src_port, "tcp")
        flow = back if back in self._flows else flow
        if flow not in self._flows or (packet.payload and not self._flows[flow]):
            self._flows[flow] = self._ask(flow)

    def _ask(self, flow: FiveTuple) -> bool:
        owner = self.host.socket_owner(flow)
        if owner.finding is Finding.FOUND:
            self.host.process(owner.pid, owner.start_time)
        return owner.finding is Finding.FOUND and "listener" not in owner.detail


def _flow(packet: Packet) -> FiveTuple:
    return FiveTuple(str(ip_address(packet.src)), packet.sport, str(ip_address(packet.dst)), packet.dport, "tcp")


def main() -> int:
    """Watch an interface until told to stop, then print the answers."""
    witness, stopped = Witness(), False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS)) as wire:
        wire.bind((sys.argv[1], 0))
        wire.settimeout(0.1)
        print("ready", flush=True)
        while not stopped:
            try:
                witness.see(wire.recv(65536))
            except TimeoutError:
                continue
    print(json.dumps(witness.host.records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
