"""Tests of the XDP blocker that need no privileges."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from engine import paths
from engine.guard import bpf, layout, pins, xdp


def test_the_layout_is_the_one_of_the_kernel_program() -> None:
    header = (paths.BPF_OBJECT.parent / "aegis.h").read_text()
    assert re.findall(r"#define AEGIS_LAYOUT (\d+)", header) == [str(layout.LAYOUT)]


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
