"""How a command reaches the guard: the one that runs on this host, or one started for the command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aegis_tui.commands.settings import effective, endpoint_addresses
from engine.guard.client import GuardClient, connect, spawn


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
    try:
        client = connect()
    except OSError:
        try:
            client = _spawned(ifaces, looks=looks)
        except OSError as error:
            raise NoGuardError(str(error)) from error
    with client:
        yield client


def _spawned(ifaces: tuple[str, ...], *, looks: bool) -> GuardClient:
    """Start a guard that protects what the settings name."""
    settings = effective(argparse.Namespace()).settings
    return spawn(
        ifaces,
        endpoints=endpoint_addresses(settings),
        shared_hops=settings.trusted_proxies,
        management_ports=settings.management_ports,
        dataplane=not settings.no_dataplane,
        looks=looks,
    )


def need_root() -> None:
    """Refuse to go on as a plain user, and name the command that works.

    Raises:
        PermissionError: the command runs without root.
    """
    if os.geteuid() != 0:
        msg = f"this needs root: sudo aegis-tui {' '.join(sys.argv[1:])}"
        raise PermissionError(msg)
