"""A file that somebody named, read whole: a plain one, and no larger than such files are.

Whatever its name leads to: a pipe that nobody fills is not waited for, and a device without an end is not read.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_plain(path: Path, most_bytes: int) -> bytes:
    """Return what a file holds.

    Raises:
        ValueError: it is no regular file, or larger than that.
        OSError: it cannot be read.
    """
    with open_plain(path) as opened:
        return content_of(opened, path, most_bytes)


def open_plain(path: Path, *, flags: int = 0) -> BinaryIO:
    """Open a file for who looks at whose it is before reading it; ``flags`` such as ``O_NOFOLLOW`` come on top.

    Raises:
        ValueError: it is no regular file.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, _READ | flags)
    except FileNotFoundError:
        if path.is_symlink():
            raise FileNotFoundError(errno.ENOENT, "a link to nothing", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        msg = f"{path} is not a regular file"
        raise ValueError(msg)
    return os.fdopen(descriptor, "rb")


def content_of(opened: BinaryIO, path: Path, most_bytes: int) -> bytes:
    """Return what an open file holds; one of the kernel's may hold more than the size that it tells.

    Raises:
        ValueError: it is larger than that.
    """
    known = os.fstat(opened.fileno()).st_size
    content = b"" if known > most_bytes else opened.read(most_bytes + 1)
    if max(known, len(content)) > most_bytes:
        msg = f"{path} is larger than {_in_words(most_bytes)}"
        raise ValueError(msg)
    return content


def _in_words(size_bytes: int) -> str:
    return f"{size_bytes >> 20} MiB" if size_bytes >= 1 << 20 else f"{size_bytes:,} bytes"
