from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from engine.guard import bpf, client, xdp
from engine.guard.client import GuardClient
from engine.guard.panic import panic
from engine.types import Block, BlockState, Terms

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

SERVER, CLIENT = f"grd{os.getpid()}s", f"grd{os.getpid()}c"
PINS = Path(f"/sys/fs/bpf/aegis-grd-{os.getpid()}")
BAD = "203.0.113.9"
TERMS = Terms("INC-00000001", f"{BAD}/32", 600.0, ("eth0",), "ab" * 32)
SECOND = Terms("INC-00000001", "203.0.113.10/32", 600.0, ("grdw1",), "ab" * 32)
SEND = f"""
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("{BAD}", 0))
for _ in range(5):
    udp.sendto(b"grd", ("192.0.2.2", 9999))
"""


def run(command: str) -> None:
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> Iterator[None]:
    """Two hosts on one wire: the server behind the guard, and a client that owns the bad address."""
    for command in (
        f"ip netns add {SERVER}",
        f"ip netns add {CLIENT}",
        f"ip link add eth0 netns {SERVER} type veth peer name eth0 netns {CLIENT}",
        f"ip -n {SERVER} addr add 192.0.2.2/24 dev eth0",
        f"ip -n {CLIENT} addr add 192.0.2.1/24 dev eth0",
        f"ip -n {CLIENT} addr add {BAD}/32 dev eth0",
        f"ip -n {SERVER} link set eth0 up",
        f"ip -n {CLIENT} link set eth0 up",
        f"ip -n {SERVER} route add 203.0.113.0/24 dev eth0",
        f"ip -n {SERVER} link add grdw1 type veth peer name grdw2",
        f"ip -n {SERVER} link set grdw1 up",
    ):
        run(command)
    yield
    run(f"ip netns del {SERVER}")
    run(f"ip netns del {CLIENT}")


class World:
    """One host's state, and the guards that run on it one after another."""

    def __init__(self, folder: Path) -> None:
        self.state, self.socket = folder / "state", folder / "run" / "guard.sock"
        self.guards: list[GuardClient] = []

    def start(self, *options: str, greets: bool = True) -> GuardClient:
        """Start a guard inside the server's namespace and return the console's end; unless it ``greets``, unheard."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = ["nsenter", f"--net=/run/netns/{SERVER}", sys.executable, "-I", "-m", "engine.guard"]
        command += [f"--fd={theirs.fileno()}", "--iface=eth0", f"--state={self.state}", f"--pin-root={PINS}"]
        with theirs:
            process = subprocess.Popen(
                [*command, f"--socket={self.socket}", *options], pass_fds=[theirs.fileno()], start_new_session=True
            )
        self.guards.append(GuardClient(ours, process))
        if greets:
            self.guards[-1].greet()
        return self.guards[-1]

    def restore(self) -> tuple[int, str]:
        """Put blocks back as the unit does after a boot; return the exit status and what was said."""
        script = Path(__file__).parents[3] / "install" / "restore.py"
        places = [f"--state={self.state}", f"--pin-root={PINS}", f"--socket={self.socket}"]
        command = ["nsenter", f"--net=/run/netns/{SERVER}", sys.executable, "-I", str(script), *places]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        return done.returncode, done.stdout + done.stderr

    def boot(self) -> None:
        """Lose what the kernel held, as a reboot does."""
        shutil.rmtree(PINS, ignore_errors=True)

    def person(self, *action: str) -> str:
        """Let a person at another terminal do something, and return what they are told."""
        master, slave = os.openpty()
        script = Path(__file__).with_name("person.py")
        done = subprocess.run(
            [sys.executable, script, self.socket, *action],
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            timeout=30,
            check=False,
        )
        os.close(master)
        os.close(slave)
        return done.stdout.decode().strip()

    def block(self, guard: GuardClient) -> Block:
        """Take the bad address all the way into the kernel."""
        proposal = guard.propose(TERMS, "seen attacking", handshake=True)
        assert self.person("approve", proposal.id, "") == "live"
        return only(guard.blocks())

    def attached(self) -> str:
        """Return what the server's interface says of an XDP program, empty without one."""
        command = ["ip", "-n", SERVER, "-json", "-details", "link", "show", "dev", "eth0"]
        [link] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
        return str(link.get("xdp", ""))

    def kernel(self) -> list[str]:
        """Return the prefixes in the pinned maps, read without any guard."""
        singles = bpf.Map(PINS / "aegis_block4")
        found = [f"{socket.inet_ntoa(key)}/32" for key in singles.keys()]  # noqa: SIM118 - a map of the kernel
        singles.close()
        return sorted(found)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for guard in made.guards:
        guard.close()
        assert guard.process is not None
        if guard.process.poll() is None:
            guard.process.kill()
            guard.process.wait()
    shutil.rmtree(PINS, ignore_errors=True)


