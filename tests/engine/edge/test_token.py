"""The token: nobody else's file is trusted, and a rotation counts at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.edge import token
from engine.edge.token import Token


def test_a_token_holds_256_bits_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = token.rotate(tmp_path / "token")
    finally:
        os.umask(old)
    found = (tmp_path / "token").stat()
    assert (len(made), stat.S_IMODE(found.st_mode), found.st_uid) == (43, 0o600, os.geteuid())


def test_every_rotation_makes_another_token_and_leaves_no_other_file(tmp_path: Path) -> None:
    made = {token.rotate(tmp_path / "token") for _ in range(20)}
    assert (len(made), [file.name for file in tmp_path.iterdir()]) == (20, ["token"])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610, 0o777])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    token.rotate(tmp_path / "token")
    (tmp_path / "token").chmod(mode)
    with pytest.raises(PermissionError, match="others may use it"):
        token.read(tmp_path / "token")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    token.rotate(tmp_path / "token")
    os.chown(tmp_path / "token", 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to uid 65534"):
        token.read(tmp_path / "token")


def test_a_link_a_folder_and_a_pipe_are_no_token(tmp_path: Path) -> None:
    token.rotate(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "folder", "pipe"):
        with pytest.raises(OSError):
            token.read(tmp_path / name)


@pytest.mark.parametrize("text", ["", "secret", "a" * 42, "a" * 200, "ä" * 43, "a b" * 20, "\x00" * 43])
def test_a_word_that_somebody_thought_of_is_no_token(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(PermissionError, match="holds no token"):
        token.read(file)


@pytest.mark.parametrize("kind", ["a folder", "a pipe"])
def test_what_is_no_file_is_no_token_and_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "token"
    place.mkdir() if kind == "a folder" else os.mkfifo(place)
    with pytest.raises(PermissionError, match=f"^refusing {place} is not a regular file$"):
        token.read(place)


def test_a_door_makes_the_token_that_is_missing_and_admits_it_alone(tmp_path: Path) -> None:
    kept = Token(tmp_path / "token")
    made = token.read(tmp_path / "token").encode()
    wrong = (b"", b"x", made[:-1], made + b"a", made.swapcase())
    assert (kept.admits(made), [kept.admits(one) for one in wrong]) == (True, [False] * 5)


def test_a_rotation_counts_from_the_next_request_on(tmp_path: Path) -> None:
    kept = Token(tmp_path / "token")
    old = token.read(tmp_path / "token").encode()
    new = token.rotate(tmp_path / "token").encode()
    assert (kept.admits(old), kept.admits(new)) == (False, True)


def test_a_file_that_became_readable_or_is_gone_admits_nobody(tmp_path: Path) -> None:
    kept = Token(tmp_path / "token")
    made = token.read(tmp_path / "token").encode()
    assert kept.admits(made)
    (tmp_path / "token").chmod(0o644)
    assert not kept.admits(made)
    (tmp_path / "token").unlink()
    assert (kept.admits(made), kept.admits(b"")) == (False, False)


def test_a_door_does_not_open_on_a_token_that_others_may_read(tmp_path: Path) -> None:
    token.rotate(tmp_path / "token")
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(PermissionError):
        Token(tmp_path / "token")
