from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host import processes
from engine.types import Finding


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    program = tmp_path / "sleeper"
    shutil.copy("/bin/sleep", program)
    child = subprocess.Popen([program, "60"], cwd=tmp_path)
    yield child, program
    child.kill()
    child.wait()


def test_a_running_program_is_described(sleeper: tuple[subprocess.Popen[bytes], Path]) -> None:
    child, program = sleeper
    facts = processes.describe(child.pid)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    assert (facts.finding, facts.ppid, facts.uid) == (Finding.FOUND, os.getpid(), os.getuid())
    assert (facts.exe, facts.exe_sha256, facts.exe_deleted) == (str(program), digest, False)
    assert (facts.cmdline, facts.cwd) == ((str(program), "60"), str(program.parent))
    assert facts.parents[0].startswith(f"{os.getpid()} ")


def test_a_deleted_program_is_marked_and_hashed_all_the_same(sleeper: tuple[subprocess.Popen[bytes], Path]) -> None:
    child, program = sleeper
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    program.unlink()
    facts = processes.describe(child.pid)
    assert (facts.exe, facts.exe_deleted, facts.exe_sha256) == (str(program), True, digest)


def test_a_reused_pid_is_not_taken_for_the_process_that_is_gone() -> None:
    own = processes.describe(os.getpid())
    again = processes.describe(os.getpid(), own.start_time)
    other = processes.describe(os.getpid(), own.start_time - 60)
    assert (again.finding, other.finding, other.exe) == (Finding.FOUND, Finding.GONE, "")


def test_a_process_that_ended_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert processes.describe(child.pid).finding is Finding.GONE


def test_children_are_listed(sleeper: tuple[subprocess.Popen[bytes], Path]) -> None:
    assert f"{sleeper[0].pid} sleeper" in processes.describe(os.getpid()).children


@pytest.mark.parametrize(
    ("content", "unit"),
    [
        pytest.param(b"0::/system.slice/nginx.service\n", "nginx.service", id="service"),
        pytest.param(b"0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope", id="session"),
        pytest.param(b"0::/system.slice/docker-" + b"a" * 64 + b".scope\n", f"docker-{'a' * 64}.scope", id="docker"),
        pytest.param(b"12:cpu:/docker/" + b"b" * 64 + b"\n", "container bbbbbbbbbbbb", id="cgroup v1"),
        pytest.param(b"0::/\n", "", id="none"),
        pytest.param(b"\xff\xfe", "", id="garbage"),
    ],
)
def test_the_unit_is_read_from_the_control_group(content: bytes, unit: str) -> None:
    assert processes.parse_unit(content) == unit


@given(st.binary(max_size=9000))
def test_no_parser_raises_on_garbage_and_text_stays_bounded(content: bytes) -> None:
    processes.parse_unit(content)
    assert len(processes.parse_cmdline(content)) <= 4097


def test_the_empty_arguments_that_a_renamed_program_leaves_behind_are_dropped() -> None:
    assert processes.parse_cmdline(b"sshd: root@pts/0" + b"\0" * 40) == ("sshd: root@pts/0",)
    assert processes.parse_cmdline(b"sh\0-c\0\0ls\0") == ("sh", "-c", "", "ls")
    assert processes.parse_cmdline(b"\0\0") == ()
