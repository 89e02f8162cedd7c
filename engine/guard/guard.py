"""Answers each request: checks every rule itself, writes down what it did, and never trusts the asker."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from typing import assert_never

from engine.guard import codec, fields, messages, policy
from engine.guard.approval import TEXT_LIMIT, Approvals
from engine.guard.attachments import Attachments
from engine.guard.book import summed
from engine.guard.capacity import length_of
from engine.guard.clock import Clock, RateLimit
from engine.guard.enforce import FORGED, Enforcer
from engine.guard.hostlook import HostLook
from engine.guard.ledger import Asker, Ledger
from engine.guard.pages import PAGE, Pages
from engine.guard.surroundings import Surroundings
from engine.guard.traces import Traces
from engine.host import people, processes, sockets
from engine.host.loglines import find_journal
from engine.reason import reason
from engine.types import Approver, HostAddresses

TICK_S = 5.0
"""How often the kernel and the never-block set are looked at: what a foreign hand flushed is healed within 10 s."""
REFUSALS_PER_MINUTE = 120
"""Refusals that are noted; the asker must not fill the disk."""
ALLOWED = 3000
"""Most prefixes on the allow-list: the kernel's map of what it spares holds the host's own addresses as well."""
WHY_LIMIT = 2048
"""Most characters of a reason that joins many."""
ADDRESSES = 200
"""Most addresses of each kind in one reply; the rules themselves know them all."""
PROVES_A_PERSON = (messages.Keep, messages.Approve)
"""What follows a key or a typed answer of a person: all else a program may send by itself."""
NOTES_PER_MINUTE = {True: 30, False: 120}
"""By whether nobody is at the channel: requests that only leave a note in the audit chain."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Who is at the other end of a connection."""

    approver: Approver
    why_not: str = ""
    """Why this end may not approve; empty when it may."""
    roots_terminal: bool = False
    """Whether it is a process of root's with a terminal, on root's own socket."""
    roots: bool = False
    """Whether it is a process of root's on root's own socket, with a terminal or without."""

    def asker(self, by_person: bool) -> Asker:
        """Return whose quotas a proposal from this end counts against."""
        if self.roots_terminal:
            return Asker.TERMINAL
        return Asker.CONSOLE if by_person and not self.why_not else Asker.ENGINE


