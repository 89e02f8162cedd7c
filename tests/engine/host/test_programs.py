"""The file a process runs: described while it runs, and also when it was deleted."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.host.procfs import start_time, stat
from engine.host.programs import package_of, program_file
from engine.types import Finding


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    program = tmp_path / "sleeper"
    shutil.copy("/bin/sleep", program)
    program.chmod(0o4750)
    child = subprocess.Popen([program, "60"])
    yield child.pid, program
    child.kill()
    child.wait()


def test_owner_mode_times_and_hash_are_told(sleeper: tuple[int, Path]) -> None:
    pid, program = sleeper
    facts, status = program_file(pid), program.stat()
    assert (facts.finding, facts.path, facts.mode, facts.size_bytes) == (
        Finding.FOUND, str(program), "4750", status.st_size,
    )  # fmt: skip
    assert (facts.modified_at, facts.changed_at, facts.deleted) == (status.st_mtime, status.st_ctime, False)
    assert facts.sha256 == hashlib.sha256(program.read_bytes()).hexdigest()
    assert facts.owner != ""


def test_a_deleted_program_is_still_described(sleeper: tuple[int, Path]) -> None:
    pid, program = sleeper
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    program.unlink()
    facts = program_file(pid)
    assert (facts.path, facts.deleted, facts.sha256) == (str(program), True, digest)


def test_another_process_under_the_same_pid_is_not_described(sleeper: tuple[int, Path]) -> None:
    pid, _ = sleeper
    process = stat(pid)
    assert process
    started = start_time(process.start_ticks)
    assert program_file(pid, started).finding is Finding.FOUND
    assert program_file(pid, started - 60).finding is Finding.GONE


def test_a_pid_of_nobody_is_gone() -> None:
    assert program_file(4_194_304).finding is Finding.GONE


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "coreutils.list").write_text("/.\n/bin\n/bin/ls\n/usr/bin/sort\n")
    (tmp_path / "libc6:amd64.list").write_text("/lib/libc.so.6\n")
    (tmp_path / "odd.list").symlink_to("/etc/passwd")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("/usr/bin/ls", "coreutils"), ("/usr/bin/sort", "coreutils"), ("/lib/libc.so.6", "libc6"), ("/bin/l", ""),
        ("/tmp/.x", ""), ("", ""), ("root:x:0:0:root:/root:/bin/bash", ""),
    ],
)  # fmt: skip
def test_the_package_is_the_one_that_lists_the_path(path: str, package: str, lists: Path) -> None:
    assert package_of(path, lists) == package


def test_a_host_without_lists_has_no_package(tmp_path: Path) -> None:
    assert package_of("/bin/ls", tmp_path / "none") == ""


def test_this_process_is_described() -> None:
    assert program_file(os.getpid()).path == str(Path("/proc/self/exe").readlink())
