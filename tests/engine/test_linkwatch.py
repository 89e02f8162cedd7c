"""A link that is lost while it is watched is told by name, since when and what to do, until it is back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import paths
from engine.books import stamp
from engine.host.links import Link
from engine.linkwatch import ABILITY, LOOKS, LinkWatch
from engine.types import Fault, Verdict
from tests.engine.bench import Wire, attack, knowledge_cache, live_plan, running

NOTHING = ("", "")
BOTH = ("eth0", "eth1")
LEFT_OUT = Fault(ABILITY, "eth9 is not watched: No such device exists", "restart to watch it once it is up", 0)


class Links:
    """Links that a test takes down."""

    def __init__(self) -> None:
        self.found: dict[str, Link] = {}
        self.broken = False

    def __call__(self, iface: str) -> Link:
        if self.broken:
            raise OSError(24, "Too many open files")
        return self.found.get(iface, Link.UP)


@pytest.fixture
def links() -> Links:
    return Links()


def looked(watch: LinkWatch, at: float = 100.0, ifaces: tuple[str, ...] = BOTH) -> tuple[str, str]:
    """Look as often as it takes until a lost link is told, the first time at a moment."""
    for number in range(LOOKS):
        told = watch.look(ifaces, at + number)
    return told


def test_nothing_is_told_while_every_link_stands(links: Links) -> None:
    assert looked(LinkWatch(links)) == NOTHING


@pytest.mark.parametrize(
    ("link", "what", "remedy"),
    [
        (Link.DOWN, "is down", "ip link set eth1 up"),
        (Link.NO_CARRIER, "has no carrier", "see to the cable or the other end of eth1"),
    ],
    ids=["down", "no carrier"],
)
def test_a_lost_link_is_told_by_name_with_the_moment_it_was_lost(
    links: Links, link: Link, what: str, remedy: str
) -> None:
    watch = LinkWatch(links)
    links.found["eth1"] = link
    told = f"eth1 {what} since {stamp(100)}: nothing is seen of it", remedy
    assert (looked(watch, 100), looked(watch, 200)) == (told, told)
    del links.found["eth1"]
    assert watch.look(BOTH, 300) == NOTHING


def test_one_look_that_finds_a_link_lost_is_not_enough(links: Links) -> None:
    watch = LinkWatch(links)
    links.found["eth0"] = Link.NO_CARRIER
    assert watch.look(BOTH, 100) == NOTHING
    del links.found["eth0"]
    watch.look(BOTH, 101)
    links.found["eth0"] = Link.NO_CARRIER
    assert watch.look(BOTH, 102) == NOTHING
    assert watch.look(BOTH, 103)[0].startswith(f"eth0 has no carrier since {stamp(102)}")


def test_each_of_several_lost_links_is_named(links: Links) -> None:
    links.found = {"eth0": Link.DOWN, "eth1": Link.NO_CARRIER}
    told, remedy = looked(LinkWatch(links))
    assert told.split("; ") == [
        f"eth0 is down since {stamp(100)}: nothing is seen of it",
        f"eth1 has no carrier since {stamp(100)}: nothing is seen of it",
    ]
    assert remedy == "ip link set eth0 up; see to the cable or the other end of eth1"


def test_a_link_that_was_set_up_again_without_a_carrier_is_lost_since_it_was_taken_down(links: Links) -> None:
    watch = LinkWatch(links)
    links.found["eth0"] = Link.DOWN
    looked(watch, 100)
    links.found["eth0"] = Link.NO_CARRIER
    assert watch.look(BOTH, 200)[0] == f"eth0 is down since {stamp(100)}: nothing is seen of it"
    assert looked(watch, 201)[0] == f"eth0 has no carrier since {stamp(100)}: nothing is seen of it"


def test_an_interface_that_goes_is_left_to_its_capture_to_tell(links: Links) -> None:
    watch = LinkWatch(links)
    links.found["eth0"] = Link.DOWN
    looked(watch)
    links.found["eth0"] = Link.GONE
    assert looked(watch, 200) == NOTHING


def test_where_a_link_cannot_be_looked_at_what_was_known_of_it_stands(links: Links) -> None:
    watch = LinkWatch(links)
    links.found["eth0"] = Link.DOWN
    told = looked(watch)
    links.broken = True
    assert looked(watch, 200) == told


def test_what_is_not_watched_from_the_start_stays_told_beside_a_lost_link_and_after(links: Links) -> None:
    watch = LinkWatch(links, [Fault("store", "full", "free it", 0), LEFT_OUT])
    assert looked(watch) == (LEFT_OUT.message, LEFT_OUT.remedy)
    links.found["eth0"] = Link.DOWN
    told, remedy = looked(watch, 200)
    assert told == f"eth0 is down since {stamp(200)}: nothing is seen of it; {LEFT_OUT.message}"
    assert remedy == f"ip link set eth0 up; {LEFT_OUT.remedy}"
    del links.found["eth0"]
    assert watch.look(BOTH, 300) == (LEFT_OUT.message, LEFT_OUT.remedy)


# --- in an engine -------------------------------------------------------------------------------


async def test_an_engine_tells_of_a_lost_link_and_when_it_is_back_and_watches_on(tmp_path: Path, links: Links) -> None:
    wires = [Wire(name) for name in BOTH]
    async with running(live_plan(tmp_path, *wires, look_at_link=links)) as at_work:
        links.found["eth1"] = Link.DOWN
        lost = await at_work.fault(ABILITY)
        assert (lost.message.startswith("eth1 is down since "), lost.remedy) == (True, "ip link set eth1 up")
        assert at_work.engine.failed == []
        links.found.clear()
        await at_work.fault(ABILITY, cleared=True)
        wires[1].send(attack())
        await at_work.hears(Verdict)
        assert at_work.engine.snapshot().faults == ()


async def test_the_fault_of_what_is_left_out_stands_once_and_is_not_cleared(tmp_path: Path, links: Links) -> None:
    plan = live_plan(tmp_path, Wire("eth0"), look_at_link=links, faults=(LEFT_OUT,))
    async with running(plan) as at_work:
        assert (await at_work.fault(ABILITY)).message == LEFT_OUT.message
        links.found["eth0"] = Link.DOWN
        assert LEFT_OUT.message in (await at_work.fault(ABILITY)).message
        links.found.clear()
        back = await at_work.fault(ABILITY)
        assert (back.message, back.cleared) == (LEFT_OUT.message, False)


LOST = """
import asyncio, socket, subprocess, sys
from pathlib import Path
from engine.host.links import link
from engine.intake import Intake
from engine.sources.live import LivePcap
from tests.engine.bench import live_plan, running

