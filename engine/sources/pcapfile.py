"""Reads frames from a pcap or pcapng file through libpcap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from engine.reason import reason
from engine.types import Capture, Frame

if TYPE_CHECKING:
    import cypcap

BATCH_FRAMES = 256
"""Frames handed over at a time."""

LATEST_TS = 2.0**32 - 1
"""The last moment that a capture file of the classic kind can name, in 2106."""

_FILE_HEADER_BYTES, _RECORD_HEADER_BYTES = 24, 16
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"

# A call of the class costs three times as much, and this runs for each frame.
_new = tuple.__new__


class CaptureError(OSError):
    """A capture that cannot be opened, or read any further."""

    def __init__(self, path: str, reason: str, offset: int | None = None) -> None:
        self.path = path
        self.reason = reason
        self.offset = offset
        """Where in the file the trouble starts, where that is known."""
        place = "" if offset is None else f" at byte {offset}"
        super().__init__(f"cannot read capture {path}{place}: {reason}")


class PcapFile:
    """A capture file. It is opened anew for each ``batches()``, so it can be read again."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._frames = 0
        self._bytes = 0
        self._stopped = False
        self._pcapng = self._is_pcapng()
        with self._open() as reader:
            self.capture = Capture(self._path.name, int(reader.datalink()))

    def batches(self) -> Iterator[list[Frame]]:
        """Yield up to ``BATCH_FRAMES`` frames at a time, those before a broken place first."""
        self._frames = self._bytes = 0
        self._stopped = False
        with self._open() as reader:
            records = iter(reader)
            while not self._stopped:
                batch: list[Frame] = []
                trouble = self._fill(batch, records)
                self._frames += len(batch)
                self._bytes += sum([len(frame.data) for frame in batch])
                if batch:
                    yield batch
                if trouble is not None:
                    raise CaptureError(str(self._path), trouble, self._offset())
                if len(batch) < BATCH_FRAMES:
                    return

    def stop(self) -> None:
        """End ``batches()`` after the batch at hand; may be called from another thread."""
        self._stopped = True

    def stats(self) -> tuple[int, int]:
        """Return how many frames were read and how many lost: a file loses none."""
        return self._frames, 0

    def _fill(self, batch: list[Frame], records: Iterator[tuple[cypcap.Pkthdr, bytes]]) -> str | None:
        """Append the next frames; return what went wrong, if anything did."""
        import cypcap  # noqa: PLC0415 - loads libpcap, which the console's first frame does without

        try:
            batch.extend(
                _new(Frame, (ts if 0.0 <= (ts := header.ts) <= LATEST_TS else _within(ts), data, header.len))
                for header, data in islice(records, BATCH_FRAMES)
            )
        except cypcap.Error as error:
            return str(error.msg)
        return None

    def _open(self) -> cypcap.Pcap:
        import cypcap  # noqa: PLC0415 - as above

        try:
            return cypcap.open_offline(str(self._path))
        except cypcap.Error as error:
            raise CaptureError(str(self._path), str(error.msg), 0) from error

    def _is_pcapng(self) -> bool:
        try:
            regular, exists = self._path.is_file(), self._path.exists()
            magic = self._magic() if regular else b""
        except OSError as error:
            raise CaptureError(str(self._path), reason(error, of=self._path)) from error
        if not regular:
            raise CaptureError(str(self._path), "not a regular file" if exists else "no such file")
        if not magic:
            raise CaptureError(str(self._path), "the file is empty", 0)
        return magic == _PCAPNG_MAGIC

    def _magic(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(4)

    def _offset(self) -> int | None:
        """Where the next record starts; libpcap does not tell, and pcapng blocks vary in size."""
        if self._pcapng:
            return None
        return _FILE_HEADER_BYTES + _RECORD_HEADER_BYTES * self._frames + self._bytes


def _within(ts: float) -> float:
    """Return the nearest moment that can be kept: what a pcapng file names may lie anywhere."""
    return LATEST_TS if ts > LATEST_TS else 0.0
