"""What went wrong, told to a person."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from engine.reason import reason


def test_a_file_that_is_missing_is_named_without_a_number(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / "x").read_bytes()
    assert reason(caught.value) == f"{tmp_path}/x: No such file or directory"
    assert reason(caught.value, of=tmp_path / "x") == "No such file or directory"


def test_a_socket_that_nobody_listens_on_is_told_without_a_number(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError) as caught:
        sock.connect(str(tmp_path / "none"))
    assert reason(caught.value) == "No such file or directory"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "cannot reach it: refused"), "cannot reach it: refused"),
        (PermissionError("uid 7 listens there"), "uid 7 listens there"),
        (OSError(errno.EIO, os.strerror(errno.EIO), 3), "Input/output error"),
        (OSError(errno.EIO, os.strerror(errno.EIO), b"/tmp/\xff"), "/tmp/\udcff: Input/output error"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("no number"), "no number"),
    ],
    ids=["own words", "no number", "a descriptor", "bytes", "no words", "no error of the system"],
)
def test_an_error_says_what_it_says_and_no_number(error: Exception, said: str) -> None:
    assert reason(error) == said
