"""The other end of the guard's socket: one method for each message, in one thread."""

from __future__ import annotations

import os
import secrets
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Self, TypeVar

from engine.guard import codec, fields, messages
from engine.host.loglines import Lines
from engine.reason import reason
from engine.types import (
    Block,
    FileFacts,
    FiveTuple,
    Persistence,
    ProcessFacts,
    Proposal,
    Services,
    SocketOwner,
    Terms,
)

SOCKET = Path("/run/aegis/guard.sock")
TIMEOUT_S = 10.0
LIST_TIMEOUT_S = 60.0
"""A list of 100,000 targets is judged, stored and written one by one."""
STAGED = 1000
"""Prefixes in one part of a list: any of them fits into one packet."""

_GONE = "the guard is gone"

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

    def hung_up(self) -> bool:
        """Whether the guard at the other end is gone."""
        poll = select.poll()
        poll.register(self._sock, select.POLLRDHUP)
        return bool(poll.poll(0))

    def greet(self) -> None:
        """Wait until a guard that was just started answers; hang up where it does not start, and raise why.

        From then on it makes the kernel ready, and answers the next question after that.
        """
        try:
            self.hello()
        except OSError:
            self.close()
            raise

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
        self,
        terms: Terms,
        reason: str,
        *,
        handshake: bool,
        reported_only: bool = False,
        by_person: bool = False,
        by_ladder: bool = False,
    ) -> Proposal:
        """Ask for a block that a person then decides on; ``by_person`` when a person asks for it."""
        asked = messages.Propose(terms, reason, handshake, reported_only, by_person, by_ladder)
        return self._ask(asked, messages.Proposed).proposal

    def propose_list(
        self, prefixes: Sequence[str], ttl_s: float, reason: str, *, ifaces: Sequence[str] = (), by_person: bool = True
    ) -> Proposal:
        """Ask for one proposal over many canonical prefixes."""
        batch = secrets.token_hex(8)
        for start in range(0, len(prefixes), STAGED):
            self._ask(messages.Stage(batch, tuple(prefixes[start : start + STAGED])), messages.Done)
        digest = fields.list_digest(prefixes)
        asked = messages.ProposeList(batch, len(prefixes), digest, ttl_s, tuple(ifaces), reason, by_person)
        return self._ask(asked, messages.Proposed, LIST_TIMEOUT_S).proposal

    def extend(self, prefix: str, ttl_s: float) -> Proposal:
        """Ask for another term of a block in force, counted from the approval."""
        return self._ask(messages.Extend(prefix, ttl_s), messages.Proposed).proposal

    def watch(self, proposal_id: str, seconds: float) -> Block:
        """Count for a while what a proposal would drop, and return the entry as read back."""
        return self._ask(messages.Watch(proposal_id, seconds), messages.Watched).block

    def keep(self, target: str = "") -> str:
        """Keep a block on trial, an interface, or with no target every interface attached for the first time."""
        return self._ask(messages.Keep(target), messages.Done).detail

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
        return self.approve_all(proposal_id, token, typed).block

    def approve_all(self, proposal_id: str, token: str, typed: str = "") -> messages.Approved:
        """Pass on a person's yes and return how many blocks it made, and the first as read back."""
        return self._ask(messages.Approve(proposal_id, token, typed), messages.Approved, LIST_TIMEOUT_S)

    def refuse(self, proposal_id: str) -> str:
        """Pass on a person's no."""
        return self._ask(messages.Refuse(proposal_id), messages.Done).detail

    def remove(self, prefix: str) -> str:
        """Take a block out of the kernel."""
        return self._ask(messages.Remove(prefix), messages.Done).detail

    def remove_all(self, proposal_id: str) -> str:
        """Take every block of one proposal out of the kernel."""
        return self._ask(messages.RemoveAll(proposal_id), messages.Done, LIST_TIMEOUT_S).detail

    def blocks(self, *, ended: bool = False, limit: int = 1 << 20) -> list[Block]:
        """Return the blocks as the kernel has them, or those that ended, newest first."""
        return self.block_list(ended=ended, limit=limit)[0]

    def block_list(self, *, ended: bool = False, limit: int = 1 << 20) -> tuple[list[Block], messages.BlockList]:
        """Return at most ``limit`` blocks, and the last page, which tells how many there are in all."""
        found: list[Block] = []
        for page in self.block_pages(ended=ended):
            found += page.blocks
            if len(found) >= limit:
                break
        return found[:limit], page

    def block_pages(self, *, ended: bool = False) -> Iterator[messages.BlockList]:
        """Yield the pages of one listing of the blocks, at least one."""
        offset, more = 0, True
        while more:
            page = self._ask(messages.Blocks(offset, ended), messages.BlockList)
            yield page
            offset += len(page.blocks)
            more = page.more and bool(page.blocks)

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the process behind a five-tuple."""
        return self._ask(messages.FindOwner(five_tuple), messages.Owner).owner

    def process_facts(self, pid: int, start_time: float = 0.0) -> ProcessFacts:
        """Return the facts of a process."""
        return self._ask(messages.Describe(pid, start_time), messages.Process).facts

    def services(self) -> Services:
        """Return what this host offers to the network."""
        return self._ask(messages.ListServices(), messages.ServiceList).services

    def program_file(self, pid: int, start_time: float = 0.0) -> FileFacts:
        """Return the facts of the file that a process runs."""
        return self._ask(messages.DescribeFile(pid, start_time), messages.ProgramFile).facts

    def persistence(self) -> Persistence:
        """Return the places that start something by themselves and changed last."""
        return self._ask(messages.ListPersistence(), messages.PersistenceList).persistence

    def log_lines(self, ip: str) -> Lines:
        """Return the lines of the login log that name an address."""
        return self._ask(messages.SearchLog(ip), messages.LogLines).found

    def resume(self, *, restore: bool = False) -> str:
        """Clear the halt that panic-unblock set; the blocks of before come back only with ``restore``."""
        return self._ask(messages.Resume(restore), messages.Done).detail

    def note_halt(self) -> str:
        """Have the record say who ran panic-unblock: whoever the guard finds at this end."""
        return self._ask(messages.NoteHalt(), messages.Done).detail

    def last_halt(self) -> str:
        """Return who halted or resumed last, or nothing where that is not known."""
        return self._ask(messages.LastHalt(), messages.Done).detail

    def remover(self, prefix: str) -> str:
        """Return who removed the block of a prefix, or nothing where no person did, or that is not known."""
        return self._ask(messages.Remover(prefix), messages.Done).detail

    def verify_audit(self) -> messages.Audit:
        """Return whether the audit chain is whole."""
        return self._ask(messages.VerifyAudit(), messages.Audit)

    def allow(self, prefix: str, reason: str, ttl_s: float = 0.0) -> str:
        """Put a prefix on the allow-list."""
        return self._ask(messages.Allow(prefix, reason, ttl_s), messages.Done).detail

    def disallow(self, prefix: str) -> str:
        """Take a prefix off the allow-list."""
        return self._ask(messages.Disallow(prefix), messages.Done).detail

    def allowed(self) -> list[messages.AllowedPrefix]:
        """Return the allow-list."""
        found: list[messages.AllowedPrefix] = []
        more = True
        while more:
            reply = self._ask(messages.Allowed(len(found)), messages.AllowList)
            found += reply.items
            more = reply.more and bool(reply.items)
        return found

    def audit(self) -> Iterator[messages.AuditEntry]:
        """Yield the audit chain, oldest first."""
        offset, more = 0, True
        while more:
            reply = self._ask(messages.ExportAudit(offset), messages.AuditPage)
            yield from reply.entries
            offset += len(reply.entries)
            more = reply.more and bool(reply.entries)

    def note_trace(self, incident_id: str, steps: int, digest: str, verdict_digest: str) -> str:
        """Tell the end of a trace, to be kept in the audit chain."""
        return self._ask(messages.NoteTrace(incident_id, steps, digest, verdict_digest), messages.Done).detail

    def noted_traces(self) -> Iterator[messages.AuditEntry]:
        """Yield what was noted of traces, oldest first."""
        after, more = 0, True
        while more:
            reply = self._ask(messages.NotedTraces(after), messages.AuditPage)
            yield from reply.entries
            more = reply.more and bool(reply.entries)
            after = reply.entries[-1].seq if more else after

    def _ask(self, request: messages.Request, kind: type[Kind], timeout_s: float = TIMEOUT_S) -> Kind:
        self._number += 1
        self._sock.settimeout(TIMEOUT_S)
        try:
            self._sock.send(codec.encode(request, self._number))
        except (BrokenPipeError, ConnectionResetError):
            raise ConnectionResetError(_GONE) from None
        reply = self._receive(monotonic() + timeout_s)
        if isinstance(reply, messages.Refused):
            raise GuardError(reply.reason)
        if not isinstance(reply, kind):
            raise ConnectionError(f"the guard answered {type(request).__name__} with {type(reply).__name__}")
        return reply

    def _receive(self, until: float) -> messages.Reply:
        """Skip the answers to requests that timed out before."""
        while (left := until - monotonic()) > 0:
            self._sock.settimeout(left)
            try:
                packet = self._sock.recv(codec.PACKET_BYTES)
            except ConnectionResetError:
                packet = b""
            if not packet:
                raise ConnectionResetError(_GONE)
            try:
                reply, number = messages.decode_reply(packet)
            except codec.MessageError as error:
                raise ConnectionError(f"cannot read the guard's answer: {error}") from None
            if number == self._number:
                return reply
        raise TimeoutError("the guard did not answer in time")


def connect(path: Path = SOCKET) -> GuardClient:
    """Return a client of the guard that runs on this host; raises ``OSError``, also where a stranger listens."""
    return GuardClient(reach(path))


def reach(path: Path = SOCKET) -> socket.socket:
    """Return a connection to the guard that runs on this host; raises ``OSError`` as ``connect`` does."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(TIMEOUT_S)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise type(error)(f"cannot reach a guard at {path}: {reason(error)}") from None
    _, uid, _ = struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid not in (0, os.geteuid()):
        sock.close()
        raise PermissionError(f"refusing {path}: uid {uid} listens there, no guard of root's")
    return sock


