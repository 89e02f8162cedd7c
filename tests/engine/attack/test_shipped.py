"""The database is a cache of the shipped files, which are checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine import paths
from engine.attack.index import AttackIndex
from engine.attack.shipped import Shipped

ATTACK = paths.KNOWLEDGE / "attack"
FILES = ["techniques.json.xz", "vectors.npy", "grams.txt", "grams.npy", "signs.tsv", "vocab.txt"]


def found(path: Path | None = None, *, extensions: bool = True) -> list[str]:
    index = AttackIndex(ATTACK, path, extensions=extensions, embedding=False)
    return [f"{passage.id} {passage.score}" for passage in index.search("端口扫描 nmap", 5)]


def test_the_database_is_made_once_and_used_again(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    first = found(path)
    made = path.stat().st_ino
    assert (found(path), path.stat().st_ino) == (first, made)
    assert first == found()


def test_a_database_made_without_the_extension_serves_with_it(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    assert found(path, extensions=False) == found(path) == found(path, extensions=False)


@pytest.mark.parametrize(
    "content", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 5000], ids=["0", "x", "cut"]
)
def test_a_damaged_database_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "knowledge.db"
    path.write_bytes(content)
    assert found(path) == found()


def test_the_manifest_names_every_file_that_is_read() -> None:
    assert sorted(json.loads((ATTACK / "manifest.json").read_bytes())["files"]) == sorted(FILES)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_damaged_shipped_file_is_named(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(ATTACK, tmp_path / "attack"))
    (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"cannot read the knowledge base: .*{name}"):
        AttackIndex(folder)


@pytest.mark.parametrize("name", [*FILES[:-1], "manifest.json"])
def test_a_missing_shipped_file_is_named(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(ATTACK, tmp_path / "attack"))
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        AttackIndex(folder)


def test_what_is_shipped_stays_small() -> None:
    assert sum(path.stat().st_size for path in ATTACK.iterdir()) < 6_000_000


def test_the_version_is_that_of_the_manifest() -> None:
    assert Shipped(ATTACK).version == "18.1"
