"""The guard follows the host: addresses that come, and interfaces that are made again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab.station import IFACE, SPARE, Station, missing_tools

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools()), reason=f"needs {', '.join(missing_tools())}"),
]

ASK = """
import json, socket
from pathlib import Path
from engine.guard import bpf
from engine.guard.client import GuardError, connect
from engine.types import Terms
with connect() as guard:
    try:
        told = guard.propose(Terms("", "198.51.100.9/32", 60.0, (), ""), "why", handshake=True).id
    except GuardError as error:
        told = str(error)
    attached = {place.iface: place.mode for place in guard.hello().attached}
    own = "198.51.100.9" in guard.addresses().addresses.own
allow = bpf.Map(Path("/sys/fs/bpf/aegis/aegis_allow4"))
kernel = any(bytes(key).endswith(socket.inet_aton("198.51.100.9")) for key in allow.keys())
print(json.dumps({"told": told, "attached": attached, "own": own, "kernel": kernel}))
"""
FOLLOWED_S = 1.0


@pytest.fixture
def station() -> Iterator[Station]:
    with Station() as made:
        made.start(sys.executable, "-I", "-m", "engine.guard", f"--iface={IFACE}", f"--iface={SPARE}", "--stay")
        made.wait_for("/run/aegis/guard.sock")
        yield made


def ask(station: Station) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(station.python(ASK)[-1])
    return told


def change(station: Station, command: str) -> None:
    subprocess.run(station.at(*command.split()), check=True, capture_output=True, timeout=30)


def follows(look: Callable[[], bool]) -> bool:
    """Whether it is so within the time that a change may take to be followed, the question's own time left out."""
    time.sleep(FOLLOWED_S)
    return look()


def test_an_address_is_spared_within_a_second_and_no_longer_than_it_is_there(station: Station) -> None:
    def known() -> tuple[bool, bool]:
        told = ask(station)
        return told["own"], told["kernel"]

    assert known() == (False, False)
    change(station, f"ip addr add 198.51.100.9/32 dev {IFACE}")
    assert follows(lambda: known() == (True, True))
    assert ask(station)["told"] == "198.51.100.9 is an address of this host"
    change(station, f"ip addr del 198.51.100.9/32 dev {IFACE}")
    assert follows(lambda: known() == (False, False))


def test_an_interface_that_is_deleted_and_made_again_is_attached_again(station: Station) -> None:
    before = ask(station)["attached"]
    assert set(before) == {IFACE, SPARE}
    change(station, f"ip link del {SPARE}")
    assert follows(lambda: set(ask(station)["attached"]) == {IFACE})
    change(station, f"ip link add {SPARE} type veth peer name spare1")
    change(station, f"ip link set {SPARE} up")
    assert follows(lambda: ask(station)["attached"] == before)
