"""Which interfaces are watched, and what is said of the others; in a network namespace of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest

from aegis_tui.commands.captures import Lookout
from engine.paths import ROOT

MADE = 'ip link add here0 type veth peer name down0; ip link set here0 up; exec "$0" -c "$1"'
OPENED = """
from aegis_tui.commands.captures import open_captures
from engine.sources.pcapfile import CaptureError

found = open_captures(["gone0", "here0", "down0"])
print(found.names, found.absent)
print(found.fault.ability, found.fault.message)
print(open_captures(["here0"]).fault)
try:
    open_captures(["down0", "gone0"])
except CaptureError as error:
    print(error)
"""
COMES = """
import asyncio, subprocess
from aegis_tui.commands import captures

came = []

async def look():
    looking = asyncio.create_task(captures.Lookout(("gone0", "down0"), came.append).serve(None))
    await asyncio.sleep(0)
    print(came, looking.done())
    subprocess.run(["ip", "link", "set", "down0", "up"], check=True)
    await looking

asyncio.run(look())
print(came)
"""
root = pytest.mark.root
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="live capture in a network namespace needs root")


def _inside(script: str) -> list[str]:
    command = ["unshare", "--net", "sh", "-ec", MADE, sys.executable, script]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()


@root
@needs_root
def test_those_that_can_be_opened_are_watched_and_the_others_are_named_with_the_reason() -> None:
    assert _inside(OPENED) == [
        "here0 ('gone0', 'down0')",
        "interface gone0 is not watched: No such device exists; down0 is not watched: That device is not up",
        "None",
        "cannot read capture down0: That device is not up",
    ]


@root
@needs_root
def test_an_interface_is_told_of_once_it_is_up() -> None:
    assert _inside(COMES) == ["[] False", "['down0']"]


def test_nothing_is_looked_out_for_where_all_are_watched() -> None:
    came: list[str] = []
    nobody: Any = None
    asyncio.run(Lookout((), came.append).serve(nobody))
    assert came == []
