"""The process that opens connections for a console that cannot any more."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aegis_tui.attached.usher import ENGINE, GUARD, Usher


@pytest.fixture
def usher(tmp_path: Path) -> Iterator[Usher]:
    """An usher to sockets of the test's own."""

    def way(name: str) -> Callable[[], socket.socket]:
        def reach() -> socket.socket:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(tmp_path / name))
            except OSError:
                sock.close()
                raise
            return sock

        return reach

    made = Usher.start({GUARD: way("guard"), ENGINE: way("engine")})
    yield made
    made.close()


def test_it_connects_again_and_again_and_says_why_it_cannot(usher: Usher, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^No such file"):
        usher.reach(ENGINE)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine"))
        listener.listen()
        for _ in range(3):
            with usher.reach(ENGINE) as ours:
                theirs, _ = listener.accept()
                with theirs:
                    ours.sendall(b"hello")
                    assert theirs.recv(5) == b"hello"
    with pytest.raises(OSError, match=r"^Connection refused"):
        usher.reach(ENGINE)


def test_it_knows_no_other_way(usher: Usher) -> None:
    with pytest.raises(OSError, match="no such way"):
        usher.reach(b"x")


def test_it_ends_with_the_console(usher: Usher) -> None:
    import os

    usher.close()
    assert os.waitpid(usher.pid, 0) == (usher.pid, 0)
