"""Standard input and output as lines: bounded, cancellable, and nobody else writes into them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from engine import paths
from engine.edge.pipes import LINE_BYTES, Lines, Outlet


def pipe() -> tuple[BinaryIO, BinaryIO]:
    """Return both ends of a pipe."""
    inward, outward = os.pipe()
    return os.fdopen(inward, "rb", 0), os.fdopen(outward, "wb", 0)


async def _lines(content: bytes) -> list[str]:
    inward, outward = pipe()

    def fill() -> None:
        with outward:
            outward.write(content)

    filling = asyncio.get_running_loop().run_in_executor(None, fill)
    found = [line async for line in Lines(inward)]
    await filling
    return found


async def test_lines_come_as_they_were_sent_and_the_unfinished_last_one_does_not() -> None:
    assert await _lines('{"a": 1}\n\n{"b": "é"}\nunfinished'.encode()) == ['{"a": 1}', "", '{"b": "é"}']


async def test_a_line_too_long_is_an_empty_one_and_the_next_is_whole() -> None:
    content = b"first\n" + b"x" * (3 * LINE_BYTES) + b"\nlast\n"
    assert await _lines(content) == ["first", "", "last"]


async def test_bytes_that_are_no_text_are_replaced() -> None:
    assert await _lines(b"\xff\xfe\x00\n") == ["\ufffd\ufffd\x00"]


async def test_waiting_for_a_line_can_be_cancelled() -> None:
    inward, outward = pipe()
    with outward:
        waiting = asyncio.ensure_future(anext(aiter(Lines(inward).__aiter__())))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()


async def _read(file: BinaryIO) -> list[str]:
    return [line async for line in Lines(file)]


def test_a_file_is_read_to_its_end_too(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"one\ntwo\n")
    with Path(os.devnull).open("rb", 0) as nothing, (tmp_path / "in").open("rb", 0) as file:
        assert asyncio.run(_read(file)) == ["one", "two"]
        assert asyncio.run(_read(nothing)) == []


async def test_what_is_written_arrives_and_a_reader_who_is_gone_is_no_error(tmp_path: Path) -> None:
    inward, outward = pipe()
    outlet = Outlet(outward)
    await outlet.write("hello\n")
    await outlet.flush()
    assert inward.readline() == b"hello\n"
    inward.close()
    for _ in range(3):
        await outlet.write("x" * 100_000)
        await outlet.flush()
    outlet.close()
    with (tmp_path / "out").open("wb", 0) as file:
        await Outlet(file).write("to a file\n")
    assert (tmp_path / "out").read_bytes() == b"to a file\n"


def test_what_anybody_prints_goes_to_standard_error() -> None:
    code = (
        "import os, sys; from engine.edge import pipes; inward, outward = pipes.take();"
        "print('stray', flush=True); os.system('echo child'); outward.write(b'wire\\n');"
        "print(repr(sys.stdin.read()), inward.readline(), flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"asked\n", capture_output=True, cwd=paths.ROOT, check=True
    )
    assert (done.stdout, done.stderr.split(b"\n")[:3]) == (b"wire\n", [b"stray", b"child", b"'' b'asked\\n'"])
