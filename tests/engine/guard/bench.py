"""A guard on a bench: real ledger, rules and messages, with the map, the clock and the host in memory."""

from __future__ import annotations

from pathlib import Path

from engine.guard import messages, policy
from engine.guard.codec import encode
from engine.guard.enforce import Enforcer
from engine.guard.guard import Channel, Guard, Surroundings
from engine.guard.ledger import HOST_NETWORK, Ledger
from engine.types import Approver, HostAddresses, Proposal, Terms
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

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.blocker = DryRunBlocker()
        self.protected = PROTECTED
        self.blind = ""
        """Why this host cannot be looked at, or empty."""
        self.start()

    def start(self, ifaces: tuple[str, ...] = ("eth0",), network: str = HOST_NETWORK) -> None:
        """Start the guard, or another one after it was killed."""
        self.ledger = Ledger(self.folder, network)
        enforcer = Enforcer(self.ledger, self.clock, lambda: self.blocker, ifaces)
        around = Surroundings(self._look, self.ledger)
        self.guard = Guard(self.ledger, self.clock, enforcer, around, pid=1)
        self.guard.start()

    def _look(self) -> tuple[policy.Protected, tuple[str, ...]]:
        if self.blind:
            raise OSError(self.blind)
        return self.protected, CONNECTED

    def restart(self, network: str = HOST_NETWORK) -> None:
        """Kill the guard and start another one on the same state."""
        self.ledger.close()
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

    def propose(self, wanted: Terms | None = None, handshake: bool = True, reported_only: bool = False) -> Proposal:
        """Return the proposal the guard made."""
        reply = self.ask(messages.Propose(wanted or terms(), "seen attacking", handshake, reported_only))
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
        reply = self.approve(self.propose(terms(prefix, ttl_s)), typed=prefix)
        assert isinstance(reply, messages.Approved), reply
