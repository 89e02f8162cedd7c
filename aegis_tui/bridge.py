"""The only two ways between the engine and the console: what it may ask, and what it is told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from textual.message import Message

from engine.questions import Questions
from engine.types import (
    Block,
    Comparison,
    Event,
    Fault,
    Impact,
    Incident,
    Proposal,
    Snapshot,
    TraceStep,
    Verdict,
)

if TYPE_CHECKING:
    from engine.stored import Stored


class ReviewView(Protocol):
    """The guard's record of a proposal: what the block dialog is drawn from."""

    @property
    def proposal(self) -> Proposal:
        """The terms as the guard holds them."""
        ...

    @property
    def token(self) -> str:
        """Single use; goes back with the decision."""
        ...

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the guard would refuse, each with its reason; empty when it would not."""
        ...

    @property
    def halted(self) -> bool:
        """Whether panic-unblock holds every block back."""
        ...

    @property
    def entry(self) -> str:
        """The entry as the kernel would get it, in words."""
        ...

    @property
    def outbound(self) -> bool:
        """Whether packets to the target would be dropped as well."""
        ...

    @property
    def trial_s(self) -> float:
        """Seconds after which the block reverts unless it is kept; 0 when it stays by itself."""
        ...

    @property
    def trial_why(self) -> str:
        """Why it would be on trial."""
        ...

    @property
    def prior(self) -> tuple[str, ...]:
        """Earlier blocks of this target, newest first."""
        ...


class EngineView(Questions, Protocol):
    """The engine as the console sees it."""

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a bounded queue of what happens from now on."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the state to draw."""
        ...

    async def review(self, proposal_id: str) -> ReviewView:
        """Return the guard's record of a proposal."""
        ...

    async def revise(self, proposal_id: str, prefix: str, ttl_s: float) -> Proposal:
        """Replace a proposal by one with other terms."""
        ...

    async def propose(self, target: str, incident_id: str) -> Proposal:
        """Ask for a block of an address or a prefix on behalf of a person; the incident may be empty."""
        ...

    async def decide(self, proposal_id: str, token: str, approve: bool, typed: str = "") -> Block | None:
        """Answer a proposal, or raise PermissionError with the guard's reason."""
        ...

    async def propose_list(self, prefixes: Sequence[str], reason: str) -> Proposal:
        """Ask for one block of many targets on behalf of a person."""
        ...

    async def extend(self, prefix: str, ttl_s: float) -> Proposal:
        """Ask for another term of a block in force."""
        ...

    async def impact(self, prefixes: Sequence[str]) -> Impact:
        """Return what a block of these would have dropped lately."""
        ...

    async def watch(self, proposal_id: str, seconds: float) -> Block:
        """Count what a proposal would drop, for a while."""
        ...

    async def keep(self, target: str = "") -> str:
        """Keep a block on trial, or with no target every interface attached for the first time."""
        ...

    async def allow(self, prefix: str, reason: str) -> str:
        """Put a prefix on the allow-list, on behalf of a person."""
        ...

    async def ended_blocks(self) -> tuple[Block, ...]:
        """Return the blocks that ended, newest first, at most a few hundred."""
        ...

    async def unblock(self, prefix: str) -> None:
        """Let a prefix pass again."""
        ...

    async def take_over(self) -> None:
        """Decide at this console from now on, where several are attached to one engine."""
        ...

    def transport(self, command: str, value: float = 0.0) -> None:
        """Steer a replay: ``pause play step speed seek alert start end``, and ``nth alert``."""
        ...


class Replaying(EngineView, Protocol):
    """A replay beside the engine of the console: it is seen like an engine, and goes on while it is run."""

    async def run(self) -> None:
        """Play until cancelled."""
        ...


class CaptureFile(NamedTuple):
    """A capture that can be replayed."""

    path: str
    name: str
    """Its path below the folder of captures."""
    size_bytes: int
    modified_at: float
    """Wall clock."""


class Studio(Protocol):
    """Makes replays of what a person chooses in the library, each with a store of its own and no way to block."""

    @property
    def folder(self) -> str:
        """The configured folder of captures, or empty."""
        ...

    def captures(self) -> Sequence[CaptureFile]:
        """Return the captures in the configured folder, the newest first; may take a while."""
        ...

    def of_incident(self, stored: Stored) -> Replaying:
        """Return the replay of a stored incident."""
        ...

    def of_capture(self, path: str) -> Replaying:
        """Return the replay of a capture, or raise OSError."""
        ...

    async def compare(self, stored: Stored | None, path: str, changes: Mapping[str, str]) -> Comparison:
        """Return what other judges make of an incident, or of a capture: ``threshold``, ``rules``, ``model``."""
        ...


REFUSALS = (OSError, LookupError, ValueError, sqlite3.Error)
"""What the engine raises when it cannot do what a person asked; PermissionError is an OSError."""


class Told(Message):
    """The engine decided something; each event is one message."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


async def listen(events: asyncio.Queue[Event], post: Callable[[Message], object]) -> None:
    """Pass decisions on for ever; flows, detections and alerts come with the snapshot instead."""
    while True:
        event = await events.get()
        if isinstance(event, Incident | TraceStep | Verdict | Proposal | Block | Fault):
            post(Told(event))
