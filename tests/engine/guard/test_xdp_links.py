"""Tests of the attachments: on trial or for good, refused, taken off by others, and of earlier builds."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from engine.guard import bpf, layout, xdp
from engine.guard.blocker import Attached
from tests.engine.guard.drops import BAD4, GOOD4, Frames, Namespaces, run, within

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

PINS = bpf.BPFFS / f"aegis-kx-links-{os.getpid()}"
LINKS = PINS / "links"
NATIVE_TCX = Attached("native", "tcx")
TC_NEXT = struct.pack("=QQ", 0xFFFF_FFFF_0000_00B7, 0x95)
"""``r0 = TC_ACT_UNSPEC; exit``."""
DROPS_GOOD4 = b"".join(
    struct.pack("<BBhI", *instruction)
    for instruction in (
        (0xBF, 0x16, 0, 0),  # r6 = r1
        (0x20, 0, 0, 30),  # r0 = the packet's destination
        (0x56, 0, 2, int(ip_address(GOOD4))),  # if r0 != GOOD4 goto +2
        (0xB7, 0, 0, bpf.TC_DROP),  # r0 = TC_ACT_SHOT
        (0x95, 0, 0, 0),  # exit
        (0xB7, 0, 0, bpf.TC_NEXT),
        (0x95, 0, 0, 0),
    )
)


@pytest.fixture(scope="module")
def names() -> Iterator[Namespaces]:
    made = Namespaces("kxl")
    run("ip", "link", "add", "v0", "netns", made.server, "type", "veth", "peer", "v0", "netns", made.client)
    for namespace in (made.server, made.client):
        run("ip", "-n", namespace, "link", "set", "v0", "up")
    yield made
    made.close()
    shutil.rmtree(PINS, ignore_errors=True)


@pytest.fixture
def blocker(names: Namespaces) -> Iterator[xdp.XdpBlocker]:
    with within(names.server), xdp.XdpBlocker(PINS) as opened:
        opened.halt()
        opened.resume()
        yield opened
        opened.detach("v0")
        subprocess.run(["tc", "qdisc", "del", "dev", "v0", "clsact"], check=False, capture_output=True)


@pytest.fixture
def no_tcx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpf, "attach_tcx", refuse)


def refuse(*_anything: object, **_named: object) -> int:
    raise bpf.failure(errno.EINVAL, "refused by the test")


def attached() -> Attached | None:
    """What another process would find."""
    with xdp.XdpBlocker(PINS) as other:
        return other.attached().get("v0")


def filters() -> str:
    return run("tc", "filter", "show", "dev", "v0", "egress")


def index() -> int:
    return socket.if_nametoindex("v0")


HOLDER = f"""
import sys
from pathlib import Path
from engine.guard import xdp
blocker = xdp.XdpBlocker(Path({str(PINS)!r}))
blocker.attach("v0", on_trial=True)
blocker.add("{BAD4}/32", 0, 1, ["v0"])
if sys.argv[1] == "keep":
    blocker.keep("v0")
