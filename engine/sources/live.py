"""Captures frames from a network interface through libpcap."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator

import cypcap

from engine.sources.pcapfile import BATCH_FRAMES, CaptureError
from engine.types import Capture, Frame

_POLL_S = 0.1
"""Longest time between two batches."""
_RETIRE_S = 0.05
"""How long the kernel may sit on a block of the ring that is not full."""
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23

# A call of the class costs three times as much, and this runs for each frame.
_new = tuple.__new__


class LivePcap:
    """A live capture: opened while privileged, read from one thread, stopped from any."""

    def __init__(
        self, iface: str, *, promiscuous: bool = False, buffer_bytes: int = 32 << 20, snaplen: int = 65535
    ) -> None:
        self._iface = iface
        self._stopped = False
        self._reading = False
        self._seen = (0, 0)
        self._reader = _activate(iface, promiscuous, buffer_bytes, snaplen)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.capture = Capture(iface, int(self._reader.datalink()))

    def batches(self) -> Iterator[list[Frame]]:
        """Yield frames as they come, and an empty list when none came for 0.1 s; end after ``stop()``.

        An interface that goes down is waited for; one that is removed raises ``CaptureError``.
        """
        self._reading = True
        poller = select.poll()
        poller.register(self._reader.get_selectable_fd(), select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        full = False
        try:
            while not self._stopped:
                # A full batch leaves the rest of its block in the ring, which needs no waiting for.
                if not full:
                    poller.poll(_POLL_S * 1000)
                batch = self._dispatch()
                full = len(batch) >= BATCH_FRAMES
                yield batch
        finally:
            self._close()

    def stop(self) -> None:
        """End ``batches()`` within a poll; may be called from another thread."""
        self._stopped = True
        if self._reading:
            os.write(self._wake_write, b"x")
        else:
            self._close()

    def stats(self) -> tuple[int, int]:
        """Return the frames that the kernel saw, and of those the ones it had to drop, since the start."""
        try:
            counts = self._reader.stats()
        except (cypcap.Error, ValueError):
            return self._seen
        self._seen = (counts.recv, counts.drop)
        return self._seen

    def _dispatch(self) -> list[Frame]:
        batch: list[Frame] = []
        append = batch.append
        try:
            self._reader.dispatch(BATCH_FRAMES, lambda header, data: append(_new(Frame, (header.ts, data, header.len))))
        except cypcap.Error as error:
            raise CaptureError(self._iface, str(error.msg)) from error
        return batch

    def _close(self) -> None:
        self._reading = False
        self._stopped = True
        self.stats()
        self._reader.close()
        if self._wake_read >= 0:
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_read = self._wake_write = -1


def _activate(iface: str, promiscuous: bool, buffer_bytes: int, snaplen: int) -> cypcap.Pcap:
    reader = cypcap.create(iface)
    try:
        reader.set_promisc(promiscuous)
        reader.set_snaplen(snaplen)
        reader.set_buffer_size(buffer_bytes)
        reader.set_timeout(_RETIRE_S)
        reader.activate()
        reader.setnonblock(True)
        if iface == "lo":
            _ignore_outgoing(reader)
    except (cypcap.Error, OSError) as error:
        reader.close()
        reason = error.msg if isinstance(error, cypcap.Error) else error.strerror
        raise CaptureError(iface, str(reason)) from error
    return reader


def _ignore_outgoing(reader: cypcap.Pcap) -> None:
    """Have the kernel count loopback frames once; libpcap drops the outgoing copy, uncounted."""
    with socket.socket(fileno=os.dup(reader.get_selectable_fd())) as packets:
        packets.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
