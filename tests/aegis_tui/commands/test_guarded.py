"""How a command reaches the guard; one that only looks founds nothing where none has run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aegis_tui.commands import guarded
from aegis_tui.commands.guarded import is_untouched

CLEAN_HOST = """
set -eu
mount -t tmpfs -o mode=755 none /var/lib
mount -t tmpfs none /run
mount -t bpf none /sys/fs/bpf
status=0
"$@" || status=$?
find /var/lib -mindepth 1
ls -d /run/aegis /sys/fs/bpf/aegis 2>/dev/null || true
exit $status
"""
LOOKS = [
    ("blocks list", "nothing is blocked"),
    ("blocks list --ended", "no block has ended"),
    ("blocks export", "# blocks of aegis-tui in force at "),
    ("proposals list", "no proposal has been made"),
    ("audit verify", "0 entries, chain whole"),
    ("audit export", ""),
    ("allow list", "the allow-list is empty"),
]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces of its own")
@pytest.mark.parametrize(("words", "told"), LOOKS, ids=[words for words, _ in LOOKS])
def test_looking_founds_nothing_where_no_guard_has_run(words: str, told: str) -> None:
    command = [sys.executable, "-m", "aegis_tui", *words.split()]
    alone = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", CLEAN_HOST, "sh", *command]
    done = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no guard has run on this host yet: nothing is stored" in done.stderr
    assert (done.stdout.startswith(told), done.stdout.count("\n")) == (True, 1 if told else 0), "and no file was made"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces of its own")
@pytest.mark.parametrize(
    "words", ["blocks list", "blocks list --ended", "blocks export", "proposals list", "audit export", "allow list"]
)
def test_a_program_that_looks_where_no_guard_has_run_reads_nothing_but_json(words: str) -> None:
    command = [sys.executable, "-m", "aegis_tui", *words.split(), "--json"]
    alone = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", CLEAN_HOST, "sh", *command]
    done = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("left", ["guard.db", "audit.key", "audit.head", "halted"])
def test_a_host_is_not_untouched_once_a_guard_left_anything(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "table_exists", lambda: False)
    assert is_untouched(tmp_path, tmp_path / "pins")
    (tmp_path / left).touch()
    assert not is_untouched(tmp_path, tmp_path / "pins")


def test_maps_or_a_table_in_the_kernel_are_asked_about_by_a_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "table_exists", lambda: False)
    assert not is_untouched(tmp_path / "state", tmp_path)
    monkeypatch.setattr(guarded, "table_exists", lambda: True)
    assert not is_untouched(tmp_path / "state", tmp_path / "pins")


@pytest.mark.parametrize(("error", "untouched"), [(FileNotFoundError("nft"), True), (OSError("nft: no answer"), False)])
def test_without_nft_there_is_no_table_and_one_that_does_not_answer_tells_nothing(
    error: OSError, untouched: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise error

    monkeypatch.setattr(guarded, "table_exists", fail)
    assert is_untouched(tmp_path / "state", tmp_path / "pins") is untouched
