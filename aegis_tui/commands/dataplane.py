"""What ``doctor`` finds out about blocking: from the guard where one runs, else by looking without touching."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import socket
import struct
from collections.abc import Iterator, Mapping

from aegis_tui.commands.check import Check, Health
from aegis_tui.commands.holder import daemon_pid
from aegis_tui.commands.kernel import heartbeat
from engine import paths
from engine.guard import bpf
from engine.guard.blocker import HEARTBEAT_S
from engine.guard.client import connect
from engine.guard.halt import is_marked
from engine.guard.messages import Attachment, Welcome
from engine.reason import reason

TCX = (6, 6)
"""The first kernel with tcx, whose links outlive the process; below it clsact drops outbound packets."""
OURS = "aegis_xdp"
"""Name of the XDP program of this program."""
_NO_ROOT = "cannot tell without root"
_ASK_ROOT = "sudo aegis-tui doctor"
_RESUME = "sudo aegis-tui blocks resume, when the reason is gone"


def release() -> tuple[int, ...]:
    """Return the kernel's version as numbers."""
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2] if part.isdigit())


def examine_dataplane(ifaces: tuple[str, ...]) -> Iterator[Check]:
    """Yield one check after the other; none of them changes anything."""
    yield _libbpf()
    yield _bpffs()
    yield _nftables()
    if os.geteuid() != 0:
        yield Check("guard", Health.DEGRADED, _NO_ROOT, _ASK_ROOT)
        return
    welcome = _welcome()
    yield _guard(welcome)
    yield _daemon()
    attached = {found.iface: found for found in welcome.attached} if welcome else {}
    for iface in dict.fromkeys((*ifaces, *attached)):
        yield _attached(attached[iface]) if iface in attached else _unattached(iface)
    for words in welcome.degraded if welcome else ():
        yield _fallen_back(words, attached)
    yield _heartbeat()


def _libbpf() -> Check:
    try:
        ctypes.CDLL("libbpf.so.1")
    except OSError as error:
        remedy = "apt-get install libbpf1 (it comes with iproute2); until then nftables drops, where it is installed"
        return Check("libbpf", Health.MISSING, reason(error), remedy)
    return Check("libbpf", Health.OK, "libbpf.so.1")


def _bpffs() -> Check:
    if not paths.BPF_OBJECT.is_file():
        return Check("bpf", Health.MISSING, f"{paths.BPF_OBJECT.name} is not there", "reinstall")
    if os.geteuid() != 0:
        return Check("bpf", Health.DEGRADED, _NO_ROOT, _ASK_ROOT)
    if not os.path.ismount(bpf.BPFFS):
        return Check("bpf", Health.DEGRADED, "no BPF file system", f"mount -t bpf bpf {bpf.BPFFS} (the guard does it)")
    state = "maps are pinned" if (bpf.BPFFS / "aegis").is_dir() else "nothing of this program is in the kernel yet"
    return Check("bpf", Health.OK, f"{bpf.BPFFS} is mounted, {state}")


def _nftables() -> Check:
    found = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        detail = "no nft: where XDP cannot attach, nothing can be blocked"
        return Check("nftables", Health.DEGRADED, detail, "apt-get install nftables")
    return Check("nftables", Health.OK, f"{found}, for interfaces that XDP cannot attach to")


def _welcome() -> Welcome | None:
    """Ask the guard that runs; none is started for this."""
    try:
        with connect() as guard:
            return guard.hello()
    except OSError:
        return None


def _guard(welcome: Welcome | None) -> Check:
    if welcome is None:
        return _no_guard()
    told = f"process {welcome.pid}, {welcome.dataplane}"
    if welcome.halted:
        return Check("guard", Health.DEGRADED, f"{told}; halted by panic-unblock: nothing is dropped", _RESUME)
    if welcome.drifted:
        detail = f"{told}; {len(welcome.drifted)} prefix(es) in the kernel that nobody approved here"
        return Check("guard", Health.DEGRADED, detail, "sudo aegis-tui blocks list shows them as drifted")
    if welcome.held_off:
        return Check("guard", Health.DEGRADED, f"{told}; {welcome.held_off}", "sudo aegis-tui proposals list")
    if not welcome.blocking:
        return Check("guard", Health.DEGRADED, f"{told}; an approval would not be enforced", "see the lines below")
    return Check("guard", Health.OK, told)


