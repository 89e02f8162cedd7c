"""A ZIP archive of one form only: its files, in the order of their names, have exactly one encoding.

Files are stored without compression and without times, so that the archive of the same files is the same
bytes on every machine, and a change of any byte is seen by encoding what was read once more.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from zlib import crc32

MAX_FILES = 32
MAX_BYTES = 512 * 1024 * 1024
"""Of a whole archive: what is larger is not read."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION, _MADE_BY_UNIX = 20, 0x0314
_FIRST_OF_1980 = 0x21
_MODE = 0o100644 << 16
_NAME_BYTES = 64


class DamagedError(ValueError):
    """An archive that is not of the one form; the text says where."""


def encode(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of some files."""
    body, directory, offset = [], [], 0
    for name in sorted(files):
        content, told = files[name], name.encode("ascii")
        sizes = (crc32(content), len(content), len(content))
        head = _LOCAL.pack(_LOCAL_MAGIC, _VERSION, 0, 0, 0, _FIRST_OF_1980, *sizes, len(told), 0)
        body += [head, told, content]
        directory += [
            _CENTRAL.pack(
                _CENTRAL_MAGIC, _MADE_BY_UNIX, _VERSION, 0, 0, 0, _FIRST_OF_1980, *sizes,
                len(told), 0, 0, 0, 0, _MODE, offset,
            ),
            told,
        ]  # fmt: skip
        offset += len(head) + len(told) + len(content)
    listed = b"".join(directory)
    end = _END.pack(_END_MAGIC, 0, 0, len(files), len(files), len(listed), offset, 0)
    return b"".join((*body, listed, end))


def decode(archive: bytes) -> dict[str, bytes]:
    """Return the files in an archive, by the heads that stand before them; ``differs_at`` checks everything else.

    Raises:
        DamagedError: a head is not one that ``encode`` writes.
    """
    files: dict[str, bytes] = {}
    at = 0
    while archive[at : at + 4] == _LOCAL_MAGIC:
        if len(files) >= MAX_FILES:
            msg = f"it holds more than {MAX_FILES} files"
            raise DamagedError(msg)
        name, content, at = _file(archive, at)
        if name in files:
            msg = f"{name} is in it twice"
            raise DamagedError(msg)
        files[name] = content
    if not files:
        msg = "it does not begin with a file of a pack"
        raise DamagedError(msg)
    return files


def differs_at(archive: bytes, files: Mapping[str, bytes]) -> int:
    """Return the first byte at which an archive is not the encoding of these files, or -1 where it is."""
    wanted = encode(files)
    if archive == wanted:
        return -1
    pairs = enumerate(zip(archive, wanted, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(archive), len(wanted)))


def _file(archive: bytes, at: int) -> tuple[str, bytes, int]:
    try:
        head = _LOCAL.unpack_from(archive, at)
    except struct.error as error:
        raise _damaged(at, "ends within the head of a file") from error
    method, size, stored, name_bytes, extra_bytes = head[3], head[8], head[7], head[9], head[10]
    if method or size != stored or extra_bytes or not 0 < name_bytes <= _NAME_BYTES:
        raise _damaged(at, "the head of a file is not one that this program writes")
    start = at + _LOCAL.size + name_bytes
    told = archive[at + _LOCAL.size : start]
    if not all(byte in _NAME for byte in told):
        raise _damaged(at, "a file has a name that no pack gives")
    if start + size > len(archive):
        raise _damaged(at, f"it ends within {told.decode()}")
    return told.decode(), archive[start : start + size], start + size


_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
"""Bytes of a name: no separator, so that nothing leads out of a folder."""


def _damaged(at: int, what: str) -> DamagedError:
    return DamagedError(f"damaged at byte {at}: {what}")
