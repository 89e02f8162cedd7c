"""Tests of where the XDP blocker drops: interfaces, namespaces, what is attached, and the folder of its pins."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.guard import bpf, layout, xdp
from tests.engine.guard.drops import BAD4, BAD6, run, within
from tests.engine.guard.xdpwire import (
    BOTH_FAMILIES,
    CLIENT,
    IN,
    NEEDS_ROOT,
    PINS,
    SERVER,
    OnTheWire,
    XdpWire,
    inside,
    make_namespaces,
    make_wire,
    open_blocker,
)

pytestmark = NEEDS_ROOT


@pytest.fixture(scope="module")
def namespaces() -> Iterator[None]:
    yield from make_namespaces()


@pytest.fixture(scope="module")
def wire(namespaces: None) -> Iterator[XdpWire]:
    yield from make_wire("v0")


@pytest.fixture(scope="module")
def other_wire(wire: XdpWire) -> Iterator[XdpWire]:
    yield from make_wire("v1")


@pytest.fixture
def blocker(wire: XdpWire) -> Iterator[OnTheWire]:
    yield from open_blocker()


@BOTH_FAMILIES
@pytest.mark.parametrize("whole", [False, True], ids=["address", "network"])
def test_a_block_drops_on_the_interfaces_it_was_approved_for_and_on_no_other(
    wire: XdpWire, other_wire: XdpWire, blocker: OnTheWire, version: int, whole: bool
) -> None:
    source = BAD4 if version == 4 else BAD6
    prefix = ("203.0.113.0/24" if version == 4 else "2001:db8::/64") if whole else source
    for ifaces, arrived in (
        (["v0"], [False, True]),
        (["v1"], [True, False]),
        (["v0", "v1"], [False, False]),
        ([], [True, True]),
    ):
        blocker.add(prefix, 0, 1, ifaces)
        assert [each.delivers(IN.datagram(source)) for each in (wire, other_wire)] == arrived
        assert blocker.entries()[0].ifaces == tuple(ifaces)


@BOTH_FAMILIES
def test_a_block_for_another_interface_does_not_shadow_a_wider_one(
    wire: XdpWire, other_wire: XdpWire, blocker: OnTheWire, version: int
) -> None:
    for address, nearer, wider in (
        (BAD4, "203.0.113.0/24", "203.0.112.0/23"),
        (BAD6, "2001:db8::/64", "2001:db8::/63"),
    ):
        blocker.add(address, 0, 1, ["v1"])
        blocker.add(nearer, 0, 2, ["v1"])
        blocker.add(wider, 0, 3, ["v0"])
    assert not wire.delivers(IN.datagram(BAD4 if version == 4 else BAD6))


def test_packets_on_another_interface_are_not_counted(other_wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add(BAD4, 0, 1, ["v0"])
    other_wire.delivers(IN.datagram(BAD4))
    assert blocker.entries()[0].packets == 0


def test_a_block_on_an_interface_that_is_not_attached_is_refused(blocker: OnTheWire) -> None:
    with pytest.raises(OSError, match=r"cannot block 203\.0\.113\.9 on v77: nothing is attached there"):
        blocker.add(BAD4, 0, 1, ["v0", "v77"])
    assert blocker.entries() == []


def test_one_interface_index_in_two_namespaces_is_two_interfaces(blocker: OnTheWire) -> None:
    receive = """
import socket
blocker = xdp.XdpBlocker(pins)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
for source in ("127.0.0.2", "127.0.0.3"):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((source, 0))
    client.sendto(b"x", server.getsockname())
