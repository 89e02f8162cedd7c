"""MCP over standard input and output with a fake engine behind it: run by a client, as ``python -m``."""

from __future__ import annotations

import asyncio

from engine.edge import pipes
from engine.edge.mcp import run_stdio
from tests.engine.edge.door import FakeDoor


def main() -> None:
    """Serve until the client closes its end; stray output must not reach the protocol."""
    inward, outward = pipes.take()
    print("this goes to standard error")
    asyncio.run(run_stdio(FakeDoor(), pipes.Lines(inward), pipes.Outlet(outward)))


if __name__ == "__main__":
    main()