class Guard:
    """Holds the rules together; the server brings it messages and time."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        plane: Attachments,
        enforcer: Enforcer,
        around: Surroundings,
        pid: int,
        *,
        told: bool = True,
        host: HostLook | None = None,
    ) -> None:
        """With ``told`` the audit chain says when this guard starts and ends; ``host`` looks at this one by default."""
        self._ledger, self._clock, self._plane, self._enforcer = ledger, clock, plane, enforcer
        self._around, self._pid, self._tells_life = around, pid, told
        self._approvals = Approvals(ledger, clock, plane, enforcer, around, self._trouble)
        self._pages = Pages(ledger, clock, enforcer)
        self._traces = Traces(ledger.book, clock)
        self._host = host or HostLook(clock, journal=find_journal())
        self._told = RateLimit(REFUSALS_PER_MINUTE)
        self._notes = {nobody: RateLimit(most) for nobody, most in NOTES_PER_MINUTE.items()}
        self._sick = ""

    def start(self) -> None:
        """Note the start, and tell when the audit chain is broken; the first ``tick`` brings the kernel in line."""
        if self._tells_life:
            entries, problems = self._ledger.book.chain.verify()
            self._ledger.book.note(self._clock.wall(), "start", pid=self._pid, entries=entries, problems=problems)
        if forged := self._ledger.orders.forged:
            self._ledger.book.note(self._clock.wall(), "forged", why=FORGED, **summed(forged))

    def tick(self) -> None:
        """Do what is due; a ledger that cannot be written stops approvals, not the guard."""
        try:
            self._approvals.expire()
            self._ledger.grants.lapse(self._clock.wall())
            self._look_around()
            self._enforcer.reconcile()
            self._sick = ""
        except (OSError, sqlite3.Error) as error:
            self._sick = f"cannot keep the guard's ledger: {reason(error)}"

    def look_again(self) -> None:
        """Look at this host and the kernel now: something about its addresses or interfaces changed."""
        self.tick()

    def due_in(self) -> float:
        """Return the seconds until something on trial reverts or ends, and ``tick`` is due; ``inf`` for never."""
        due = [at for at in (self._plane.due_ns(), self._enforcer.due_ns()) if at is not None]
        return max(min(due) - self._clock.boot_ns(), 0) / 1e9 if due else math.inf

    def stop(self, why: str) -> None:
        """Note the end, and how far the clock came; blocks stay in force."""
        self._ledger.orders.note_seen(self._clock.boot_id, self._clock.boot_ns())
        if self._tells_life:
            self._ledger.book.note(self._clock.wall(), "stop", why=why)

    def answer(self, packet: bytes, channel: Channel) -> bytes:
        """Return the reply to one packet, whatever it holds."""
        try:
            request, number = messages.decode_request(packet)
        except codec.MessageError as error:
            return codec.encode(_refused(f"cannot read the request: {error}"), codec.sent_number(packet))
        self._around.meet(channel.approver)
        try:
            return codec.encode(self._reply_or_tell(request, channel), number)
        except (OSError, sqlite3.Error, ValueError) as error:
            return codec.encode(_refused(f"cannot do {type(request).__name__}: {reason(error)}"), number)

    def _reply_or_tell(self, request: messages.Request, channel: Channel) -> messages.Reply:
        try:
            self._limit_notes(request, channel)
            self._notice(request, channel)
            return self._reply(request, channel)
        except PermissionError as error:
            refused = _refused(reason(error))
            self._tell_refusal(request, channel, refused.reason)
            return refused

    def _limit_notes(self, request: messages.Request, channel: Channel) -> None:
        first_page = isinstance(request, messages.ExportAudit) and request.offset == 0
        if not (first_page or isinstance(request, messages.Watch)):
            return
        limit, now = self._notes[bool(channel.why_not)], self._clock.boot_ns()
        if limit.full(now):
            most = NOTES_PER_MINUTE[bool(channel.why_not)]
            raise PermissionError(f"more than {most} watches and exports a minute: wait")
        limit.count(now)

    def _tell_refusal(self, request: messages.Request, channel: Channel, why: str) -> None:
        now = self._clock.boot_ns()
        if self._told.full(now):
            return
        self._told.count(now)
        target = getattr(request, "id", "") or getattr(request, "prefix", "")
        of = fields.plain(target[: fields.SHOWN])
        told = {"asked": type(request).__name__, "of": of, "by": people.in_words(channel.approver)}
        self._ledger.book.note(self._clock.wall(), "refused", why=why[:WHY_LIMIT], **told)

    def _notice(self, request: messages.Request, channel: Channel) -> None:
        """An answer of a person keeps every interface attached before; a review attaches again what reverted."""
        if channel.why_not:
            return
        asks_for_it = isinstance(request, messages.Keep) and request.target in ("", *self._plane.attached)
        if isinstance(request, PROVES_A_PERSON) and not asks_for_it:
            try:
                self._plane.keep("", people.in_words(channel.approver))
            except OSError as error:
                self._ledger.book.note(self._clock.wall(), "keep_failed", why=reason(error))
        if isinstance(request, messages.Show) and self._plane.try_again():
            self._enforcer.reconcile()

    def _reply(self, request: messages.Request, channel: Channel) -> messages.Reply:  # noqa: PLR0911, PLR0912 - one line a message
        match request:
            case messages.Hello():
                return self._welcome(channel)
            case messages.Attach(ifaces):
                return self._attach(ifaces, channel)
            case messages.Addresses():
                return self._never_block()
            case messages.Propose():
                return messages.Proposed(self._approvals.propose(request, channel.asker(request.by_person)))
            case messages.Stage():
                return messages.Done(f"{self._approvals.stage(channel, request)} prefixes are handed over")
            case messages.ProposeList():
                asker = channel.asker(request.by_person)
                return messages.Proposed(self._approvals.propose_list(channel, request, asker))
            case messages.Extend():
                return messages.Proposed(self._approvals.extend(request, channel.asker(by_person=True)))
            case messages.Watch(proposal_id, seconds):
                return messages.Watched(self._approvals.watch(self._approvals.question(proposal_id), seconds))
            case messages.Keep(target):
                return self._keep(target, channel)
            case messages.Proposals(offset):
                self._approvals.expire()
                return self._pages.proposals(offset)
            case messages.Show(proposal_id):
                return self._approvals.review(self._approvals.question(proposal_id))
            case messages.Approve(proposal_id):
                question = self._approvals.question(proposal_id)
                self._need_person(channel)
                self._look_before_writing()
                return self._approvals.approve(question, request, channel.approver)
            case messages.Refuse(proposal_id):
                question = self._approvals.question(proposal_id)
                self._need_person(channel)
                self._approvals.refuse(question, channel.approver)
                return messages.Done(f"{proposal_id} is refused")
            case messages.Remove(prefix):
                return self._remove(prefix, channel)
            case messages.RemoveAll(proposal_id):
                return self._remove_all(proposal_id, channel)
            case messages.Blocks(offset, ended):
                return self._pages.ended(offset) if ended else self._pages.blocks(channel, offset)
            case messages.FindOwner(five_tuple):
                return messages.Owner(sockets.find_owner(five_tuple))
            case messages.Describe(pid, start_time):
                return messages.Process(processes.describe(pid, start_time))
            case messages.ListServices():
                return messages.ServiceList(self._host.services())
            case messages.DescribeFile(pid, start_time):
                return messages.ProgramFile(self._host.program_file(pid, start_time))
            case messages.ListPersistence():
                return messages.PersistenceList(self._host.persistence())
            case messages.SearchLog(ip):
                return messages.LogLines(self._host.log_lines(ip))
            case messages.Resume():
                return self._resume(request.restore, channel)
            case messages.NoteHalt():
                return self._note_halt(channel)
            case messages.LastHalt():
                return messages.Done(self._enforcer.halt_changed_by)
            case messages.Remover(prefix):
                return messages.Done(self._enforcer.removers.get(prefix, ""))
            case messages.VerifyAudit():
                entries, problems = self._ledger.book.chain.verify()
                return messages.Audit(entries, tuple(problems))
            case messages.Allow() | messages.Disallow():
                return self._change_allowed(request, channel)
            case messages.Allowed(offset):
                return self._pages.allowed(offset)
            case messages.ExportAudit(offset):
                if offset == 0:
                    self._ledger.book.note(self._clock.wall(), "export", by=people.in_words(channel.approver))
                return self._pages.audit(channel, offset)
            case messages.NoteTrace():
                return self._traces.note(request)
            case messages.NotedTraces(after):
                return self._traces.noted(after)
        assert_never(request)

    # --- what is

    def _trouble(self) -> str:
        return self._sick or self._around.blind or self._plane.trouble()

    def _look_around(self) -> None:
        """See what must never be blocked now, and let the kernel spare it."""
        self._around.refresh(self._clock.wall())
        self._around.refresh_ports()
        if not self._around.blind:
            self._enforcer.set_allow(policy.kernel_allow(self._around.protected), self._around.ssh_ports)

    def _look_before_writing(self) -> None:
        """See the same, and tell the kernel where it changed: a person waits, and each tick does the rest."""
        self._around.refresh(self._clock.wall())
        if not self._around.blind:
            self._enforcer.spare(policy.kernel_allow(self._around.protected), self._around.ssh_ports)

    def _welcome(self, channel: Channel) -> messages.Welcome:
        return messages.Welcome(
            pid=self._pid,
            attached=self._plane.told(),
            dataplane=self._plane.dataplane()[:WHY_LIMIT],
            blocking=not self._trouble() and not self._enforcer.halted,
            halted=self._enforcer.halted,
            may_approve=not channel.why_not,
            why_not=channel.why_not,
            approver=channel.approver,
            drifted=self._enforcer.drifted[:PAGE],
            held_off=self._approvals.held_off(),
            degraded=self._plane.degraded(),
        )

    def _never_block(self) -> messages.NeverBlock:
        protected = self._around.protected
        kinds = ("own", "gateways", "resolvers", "operators", "dhcp", "ntp")
        shown = {kind: getattr(protected.addresses, kind)[:ADDRESSES] for kind in kinds}
        allowed = tuple(prefix for prefix, _ in protected.allowed[:ADDRESSES])
        connected = self._around.connected[:ADDRESSES]
        return messages.NeverBlock(HostAddresses(**shown), protected.endpoints, allowed, connected)

    # --- what a person changes

    def _need_person(self, channel: Channel) -> None:
        if channel.why_not:
            raise PermissionError(channel.why_not)

    def _attach(self, ifaces: tuple[str, ...], channel: Channel) -> messages.Reply:
        fields.check_ifaces(ifaces)
        if len({*ifaces, *self._plane.ifaces}) > fields.IFACES:
            raise PermissionError(f"more than {fields.IFACES} interfaces")
        strange = sorted(set(ifaces) - set(self._plane.ifaces))
        if strange and channel.why_not:
            raise PermissionError(f"the guard was not started for {', '.join(strange)[:TEXT_LIMIT]}: {channel.why_not}")
        self._plane.attach(ifaces)
        self._enforcer.reconcile()
        return self._welcome(channel)

    def _keep(self, target: str, channel: Channel) -> messages.Reply:
        self._need_person(channel)
        who = people.in_words(channel.approver)
        kept = self._plane.keep(target, who)
        if target and not kept:
            try:
                prefix = policy.canonical_prefix(target)
            except ValueError:
                shown = fields.plain(target[: fields.SHOWN])
                words = "reviewing a proposal attaches again what was taken off"
                raise PermissionError(f"{shown} is not on trial: {words}") from None
            if not self._enforcer.keep(prefix, who):
                raise PermissionError(f"{prefix} is not on trial")
            kept = (prefix,)
        return messages.Done(f"{', '.join(kept)} kept" if kept else "nothing is on trial")

    def _remove(self, text: str, channel: Channel) -> messages.Reply:
        prefix = _canonical(text)
        if not self._enforcer.remove(prefix, people.in_words(channel.approver)):
            raise PermissionError(f"{prefix} is not blocked")
        return messages.Done(f"{prefix} is not blocked any more")

    def _remove_all(self, proposal_id: str, channel: Channel) -> messages.Reply:
        count = self._enforcer.remove_of(proposal_id, people.in_words(channel.approver))
        if not count:
            raise PermissionError(f"no block of {proposal_id[:TEXT_LIMIT]} is in force")
        what = "1 block" if count == 1 else f"{count:,} blocks"
        return messages.Done(f"{what} of {proposal_id} {'is' if count == 1 else 'are'} not in force any more")

    def _resume(self, restore: bool, channel: Channel) -> messages.Reply:
        """End the halt; the blocks of before may be why somebody had to panic, so they return only when asked for."""
        self._need_person(channel)
        if not self._enforcer.halted:
            return messages.Done("blocking is not halted: nothing was changed")
        wall, who = self._clock.wall(), people.in_words(channel.approver)
        count = sum([order.network == self._ledger.network for order in self._ledger.orders.newest()])
        self._ledger.book.note(wall, "resume", by=who, restore=restore)
        if not restore:
            self._enforcer.lift(who)
        self._enforcer.resume(who)
        return messages.Done(f"blocking is resumed, {count} block(s) of before {'restored' if restore else 'lifted'}")

    def _note_halt(self, channel: Channel) -> messages.Reply:
        """Say once for each halt who it was; panic-unblock itself needs no guard, and does not wait for one."""
        if not channel.roots:
            raise PermissionError("only root's own socket tells who halted")
        if not self._enforcer.halted:
            raise PermissionError("nothing is halted")
        noted = self._enforcer.note_halt(people.in_words(channel.approver))
        return messages.Done("noted" if noted else "it is noted already")

    def _check_allowable(self, prefix: str, request: messages.Allow) -> None:
        """Keep the allow-list a list of friends: one wide entry would let everybody pass, blocked or not."""
        if request.ttl_s < 0 or request.ttl_s == math.inf or len(request.reason) > TEXT_LIMIT:
            raise PermissionError("the time or the reason is out of range")
        family, length = length_of(prefix)
        if length < policy.WIDEST[family]:
            words = "allowing everything ends all blocking" if not length else "no block would hold for so many"
            raise PermissionError(f"{prefix} is wider than /{policy.WIDEST[family]}: {words}")
        listed = [entry for entry, _, _ in self._ledger.grants.allowed(self._clock.wall())]
        if prefix not in listed and len(listed) >= ALLOWED:
            raise PermissionError(f"the allow-list holds {ALLOWED:,} prefixes already: take some off")

    def _change_allowed(self, request: messages.Allow | messages.Disallow, channel: Channel) -> messages.Reply:
        self._need_person(channel)
        prefix, wall = _canonical(request.prefix), self._clock.wall()
        if isinstance(request, messages.Allow):
            self._check_allowable(prefix, request)
            self._ledger.grants.allow(prefix, fields.plain(request.reason), request.ttl_s, wall, channel.approver)
        elif not self._ledger.grants.disallow(prefix, wall, channel.approver):
            raise PermissionError(f"{prefix} is not on the allow-list")
        self.tick()
        return messages.Done(f"the allow-list {'holds' if isinstance(request, messages.Allow) else 'lost'} {prefix}")


def _canonical(text: str) -> str:
    try:
        return policy.canonical_prefix(text)
    except ValueError as error:
        raise PermissionError(str(error)) from None


def _refused(reason: str) -> messages.Refused:
    """Return a refusal; what the asker wrote may stand in its reason."""
    return messages.Refused(fields.plain(reason)[: codec.TEXT_CHARACTERS])