print(server.recvfrom(9)[1][0], [entry.ifaces for entry in blocker.entries()])
"""
    inside(CLIENT, "xdp.XdpBlocker(pins).attach('lo')")
    inside(SERVER, "b = xdp.XdpBlocker(pins)\nb.attach('lo')\nb.add('127.0.0.2/32', 0, 1, ['lo'])")
    there, here = inside(CLIENT, receive), inside(SERVER, receive)
    for namespace in (CLIENT, SERVER):
        inside(namespace, "xdp.XdpBlocker(pins).detach('lo')")
    assert here == "127.0.0.3 [('lo',)]"
    assert there.startswith("127.0.0.2 [('slot ")


def test_an_interface_that_takes_the_place_of_one_that_is_gone_inherits_no_block(
    wire: XdpWire, blocker: OnTheWire
) -> None:
    first, second = XdpWire("v10"), None
    pinned = {path.name for path in (PINS / "links").iterdir()}
    blocker.add(BAD4, 0, 1, ["v0", "v10"])
    assert not first.delivers(IN.datagram(BAD4))
    run("ip", "-n", SERVER, "link", "del", "v10")
    second = XdpWire("v12")
    new = {path.name for path in (PINS / "links").iterdir()} - pinned
    assert {name.rpartition("-")[2] for name in new} <= {name.rpartition("-")[2] for name in pinned}
    assert (second.delivers(IN.datagram(BAD4)), wire.delivers(IN.datagram(BAD4))) == (True, False)
    assert blocker.entries()[0].ifaces == ("v0",)
    for each in (first, second):
        each.close()
    run("ip", "-n", SERVER, "link", "del", "v12")


@pytest.mark.parametrize("earlier_layout", [1, 2])
def test_maps_of_an_earlier_layout_are_made_anew_and_stay_halted(namespaces: None, earlier_layout: int) -> None:
    folder = bpf.BPFFS / f"aegis-test-{os.getpid()}-earlier"
    run("ip", "-n", SERVER, "link", "add", "v14", "type", "veth", "peer", "name", "v15")
    try:
        with within(SERVER):
            with xdp.XdpBlocker(folder) as earlier:
                earlier.attach("v14")
                earlier.add(BAD4, 0, 1, ["v14"])
            state = bpf.Map(folder / "aegis_state")
            for slot, value in ((0, earlier_layout), (1, 1)):
                state.put(struct.pack("=I", slot), struct.pack("=I", value))
            state.close()
            for name in layout.BLOCK_MAPS:  # in the shape of another map, as an earlier layout had them
                (folder / name).unlink()
                another = bpf.open_pin(folder / "aegis_allow6")
                bpf.pin(another, folder / name)
                os.close(another)
            with xdp.XdpBlocker(folder) as migrated:
                assert (migrated.entries(), migrated.attached(), migrated.halted) == ([], {}, True)
                migrated.resume()
                assert migrated.attach("v14") == "native"
                migrated.add(BAD4, 0, 1, ["v14"])
    finally:
        shutil.rmtree(folder)
        run("ip", "-n", SERVER, "link", "del", "v14")


def test_the_attachment_outlives_the_process_that_made_it(blocker: OnTheWire) -> None:
    code = "b = xdp.XdpBlocker(pins)\nprint(b.attached()['v0'][:2], b.attach('v0'), b.attached()['v0'][2:])"
    assert inside(SERVER, code) == "('native', 'tcx') native (False, ())"


def test_the_attachment_survives_the_interface_going_down(wire: XdpWire, blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v2", "type", "veth", "peer", "name", "v3")
    inside(SERVER, "xdp.XdpBlocker(pins).attach('v2')")
    for state in ("up", "down", "up"):
        run("ip", "-n", SERVER, "link", "set", "v2", state)
    assert "'v2'" in inside(SERVER, "print(xdp.XdpBlocker(pins).attached())")
    assert inside(SERVER, "b = xdp.XdpBlocker(pins)\nprint(b.detach('v2'), b.detach('v2'), 'v2' in b.attached())") == (
        "True False False"
    )


def test_an_interface_without_native_xdp_drops_in_generic_mode(blocker: OnTheWire) -> None:
    code = """
import socket
blocker = xdp.XdpBlocker(pins)
mode = blocker.attach("lo")
blocker.add("127.0.0.2/32", 0, 1, ["lo"])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
for source in ("127.0.0.2", "127.0.0.3"):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((source, 0))
    client.sendto(b"x", server.getsockname())
print(mode, server.recvfrom(9)[1][0], blocker.entries()[0].packets, blocker.detach("lo"))
"""
    assert inside(SERVER, code) == "generic 127.0.0.3 1 True"


def test_one_interface_index_in_two_namespaces_gives_two_attachments(blocker: OnTheWire) -> None:
    code = "print(xdp.XdpBlocker(pins).attach('lo'))"
    assert (inside(SERVER, code), inside(CLIENT, code)) == ("generic", "generic")
    detach = "b = xdp.XdpBlocker(pins)\nprint(b.detach('lo'), 'lo' in b.attached(), 'v0' in b.attached())"
    assert (inside(CLIENT, detach), inside(SERVER, detach)) == ("True False False", "True False True")


def test_the_pin_of_a_link_whose_interface_is_gone_is_removed(blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v4", "type", "veth", "peer", "name", "v5")
    inside(SERVER, "xdp.XdpBlocker(pins).attach('v4')")
    pinned = set((PINS / "links").iterdir())
    run("ip", "-n", SERVER, "link", "del", "v4")
    inside(SERVER, "xdp.XdpBlocker(pins).attach('v0')")
    gone = sorted(path.name.partition("-")[2] for path in pinned - set((PINS / "links").iterdir()))
    assert [name.split("-")[2:] for name in gone] == [[], ["tcx"]]


def test_a_program_of_somebody_else_is_named_and_never_evicted(blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v6", "type", "veth", "peer", "name", "v7")
    code = """
