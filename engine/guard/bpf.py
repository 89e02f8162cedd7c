"""The kernel's BPF calls through libbpf: the only file of the project that touches the library."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

BPFFS = Path("/sys/fs/bpf")
XDP_DROP = 1
XDP_PASS = 2
TC_DROP = 2
TC_NEXT = 0xFFFF_FFFF
"""``TC_ACT_UNSPEC``: left to the programs and filters that follow."""

_BATCH = 4096
_BATCHED = {1, 2}
"""Hash and array maps, which can be listed many at a time."""
_ATTACH_XDP, _ATTACH_TCX_EGRESS = 37, 47
_TCX_FIRST = 1 << 3
"""``BPF_F_BEFORE``: ahead of the programs that are there."""
_PROGRAM_TC, _PROGRAM_XDP = 3, 6
_TC_EGRESS, _TC_REPLACE = 1 << 1, 1 << 0
_TC_HANDLE, _TC_PRIORITY = 0xAE615, 2
"""Where our filter stands at clsact; 1 is the priority that others pick by hand."""
_FULL = {errno.E2BIG, errno.ENOSPC}
_MOUNT_FLAGS = 2 | 4 | 8
"""MS_NOSUID, MS_NODEV, MS_NOEXEC."""


class XdpMode(StrEnum):
    """Where an XDP program runs."""

    NATIVE = "native"
    """In the driver."""
    GENERIC = "generic"
    """In the network stack, after the packet was copied: slower, works on every interface."""


_XDP_FLAGS = {XdpMode.GENERIC: 1 << 1, XdpMode.NATIVE: 1 << 2}


class LinkInfo(NamedTuple):
    """What the kernel says about an XDP or tcx link."""

    program_id: int
    ifindex: int
    """0 when the interface is gone."""


class ProgramInfo(NamedTuple):
    """What the kernel says about a loaded program."""

    id: int
    tag: bytes
    """Hash over the instructions, the same for two loads of one object."""
    name: str


class PacketRun(NamedTuple):
    """What a program did with a packet."""

    verdict: int
    ns_per_packet: int


class _TestRunOptions(ctypes.Structure):
    """``struct bpf_test_run_opts``."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


def _ignore(_level: int, _format: bytes, _arguments: int) -> int:
    return 0


_SILENCE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(_ignore)
"""Keeps libbpf from writing to the terminal, which belongs to the console."""


@cache
def _libbpf() -> ctypes.CDLL:
    library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    for name in ("open_file", "find_program_by_name", "next_map", "next_program"):
        getattr(library, f"bpf_object__{name}").restype = ctypes.c_void_p
    library.bpf_map__name.restype = library.bpf_program__name.restype = ctypes.c_char_p
    library.bpf_map__is_internal.restype = ctypes.c_bool
    library.libbpf_set_print(_SILENCE)
    return library


def failure(code: int, doing: str) -> OSError:
    """Return the OSError of an errno, whose whole text is ``doing`` and the reason."""
    error = type(OSError(code, ""))(f"{doing}: {os.strerror(code)}")
    error.errno = code
    return error


def _checked(code: int, doing: str) -> int:
    if code < 0:
        raise failure(-code, doing)
    return code


