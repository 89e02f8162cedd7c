"""A small process that stays root and does one thing: it connects the console to the guard or the engine again.

The console gives up root before it reads what the engine sends. When the daemon is restarted, it can open neither
socket any more; the usher opens it and hands it over. The guard sees the usher's process, which has the console's
terminal and login, so a person is told from a program as before.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NoReturn

from engine.attach.socket import reach as reach_engine
from engine.guard.client import reach as reach_guard
from engine.reason import reason

GUARD, ENGINE = b"g", b"e"
ANSWER_S = 15.0
_DONE = b"+"
_REASON_BYTES = 512
_BIND_LOW_PORTS = 10
"""CAP_NET_BIND_SERVICE: the least useful of those that the guard tells root by."""
Ways = Mapping[bytes, Callable[[], socket.socket]]
WAYS: Ways = {GUARD: reach_guard, ENGINE: reach_engine}


class Usher:
    """The console's end; one thread at a time asks."""

    def __init__(self, sock: socket.socket, pid: int) -> None:
        self._sock, self.pid = sock, pid

    @classmethod
    def start(cls, ways: Ways = WAYS) -> Usher:
        """Start the process; call it as root, before any thread and any descriptor that it must not inherit."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            ours.close()
            _serve(theirs, ways)
        theirs.close()
        ours.settimeout(ANSWER_S)
        return cls(ours, pid)

    def reach(self, whom: bytes) -> socket.socket:
        """Return a new connection to the guard or the engine; raises ``OSError`` when there is none."""
        self._sock.send(whom)
        told, descriptors, _, _ = socket.recv_fds(self._sock, _REASON_BYTES, 1)
        if told == _DONE and descriptors:
            return socket.socket(fileno=descriptors[0])
        for descriptor in descriptors:
            os.close(descriptor)
        raise ConnectionError(told.decode("utf-8", "replace") or "the process that opens connections is gone")

    def close(self) -> None:
        """Let the process end."""
        self._sock.close()


def _serve(sock: socket.socket, ways: Ways) -> NoReturn:
    try:
        from engine.privileges import keep_only  # noqa: PLC0415 - only root has something to give up

        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
        if os.geteuid() == 0:
            keep_only(_BIND_LOW_PORTS)
        with suppress(OSError):
            while asked := sock.recv(1):
                _answer(sock, ways.get(asked))
    finally:
        os._exit(0)


def _answer(sock: socket.socket, way: Callable[[], socket.socket] | None) -> None:
    try:
        if way is None:
            raise OSError("no such way")
        found = way()
    except OSError as error:
        sock.send(reason(error).encode("utf-8", "backslashreplace")[:_REASON_BYTES])
        return
    with found:
        socket.send_fds(sock, [_DONE], [found.fileno()])
