"""The folder of the pinned maps and links: whose it is, and how its files are named."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.guard import bpf

PIN_ROOT = bpf.BPFFS / "aegis"


class Spot(NamedTuple):
    """An interface that blocks are enforced on."""

    namespace: int
    """Inode of the network namespace: an interface index means something there only."""
    ifindex: int
    slot: int
    """Number of the interface's bit in an entry, which no other interface of any namespace has."""

    @property
    def bit(self) -> int:
        return 1 << self.slot

    @property
    def iface(self) -> str:
        """The name the interface has now."""
        try:
            return socket.if_indextoname(self.ifindex)
        except OSError:
            return f"interface {self.ifindex}"

    def pin(self, folder: Path, kind: str = "") -> Path:
        """Return where the link is pinned, or what stands beside it."""
        return folder / "-".join(filter(None, (str(self.namespace), str(self.ifindex), str(self.slot), kind)))


def spot_of(path: Path) -> Spot:
    """Return the interface that a pin is named after."""
    namespace, ifindex, slot = path.name.split("-")[:3]
    return Spot(int(namespace), int(ifindex), int(slot))


def here() -> int:
    """Return the inode of this thread's network namespace."""
    return Path("/proc/thread-self/ns/net").stat().st_ino


@contextmanager
def opened(path: Path) -> Iterator[int | None]:
    """Open a pin for a while; None where there is none."""
    if not path.exists():
        yield None
        return
    fd = bpf.open_pin(path)
    try:
        yield fd
    finally:
        os.close(fd)


def prepare(pin_root: Path) -> None:
    """Make the folders, or refuse those that are not root's alone."""
    if os.geteuid():
        raise PermissionError(f"cannot use {pin_root}: only root may")
    if not on_bpffs(pin_root.parent):
        raise OSError(f"cannot use {pin_root}: bpffs is not mounted (mount -t bpf bpf {bpf.BPFFS})")
    for folder in (pin_root, pin_root / "links"):
        folder.mkdir(mode=0o700, exist_ok=True)
        check_private(folder)


def check_private(folder: Path) -> None:
    """Refuse a folder that somebody else made or may write to, without following a link."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or stat.S_IMODE(found.st_mode) != 0o700:
        raise PermissionError(f"cannot trust {folder}: it is not a folder of root's with mode 0700")


def ensure_bpffs(path: Path = bpf.BPFFS) -> None:
    """Mount bpffs on an empty folder that has no mount of its own."""
    if on_bpffs(path):
        return
    if any(path.iterdir()):
        raise OSError(f"cannot mount bpffs on {path}: the folder is not empty")
    bpf.mount_bpffs(path)


def on_bpffs(path: Path) -> bool:
    """Whether a path lies on a mounted BPF file system, by its device number in the mount table."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == number:
            return source.split()[0] == "bpf"
    return False
