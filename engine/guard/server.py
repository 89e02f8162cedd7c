"""The guard's loop: one thread, one message at a time, the console's socket and root's own."""

from __future__ import annotations

import math
import select
import selectors
import signal
import socket
import struct
from pathlib import Path
from time import monotonic

from engine.guard import codec, messages
from engine.guard.guard import TICK_S, Channel, Guard
from engine.host import people
from engine.host.netlink import Watch

LOOK_S = 0.2
"""Least seconds between two looks at a host whose links, addresses or routes change."""
AGAIN_S = 0.2
"""Least seconds between two ticks that the guard asked for."""
LOOK_SHARE = 10
"""A look that takes long is followed by a pause so many times as long: a host with many routes has much to tell."""
PEERS = 16
"""Most connections at once; a further one is hung up on."""
NO_TTY = "this takes a person at a terminal, and this process has none"


def console_channel(pid: int, may_approve: bool) -> Channel:
    """Return the channel of the console that started the guard."""
    approver = people.approver(pid)
    if not may_approve:
        return Channel(approver, "this console was started without the right to approve")
    return Channel(approver, "" if approver.tty else NO_TTY)


def listen(path: Path) -> socket.socket:
    """Return root's own socket; the caller holds the host's lock, so a file in the way is stale."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(PEERS)
    listener.setblocking(False)
    return listener


def decline(console: socket.socket, reason: str) -> None:
    """Answer the console's first request with why the guard does not start."""
    console.settimeout(5)
    try:
        packet = console.recv(codec.PACKET_BYTES)
        console.send(codec.encode(messages.Refused(reason), codec.sent_number(packet)))
    except OSError:
        return


class Server:
    """Serves until the console's end closes, unless told to stay."""

    def __init__(
        self, guard: Guard, listener: socket.socket, console: tuple[socket.socket, Channel] | None, stay: bool
    ) -> None:
        self._guard, self._listener, self._stay = guard, listener, stay
        self._selector = selectors.DefaultSelector()
        self._channels: dict[socket.socket, Channel] = {}
        self._console = console[0] if console else None
        self._stopped = ""
        self._tick_due, self._may_tick, self._may_look = monotonic() + TICK_S, 0.0, 0.0
        self._look_due = math.inf
        self._watch: Watch | None = None
        self._wake, self._woken = socket.socketpair()
        if console:
            self._open(*console)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def stop_on(self, number: signal.Signals) -> None:
        """End the loop cleanly on a signal."""
        self._woken.setblocking(False)
        signal.set_wakeup_fd(self._woken.fileno())
        signal.signal(number, lambda *_: None)

    def greet(self) -> bool:
        """Answer the console's first question, and nobody else; return False where the end comes before it.

        A console draws before the kernel is ready, and what it finds wrong with its settings comes before anything is
        attached.
        """
        heard = self._console is None
        while not (heard or self._stopped):
            for key, _ in self._selector.select():
                self._ready(key.fileobj)
                heard = heard or key.fileobj is self._console
        return not self._stopped

    def serve(self) -> str:
        """Answer until the end and return why it came."""
        self._watch = _watch()
        self._selector.register(self._listener, selectors.EVENT_READ)
        if self._watch is not None:
            self._selector.register(self._watch, selectors.EVENT_READ)
        while not self._stopped:
            for key, _ in self._selector.select(self._wait_s()):
                self._ready(key.fileobj)
            self._do_what_is_due()
        self._guard.stop(self._stopped)
        return self._stopped

    def close(self) -> None:
        """Let go of every connection."""
        for peer in self._channels:
            peer.close()
        self._selector.close()
        if self._watch is not None:
            self._watch.close()
        self._wake.close()
        self._woken.close()

    def _wait_s(self) -> float:
        due = min(self._tick_due, self._look_due, max(monotonic() + self._guard.due_in(), self._may_tick))
        return max(due - monotonic(), 0)

    def _do_what_is_due(self) -> None:
        """Tick and look; what stays due after a tick, as when the ledger cannot be written, waits a little."""
        now = monotonic()
        if now >= self._tick_due or (self._guard.due_in() <= 0 and now >= self._may_tick):
            self._guard.tick()
            self._tick_due, self._may_tick = monotonic() + TICK_S, monotonic() + AGAIN_S
        if now >= self._look_due:
            self._guard.look_again()
            self._look_due = math.inf
            self._may_look = monotonic() + max(LOOK_S, LOOK_SHARE * (monotonic() - now))

    def _ready(self, source: object) -> None:
        if source is self._wake:
            self._stopped = "told to stop"
        elif source is self._listener:
            self._accept()
        elif source is self._watch:
            self._hear()
        elif isinstance(source, socket.socket):
            self._read(source)

    def _hear(self) -> None:
        if self._watch is not None and self._watch.changed():
            self._look_due = min(self._look_due, max(self._may_look, monotonic()))

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        channel = peer_channel(peer)
        if channel is None or len(self._channels) > PEERS:
            peer.close()
            return
        self._open(peer, channel)

    def _open(self, peer: socket.socket, channel: Channel) -> None:
        peer.setblocking(False)
        self._channels[peer] = channel
        self._selector.register(peer, selectors.EVENT_READ)

    def _read(self, peer: socket.socket) -> None:
        try:
            packet, _, flags, _ = peer.recvmsg(codec.PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._close(peer)
            return
        if not packet and _hung_up(peer):
            self._close(peer)
            return
        if flags & socket.MSG_TRUNC:
            packet = b""
        self._send(peer, self._guard.answer(packet, self._channels[peer]))

    def _send(self, peer: socket.socket, reply: bytes) -> None:
        """A peer that does not read its replies loses them; only the console is kept all the same."""
        try:
            peer.send(reply)
        except OSError as error:
            if peer is not self._console or not isinstance(error, BlockingIOError):
                self._close(peer)

    def _close(self, peer: socket.socket) -> None:
        self._selector.unregister(peer)
        del self._channels[peer]
        peer.close()
        if peer is self._console and not self._stay:
            self._stopped = "the console is gone"


def peer_channel(peer: socket.socket) -> Channel | None:
    """Return the channel of a process on root's socket, or None when it is not root.

    An engine that could not change its user keeps uid 0 without capabilities: it is not root here.
    """
    pid, uid, _ = struct.unpack("=iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != 0 or not people.capable(pid):
        return None
    approver = people.approver(pid)
    return Channel(approver, "" if approver.tty else NO_TTY, roots_terminal=bool(approver.tty), roots=True)


def _watch() -> Watch | None:
    """Without notices from the kernel, changes are seen at the next tick."""
    try:
        return Watch()
    except OSError:
        return None


def _hung_up(peer: socket.socket) -> bool:
    """An empty packet is not the end of a SEQPACKET connection."""
    poll = select.poll()
    poll.register(peer, select.POLLRDHUP)
    return any(event & (select.POLLRDHUP | select.POLLHUP) for _, event in poll.poll(0))