def ip(*words):
    subprocess.run(["ip", *words], check=True)

for number in ("0", "1"):
    ip("link", "add", f"lnk{number}", "type", "veth", "peer", "name", f"far{number}")
    ip("link", "set", f"far{number}", "up")
    ip("link", "set", f"lnk{number}", "up")

async def sees(reader):
    # A frame of no protocol in use: it needs no address on either end.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as far:
        far.bind((reader.name.replace("lnk", "far"), 0))
        before = reader.counters().delivered
        while reader.counters().delivered < before + 50:
            far.send(b"\\xff" * 6 + b"\\x02" + b"\\0" * 5 + b"\\x88\\xb5" + b"x" * 46)
            await asyncio.sleep(0.02)

async def told(at_work, cleared=False):
    fault = await at_work.fault("interface", cleared=cleared)
    words = fault.message.split(" since ")
    print(words[0], [word.split("; ")[-1] for word in words[1:]][:-1], fault.remedy)

async def main():
    readers = [Intake(LivePcap(name), max_flows=1000, live=True) for name in ("lnk0", "lnk1")]
    opened = [lambda reader=reader: reader for reader in readers]
    plan = live_plan(Path(sys.argv[1]), knowledge=Path(sys.argv[2]), open_readers=opened, look_at_link=link)
    async with running(plan) as at_work:
        await at_work.engine._caseload.ready.wait()
        await sees(readers[0])
        ip("link", "set", "lnk0", "down")
        await told(at_work)
        ip("link", "set", "far1", "down")
        await told(at_work)
        ip("link", "set", "lnk0", "up")
        await told(at_work)
        ip("link", "set", "far1", "up")
        await told(at_work, cleared=True)
        await sees(readers[0])
        await sees(readers[1])
        ip("link", "set", "lnk0", "down")
        await told(at_work)
        ip("link", "del", "lnk0")
        print((await at_work.fault("capture")).message)
        await told(at_work, cleared=True)
        print(at_work.engine.failed, [fault.ability for fault in at_work.engine.snapshot().faults])

asyncio.run(main())
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="taking a link down in a network namespace needs root")
def test_a_real_link_that_is_taken_down_or_loses_its_carrier_is_told_and_seen_again_once_it_is_back(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", LOST, tmp_path, knowledge_cache()],
        capture_output=True, text=True, timeout=120, check=False, cwd=paths.ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    other_end = "see to the cable or the other end of lnk1"
    assert done.stdout.splitlines() == [
        "lnk0 is down [] ip link set lnk0 up",
        f"lnk0 is down ['lnk1 has no carrier'] ip link set lnk0 up; {other_end}",
        f"lnk1 has no carrier [] {other_end}",
        " [] ",
        "lnk0 is down [] ip link set lnk0 up",
        "cannot read capture lnk0: The interface disappeared",
        " [] ",
        "['cannot read capture lnk0: The interface disappeared'] ['capture']",
    ]
