"""Tests of the XDP blocker that need no privileges."""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import paths
from engine.guard import bpf, layout, pins, xdp
from engine.guard.blocker import Wanted


def test_the_layout_is_the_one_of_the_kernel_program() -> None:
    header = (paths.BPF_OBJECT.parent / "aegis.h").read_text()
    assert re.findall(r"#define AEGIS_LAYOUT (\d+)", header) == [str(layout.LAYOUT)]


@given(st.sets(st.integers(1, 127), max_size=layout.MAX_LENGTHS))
def test_the_lengths_in_use_are_read_back(lengths: set[int]) -> None:
    assert layout.unpack_lengths(layout.pack_lengths(lengths)) == lengths


def test_the_kernel_reads_each_length_from_its_bit_and_finds_the_longest_first() -> None:
    header = (paths.BPF_OBJECT.parent / "aegis.h").read_text()
    [factor] = re.findall(r"#define AEGIS_PLACE\(bit\) \(\(\(bit\) \* (0x[0-9a-f]+)ULL\) >> 58\)", header)
    _, _, length_at = layout.LENGTHS.unpack(layout.pack_lengths([]))
    bits = [layout.length_bit(length) for length in range(64)]
    assert [length_at[bit * int(factor, 16) % (1 << 64) >> 58] for bit in bits] == list(range(64))
    assert bits == sorted(bits, reverse=True)


@pytest.mark.parametrize("text", ["::", "::1", "::ffff:192.0.2.1", "::192.0.2.1", "2001:db8:0:1::", "1:0:0:2:0:0:0:3"])
def test_an_address_is_written_as_the_ledger_writes_it(text: str) -> None:
    prefix = str(ip_network(text))
    name, key = layout.place(prefix)
    value = layout.pack_entry(key, Wanted(prefix, 0, 1, ()), layout.IfaceMasks({}))
    assert layout.unpack_entry(name, key, value, layout.IfaceNames({})).prefix == prefix


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use the maps")
def test_a_plain_user_is_refused_before_anything_is_made() -> None:
    folder = bpf.BPFFS / f"aegis-test-{os.getpid()}-plain"
    with pytest.raises(PermissionError, match="only root may"):
        xdp.XdpBlocker(folder)
    assert not folder.exists()


def test_an_ordinary_folder_is_not_on_bpffs(tmp_path: Path) -> None:
    assert not pins.on_bpffs(tmp_path)


def test_bpffs_is_never_mounted_over_files(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot mount bpffs on .*: the folder is not empty"):
        pins.ensure_bpffs(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may mount")
def test_a_mount_that_is_not_permitted_is_said(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match=r"cannot mount bpffs on .*: Operation not permitted"):
        pins.ensure_bpffs(tmp_path)


def test_panic_without_maps_says_that_nothing_is_blocked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="so nothing is blocked"):
        xdp.panic(tmp_path / "none")


@pytest.mark.skipif(os.geteuid() == 0, reason="a folder made by root may be trusted")
def test_panic_trusts_no_folder_of_a_plain_user(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="cannot trust"):
        xdp.panic(tmp_path)
