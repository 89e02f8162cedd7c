from __future__ import annotations

import os
from pathlib import Path

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
