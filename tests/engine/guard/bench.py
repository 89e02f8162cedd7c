"""A guard on a bench: real ledger, rules and messages, with the map, the clock and the host in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.guard import messages, policy
from engine.guard.attachments import Attachments
from engine.guard.blocker import Blocker
from engine.guard.clock import Clock
from engine.guard.codec import encode
from engine.guard.enforce import Enforcer
from engine.guard.guard import Channel, Guard
from engine.guard.ledger import Ledger
from engine.guard.schema import HOST_NETWORK
from engine.guard.surroundings import Surroundings
from engine.types import Approver, Block, HostAddresses, Proposal, Terms
from tests.fakes import DryRunBlocker, FakeClock

HOST = HostAddresses(
    own=("192.0.2.2", "2001:db8:1::2", "127.0.0.1"),
    gateways=("192.0.2.1",),
    resolvers=("198.51.100.53",),
    operators=("198.51.100.7", "2001:db8:7::7"),
)
PROTECTED = policy.Protected(HOST, endpoints=("203.0.113.200",))
CONNECTED = ("192.0.2.0/24", "2001:db8:1::/64")
PERSON = Approver(uid=0, login_uid=1000, tty="pts/3", ssh_peer="198.51.100.7", command="aegis-tui")
AT_TERMINAL = Channel(PERSON)
HEADLESS = Channel(PERSON, "this console was started without the right to approve")
DIGEST = "ab" * 32


def terms(prefix: str = "203.0.113.9/32", ttl_s: float = 3600.0, ifaces: tuple[str, ...] = ("eth0",)) -> Terms:
    return Terms("INC-00000001", prefix, ttl_s, ifaces, DIGEST)


class Bench:
    """One guard and everything around it, which outlives the guard."""

    def __init__(self, folder: Path, blocker: Blocker | None = None, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.blocker = blocker if isinstance(blocker, DryRunBlocker) else DryRunBlocker()
        self._blocker: Blocker = blocker or self.blocker
        self.open: Callable[[], Blocker] = lambda: self._blocker
        """Opens the kernel's maps."""
        self._clock: Clock = clock or self.clock
        self.protected = PROTECTED
        self.blind = ""
        """Why this host cannot be looked at, or empty."""
        self.managed: list[tuple[str, str]] = []
        """Connections over which people manage this host: far end, and what it is."""
        self.ssh_ports: tuple[int, ...] = (22,)
        self.start()
        self.ask(messages.Keep())

    def start(self, ifaces: tuple[str, ...] = ("eth0",), network: str = HOST_NETWORK) -> None:
        """Start the guard, or another one after it was killed."""
        self.ledger = Ledger(self.folder, network)
        plane = Attachments(self.ledger.book, self.ledger.grants, self._clock, self.open, ifaces)
        enforcer = Enforcer(self.ledger, self._clock, plane)
        around = Surroundings(self._look, self.ledger.grants, lambda: self.managed, lambda: self.ssh_ports)
        self.guard = Guard(self.ledger, self._clock, plane, enforcer, around, pid=1)
        self.guard.start()
        self.guard.tick()

    def _look(self) -> tuple[policy.Protected, tuple[str, ...]]:
        if self.blind:
            raise OSError(self.blind)
        return self.protected, CONNECTED

    def restart(self, network: str = HOST_NETWORK) -> None:
        """Kill the guard and start another one on the same state."""
        self.ledger.close()
        self.blocker.end_of_process()
        self.start(network=network)

    def ask(self, request: messages.Request, channel: Channel = AT_TERMINAL) -> messages.Reply:
        """Return the reply after both went over the wire."""
        reply, number = messages.decode_reply(self.guard.answer(encode(request, 7), channel))
        assert number == 7
        return reply

    def refused(self, request: messages.Request, channel: Channel = AT_TERMINAL) -> str:
        """Return the reason of a refusal."""
        reply = self.ask(request, channel)
        assert isinstance(reply, messages.Refused), reply
        return reply.reason

    def propose(
        self,
        wanted: Terms | None = None,
        handshake: bool = True,
        reported_only: bool = False,
        *,
        by_person: bool = False,
        by_ladder: bool = False,
    ) -> Proposal:
        """Return the proposal the guard made."""
        asked = wanted or terms()
        request = messages.Propose(asked, "seen attacking", handshake, reported_only, by_person, by_ladder)
        reply = self.ask(request)
        assert isinstance(reply, messages.Proposed), reply
        return reply.proposal

    def review(self, proposal_id: str) -> messages.Review:
        """Return the guard's record."""
        reply = self.ask(messages.Show(proposal_id))
        assert isinstance(reply, messages.Review), reply
        return reply

    def approve(self, proposal: Proposal, typed: str = "") -> messages.Reply:
        """Review and approve as a person would."""
        return self.ask(messages.Approve(proposal.id, self.review(proposal.id).token, typed))

    def block(self, prefix: str = "203.0.113.9/32", ttl_s: float = 3600.0) -> None:
        """Take a prefix all the way into the map."""
        reply = self.approve(self.propose(terms(prefix, ttl_s), by_person=not ttl_s), typed=prefix)
        assert isinstance(reply, messages.Approved), reply

    def blocks(self) -> list[Block]:
        """Return every block as told on the pages of one listing."""
        found: list[Block] = []
        more = True
        while more:
            reply = self.ask(messages.Blocks(len(found)))
            assert isinstance(reply, messages.BlockList), reply
            found += reply.blocks
            more = reply.more
        return found

    def ended(self) -> list[Block]:
        """Return the newest of the blocks that ended."""
        reply = self.ask(messages.Blocks(0, ended=True))
        assert isinstance(reply, messages.BlockList), reply
        return list(reply.blocks)

    def welcome(self) -> messages.Welcome:
        """Return what the guard says of itself."""
        reply = self.ask(messages.Hello())
        assert isinstance(reply, messages.Welcome), reply
        return reply

    def audited(self) -> list[messages.AuditEntry]:
        """Return the first page of the audit chain."""
        reply = self.ask(messages.ExportAudit())
        assert isinstance(reply, messages.AuditPage), reply
        return list(reply.entries)
