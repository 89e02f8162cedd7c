"""Tests of the libbpf wrapper."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import paths
from engine.guard import bpf

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to load BPF programs")
DROP_ALL = struct.pack("=QQ", 0x01_0000_00B7, 0x95)
"""``r0 = XDP_DROP; exit``."""


@pytest.fixture
def pins() -> Iterator[Path]:
    folder = bpf.BPFFS / f"aegis-test-bpf-{os.getpid()}"
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def loaded(pins: Path) -> Iterator[int]:
    program = bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", pins)
    yield program
    os.close(program)


def test_a_failure_says_what_was_done_and_why_not() -> None:
    error = bpf.failure(errno.EPERM, "cannot attach XDP to eth0")
    assert str(error) == "cannot attach XDP to eth0: Operation not permitted"
    assert (type(error), error.errno) == (PermissionError, errno.EPERM)


def test_a_missing_object_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot load gone\.bpf\.o: No such file"):
        bpf.load_program(tmp_path / "gone.bpf.o", "aegis_xdp", tmp_path)


def test_a_file_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.bpf.o").write_text("not an ELF file, however long it may be")
    with pytest.raises(OSError, match=r"cannot load text\.bpf\.o"):
        bpf.load_program(tmp_path / "text.bpf.o", "aegis_xdp", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may load BPF programs")
def test_a_plain_user_is_told_that_loading_is_not_permitted(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match=r"cannot load aegis\.bpf\.o: Operation not permitted"):
        bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", tmp_path)


def test_the_committed_object_equals_a_fresh_build() -> None:
    clang = shutil.which("clang")
    if clang is None or b"version 14.0.6" not in subprocess.check_output([clang, "--version"]):
        pytest.skip("needs Debian clang 14.0.6, which made the committed object")
    command = ["make", "-C", str(paths.BPF_OBJECT.parent), "check"]
    built = subprocess.run(command, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.mark.root
@needs_root
def test_a_map_gives_back_what_was_put(pins: Path, loaded: int) -> None:
    blocks = bpf.Map(pins / "aegis_block4")
    blocks.put(b"\xcb\x00\x71\x09", b"v" * 64)
    assert (blocks.get(b"\xcb\x00\x71\x09"), blocks.get(b"none")) == (b"v" * 64, None)
    assert (blocks.delete(b"\xcb\x00\x71\x09"), blocks.delete(b"\xcb\x00\x71\x09")) == (True, False)
    blocks.close()


@pytest.mark.root
@needs_root
@pytest.mark.parametrize("name", ["aegis_block4", "aegis_net4"])
def test_a_map_lists_and_clears_more_than_one_batch(pins: Path, loaded: int, name: str) -> None:
    blocks = bpf.Map(pins / name)
    prefix = b"" if name == "aegis_block4" else struct.pack("=I", 32)
    wanted = {prefix + struct.pack("!I", number): struct.pack("=Q56x", number) for number in range(10_000)}
    blocks.put_many(list(wanted.items()))
    assert dict(blocks.items()) == wanted
    assert (blocks.clear(), list(blocks.keys())) == (10_000, [])
    blocks.close()


@pytest.mark.root
@needs_root
def test_a_full_map_says_how_many_places_it_has(pins: Path, loaded: int) -> None:
    nets = bpf.Map(pins / "aegis_net4")
    nets.put_many(
        [(struct.pack("=I", 32) + struct.pack("!I", number), bytes(64)) for number in range(nets.max_entries)]
    )
    with pytest.raises(OSError, match="cannot write map aegis_net4: all 16384 places are taken"):
        nets.put(struct.pack("=I", 32) + b"\xff" * 4, bytes(64))
    nets.close()


@pytest.mark.root
@needs_root
def test_a_second_load_takes_the_pinned_maps(pins: Path, loaded: int) -> None:
    blocks = bpf.Map(pins / "aegis_block6")
    blocks.put(b"k" * 16, b"v" * 64)
    again = bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", pins)
    assert bpf.program_info(again).tag == bpf.program_info(loaded).tag
    reopened = bpf.Map(pins / "aegis_block6")
    assert reopened.get(b"k" * 16) == b"v" * 64
    for fd in (again, blocks.fd, reopened.fd):
        os.close(fd)


@pytest.mark.root
@needs_root
def test_a_program_is_known_by_its_name_and_judges_a_test_packet() -> None:
    program = bpf.load_instructions(DROP_ALL, "krn_stranger")
    info = bpf.program_info(program)
    assert (info.name, bpf.program_by_id(info.id)) == ("krn_stranger", info)
    assert bpf.run_on_packet(program, bytes(64), repeat=10).verdict == bpf.XDP_DROP
    os.close(program)
