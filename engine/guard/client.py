"""The other end of the guard's socket: one method for each message, in one thread."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Self, TypeVar

from engine.guard import codec, messages
from engine.types import Block, FiveTuple, ProcessFacts, Proposal, SocketOwner, Terms

SOCKET = Path("/run/aegis/guard.sock")
TIMEOUT_S = 10.0

Kind = TypeVar("Kind")


class GuardError(PermissionError):
    """The guard refused; the text is its reason."""


class GuardClient:
    """Asks and waits for the answer; ``TimeoutError`` when none comes, ``ConnectionError`` when the guard is gone."""

    def __init__(self, sock: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self._sock, self._number = sock, 0
        self.process = process
        """The guard, when this client started it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; a guard that was started for this client ends, and its blocks stay in force."""
        self._sock.close()
        if self.process is not None:
            try:
                self.process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                return

    def hello(self) -> messages.Welcome:
        """Return who the guard is and what it can do."""
        return self._ask(messages.Hello(), messages.Welcome)

    def attach(self, ifaces: Sequence[str]) -> messages.Welcome:
        """Attach the kernel program to interfaces."""
        return self._ask(messages.Attach(tuple(ifaces)), messages.Welcome)

    def addresses(self) -> messages.NeverBlock:
        """Return the never-block set."""
        return self._ask(messages.Addresses(), messages.NeverBlock)

    def propose(
        self, terms: Terms, reason: str, *, handshake: bool, reported_only: bool = False, by_person: bool = False
    ) -> Proposal:
        """Ask for a block that a person then decides on; ``by_person`` when a person asks for it."""
        asked = messages.Propose(terms, reason, handshake, reported_only, by_person)
        return self._ask(asked, messages.Proposed).proposal

    def proposals(self, limit: int = 256) -> list[Proposal]:
        """Return the proposals, newest first."""
        found: list[Proposal] = []
        more = True
        while more and len(found) < limit:
            reply = self._ask(messages.Proposals(len(found)), messages.ProposalList)
            found += reply.proposals
            more = reply.more and bool(reply.proposals)
        return found[:limit]

    def review(self, proposal_id: str) -> messages.Review:
        """Return a proposal with the token that approves it."""
        return self._ask(messages.Show(proposal_id), messages.Review)

    def approve(self, proposal_id: str, token: str, typed: str = "") -> Block:
        """Pass on a person's yes and return the block as read back."""
        return self._ask(messages.Approve(proposal_id, token, typed), messages.Approved).block

    def refuse(self, proposal_id: str) -> str:
        """Pass on a person's no."""
        return self._ask(messages.Refuse(proposal_id), messages.Done).detail

    def remove(self, prefix: str) -> str:
        """Take a block out of the kernel."""
        return self._ask(messages.Remove(prefix), messages.Done).detail

    def blocks(self) -> list[Block]:
        """Return the blocks as the kernel has them."""
        found: list[Block] = []
        more = True
        while more:
            reply = self._ask(messages.Blocks(len(found)), messages.BlockList)
            found += reply.blocks
            more = reply.more and bool(reply.blocks)
        return found

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the process behind a five-tuple."""
        return self._ask(messages.FindOwner(five_tuple), messages.Owner).owner

    def process_facts(self, pid: int, start_time: float = 0.0) -> ProcessFacts:
        """Return the facts of a process."""
        return self._ask(messages.Describe(pid, start_time), messages.Process).facts

    def resume(self, *, restore: bool = False) -> str:
        """Clear the halt that panic-unblock set; the blocks of before come back only with ``restore``."""
        return self._ask(messages.Resume(restore), messages.Done).detail

    def verify_audit(self) -> messages.Audit:
        """Return whether the audit chain is whole."""
        return self._ask(messages.VerifyAudit(), messages.Audit)

    def allow(self, prefix: str, reason: str, ttl_s: float = 0.0) -> str:
        """Put a prefix on the allow-list."""
        return self._ask(messages.Allow(prefix, reason, ttl_s), messages.Done).detail

    def disallow(self, prefix: str) -> str:
        """Take a prefix off the allow-list."""
        return self._ask(messages.Disallow(prefix), messages.Done).detail

    def _ask(self, request: messages.Request, kind: type[Kind]) -> Kind:
        self._number += 1
        self._sock.settimeout(TIMEOUT_S)
        self._sock.send(codec.encode(request, self._number))
        reply = self._receive(monotonic() + TIMEOUT_S)
        if isinstance(reply, messages.Refused):
            raise GuardError(reply.reason)
        if not isinstance(reply, kind):
            raise ConnectionError(f"the guard answered {type(request).__name__} with {type(reply).__name__}")
        return reply

    def _receive(self, until: float) -> messages.Reply:
        """Skip the answers to requests that timed out before."""
        while (left := until - monotonic()) > 0:
            self._sock.settimeout(left)
            packet = self._sock.recv(codec.PACKET_BYTES)
            if not packet:
                raise ConnectionResetError("the guard is gone")
            try:
                reply, number = messages.decode_reply(packet)
            except codec.MessageError as error:
                raise ConnectionError(f"cannot read the guard's answer: {error}") from None
            if number == self._number:
                return reply
        raise TimeoutError("the guard did not answer in time")


def connect(path: Path = SOCKET) -> GuardClient:
    """Return a client of the guard that runs on this host; raises ``OSError``."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(TIMEOUT_S)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise type(error)(error.errno, f"cannot reach a guard at {path}: {error.strerror}") from None
    return GuardClient(sock)


def spawn(
    ifaces: Sequence[str],
    *,
    state: Path | None = None,
    pin_root: Path | None = None,
    socket_path: Path | None = None,
    endpoints: Sequence[str] = (),
    shared_hops: Sequence[str] = (),
    may_approve: bool = True,
    dataplane: bool = True,
    stay: bool = False,
) -> GuardClient:
    """Start a guard as a child and return its client after it said hello.

    Raises ``GuardError`` with the reason when it does not start. The guard keeps the caller's
    privileges: call this before dropping them.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    arguments = [sys.executable, "-I", "-m", "engine.guard", "--fd", str(theirs.fileno())]
    lists = (("--iface", ifaces), ("--endpoint", endpoints), ("--shared-hop", shared_hops))
    arguments += [f"{option}={value}" for option, values in lists for value in values]
    paths = (("--state", state), ("--pin-root", pin_root), ("--socket", socket_path))
    arguments += [f"{option}={value}" for option, value in paths if value is not None]
    switches = (("--no-approve", not may_approve), ("--no-dataplane", not dataplane), ("--stay", stay))
    arguments += [option for option, on in switches if on]
    environ = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            arguments, pass_fds=[theirs.fileno()], env=environ, cwd="/", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    client = GuardClient(ours, process)
    try:
        client.hello()
    except OSError:
        client.close()
        raise
    return client