def only(blocks: list[Block]) -> Block:
    assert len(blocks) == 1, blocks
    return blocks[0]


def kill(guard: GuardClient) -> None:
    assert guard.process is not None
    guard.process.kill()
    guard.process.wait()


def until(seen: Callable[[], bool]) -> bool:
    """Ask until it is so, for at most 5 s: the kernel delivers packets in its own time."""
    end = monotonic() + 5
    while not seen():
        if monotonic() > end:
            return False
    return True


def test_a_block_that_a_person_approves_drops_packets_in_the_kernel(world: World) -> None:
    guard = world.start()
    welcome = guard.hello()
    assert (welcome.blocking, welcome.dataplane.startswith("XDP ")) == (True, True), welcome.dataplane
    block = world.block(guard)
    assert (block.state, block.packets, block.approver.startswith("root")) == (BlockState.LIVE, 0, True)
    run_inside(CLIENT, SEND)
    assert until(lambda: only(guard.blocks()).packets >= 5)
    guard.remove(BAD)
    assert (guard.blocks(), world.kernel(), guard.verify_audit().problems) == ([], [], ())


def run_inside(namespace: str, code: str) -> None:
    command = ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", code]
    subprocess.run(command, check=True, timeout=30)


def test_a_killed_guard_leaves_the_block_and_the_next_one_knows_it(world: World) -> None:
    guard = world.start()
    before = world.block(guard)
    kill(guard)
    assert world.kernel() == [f"{BAD}/32"]
    after = only(world.start().blocks())
    assert (after.state, after.proposal_id, after.approver) == (BlockState.LIVE, before.proposal_id, before.approver)
    assert after.remaining_s <= before.remaining_s


def attached(iface: str = "eth0") -> bool:
    done = subprocess.run(
        ["ip", "-n", SERVER, "-d", "link", "show", iface], capture_output=True, text=True, check=True, timeout=30
    )
    return "xdp" in done.stdout


def test_a_first_attachment_goes_with_a_guard_that_is_killed_unless_it_was_kept(world: World) -> None:
    guard = world.start()
    [found] = guard.hello().attached
    assert (attached(), 50 < found.keep_within_s <= 60) == (True, True)
    kill(guard)
    assert until(lambda: not attached())
    again = world.start()
    assert again.hello().attached[0].keep_within_s > 50
    world.block(again)
    assert again.hello().attached[0].keep_within_s == 0
    kill(again)
    assert attached()
    assert world.start().hello().attached[0].keep_within_s == 0


def test_a_list_that_a_person_approves_is_in_the_kernel(world: World) -> None:
    guard = world.start()
    many = [f"198.18.0.{number}/32" for number in range(200)]
    proposal = guard.propose_list(many, 600.0, "feed", by_person=False)
    assert world.person("approve", proposal.id, "200") == "live"
    assert world.kernel() == sorted(many)
    blocks, page = guard.block_list(limit=10)
    assert (len(blocks), page.total, page.packets) == (10, 200, 0)
    kinds = [entry.kind for entry in guard.audit()]
    assert (kinds.count("approve"), kinds.count("write"), kinds[-1]) == (1, 1, "export")


def test_a_watch_counts_packets_in_the_kernel_and_drops_none(world: World) -> None:
    guard = world.start()
    proposal = guard.propose(TERMS, "seen attacking", handshake=True)
    assert guard.watch(proposal.id, 60.0).watch
    run_inside(CLIENT, SEND)
    assert until(lambda: only(guard.blocks()).packets >= 5)
    assert only(guard.blocks()).watch
    kill(guard)
    assert world.start().blocks() == []


def test_a_block_flushed_while_no_guard_ran_is_restored(world: World) -> None:
    guard = world.start()
    world.block(guard)
    kill(guard)
    with xdp.XdpBlocker(pin_root=PINS) as blocker:
        blocker.remove(f"{BAD}/32")
    assert only(world.start().blocks()).state is BlockState.LIVE
    assert world.kernel() == [f"{BAD}/32"]


