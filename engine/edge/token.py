"""The bearer token of the doors: a file that nobody but the engine's user reads."""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import stat
from pathlib import Path

from engine.plainfile import open_plain

log = logging.getLogger(__name__)

_TOKEN_BYTES = 32
_FILE_BYTES = 256
"""More than a token and its newline take."""

_SHAPE = re.compile(r"[A-Za-z0-9_-]{43,128}")
"""256 bits and more in the URL-safe alphabet: a word somebody thought of is too short."""


def location(database: Path) -> Path:
    """Return where the token of an engine with this database lies."""
    return database.with_name("token")


def rotate(path: Path) -> str:
    """Write a new token in the place of the old one, and return it."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(beside, flags, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="ascii") as file:
            os.fchmod(fd, 0o600)
            file.write(f"{token}\n")
            file.flush()
            os.fsync(fd)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return token


def read(path: Path) -> str:
    """Return the token in a file.

    Raises:
        FileNotFoundError: there is none yet.
        PermissionError: the file is another user's, others may read or write it, or it holds no token.
    """
    try:
        with open_plain(path, flags=os.O_NOFOLLOW) as file:
            _refuse_open(path, os.fstat(file.fileno()))
            text = file.read(_FILE_BYTES + 1).decode("ascii", "replace").strip()
    except ValueError as refusal:
        msg = f"refusing {refusal}"
        raise PermissionError(msg) from None
    if not _SHAPE.fullmatch(text):
        msg = f"refusing {path}: it holds no token: aegis-tui token rotate"
        raise PermissionError(msg)
    return text


def _refuse_open(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        msg = f"refusing {path}: it belongs to uid {found.st_uid}, and this program runs as uid {os.geteuid()}"
        raise PermissionError(msg)
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"refusing {path}: others may use it (mode {stat.S_IMODE(found.st_mode):04o}): aegis-tui token rotate"
        raise PermissionError(msg)


class Token:
    """The token that a door asks for; a rotation counts from the next request on."""

    def __init__(self, path: Path) -> None:
        """Take the file, and make it where there is none.

        Raises:
            OSError: it cannot be read or made, or somebody else could have read it.
        """
        self._path = path
        self._mark: tuple[int, ...] = ()
        self._value = b""
        try:
            read(path)
        except FileNotFoundError:
            rotate(path)

    def admits(self, presented: bytes) -> bool:
        """Return whether this is the token of now."""
        self._look()
        return bool(self._value) and hmac.compare_digest(self._value, presented)

    def _look(self) -> None:
        """Read the file again where it changed; one that cannot be trusted admits nobody."""
        mark = _mark(self._path)
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._value = read(self._path).encode()
        except OSError as error:
            self._value = b""
            log.warning("nobody is admitted: %s", error)


def _mark(path: Path) -> tuple[int, ...]:
    try:
        found = path.lstat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode, found.st_uid
