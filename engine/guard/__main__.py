"""Starts the guard, ``python -I -m engine.guard --fd N --iface eth0``, or with ``--restore`` puts blocks back."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.guard.attachments import Attachments
from engine.guard.blocker import Blocker
from engine.guard.clock import SystemClock
from engine.guard.enforce import Enforcer
from engine.guard.folders import HostLock, secure_folder
from engine.guard.grants import Grants
from engine.guard.guard import Guard
from engine.guard.hostview import HostView
from engine.guard.ladder import open_blocker
from engine.guard.ledger import Ledger
from engine.guard.server import Server, console_channel, decline, listen
from engine.guard.surroundings import Surroundings
from engine.host.procfs import network_namespace
from engine.reason import reason
from engine.types import BlockState

LOG_BYTES = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the console goes or a signal comes; with ``--restore``, put approved blocks back and end."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    console = socket.socket(fileno=options.fd) if options.fd >= 0 else None
    try:
        lock = _hold_host(options)
        if options.restore:
            return _restore(options)
        guard, server = _build(options, console)
    except (OSError, sqlite3.Error) as error:
        if console is not None:
            decline(console, reason(error))
        print(f"cannot start the guard: {reason(error)}", file=sys.stderr)
        return 1
    server.stop_on(signal.SIGTERM)
    if server.greet():
        guard.tick()
    server.serve()
    lock.release()
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -I -m engine.guard", description=__doc__)
    parser.add_argument("--fd", type=int, default=-1, help="inherited socket of the console")
    parser.add_argument("--iface", action="append", default=[], help="interface to block on, repeatable")
    parser.add_argument("--state", type=Path, default=Path("/var/lib/aegis"))
    parser.add_argument("--pin-root", type=Path, default=Path("/sys/fs/bpf/aegis"))
    parser.add_argument("--socket", type=Path, default=Path("/run/aegis/guard.sock"))
    parser.add_argument(
        "--endpoint", action="append", default=[], help="address of the model's endpoint, never blocked"
    )
    parser.add_argument("--shared-hop", action="append", default=[], help="prefix of a proxy, CDN or NAT")
    parser.add_argument(
        "--management-port", action="append", default=[], type=int, help="TCP port that people manage this host over"
    )
    parser.add_argument("--no-approve", action="store_true", help="refuse approvals from the console")
    parser.add_argument("--no-dataplane", action="store_true", help="monitor only: block nothing")
    parser.add_argument("--stay", action="store_true", help="go on when the console is gone")
    parser.add_argument("--look", action="store_true", help="serve one command that only reads: note no start or end")
    parser.add_argument("--restore", action="store_true", help="put approved blocks back into the kernel, and end")
    return parser.parse_args(arguments)


def _hold_host(options: argparse.Namespace) -> HostLock:
    if os.geteuid() != 0:
        raise PermissionError("the guard needs root")
    secure_folder(options.state, 0o711)
    return HostLock(secure_folder(options.socket.parent, 0o700) / "lock")


def _build(options: argparse.Namespace, console: socket.socket | None) -> tuple[Guard, Server]:
    _log_to(options.state / "guard.log")
    parent, clock = os.getppid(), SystemClock()
    ledger = _ledger(options, clock)
    guard, _ = _start(options, ledger, clock)
    channel = (console, console_channel(parent, not options.no_approve)) if console is not None else None
    return guard, Server(guard, listen(options.socket), channel, options.stay or console is None)


def _ledger(options: argparse.Namespace, clock: SystemClock) -> Ledger:
    return Ledger(options.state, network_namespace(clock.boot_id))


def _start(options: argparse.Namespace, ledger: Ledger, clock: SystemClock) -> tuple[Guard, Enforcer]:
    plane = Attachments(ledger.book, ledger.grants, clock, _opener(options, ledger.grants), options.iface)
    enforcer = Enforcer(ledger, clock, plane)
    host = HostView(os.getppid(), options.endpoint, options.shared_hop, options.management_port)
    surroundings = Surroundings(host.look, ledger.grants, host.flows, host.ssh_ports)
    guard = Guard(ledger, clock, plane, enforcer, surroundings, os.getpid(), told=not options.look)
    guard.start()
    return guard, enforcer


def _restore(options: argparse.Namespace) -> int:
    """Attach to the interfaces that blocks were approved for, put the blocks back, and say which did not come back."""
    clock = SystemClock()
    ledger = _ledger(options, clock)
    orders = [order for order in ledger.orders.newest() if order.network == ledger.network]
    within_term = [order for order in orders if not order.expires_at or order.expires_at > clock.wall()]
    options.iface = sorted({iface for order in within_term for iface in order.ifaces})
    if not options.iface and not ledger.orders.forged:
        print("no block to restore")
        return 0
    guard, enforcer = _start(options, ledger, clock)
    guard.tick()
    wanted = {order.prefix: set(order.ifaces) for order in ledger.orders.newest() if order.network == ledger.network}
    shown = wanted.keys() | ledger.orders.forged.keys()
    blocks = [block for block in map(enforcer.block, enforcer.rows().rows) if block.prefix in shown]
    for block in blocks:
        print(f"{block.prefix} {block.state} on {', '.join(block.ifaces)}: {block.reason}")
    guard.stop("blocks are restored")
    there = [block.state is BlockState.LIVE and set(block.ifaces) == wanted.get(block.prefix) for block in blocks]
    return 0 if enforcer.halted or all(there) else 1


def _opener(options: argparse.Namespace, grants: Grants) -> Callable[[], Blocker]:
    """With nobody there to keep it, what is restored is not attached in another way than before."""

    def open_plane() -> Blocker:
        if options.no_dataplane:
            raise OSError("monitor only: the data plane is switched off")
        by_nftables = grants.by_nftables() if options.restore else ()
        return open_blocker(options.pin_root, state=options.state, by_nftables=by_nftables)

    return open_plane


def _log_to(path: Path) -> None:
    """Send tracebacks to a file: the terminal belongs to the console."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.fstat(fd).st_size > LOG_BYTES:
        os.ftruncate(fd, 0)
    os.dup2(fd, 2)
    os.close(fd)


if __name__ == "__main__":
    sys.exit(main())
