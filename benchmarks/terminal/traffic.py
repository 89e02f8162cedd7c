"""A web server and its visitors: connections that stay open, and as many requests a second as a line asks for.

``python -m benchmarks.terminal.traffic serve ADDRESS LOG`` writes a line for each request to its access log;
``... visit ADDRESS SOURCE...`` reads from its standard input how many requests a second there are to be.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import deque
from pathlib import Path
from typing import TextIO

PORT = 80
CONNECTIONS = 500
REQUESTS_A_VISIT = 50
"""With every so-manieth request the visitor that came first goes, and another one comes."""
END = b"\r\n\r\n"
REQUEST = b"GET /about.html HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 Firefox/128.0" + END
PAGE = b"<!doctype html><title>About</title><p>We have sold tea and kettles since 1974.</p>\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d" % len(PAGE) + END + PAGE
TICK_S = 0.01


class Answering(asyncio.Protocol):
    """One connection at the server's end."""

    def __init__(self, log: TextIO) -> None:
        self._log, self._peer = log, ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who it is."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._peer = transport, transport.get_extra_info("peername")[0]

    def data_received(self, data: bytes) -> None:
        """Answer every request, and write it down."""
        for _ in range(data.count(END)):
            self._transport.write(ANSWER)
            at = time.strftime("%d/%b/%Y:%H:%M:%S %z")
            self._log.write(f'{self._peer} - - [{at}] "GET /about.html HTTP/1.1" 200 {len(PAGE)} "-" "Mozilla/5.0"\n')


async def serve(address: str, log: Path) -> None:
    """Answer until the program is ended."""
    with log.open("a", buffering=1) as lines:
        server = await asyncio.get_running_loop().create_server(lambda: Answering(lines), address, PORT, backlog=512)
        print("ready", flush=True)
        await server.serve_forever()


class Visitors:
    """All connections, at the visitors' end."""

    def __init__(self, server: str, sources: list[str]) -> None:
        self.per_s = 0
        self._server, self._sources = server, itertools.cycle(sources)
        self._open: deque[asyncio.Transport] = deque()
        self._asked = 0

    async def visit(self) -> None:
        """Keep up the number of requests a second that is wanted."""
        for _ in range(CONNECTIONS):
            await self._connect()
        print("ready", flush=True)
        owed, at = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            at, before = time.monotonic(), at
            owed += (at - before) * self.per_s
            while owed >= 1:
                owed -= 1
                await self._ask()

    async def obey(self) -> None:
        """Read how many requests a second are wanted, until nobody is there to say it."""
        while line := await asyncio.to_thread(sys.stdin.readline):
            self.per_s = int(line)

    async def _ask(self) -> None:
        self._asked += 1
        if self._asked % REQUESTS_A_VISIT == 0:
            self._open.popleft().close()
            await self._connect()
        self._open.rotate(-1)
        self._open[-1].write(REQUEST)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        ends = (next(self._sources), 0)
        transport, _ = await loop.create_connection(asyncio.Protocol, self._server, PORT, local_addr=ends)
        self._open.append(transport)


async def visit(server: str, sources: list[str]) -> None:
    """Visit until nobody says any more how often."""
    visitors = Visitors(server, sources)
    visiting = asyncio.create_task(visitors.visit(), name="visits")
    await visitors.obey()
    visiting.cancel()


if __name__ == "__main__":
    role, address, *others = sys.argv[1:]
    asyncio.run(serve(address, Path(others[0])) if role == "serve" else visit(address, others))
