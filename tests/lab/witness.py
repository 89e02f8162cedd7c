"""Runs on the lab's server machine while it is attacked, and writes down whose sockets the foreign connections are."""

from __future__ import annotations

import json
import signal
import sys
import time

from engine.agent.recorded import RecordingHost
from engine.host.processes import describe
from engine.host.sockets import TCP_LISTEN, Socket, find_owner, read_table
from engine.types import Finding, FiveTuple, ProcessFacts, SocketOwner

LOOK_S = 0.02


class ThisHost:
    """The host's facts, asked of the kernel directly."""

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the process behind a five-tuple."""
        return find_owner(five_tuple)

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return what is known of a process."""
        return describe(pid, start_time)


class Witness:
    """Asks once about every connection with a stranger, as soon as it is there."""

    def __init__(self, own_ip: str) -> None:
        self._own_ip = own_ip
        self._asked: set[FiveTuple] = set()
        self.host = RecordingHost(ThisHost())

    def look(self) -> None:
        """Ask about what is new."""
        table = list(read_table("tcp"))
        listening = {sock.local_port for sock in table if sock.state == TCP_LISTEN}
        for sock in table:
            if sock.local_ip == self._own_ip and sock.peer_port and sock.inode:
                self._ask(flow_of(sock, incoming=sock.local_port in listening))

    def _ask(self, five_tuple: FiveTuple) -> None:
        if five_tuple in self._asked:
            return
        owner = self.host.socket_owner(five_tuple)
        if owner.finding is Finding.FOUND:
            self._asked.add(five_tuple)
            self.host.process(owner.pid, owner.start_time)


def flow_of(sock: Socket, *, incoming: bool) -> FiveTuple:
    """Return the flow of a socket: who opened it comes first."""
    local, peer = (sock.local_ip, sock.local_port), (sock.peer_ip, sock.peer_port)
    return FiveTuple(*peer, *local, sock.proto) if incoming else FiveTuple(*local, *peer, sock.proto)


def main() -> int:
    """Look until told to stop, then print the answers."""
    witness, stopped = Witness(sys.argv[1]), False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    while not stopped:
        witness.look()
        time.sleep(LOOK_S)
    print(json.dumps(witness.host.records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
