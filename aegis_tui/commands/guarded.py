"""How a command reaches the guard: the one that runs on this host, or one started for the command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from aegis_tui.commands.settings import effective, endpoint_addresses
from aegis_tui.commands.terminal import say
from engine import paths
from engine.guard import halt
from engine.guard.client import GuardClient, connect, spawn
from engine.guard.messages import AllowedPrefix, Audit, AuditEntry, BlockList
from engine.guard.nfttable import table_exists
from engine.guard.pins import PIN_ROOT
from engine.reason import reason
from engine.types import Proposal

RECORD = ("guard.db", "audit.key", "audit.head")
"""Files of the guard's record."""


class NoGuardError(PermissionError):
    """No guard runs, and none can be started; the text says why."""


@contextmanager
def guarded(ifaces: tuple[str, ...] = (), *, looks: bool = False) -> Iterator[GuardClient]:
    """Talk to the guard; one that is started for the command attaches to these interfaces.

    One that is started for a command that only ``looks`` leaves no start and end in the audit chain.

    Raises:
        NoGuardError: none runs, and none can be started.
        PermissionError: the command runs without root.
    """
    need_root()
    with _running() or _spawned(ifaces, looks=looks) as client:
        yield client


class Look(Protocol):
    """What a command that only looks asks."""

    def block_pages(self, *, ended: bool = False) -> Iterator[BlockList]: ...

    def proposals(self) -> list[Proposal]: ...

    def allowed(self) -> list[AllowedPrefix]: ...

    def verify_audit(self) -> Audit: ...

    def noted_traces(self) -> Iterator[AuditEntry]: ...

    def audit(self) -> Iterator[AuditEntry]: ...


class Untouched:
    """Answers where no guard has run yet: starting one to be told of nothing would found its whole state."""

    def block_pages(self, *, ended: bool = False) -> Iterator[BlockList]:
        """Yield one empty page."""
        del ended
        yield BlockList((), more=False, halted=False)

    def proposals(self) -> list[Proposal]:
        """Return none."""
        return []

    def allowed(self) -> list[AllowedPrefix]:
        """Return none."""
        return []

    def verify_audit(self) -> Audit:
        """Return an empty chain."""
        return Audit(0, ())

    def noted_traces(self) -> Iterator[AuditEntry]:
        """Yield none."""
        return iter(())

    def audit(self) -> Iterator[AuditEntry]:
        """Yield none."""
        return iter(())


@contextmanager
def looking(*, told: bool = True) -> Iterator[Look]:
    """Ask the guard that runs, or one started for the command; where none has run yet, nobody, and say so if ``told``.

    What prints JSON is for programs, which may read both outputs as one: it says nothing else.

    Raises:
        NoGuardError: none runs, and none can be started.
        PermissionError: the command runs without root.
    """
    need_root()
    client = _running()
    if client is None and is_untouched():
        if told:
            say("aegis-tui: no guard has run on this host yet: nothing is stored", sys.stderr)
        yield Untouched()
        return
    with client or _spawned((), looks=True) as guard:
        yield guard


def is_untouched(state: Path = paths.LIVE_STATE, pin_root: Path = PIN_ROOT) -> bool:
    """Whether no guard left anything here: no record, no mark of a panic, nothing in the kernel."""
    if any(os.path.lexists(state / name) for name in (*RECORD, halt.NAME)) or os.path.lexists(pin_root):
        return False
    try:
        return not table_exists()
    except FileNotFoundError:  # no nft, and so no table
        return True
    except OSError:
        return False


def _running() -> GuardClient | None:
    try:
        return connect()
    except OSError:
        return None


def _spawned(ifaces: tuple[str, ...], *, looks: bool) -> GuardClient:
    """Start a guard that protects what the settings name, or raise ``NoGuardError``."""
    try:
        settings = effective(argparse.Namespace()).settings
        return spawn(
            ifaces,
            endpoints=endpoint_addresses(settings),
            shared_hops=settings.trusted_proxies,
            management_ports=settings.management_ports,
            dataplane=not settings.no_dataplane,
            looks=looks,
        )
    except OSError as error:
        raise NoGuardError(reason(error)) from error


def need_root() -> None:
    """Refuse to go on as a plain user, and name the command that works.

    Raises:
        PermissionError: the command runs without root.
    """
    if os.geteuid() != 0:
        msg = f"this needs root: sudo aegis-tui {' '.join(sys.argv[1:])}"
        raise PermissionError(msg)
