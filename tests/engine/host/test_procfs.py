from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host import procfs


def test_a_name_with_brackets_and_spaces_does_not_shift_the_fields() -> None:
    fields = "S 7 1 1 34817 " + "0 " * 14 + "12345 0 0"
    found = procfs.parse_stat(f"42 (a) b (c) {fields}".encode())
    assert found == procfs.Stat(42, "a) b (c", 7, 34817, 12345)


def test_own_lineage_starts_with_this_process_and_ends_at_the_first() -> None:
    lineage = procfs.lineage(os.getpid())
    assert (lineage[0].pid, lineage[1].pid) == (os.getpid(), os.getppid())


def test_the_start_time_of_this_process_lies_in_the_past_of_its_files() -> None:
    own = procfs.stat(os.getpid())
    assert own is not None
    assert abs(procfs.start_time(own.start_ticks) - Path(f"/proc/{os.getpid()}").stat().st_ctime) < 3600


def test_variables_without_a_value_are_left_out() -> None:
    assert procfs.parse_environ(b"A=1\0junk\0B==\0\0") == {"A": "1", "B": "="}


def test_a_gone_process_has_no_stat_and_no_environment() -> None:
    assert (procfs.stat(2**22 + 1), procfs.environ(2**22 + 1)) == (None, {})


@given(st.binary(max_size=400))
def test_no_parser_raises_on_garbage(content: bytes) -> None:
    procfs.parse_stat(content)
    procfs.parse_stat(b"1 (x) " + content)
    procfs.parse_environ(content)
    procfs.parse_uid(b"Uid:" + content)
    procfs.parse_capabilities(b"CapEff:" + content)
    procfs.parse_boot_time(b"btime " + content)
    assert len(procfs.text(content, 16)) <= 16


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
def test_each_network_namespace_has_a_name_of_its_own_that_is_not_used_again() -> None:
    code = "from engine.host.procfs import network_namespace; print(network_namespace('b'))"
    names = {
        subprocess.run(
            ["unshare", "--net", sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        for _ in range(3)
    }
    assert len(names) == 3
    assert "host\n" not in names


@pytest.mark.skipif(Path("/proc/self/ns/net").stat().st_ino != procfs.FIRST_NETWORK, reason="needs Linux 6.18's host")
def test_the_hosts_network_namespace_keeps_its_name_over_a_boot() -> None:
    assert procfs.network_namespace("one") == procfs.network_namespace("two") == "host"


def test_a_process_has_the_user_who_runs_it_and_one_that_is_gone_has_none() -> None:
    assert procfs.uid(os.getpid()) == os.getuid()
    assert (procfs.uid(1 << 23), procfs.login_uid(1 << 23)) == (-1, -1)


def test_a_file_read_plainly_is_bounded_and_no_link(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"x" * 100)
    link.symlink_to(file)
    assert procfs.read_plain(str(file), 10) == b"x" * 10
    for other in (link, tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match=other.name):
            procfs.read_plain(str(other), 10)
