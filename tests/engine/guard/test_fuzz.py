"""Hostile bytes at the real socket of a real guard: no drop is made, nobody waits, and the guard stays small."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.guard import client, codec, fields, layout, messages
from engine.guard.client import GuardClient, GuardError
from tests.engine.guard import fuzzed
from tests.engine.guard.host import BAD, OTHER, Host, ask, block, opened, terms

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

ANSWER_S = 1.0
GROWTH_KB = 48 * 1024
"""Two staged lists of 100,000 prefixes, which is all a guard keeps, and room for its own buffers."""
UNLIMITED: dict[str, Any] = {
    "approval.PROPOSALS_PER_MINUTE": 1 << 20,
    "approval.LISTS_PER_MINUTE": 1 << 20,
    "quota.BURST": 1 << 20,
}
"""Without these, what is asked after the first second of a flood would never be judged."""
FEW = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=250, derandomize=True)


class Target:
    """A guard with a block in force and questions that wait, and the console's end of its socket as it is."""

    def __init__(self, host: Host) -> None:
        self.host, self.guard = host, host.start(**UNLIMITED)
        self.pid = self.guard.hello().pid
        block(self.guard)
        self.reviews = [self._reviewed(prefix) for prefix in (f"{OTHER}/32", "198.18.0.0/24")]
        self.reviews.append(self.guard.review(self.guard.propose_list(["198.18.1.1/32"], 60.0, "a feed").id))
        self.raw = self.guard._sock
        self.raw.settimeout(10)
        self.before = self.kernel()
        self.slowest = 0.0

    def _reviewed(self, prefix: str) -> messages.Review:
        return self.guard.review(ask(self.guard, prefix).id)

    def kernel(self) -> dict[str, Any]:
        """Return what every map holds that a message could change; counters are the kernel's own."""
        found: dict[str, Any] = {name: entry.order for name, entry in self.host.kernel().items()}
        for name in ("aegis_state", "aegis_lengths", *layout.ALLOW_MAPS.values()):
            with opened(self.host.pins / name) as each:
                found[name] = dict(each.items())
        return found

    def send(self, packet: bytes) -> messages.Reply:
        """Send one packet and return its answer, which must come soon and leave the maps alone."""
        began = monotonic()
        self.raw.send(packet)
        reply, _ = messages.decode_reply(self.raw.recv(codec.PACKET_BYTES))
        self.slowest = max(self.slowest, monotonic() - began)
        assert self.slowest < ANSWER_S, packet[:200]
        return reply

    def untouched(self) -> bool:
        return self.kernel() == self.before

    def memory_kb(self) -> int:
        """Return what the guard holds in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    host = Host(tmp_path_factory.mktemp("fuzz"))
    made = Target(host)
    small = made.memory_kb()
    yield made
    grown = made.memory_kb() - small
    assert made.guard.verify_audit().problems == ()
    host.close()
    assert grown < GROWTH_KB, f"the guard grew by {grown} kB"


@FEW
@given(st.binary(max_size=4000))
def test_bytes_are_answered_and_write_no_map(target: Target, packet: bytes) -> None:
    assert isinstance(target.send(packet), messages.Refused)
    assert target.untouched()


@FEW
@given(fuzzed.broken())
def test_a_request_that_is_broken_somewhere_is_refused_and_writes_no_map(target: Target, packet: bytes) -> None:
    assert isinstance(target.send(packet), messages.Refused), packet
    assert target.untouched()


@FEW
@given(fuzzed.hostile())
def test_a_request_with_hostile_values_writes_no_map(target: Target, packet: bytes) -> None:
    target.send(packet)
    assert target.untouched()


@FEW
@given(st.data())
def test_a_token_that_was_edited_or_belongs_to_another_approves_nothing(target: Target, data: st.DataObject) -> None:
    reviews = target.reviews
    mine, other = data.draw(st.sampled_from([(a, b) for a in reviews for b in reviews if a is not b]))
    token = data.draw(fuzzed.edited(mine.token, other.token))
    listed = mine.proposal.listed
    typed = data.draw(st.sampled_from([mine.proposal.terms.prefix, str(listed.prefixes if listed else ""), ""]))
    reply = target.send(codec.encode(messages.Approve(mine.proposal.id, token, typed), 3))
    assert isinstance(reply, messages.Refused)
    assert ("token does not belong" in reply.reason) or not token.isprintable()
    assert target.untouched()


def test_a_used_token_is_refused_a_thousand_times(target: Target) -> None:
    proposal = ask(target.guard, "198.18.7.7/32")
    packet = codec.encode(messages.Approve(proposal.id, target.guard.review(proposal.id).token, ""), 4)
    assert isinstance(target.send(packet), messages.Approved)
    target.guard.remove("198.18.7.7")
    assert target.untouched()
    for _ in range(1000):
        assert isinstance(target.send(packet), messages.Refused)
    assert target.untouched()


def test_lists_up_to_the_limits_are_held_and_no_more(target: Target) -> None:
    longest = [f"2001:db8:{number:04x}:ffff:ffff:ffff:ffff:ffff/128" for number in range(1000)]
    for batch in range(4):
        for _ in range(100):
            reply = target.send(codec.encode(messages.Stage(f"batch-{batch}", tuple(longest)), 5))
            assert isinstance(reply, messages.Done)
        over = target.send(codec.encode(messages.Stage(f"batch-{batch}", ("198.18.0.1/32",)), 5))
        assert isinstance(over, messages.Refused)
    for count, digest in ((100_000, "00"), (100_001, fields.list_digest(longest)), (1 << 62, "")):
        asked = messages.ProposeList("batch-3", count, digest, 60.0, (), "a feed")
        assert isinstance(target.send(codec.encode(asked, 6)), messages.Refused)
    assert target.untouched()


def test_peers_that_never_read_or_never_speak_keep_nobody_waiting(target: Target) -> None:
    held = [client.connect(target.host.socket)]
    for _ in range(32):
        with suppress(BlockingIOError):
            held.append(client.connect(target.host.socket))
    deaf = held[0]._sock
    deaf.setblocking(False)
    packet = codec.encode(messages.VerifyAudit(), 1)
    for _ in range(500):
        try:
            deaf.send(packet)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            break
    target.send(codec.encode(messages.Hello(), 8))
    for each in held:
        each.close()
    with client.connect(target.host.socket) as peer:
        assert peer.hello().pid == target.pid


def test_an_engine_that_floods_is_held_off_and_a_person_is_not(tmp_path: Path) -> None:
    host = Host(tmp_path)
    try:
        guard = host.start()
        before = flood(guard)
        assert 0 < before <= 31
        assert "held off" in guard.hello().held_off
        assert ask(guard, f"{OTHER}/32").terms.prefix == f"{OTHER}/32"
        assert host.kernel() == {}
    finally:
        host.close()


def flood(guard: GuardClient) -> int:
    """Propose as a hijacked engine would, and return how many went through."""
    made = 0
    for number in range(200):
        try:
            guard.propose(terms(f"198.18.{number}.1/32"), "spoofed", handshake=True)
            made += 1
        except GuardError:
            continue
    return made


# --- what a stranger left first

IMPOSTOR = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
os.setuid(65534)
listener.listen()
print("listening", flush=True)
peer, _ = listener.accept()
print(peer.recv(100), flush=True)
"""


