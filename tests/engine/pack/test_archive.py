"""The archive of a pack: one encoding, and nothing that a stranger's file could do with a reader."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from engine.pack.archive import MAX_FILES, DamagedError, decode, differs_at, encode

FILES = {"b.json": b"{}\n", "a.md": b"# A\n", "empty": b""}


def test_what_was_encoded_is_read_back_and_has_no_other_encoding() -> None:
    archive = encode(FILES)
    assert decode(archive) == FILES
    assert differs_at(archive, FILES) == -1
    assert encode(dict(reversed(FILES.items()))) == archive


def test_every_zip_tool_opens_it() -> None:
    with zipfile.ZipFile(io.BytesIO(encode(FILES))) as found:
        assert found.testzip() is None
        assert {name: found.read(name) for name in found.namelist()} == FILES


def _zip(files: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        pytest.param(_zip([("a.md", bytes(1 << 20))], zipfile.ZIP_DEFLATED), "not one that this program", id="bomb"),
        pytest.param(encode({"../../etc/cron.d/a": b"x"}), "a name that no pack gives", id="path traversal"),
        pytest.param(encode({f"n{n}": b"" for n in range(MAX_FILES + 1)}), "more than", id="too many files"),
        pytest.param(b"", "does not begin", id="empty"),
        pytest.param(b"\x00" * 4096, "does not begin", id="zeros"),
        pytest.param(b"PK\x03\x04" * 400, "the head of a file", id="heads without end"),
        pytest.param(encode({"a": b"x" * 99})[:60], "ends within a", id="cut in a file"),
        pytest.param(encode({"a": b"x"})[:20], "ends within the head", id="cut in a head"),
        pytest.param(encode({"a": b"x"})[:32] * 2 + encode({"a": b""}), "in it twice", id="the same name twice"),
    ],
)
def test_what_this_program_does_not_write_is_refused(archive: bytes, reason: str) -> None:
    with pytest.raises(DamagedError, match=reason):
        decode(archive)


def test_a_size_of_four_gigabytes_reads_nothing() -> None:
    archive = bytearray(encode({"a": b"x"}))
    struct.pack_into("<II", archive, 18, 0xFFFFFFFF, 0xFFFFFFFF)
    with pytest.raises(DamagedError, match="it ends within a"):
        decode(bytes(archive))


@pytest.mark.parametrize("more", [b"\x00", b"PK\x05\x06" + bytes(18)], ids=["a byte", "another end"])
def test_what_is_appended_differs_at_the_end(more: bytes) -> None:
    archive = encode(FILES)
    assert differs_at(archive + more, decode(archive + more)) == len(archive)