def test_panic_wins_until_a_person_resumes(world: World) -> None:
    guard = world.start()
    world.block(guard)
    assert xdp.panic(PINS) == 1
    assert (only(guard.blocks()).state, world.kernel()) == (BlockState.HALTED, [])
    kill(guard)
    again = world.start()
    assert (only(again.blocks()).state, world.kernel()) == (BlockState.HALTED, [])
    with pytest.raises(client.GuardError, match="terminal"):
        again.resume()
    assert world.person("resume") == "blocking is resumed, 1 block(s) of before lifted"
    assert (again.blocks(), world.kernel()) == ([], [])


def test_the_consoles_end_ends_the_guard_and_leaves_the_block(world: World) -> None:
    guard = world.start()
    world.block(guard)
    guard.close()
    assert guard.process is not None
    assert guard.process.wait(10) == 0
    assert world.kernel() == [f"{BAD}/32"]


def test_a_console_without_a_terminal_may_not_approve(world: World) -> None:
    guard = world.start("--no-approve")
    proposal = guard.propose(TERMS, "seen attacking", handshake=True)
    with pytest.raises(client.GuardError, match="without the right to approve"):
        guard.approve(proposal.id, guard.review(proposal.id).token)
    assert world.kernel() == []


def test_a_guard_that_nobody_greets_attaches_nothing_and_ends_with_its_console(world: World) -> None:
    guard = world.start(greets=False)
    assert until(world.socket.exists)
    guard.close()
    assert guard.process is not None
    assert (guard.process.wait(10), PINS.exists(), world.attached()) == (0, False, "")


def test_a_second_guard_says_who_holds_the_host(world: World) -> None:
    first = world.start()
    pid = first.hello().pid
    with pytest.raises(client.GuardError, match=f"held by guard with PID {pid}"):
        world.start().hello()
    assert first.hello().pid == pid


@pytest.mark.parametrize("made", ["state", "run"])
def test_a_folder_that_a_stranger_made_first_is_refused(world: World, made: str) -> None:
    folder = {"state": world.state, "run": world.socket.parent}[made]
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with pytest.raises(client.GuardError, match="belongs to uid 65534"):
        world.start().hello()


def test_an_interface_that_is_not_there_is_told_and_the_others_are_guarded(world: World) -> None:
    guard = world.start("--iface=grdnone0")
    welcome = guard.hello()
    assert welcome.blocking
    assert "cannot attach XDP to grdnone0" in welcome.dataplane
    assert world.block(guard).ifaces == ("eth0",)


def test_without_an_interface_an_approval_is_refused_with_the_reason(world: World) -> None:
    guard = world.start("--no-dataplane")
    proposal = guard.propose(TERMS, "seen attacking", handshake=True)
    assert world.person("approve", proposal.id, "") == "refused: monitor only: the data plane is switched off"


def test_the_server_protects_its_own_address_and_its_peer(world: World) -> None:
    guard = world.start("--endpoint=203.0.113.50")
    assert "192.0.2.2" in guard.addresses().addresses.own
    for prefix in ("192.0.2.2/32", "203.0.113.50/32"):
        with pytest.raises(client.GuardError):
            guard.propose(Terms("INC-1", prefix, 60.0, (), ""), "why", handshake=True)


def test_only_sigterm_stops_the_guard(world: World) -> None:
    guard = world.start()
    guard.hello()
    assert guard.process is not None
    for number in (signal.SIGINT, signal.SIGHUP):
        guard.process.send_signal(number)
        guard.hello()
    guard.process.terminate()
    assert guard.process.wait(10) == 0
    assert (world.state / "guard.log").read_text() == ""


def test_the_state_is_roots_alone(world: World) -> None:
    world.start().hello()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (world.state, *world.state.iterdir())}
    assert modes.pop("state") == 0o711
    assert set(modes.values()) == {0o600}