def test_a_strangers_socket_is_not_taken_for_the_guards(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    path = folder / "guard.sock"
    impostor = subprocess.Popen([sys.executable, "-c", IMPOSTOR, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert impostor.stdout is not None
        assert impostor.stdout.readline() == "listening\n"
        with pytest.raises(PermissionError, match="65534"):
            client.connect(path)
    finally:
        impostor.kill()
        impostor.communicate()


@pytest.mark.parametrize("kind", ["socket", "link", "file"])
def test_what_stands_where_the_socket_goes_is_replaced_and_never_followed(tmp_path: Path, kind: str) -> None:
    host = Host(tmp_path)
    host.socket.parent.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if kind == "socket":
            stale.bind(str(host.socket))
        elif kind == "link":
            host.socket.symlink_to(elsewhere)
        else:
            host.socket.write_text("in the way")
        guard = host.start()
        with client.connect(host.socket) as peer:
            assert peer.hello().pid == guard.hello().pid
        assert (host.socket.is_socket(), host.socket.lstat().st_mode & 0o777) == (True, 0o600)
        assert elsewhere.read_text() == "kept"
    finally:
        stale.close()
        host.close()


WRONG = {
    "another type": "type array key 4 value 64 entries 131072",
    "another size": "type hash key 4 value 16 entries 131072 flags 1",
    "fewer places": "type hash key 4 value 64 entries 8 flags 1",
}


@pytest.mark.parametrize("shape", WRONG.values(), ids=list(WRONG))
def test_a_map_that_a_stranger_pinned_is_not_written_to(tmp_path: Path, shape: str) -> None:
    host = Host(tmp_path)
    try:
        host.pins.mkdir(mode=0o700)
        pinned = host.pins / "aegis_block4"
        subprocess.run(["bpftool", "map", "create", pinned, *shape.split(), "name", "stranger"], check=True)
        with opened(pinned) as stranger:
            before = list(stranger.items())
        guard = host.start()
        welcome = guard.hello()
        assert "aegis_block4" in f"{welcome.dataplane} {welcome.degraded}" or "cannot" in str(welcome), welcome
        assert {each.mode for each in welcome.attached} <= {"nftables"}
        with opened(pinned) as stranger:
            assert list(stranger.items()) == before
    finally:
        host.close()


def test_a_folder_of_pins_that_a_stranger_made_holds_no_block_of_ours(tmp_path: Path) -> None:
    host = Host(tmp_path)
    try:
        host.pins.mkdir(mode=0o700)
        os.chown(host.pins, 65534, 65534)
        guard = host.start()
        assert {each.mode for each in guard.hello().attached} <= {"nftables"}
        assert f"cannot trust {host.pins}" in json.dumps([guard.hello().dataplane, guard.hello().degraded])
        assert list(host.pins.iterdir()) == []
        assert f"{BAD}/32" not in {one.prefix for one in guard.blocks()}
    finally:
        host.close()