import socket, struct
stranger = bpf.load_instructions(struct.pack("=QQ", 0x02_0000_00B7, 0x95), "krn_stranger")
link = bpf.attach_xdp(stranger, socket.if_nametoindex("v6"), bpf.XdpMode.NATIVE, "v6")
number = bpf.program_info(stranger).id
try:
    xdp.XdpBlocker(pins).attach("v6")
except FileExistsError as error:
    print(str(error).replace(str(number), "N"))
print(bpf.attached_xdp(socket.if_nametoindex("v6"), "v6") == {bpf.XdpMode.NATIVE: number})
"""
    said = "cannot attach XDP to v6: program krn_stranger (id N) is already there\nTrue"
    assert inside(SERVER, code) == said
    run("ip", "-n", SERVER, "link", "del", "v6")


def test_the_program_of_an_earlier_release_is_replaced_in_place(blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v8", "type", "veth", "peer", "name", "v9")
    code = """
import socket, struct
index = socket.if_nametoindex("v8")
earlier = bpf.load_instructions(struct.pack("=QQ", 0x02_0000_00B7, 0x95), "aegis_xdp")
link = bpf.attach_xdp(earlier, index, bpf.XdpMode.NATIVE, "v8")
bpf.pin(link, pins / "links" / f"{Path('/proc/self/ns/net').stat().st_ino}-{index}-63")
mode = xdp.XdpBlocker(pins).attach("v8")
[running] = bpf.attached_xdp(index, "v8").values()
print(mode, bpf.program_by_id(running).tag != bpf.program_info(earlier).tag)
"""
    assert inside(SERVER, code) == "native True"
    run("ip", "-n", SERVER, "link", "del", "v8")


@pytest.mark.parametrize(
    ("iface", "reason"), [("gone9", "No such device"), ("krntun", "its packets have no Ethernet header")]
)
def test_an_interface_that_cannot_be_used_is_refused(blocker: OnTheWire, iface: str, reason: str) -> None:
    if iface == "krntun":
        run("ip", "-n", SERVER, "tuntap", "add", iface, "mode", "tun")
    code = f"""
try:
    xdp.XdpBlocker(pins).attach({iface!r})
except OSError as error:
    print(error)
"""
    assert inside(SERVER, code) == f"cannot attach XDP to {iface}: {reason}"


@pytest.mark.parametrize("iface", ["lo\0", "e" * 16, "", "../v0"])
def test_what_is_no_interface_name_is_refused(blocker: OnTheWire, iface: str) -> None:
    with pytest.raises(OSError, match="that is no interface name"):
        blocker.attach(iface)


@pytest.mark.parametrize("flaw", ["mode", "owner", "link"])
def test_a_pin_folder_that_a_stranger_could_have_made_is_refused(flaw: str) -> None:
    folder = bpf.BPFFS / f"aegis-test-{os.getpid()}-{flaw}"
    if flaw == "link":
        folder.symlink_to(bpf.BPFFS)
    else:
        folder.mkdir(mode=0o755 if flaw == "mode" else 0o700)
    if flaw == "owner":
        os.chown(folder, 65534, 65534)
    try:
        with pytest.raises(PermissionError, match="it is not a folder of root's with mode 0700"):
            xdp.XdpBlocker(folder)
    finally:
        folder.unlink() if flaw == "link" else folder.rmdir()


def test_a_missing_bpffs_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="bpffs is not mounted"):
        xdp.XdpBlocker(tmp_path / "aegis")


def test_bpffs_is_mounted_on_an_empty_folder_only(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    code = f"""
from pathlib import Path
from engine.guard import pins
empty, used = Path({str(tmp_path)!r}) / "empty", Path({str(tmp_path)!r}) / "used"
for _ in range(2):
    pins.ensure_bpffs(empty)
    print(pins.on_bpffs(empty), end=" ")
try:
    pins.ensure_bpffs(used)
except OSError as error:
    print("not empty" in str(error))
"""
    assert run("unshare", "--mount", sys.executable, "-c", code) == "True True True"


def test_nobody_but_root_can_open_what_is_pinned(blocker: OnTheWire) -> None:
    pinned = [path for path in PINS.rglob("*") if path.is_file()]
    assert {path.name for path in pinned} > set(layout.MAPS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in pinned} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (PINS, PINS / "links")} == {0o700}
    assert {path.stat().st_uid for path in (PINS, PINS / "links", *pinned)} == {0}
    refused = []
    os.seteuid(65534)
    try:
        for path in pinned:
            try:
                os.close(bpf.open_pin(path))
            except PermissionError:
                refused.append(path)
    finally:
        os.seteuid(0)
    assert refused == pinned