class Map:
    """A pinned map, opened by its path."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.fd = open_pin(path)
        kind, _, self.key_size, self.value_size, self.max_entries = struct.unpack_from("=5I", _object_info(self.fd))
        self._batched = kind in _BATCHED

    def close(self) -> None:
        os.close(self.fd)

    def get(self, key: bytes) -> bytes | None:
        return self._lookup(key, self.value_size)

    def get_per_cpu(self, key: bytes) -> list[bytes]:
        """Return the value of each possible CPU."""
        cpus = _checked(_libbpf().libbpf_num_possible_cpus(), "cannot count the CPUs")
        value = self._lookup(key, self.value_size * cpus) or b""
        return [value[at : at + self.value_size] for at in range(0, len(value), self.value_size)]

    def _lookup(self, key: bytes, size: int) -> bytes | None:
        value = ctypes.create_string_buffer(size)
        code = _libbpf().bpf_map_lookup_elem(self.fd, key, value)
        if code == -errno.ENOENT:
            return None
        _checked(code, f"cannot read map {self.name}")
        return value.raw

    def put(self, key: bytes, value: bytes) -> None:
        code = _libbpf().bpf_map_update_elem(self.fd, key, value, ctypes.c_uint64(0))
        self._written(code)

    def put_many(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Write at least one entry, in one call; some are written when it raises ``OSError``. Hash and array maps."""
        count = ctypes.c_uint32(len(entries))
        keys, values = (b"".join(column) for column in zip(*entries, strict=True))
        self._written(_libbpf().bpf_map_update_batch(self.fd, keys, values, ctypes.byref(count), None))

    def _written(self, code: int) -> None:
        if -code in _FULL:
            error = OSError(f"cannot write map {self.name}: all {self.max_entries} places are taken")
            error.errno = -code
            raise error
        _checked(code, f"cannot write map {self.name}")

    def delete(self, key: bytes) -> bool:
        """Remove a key; false when it was not there."""
        code = _libbpf().bpf_map_delete_elem(self.fd, key)
        if code == -errno.ENOENT:
            return False
        _checked(code, f"cannot remove from map {self.name}")
        return True

    def clear(self) -> int:
        """Remove every key and return how many there were."""
        return sum([self.delete(key) for key in list(self.keys())])

    def keys(self) -> Iterator[bytes]:
        key, following = None, ctypes.create_string_buffer(self.key_size)
        while True:
            code = _libbpf().bpf_map_get_next_key(self.fd, key, following)
            if code == -errno.ENOENT:
                return
            _checked(code, f"cannot list map {self.name}")
            key = following.raw
            yield key

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        if self._batched:
            yield from self._batches()
            return
        for key in self.keys():
            value = self.get(key)
            if value is not None:
                yield key, value

    def column(self) -> bytes:
        """Return the values of an array map one after another, read in one call."""
        token = ctypes.create_string_buffer(max(self.key_size, 8))
        keys = ctypes.create_string_buffer(self.key_size * self.max_entries)
        values = ctypes.create_string_buffer(self.value_size * self.max_entries)
        count = ctypes.c_uint32(self.max_entries)
        code = _libbpf().bpf_map_lookup_batch(self.fd, None, token, keys, values, ctypes.byref(count), None)
        if code != -errno.ENOENT:
            _checked(code, f"cannot list map {self.name}")
        return values.raw

    def _batches(self) -> Iterator[tuple[bytes, bytes]]:
        token = ctypes.create_string_buffer(max(self.key_size, 8))
        keys = ctypes.create_string_buffer(self.key_size * _BATCH)
        values = ctypes.create_string_buffer(self.value_size * _BATCH)
        code, start = 0, None
        while code != -errno.ENOENT:
            count = ctypes.c_uint32(_BATCH)
            code = _libbpf().bpf_map_lookup_batch(self.fd, start, token, keys, values, ctypes.byref(count), None)
            if code != -errno.ENOENT:
                _checked(code, f"cannot list map {self.name}")
            yield from zip(
                _chunks(keys.raw, self.key_size, count.value),
                _chunks(values.raw, self.value_size, count.value),
                strict=True,
            )
            start = token


def _chunks(column: bytes, size: int, count: int) -> list[bytes]:
    return [column[at : at + size] for at in range(0, size * count, size)]