def test_blocks_are_restored_after_a_boot_on_the_interfaces_they_were_approved_for(world: World) -> None:
    guard = world.start("--iface=grdw1")
    for terms in (TERMS, SECOND):
        assert world.person("approve", guard.propose(terms, "why", handshake=True).id, "") == "live"
    guard.close()
    world.boot()
    assert world.restore() == (0, "203.0.113.10/32 live on grdw1: why\n203.0.113.9/32 live on eth0: why\n")
    assert world.kernel() == ["203.0.113.10/32", "203.0.113.9/32"]
    after = {block.prefix: (block.state, block.ifaces) for block in world.start().blocks()}
    assert after == {SECOND.prefix: (BlockState.LIVE, ("grdw1",)), TERMS.prefix: (BlockState.LIVE, ("eth0",))}


def test_restoring_nothing_attaches_nothing(world: World) -> None:
    assert world.restore() == (0, "no block to restore\n")
    assert not PINS.exists()


def test_a_block_that_cannot_be_restored_is_said_and_tried_again_by_the_unit(world: World) -> None:
    guard = world.start()
    world.block(guard)
    guard.close()
    world.boot()
    run(f"ip -n {SERVER} link set eth0 name eth9 down")
    status, said = world.restore()
    run(f"ip -n {SERVER} link set eth9 name eth0 up")
    run(f"ip -n {SERVER} route add 203.0.113.0/24 dev eth0")
    assert (status, said) == (1, f"{BAD}/32 failed on eth0: not enforced on eth0: the guard is not attached there\n")


def test_a_halt_outlives_a_restore(world: World) -> None:
    guard = world.start()
    world.block(guard)
    guard.close()
    xdp.panic(PINS)
    assert world.restore()[0] == 0
    assert world.kernel() == []


def test_a_halt_outlives_a_reboot_until_a_person_resumes(world: World) -> None:
    guard = world.start()
    world.block(guard)
    guard.close()
    assert panic(PINS, world.state) == 1
    world.boot()
    assert world.restore()[0] == 0
    assert world.kernel() == []
    again = world.start()
    assert (only(again.blocks()).state, again.hello().halted) == (BlockState.HALTED, True)
    assert world.person("resume") == "blocking is resumed, 1 block(s) of before lifted"
    again.close()
    world.boot()
    assert (world.restore(), world.start().hello().halted) == ((0, "no block to restore\n"), False)


def test_a_guard_for_one_look_leaves_no_start_and_no_end_in_the_audit_chain(world: World) -> None:
    world.start().close()
    before = [entry.seq for entry in world.start("--look").audit()]
    world.guards[-1].close()
    kinds = [entry.kind for entry in world.start("--look").audit() if entry.seq > before[-1]]
    assert "export" in kinds
    assert not {"start", "stop"} & set(kinds)


def test_what_nftables_enforced_is_restored_to_nftables(world: World) -> None:
    guard = world.start()
    assert world.block(guard).state is BlockState.LIVE
    guard.close()
    with sqlite3.connect(world.state / "guard.db") as db:
        assert db.execute("UPDATE attached SET mode = 'nftables'").rowcount == 1
    db.close()
    world.boot()
    assert world.restore() == (0, f"{BAD}/32 live on eth0: seen attacking\n")
    assert [one.mode for one in world.start().hello().attached] == ["nftables"]
    run(f"nsenter --net=/run/netns/{SERVER} nft delete table netdev aegis")


def test_an_approval_for_one_interface_drops_nothing_on_another_guards(world: World) -> None:
    guard = world.start("--iface=grdw1")
    assert (
        world.person("approve", guard.propose(replace(TERMS, ifaces=("grdw1",)), "why", handshake=True).id, "")
        == "live"
    )
    guard.close()
    again = world.start()
    run_inside(CLIENT, SEND)
    run_inside(CLIENT, SEND.replace(BAD, "192.0.2.1"))
    block = only(again.blocks())
    assert (block.state, block.ifaces, block.packets) == (BlockState.LIVE, ("grdw1",), 0)


def test_a_hostile_interface_name_does_not_end_the_guard(world: World) -> None:
    guard = world.start()
    with pytest.raises(client.GuardError, match="is no interface name"):
        guard.attach(["eth0\0"])
    assert guard.hello().blocking


def test_a_person_at_a_terminal_may_ask_while_the_engine_floods(world: World) -> None:
    guard = world.start()
    with pytest.raises(client.GuardError, match="held off"):
        for number in range(200):
            guard.propose(replace(TERMS, prefix=f"198.18.{number}.1/32"), "spoofed", handshake=False)
    assert world.person("propose", f"{BAD}/32") == f"{BAD}/32"
