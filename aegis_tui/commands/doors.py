"""The doors of an engine: which ones are opened, and what a person is told of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import Settings
from engine.edge import token
from engine.edge.late import LateDoor

if TYPE_CHECKING:
    from engine.edge.view import Door

Told = Callable[[str, str, Path], None]
"""Told the name of a door, its address, and where its token lies."""


def configured(settings: Settings, database: Path, told: Told | None = None) -> tuple[Door, ...]:
    """Return the doors that the settings open; nothing of them is loaded before."""
    file = token.location(database)
    doors: list[Door] = []
    if settings.http:
        doors.append(LateDoor("http", partial(_http, settings.http_port, file, told)))
    if settings.mcp:
        doors.append(LateDoor("mcp", partial(_mcp, settings.mcp_port, file, told)))
    return tuple(doors)


def stdio(on_close: Callable[[], object]) -> Door:
    """Return MCP over standard input and output, which belong to it from now on."""
    from engine.edge import pipes  # noqa: PLC0415 - only where a client started this program

    inward, outward = pipes.take()

    def make() -> Door:
        from engine.edge.mcp import StdioDoor  # noqa: PLC0415 - heavy

        return StdioDoor(pipes.Lines(inward), pipes.Outlet(outward), on_close)

    return LateDoor("mcp", make)


def _http(port: int, file: Path, told: Told | None) -> Door:
    from engine.edge.http import HttpDoor  # noqa: PLC0415 - heavy

    return HttpDoor(port, file, _telling("http", file, told))


def _mcp(port: int, file: Path, told: Told | None) -> Door:
    from engine.edge.mcp import McpDoor  # noqa: PLC0415 - heavy

    return McpDoor(port, file, _telling("mcp", file, told))


def _telling(name: str, file: Path, told: Told | None) -> Callable[[str], None] | None:
    return None if told is None else lambda address: told(name, address, file)