def load_program(path: Path, name: str, pin_root: Path, constants: bytes = b"") -> int:
    """Load one program of an object and return its descriptor; maps are taken from ``pin_root``, or pinned there.

    ``constants`` take the place of the object's read-only data, which each load has for itself.
    """
    library, doing = _libbpf(), f"cannot load {path.name}"
    opened = library.bpf_object__open_file(os.fsencode(path), None)
    if not opened:
        raise failure(ctypes.get_errno(), doing)
    loaded = ctypes.c_void_p(opened)
    try:
        for found in _parts(library.bpf_object__next_map, loaded):
            if not library.bpf_map__is_internal(found):
                target = pin_root / library.bpf_map__name(found).decode()
                _checked(library.bpf_map__set_pin_path(found, os.fsencode(target)), doing)
            elif constants:
                size = ctypes.c_size_t(len(constants))
                _checked(library.bpf_map__set_initial_value(found, constants, size), doing)
        for found in _parts(library.bpf_object__next_program, loaded):
            wanted = library.bpf_program__name(found) == name.encode()
            _checked(library.bpf_program__set_autoload(found, ctypes.c_bool(wanted)), doing)
        _checked(library.bpf_object__load(loaded), doing)
        program = ctypes.c_void_p(library.bpf_object__find_program_by_name(loaded, name.encode()))
        fd = _checked(library.bpf_program__fd(program), f"{doing}: program {name}")
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        library.bpf_object__close(loaded)


def _parts(following: Callable[..., int | None], loaded: ctypes.c_void_p) -> Iterator[ctypes.c_void_p]:
    """Walk over the maps or the programs of an object."""
    at = following(loaded, None)
    while at:
        yield ctypes.c_void_p(at)
        at = following(loaded, ctypes.c_void_p(at))