def spawn(
    ifaces: Sequence[str],
    *,
    state: Path | None = None,
    pin_root: Path | None = None,
    socket_path: Path | None = None,
    endpoints: Sequence[str] = (),
    shared_hops: Sequence[str] = (),
    management_ports: Sequence[int] = (),
    may_approve: bool = True,
    dataplane: bool = True,
    stay: bool = False,
    looks: bool = False,
    waits: bool = True,
) -> GuardClient:
    """Start a guard as a child and return its client after it said hello, or before that if nobody ``waits``.

    With ``looks`` it notes no start and end in the audit chain: the caller changes nothing.
    Raises ``GuardError`` with the reason when it does not start; without ``waits`` the first question does, see
    ``greet``. The guard keeps the caller's privileges: call this before dropping them.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    arguments = [sys.executable, "-I", "-m", "engine.guard", "--fd", str(theirs.fileno())]
    lists = (("--iface", ifaces), ("--endpoint", endpoints), ("--shared-hop", shared_hops))
    arguments += [f"{option}={value}" for option, values in lists for value in values]
    arguments += [f"--management-port={port}" for port in management_ports]
    paths = (("--state", state), ("--pin-root", pin_root), ("--socket", socket_path))
    arguments += [f"{option}={value}" for option, value in paths if value is not None]
    switches = (
        ("--no-approve", not may_approve),
        ("--no-dataplane", not dataplane),
        ("--stay", stay),
        ("--look", looks),
    )
    arguments += [option for option, on in switches if on]
    environ = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            arguments, pass_fds=[theirs.fileno()], env=environ, cwd="/", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    client = GuardClient(ours, process)
    if waits:
        client.greet()
    return client
