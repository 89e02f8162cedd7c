"""A pack that differs in one bit is found out, and a hostile file does nothing."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.pack.archive import decode, encode
from engine.pack.contents import MANIFEST, SCHEMA, SEAL, digest, pack
from engine.pack.verifying import read_pack, verify
from engine.stored import Stored
from tests.aegis_tui import scenario

SMALL = scenario.incident_view(alerts=(), evidence=(), steps=scenario.steps()[:1], proposals=(), verdict=None)
PACK = pack(Stored(SMALL, packets=b"\xd4\xc3\xb2\xa1"), "aegis-tui 1")


def _flipped(archive: bytes, bit: int) -> bytes:
    changed = bytearray(archive)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _sealed(contents: dict[str, bytes], /, **manifest: object) -> bytes:
    """Return a pack whose seal fits whatever manifest it has."""
    told = json.dumps({"schema": SCHEMA, "files": {}} | manifest).encode()
    seal = f"{digest(told)}  {MANIFEST}\n".encode()
    return encode(contents | {MANIFEST: told, SEAL: seal})


def test_a_pack_as_it_was_made_is_whole() -> None:
    found = verify(PACK)
    assert (found.problems, found.incident_id, found.tool) == ((), "INC-00000042", "aegis-tui 1")
    assert len(found.digest) == 64


def test_one_bit_of_any_byte_is_found_wherever_it_is_flipped() -> None:
    chosen = random.Random(7)
    unseen = [byte for byte in range(len(PACK)) if not verify(_flipped(PACK, 8 * byte + chosen.randrange(8))).problems]
    assert unseen == []


def test_every_bit_of_the_archive_around_the_files_is_found() -> None:
    archive = _sealed({})
    assert [bit for bit in range(8 * len(archive)) if not verify(_flipped(archive, bit)).problems] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda files: files.pop("trace.json"), "trace.json is missing", id="missing"),
        pytest.param(lambda files: files.update(extra=b""), "extra was added", id="added"),
        pytest.param(lambda files: files.update(a=files.pop("trace.json")), "trace.json is missing", id="renamed"),
        pytest.param(lambda files: files.update({"packets.pcap": b""}), "packets.pcap is not the file", id="emptied"),
        pytest.param(lambda files: files.pop(SEAL), "manifest.sha256 is missing", id="no seal"),
        pytest.param(lambda files: files.pop(MANIFEST), "manifest.json is missing", id="no manifest"),
    ],
)
def test_what_differs_is_named(change: object, told: str) -> None:
    files = decode(PACK)
    change(files)  # type: ignore[operator]  # a lambda of the table
    assert any(told in problem for problem in verify(encode(files)).problems)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[", b"[]", b"{}", b'{"files": []}', b'{"files": {}}', b"[" * 60_000, b"1" * 70_000, b'"\\ud800"'],
    ids=["empty", "cut", "list", "no files", "files a list", "no schema", "deep", "large", "half a character"],
)
def test_a_hostile_manifest_is_refused(manifest: bytes) -> None:
    (problem,) = verify(encode({MANIFEST: manifest, SEAL: b""})).problems
    assert problem.startswith("manifest.json is not")


@pytest.mark.parametrize("told", [None, 7, "x" * 400, {"sha256": []}, {"bytes": 1e308}], ids=list("abcde"))
def test_a_manifest_may_say_anything_of_a_file(told: object) -> None:
    assert verify(_sealed({"a": b"x"}, files={"a": told, "\x1b]0;" + "n" * 400: told})).problems


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(PACK)), st.integers(0, len(PACK)))
def test_garbage_anywhere_is_found_and_raises_nothing(garbage: bytes, start: int, end: int) -> None:
    changed = PACK[:start] + garbage + PACK[end:]
    assert (verify(changed).problems == ()) == (changed == PACK)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="not a regular file"):
        read_pack(tmp_path / "pipe")


def test_a_folder_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{tmp_path} is not a regular file$"):
        read_pack(tmp_path)


def test_a_file_larger_than_any_pack_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="large is larger than"):
        read_pack(tmp_path / "large")