def load_instructions(instructions: bytes, name: str, *, tc: bool = False) -> int:
    """Load raw XDP or tc instructions: a program to measure against, or a stranger's in a test."""
    options = struct.pack("@Nii", 16, 0, 0 if tc else _ATTACH_XDP)
    count = ctypes.c_size_t(len(instructions) // 8)
    kind = _PROGRAM_TC if tc else _PROGRAM_XDP
    code = _libbpf().bpf_prog_load(kind, name.encode(), b"Apache-2.0", instructions, count, options)
    return _checked(code, f"cannot load program {name}")


def open_pin(path: Path) -> int:
    """Return a descriptor of a pinned map or link."""
    return _checked(_libbpf().bpf_obj_get(os.fsencode(path)), f"cannot open {path}")


def pin(fd: int, path: Path) -> None:
    _checked(_libbpf().bpf_obj_pin(fd, os.fsencode(path)), f"cannot pin {path}")


def attach_xdp(program_fd: int, ifindex: int, mode: XdpMode, iface: str) -> int:
    """Return a descriptor of a new link, which never replaces another program."""
    options = struct.pack("@NII", 16, _XDP_FLAGS[mode], 0)
    code = _libbpf().bpf_link_create(program_fd, ifindex, _ATTACH_XDP, options)
    return _checked(code, f"cannot attach XDP to {iface}")


def attach_tcx(program_fd: int, ifindex: int, iface: str) -> int:
    """Return a descriptor of a new tcx link at the head of an interface's egress; Linux 6.6 and later have tcx."""
    options = struct.pack("@NII", 16, _TCX_FIRST, 0)
    code = _libbpf().bpf_link_create(program_fd, ifindex, _ATTACH_TCX_EGRESS, options)
    return _checked(code, f"cannot attach to the tcx egress of {iface}")


def attach_clsact(program_fd: int, ifindex: int, iface: str, *, replace: bool) -> None:
    """Put our filter at an interface's clsact egress, or a program in its place; nothing ties it to a descriptor."""
    library, hook, doing = _libbpf(), _tc_hook(ifindex), f"cannot attach to the clsact egress of {iface}"
    if (code := library.bpf_tc_hook_create(hook)) != -errno.EEXIST:
        _checked(code, doing)
    _checked(library.bpf_tc_attach(hook, _tc_options(program_fd, _TC_REPLACE if replace else 0)), doing)


def clsact_program(ifindex: int, iface: str) -> int:
    """Return the id of the program where our filter stands at clsact egress; 0 where there is none."""
    options = _tc_options()
    code = _libbpf().bpf_tc_query(_tc_hook(ifindex), options)
    if code in {-errno.ENOENT, -errno.EINVAL}:
        return 0
    _checked(code, f"cannot ask for the clsact egress of {iface}")
    program_id: int = struct.unpack_from("@NiIIII", options)[3]
    return program_id


def detach_clsact(ifindex: int, iface: str) -> None:
    """Take our filter off; the qdisc stays, for others may use it."""
    code = _libbpf().bpf_tc_detach(_tc_hook(ifindex), _tc_options())
    _checked(code, f"cannot detach from the clsact egress of {iface}")


def _tc_hook(ifindex: int) -> bytes:
    """Return a ``struct bpf_tc_hook``."""
    return struct.pack("@NiiI4x", 24, ifindex, _TC_EGRESS, 0)


def _tc_options(program_fd: int = 0, flags: int = 0) -> ctypes.Array[ctypes.c_char]:
    """Return a ``struct bpf_tc_opts`` that libbpf may write to."""
    options = struct.pack("@NiIIII4x", 32, program_fd, flags, 0, _TC_HANDLE, _TC_PRIORITY)
    return ctypes.create_string_buffer(options, len(options))


def update_link(link_fd: int, program_fd: int, iface: str) -> None:
    """Put another program in a link's place, without a packet in between that sees neither."""
    _checked(_libbpf().bpf_link_update(link_fd, program_fd, None), f"cannot replace the program on {iface}")


def detach_link(link_fd: int, iface: str) -> None:
    _checked(_libbpf().bpf_link_detach(link_fd), f"cannot detach from {iface}")


def attached_xdp(ifindex: int, iface: str) -> dict[XdpMode, int]:
    """Return the program ids on an interface by mode; hardware offload counts as native."""
    options = ctypes.create_string_buffer(struct.pack("@N24x", 32), 32)
    _checked(_libbpf().bpf_xdp_query(ifindex, 0, options), f"cannot ask for the XDP program of {iface}")
    _, _, driver, hardware, generic = struct.unpack_from("@N4I", options.raw)
    found = {XdpMode.NATIVE: driver or hardware, XdpMode.GENERIC: generic}
    return {mode: program_id for mode, program_id in found.items() if program_id}


def link_info(link_fd: int) -> LinkInfo:
    _, _, program_id, ifindex = struct.unpack_from("=3I4xI", _object_info(link_fd))
    return LinkInfo(program_id, ifindex)


def program_info(program_fd: int) -> ProgramInfo:
    raw = _object_info(program_fd)
    _, program_id, tag = struct.unpack_from("=II8s", raw)
    name: bytes = struct.unpack_from("16s", raw, 64)[0]
    return ProgramInfo(program_id, tag, name.rstrip(b"\0").decode(errors="replace"))


def program_by_id(program_id: int) -> ProgramInfo:
    fd = _checked(_libbpf().bpf_prog_get_fd_by_id(program_id), f"cannot open program {program_id}")
    try:
        return program_info(fd)
    finally:
        os.close(fd)


def _object_info(fd: int) -> bytes:
    info = ctypes.create_string_buffer(80)
    size = ctypes.c_uint32(len(info))
    _checked(_libbpf().bpf_obj_get_info_by_fd(fd, info, ctypes.byref(size)), "cannot ask about a BPF object")
    return info.raw


def run_on_packet(program_fd: int, packet: bytes, repeat: int = 1) -> PacketRun:
    """Let a program judge a packet that no interface carries."""
    options = _TestRunOptions(
        sz=ctypes.sizeof(_TestRunOptions), data_in=packet, data_size_in=len(packet), repeat=repeat
    )
    code = _libbpf().bpf_prog_test_run_opts(program_fd, ctypes.byref(options))
    _checked(code, "cannot run a BPF program on a test packet")
    return PacketRun(options.retval, options.duration)


def mount_bpffs(path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"bpf", os.fsencode(path), b"bpf", ctypes.c_ulong(_MOUNT_FLAGS), b"mode=0700"):
        raise failure(ctypes.get_errno(), f"cannot mount bpffs on {path}")