print(blocker.attached()["v0"].on_trial, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("what", ["hold", "keep"])
def test_an_attachment_on_trial_dies_with_its_process_unless_it_was_kept(blocker: xdp.XdpBlocker, what: str) -> None:
    command = [sys.executable, "-c", HOLDER, what]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == ("True\n" if what == "hold" else "False\n")
        assert len(bpf.attached_xdp(index(), "v0")) == 1
        holder.send_signal(signal.SIGKILL)
    assert len(bpf.attached_xdp(index(), "v0")) == (0 if what == "hold" else 1)
    assert attached() == (None if what == "hold" else NATIVE_TCX)


def test_on_trial_it_drops_like_any_other_and_is_pinned_nowhere(blocker: xdp.XdpBlocker) -> None:
    assert blocker.attach("v0", on_trial=True) == "native"
    assert blocker.attached()["v0"] == NATIVE_TCX._replace(on_trial=True)
    assert list(LINKS.iterdir()) == []
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert blocker.entries()[0].ifaces == ("v0",)
    assert blocker.attach("v0") == "native"
    assert blocker.attached()["v0"].on_trial
    assert (blocker.detach("v0"), blocker.detach("v0"), blocker.attached()) == (True, False, {})
    assert bpf.attached_xdp(index(), "v0") == {}


def test_closing_the_blocker_ends_what_is_on_trial(names: Namespaces) -> None:
    with within(names.server):
        with xdp.XdpBlocker(PINS) as held:
            held.attach("v0", on_trial=True)
        assert (attached(), bpf.attached_xdp(index(), "v0")) == (None, {})


def test_what_was_kept_is_never_on_trial_again(blocker: xdp.XdpBlocker) -> None:
    blocker.attach("v0", on_trial=True)
    for _ in range(2):
        blocker.keep("v0")
        assert blocker.attached()["v0"] == NATIVE_TCX
    blocker.attach("v0", on_trial=True)
    assert attached() == NATIVE_TCX


def test_nothing_can_be_kept_where_nothing_is_attached(blocker: xdp.XdpBlocker) -> None:
    with pytest.raises(OSError, match="cannot keep v0: nothing is attached there"):
        blocker.keep("v0")


def test_the_bit_of_an_attachment_on_trial_is_taken(names: Namespaces, blocker: xdp.XdpBlocker) -> None:
    blocker.attach("v0", on_trial=True)
    blocker.attach("lo")
    blocker.add(f"{BAD4}/32", 0, 1, ["lo"])
    assert blocker.entries()[0].ifaces == ("lo",)
    blocker.detach("lo")


def test_without_tcx_the_filter_at_clsact_waits_until_the_attachment_is_kept(
    blocker: xdp.XdpBlocker, no_tcx: None
) -> None:
    blocker.attach("v0", on_trial=True)
    said = ("tcx: Invalid argument", "clsact: waits until the attachment is kept")
    assert blocker.attached()["v0"] == Attached("native", "", on_trial=True, fallen_back=said)
    assert filters() == ""
    blocker.keep("v0")
    assert blocker.attached()["v0"] == Attached("native", "clsact", on_trial=False, fallen_back=said[:1])


def test_a_filter_at_clsact_is_found_after_a_restart_and_removed_at_detach(
    blocker: xdp.XdpBlocker, no_tcx: None
) -> None:
    run("tc", "qdisc", "add", "dev", "v0", "clsact")
    add = "tc filter add dev v0 egress prio 2 handle 7 bpf da object-pinned"
    run(*add.split(), stranger())
    theirs = filters()
    blocker.attach("v0")
    assert "aegis_egress" in filters()
    assert attached() == Attached("native", "clsact")
    before = bpf.clsact_program(index(), "v0")
    blocker.attach("v0")
    assert bpf.clsact_program(index(), "v0") == before
    with xdp.XdpBlocker(PINS) as restarted:
        assert restarted.detach("v0")
    assert filters() == theirs
    assert list(LINKS.iterdir()) == []


@pytest.mark.parametrize("priority", ["1", "2", "3"], ids=["before ours", "beside ours", "after ours"])
def test_a_filter_of_somebody_else_at_clsact_keeps_working(
    blocker: xdp.XdpBlocker, no_tcx: None, priority: str
) -> None:
    run("tc", "qdisc", "add", "dev", "v0", "clsact")
    add = f"tc filter add dev v0 egress prio {priority} handle 7 bpf da object-pinned"
    run(*add.split(), stranger(DROPS_GOOD4))
    theirs = filters()
    blocker.attach("v0")
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert "aegis_egress" in filters()
    assert [leaves(address) for address in (GOOD4, BAD4, "198.51.100.8")] == [False, False, True]
    blocker.detach("v0")
    assert filters() == theirs
    assert [leaves(address) for address in (GOOD4, BAD4)] == [False, True]


def leaves(address: str) -> bool:
    """Whether a frame passes the egress of v0, which tells the sender of what it drops."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("v0", 0))
        try:
            sender.send(Frames("out").datagram(address))
        except OSError as error:
            assert error.errno == errno.ENOBUFS
            return False
    return True


def stranger(instructions: bytes = TC_NEXT) -> str:
    """Pin a tc program of somebody else and return the path."""
    path = PINS / "kx_stranger"
    path.unlink(missing_ok=True)
    program = bpf.load_instructions(instructions, "kx_stranger", tc=True)
    bpf.pin(program, path)
    os.close(program)
    return str(path)


def test_a_filter_of_somebody_else_in_our_place_is_named_and_stays(blocker: xdp.XdpBlocker, no_tcx: None) -> None:
    program = bpf.load_instructions(TC_NEXT, "kx_stranger", tc=True)
    bpf.attach_clsact(program, index(), "v0", replace=False)
    number = bpf.program_info(program).id
    blocker.attach("v0")
    found = blocker.attached()["v0"]
    assert (found.mode, found.egress) == ("native", "")
    assert found.fallen_back == (
        "tcx: Invalid argument",
        f"clsact: program kx_stranger (id {number}) stands in our place",
    )
    blocker.detach("v0")
    assert bpf.clsact_program(index(), "v0") == number
    os.close(program)


def test_an_interface_without_any_egress_is_attached_all_the_same(
    blocker: xdp.XdpBlocker, no_tcx: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(bpf, "attach_clsact", refuse)
        assert blocker.attach("v0") == "native"
        said = ("tcx: Invalid argument", "clsact: Invalid argument")
        assert blocker.attached()["v0"] == Attached("native", "", on_trial=False, fallen_back=said)
    blocker.attach("v0")
    assert blocker.attached()["v0"].egress == "clsact"


def test_an_egress_program_that_cannot_be_loaded_is_told(
    blocker: xdp.XdpBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = bpf.load_program

    def only_xdp(path: object, name: str, *rest: object) -> int:
        return load(path, name, *rest) if name == "aegis_xdp" else refuse()  # type: ignore[arg-type]

    monkeypatch.setattr(bpf, "load_program", only_xdp)
    assert blocker.attach("v0") == "native"
    assert blocker.attached()["v0"].fallen_back == ("egress: refused by the test: Invalid argument",)


def test_native_mode_refused_falls_back_to_generic_and_says_why(blocker: xdp.XdpBlocker) -> None:
    assert blocker.attach("lo") == "generic"
    assert blocker.attached()["lo"] == Attached("generic", "tcx", False, ("native XDP: Operation not supported",))
    blocker.detach("lo")


@pytest.mark.parametrize("on_trial", [True, False])
def test_an_egress_program_that_somebody_took_off_is_shown_and_put_back(
    blocker: xdp.XdpBlocker, on_trial: bool
) -> None:
    blocker.attach("v0", on_trial=on_trial)
    link = held_tcx() if on_trial else bpf.open_pin(next(LINKS.glob("*-tcx")))
    bpf.detach_link(link, "v0")
    if not on_trial:
        os.close(link)
    assert blocker.attached()["v0"] == Attached("native", "", on_trial)
    blocker.attach("v0", on_trial=on_trial)
    assert blocker.attached()["v0"] == Attached("native", "tcx", on_trial)


def test_an_xdp_program_that_somebody_took_off_takes_its_egress_along(blocker: xdp.XdpBlocker) -> None:
    blocker.attach("v0")
    [path] = [path for path in LINKS.iterdir() if path.name.count("-") == 2]
    link = bpf.open_pin(path)
    bpf.detach_link(link, "v0")
    os.close(link)
    assert "v0" not in blocker.attached()
    assert blocker.attach("v0") == "native"
    assert blocker.attached()["v0"] == NATIVE_TCX
    assert len(list(LINKS.iterdir())) == 2


@pytest.mark.parametrize("kind", ["tcx", "clsact"])
def test_an_egress_program_of_an_earlier_build_is_replaced_in_place(
    blocker: xdp.XdpBlocker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "clsact":
        monkeypatch.setattr(bpf, "attach_tcx", refuse)
    load = bpf.load_program
    with monkeypatch.context() as earlier:
        earlier.setattr(
            bpf,
            "load_program",
            lambda path, name, *rest: (
                load(path, name, *rest) if name == "aegis_xdp" else bpf.load_instructions(TC_NEXT, name, tc=True)
            ),
        )
        blocker.attach("v0")
    before = egress_program(kind)
    with xdp.XdpBlocker(PINS) as later:
        later.attach("v0")
        assert later.attached()["v0"].egress == kind
    after = egress_program(kind)
    assert (before.name, after.name, before.tag == after.tag) == ("aegis_egress", "aegis_egress", False)


def egress_program(kind: str) -> bpf.ProgramInfo:
    if kind == "clsact":
        return bpf.program_by_id(bpf.clsact_program(index(), "v0"))
    [path] = LINKS.glob("*-tcx")
    link = bpf.open_pin(path)
    try:
        return bpf.program_by_id(bpf.link_info(link).program_id)
    finally:
        os.close(link)


def held_tcx() -> int:
    """The descriptor by which this process holds a tcx link."""
    for path in Path("/proc/self/fdinfo").iterdir():
        with suppress(FileNotFoundError):
            if "link_type:\ttcx" in path.read_text():
                return int(path.name)
    raise AssertionError("no tcx link is held")


def test_no_more_prefix_lengths_than_a_packet_can_pay_for(blocker: xdp.XdpBlocker) -> None:
    blocker.attach("v0")
    for length in range(16, 32):
        blocker.add(f"10.0.0.0/{length}", 0, length, ["v0"])
    with pytest.raises(OSError, match=r"cannot block 12\.0\.0\.0/15: 16 other prefix lengths are in use, which is all"):
        blocker.add("12.0.0.0/15", 0, 1, ["v0"])
    blocker.remove("10.0.0.0/31")
    blocker.add("12.0.0.0/15", 0, 1, ["v0"])
    assert len(blocker.entries()) == layout.MAX_LENGTHS
    assert blocker.halt() == layout.MAX_LENGTHS
    blocker.resume()


@pytest.mark.parametrize("everything", ["0.0.0.0/0", "::/0"])
def test_every_address_at_once_is_no_prefix_to_block(blocker: xdp.XdpBlocker, everything: str) -> None:
    blocker.attach("v0")
    with pytest.raises(ValueError, match="is every address"):
        blocker.add(everything, 0, 1, ["v0"])
