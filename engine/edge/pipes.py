"""Standard input and output as lines, for a protocol that owns both."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from asyncio.streams import FlowControlMixin
from collections.abc import AsyncIterator
from typing import BinaryIO

LINE_BYTES = 1024 * 1024
"""A longer line is no message: it is thrown away up to its end, and an empty one stands for it."""

_CHUNK_BYTES = 64 * 1024
_FILE_BYTES = 16 * 1024 * 1024


def take() -> tuple[BinaryIO, BinaryIO]:
    """Return standard input and output as files of their own; whoever else writes to the one writes to stderr."""
    sys.stdout.flush()
    inward, outward = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    return inward, outward


def _can_wait(file: BinaryIO) -> bool:
    """Return whether a loop can wait for a file; one on a disk, or the null device, is always ready."""
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(file.fileno())


class Lines:
    """The lines of a pipe, as they come in; nothing stays behind that cannot be cancelled."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each line as text; what is not UTF-8 is replaced, and will not be a message."""
        reader = asyncio.StreamReader()
        transport = await self._feed(reader)
        try:
            async for line in _split(reader):
                yield line.decode("utf-8", "replace")
        finally:
            transport.close()

    async def _feed(self, reader: asyncio.StreamReader) -> asyncio.ReadTransport | BinaryIO:
        loop = asyncio.get_running_loop()
        if _can_wait(self._file):
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._file)
            return transport
        reader.feed_data(self._file.read(_FILE_BYTES))
        reader.feed_eof()
        return self._file


async def _split(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    held, too_long = b"", False
    while chunk := await reader.read(_CHUNK_BYTES):
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            yield b"" if too_long or len(line) > LINE_BYTES else line
            too_long = False
        if len(held) > LINE_BYTES:
            held, too_long = b"", True


class Outlet:
    """Writes to a pipe, and waits for a slow reader without a thread; what a reader who is gone misses is lost."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: asyncio.StreamWriter | None = None

    async def write(self, text: str) -> None:
        """Write a text."""
        if self._writer is None and not _can_wait(self._file):
            self._file.write(text.encode())
            return
        if self._writer is None:
            loop = asyncio.get_running_loop()
            transport, protocol = await loop.connect_write_pipe(lambda: FlowControlMixin(loop), self._file)
            self._writer = asyncio.StreamWriter(transport, protocol, None, loop)
        self._writer.write(text.encode())

    async def flush(self) -> None:
        """Wait until the reader has room for more."""
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()

    def close(self) -> None:
        """Write nothing more; what is written still goes out."""
        if self._writer is not None:
            self._writer.close()
        else:
            self._file.close()
