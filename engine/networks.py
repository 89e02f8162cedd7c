"""Which network an address belongs to, from a database file that the administrator names; nobody is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.plainfile import open_plain

NAME_CHARACTERS = 120


class Networks:
    """An open MaxMind DB file with autonomous systems in it."""

    def __init__(self, path: Path) -> None:
        """Open a file; raises ``OSError``, and ``ValueError`` for one that is no such database."""
        import maxminddb  # noqa: PLC0415 - only where a database is configured

        open_plain(path).close()  # the library would wait for a pipe
        try:
            self._reader = maxminddb.open_database(path)
        except maxminddb.InvalidDatabaseError as error:
            raise ValueError(f"cannot use {path}: {error}") from None
        self._broken = maxminddb.InvalidDatabaseError

    def look_up(self, ip: str) -> tuple[int, str]:
        """Return number and name of an address's network; 0 and empty where it is not known."""
        try:
            row: Any = self._reader.get(ip)
        except (ValueError, self._broken):
            return 0, ""  # an IPv6 address in a database of IPv4, or a broken page
        if not isinstance(row, dict):
            return 0, ""
        number, name = row.get("autonomous_system_number"), row.get("autonomous_system_organization")
        if not isinstance(number, int) or not 0 < number < 1 << 32:
            return 0, ""
        return number, name[:NAME_CHARACTERS] if isinstance(name, str) else ""

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