def _no_guard() -> Check:
    if is_marked(paths.LIVE_STATE):
        detail = "none runs now; halted by panic-unblock: every block is held back until a person ends it"
        return Check("guard", Health.DEGRADED, detail, _RESUME)
    return Check("guard", Health.OK, "none runs now: the console, or a command that needs one, starts it")


def _daemon() -> Check:
    pid = daemon_pid()
    if not pid:
        return Check("daemon", Health.OK, "none runs: a console hosts the engine, or sudo systemctl start aegis-tui")
    return Check("daemon", Health.OK, f"process {pid}; a console at it: sudo aegis-tui")


def _attached(found: Attachment) -> Check:
    inbound = found.mode if found.mode == "nftables" else f"XDP {found.mode}"
    outbound = f"outbound by {found.egress}" if found.egress else "outbound packets still leave"
    detail = f"{found.iface}: inbound by {inbound}, {outbound}"
    if found.keep_within_s:
        remedy = f"sudo aegis-tui blocks keep {found.iface}"
        return Check("attachment", Health.DEGRADED, f"{detail}; taken off in {found.keep_within_s:.0f} s", remedy)
    if not found.egress:
        return Check("attachment", Health.DEGRADED, detail, "block at the peer as well, or update the kernel")
    if found.mode == "native":
        return Check("attachment", Health.OK, f"{detail}; kept")
    return Check("attachment", Health.DEGRADED, f"{detail}; kept", "slower than native XDP: the line below says why")


def _fallen_back(words: str, attached: Mapping[str, Attachment]) -> Check:
    """Say what tries again: nftables is left for XDP by a start, and only where nothing is blocked."""
    found = attached.get(words.partition(":")[0])
    remedy = "reviewing a proposal, or a restart, tries it again"
    if found is not None and found.mode == "nftables":
        remedy = "a restart of the engine tries XDP again where nothing is blocked"
    return Check("attachment", Health.DEGRADED, words, remedy)


def _unattached(iface: str) -> Check:
    """Say what is on an interface that no guard tells of, and attach nothing."""
    try:
        found = bpf.attached_xdp(socket.if_nametoindex(iface), iface)
        programs = {mode: (number, bpf.program_by_id(number).name) for mode, number in found.items()}
    except OSError as error:
        return Check(
            "attachment", Health.DEGRADED, f"{iface}: {reason(error)}", "sudo aegis-tui doctor, on a host with libbpf"
        )
    ours = [mode for mode, (_, name) in programs.items() if name == OURS]
    if ours:
        return Check("attachment", Health.OK, f"{iface}: inbound by XDP {ours[0]}, left in force by an earlier guard")
    if programs:
        names = ", ".join(f"XDP program {name} (id {number})" for number, name in programs.values())
        remedy = "blocks go to nftables there; to use XDP, take the other program off"
        return Check("attachment", Health.DEGRADED, f"{iface}: {names} is attached and stays", remedy)
    egress = "tcx" if release() >= TCX else "clsact"
    return Check("attachment", Health.OK, f"{iface}: nothing there; XDP would drop inbound, {egress} outbound packets")


def _heartbeat() -> Check:
    try:
        found = heartbeat()
    except (OSError, struct.error) as error:
        return Check(
            "heartbeat", Health.DEGRADED, f"cannot read it: {reason(error)}", "start aegis-tui, which checks the maps"
        )
    if found is None:
        return Check("heartbeat", Health.OK, "no maps of this program in the kernel")
    age_s, ports = found
    if age_s <= HEARTBEAT_S:
        return Check("heartbeat", Health.OK, f"the allow set was refreshed {age_s:.0f} s ago")
    spared = ", ".join(map(str, ports)) or "none known"
    detail = f"nobody refreshes the allow set: blocks of prefixes spare the SSH ports ({spared}) until somebody does"
    return Check("heartbeat", Health.DEGRADED, detail, "sudo aegis-tui --iface NAME, which keeps it beating")
