"""Regular files are opened, and nothing else: no link, no device, no pipe, nothing hidden in a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.documents import files
from engine.documents.files import Found, open_files

NOBODY = 65534


def _names(found: Found) -> list[str]:
    for file in found.files:
        file.read()
    return [Path(file.name).name for file in found.files]


def test_a_folder_gives_its_documents_however_deep(tmp_path: Path) -> None:
    for name in ("a.md", "b/c/d.PDF", "b/e.exe", ".hidden.md", ".git/f.md", "b/.g/h.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert _names(open_files([tmp_path])) == ["a.md", "d.PDF"]


def test_links_in_a_folder_are_passed_by(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.md").write_text("secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.md").symlink_to(tmp_path / "outside" / "secret.md")
    (folder / "sub").symlink_to(tmp_path / "outside")
    found = open_files([folder])
    assert found.files == ()
    assert "no file in it ends in" in found.skipped[0][1]


@pytest.mark.parametrize("kind", ["link", "fifo", "device", "socket folder", "missing"])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.md"
    match kind:
        case "link":
            path.symlink_to("/etc/hostname")
        case "fifo":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
        case "socket folder":
            path.mkdir()
            os.mkfifo(path / "pipe.md")
    found = open_files([path])
    assert found.files == ()
    assert found.skipped


def test_a_file_named_itself_may_have_any_suffix(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("x")
    assert _names(open_files([tmp_path / "README"])) == ["README"]


def test_a_file_is_opened_once_however_often_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    assert _names(open_files([tmp_path, tmp_path / "a.md"])) == ["a.md"]


def test_too_many_files_are_refused_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / f"{name}.md").write_text("x")
    monkeypatch.setattr(files, "FILES", 2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ValueError, match="more than 2 files"):
        open_files([tmp_path])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """Return a folder that another user owns, in one that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="aegis-a2-") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "theirs"
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
        yield folder


@pytest.mark.root
def test_root_opens_with_the_rights_of_whose_folder_it_is(strangers_folder: Path) -> None:
    (strangers_folder / "own.md").write_text("x")
    os.chown(strangers_folder / "own.md", NOBODY, NOBODY)
    closed = strangers_folder / "roots.md"
    closed.write_text("secret")
    closed.chmod(0o600)
    found = open_files([strangers_folder])
    assert _names(found) == ["own.md"]
    assert found.skipped == ((str(closed), "Permission denied"),)
    assert os.geteuid() == os.getegid() == 0


@pytest.mark.root
def test_root_reaches_nothing_through_a_link_above_the_file(strangers_folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "secret.md").write_text("secret")
    (strangers_folder / "way").symlink_to(tmp_path)
    found = open_files([strangers_folder / "way" / "secret.md"])
    assert found.files == ()
    assert found.skipped[0][1] == "Permission denied"
