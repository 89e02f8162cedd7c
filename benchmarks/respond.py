"""Confirm to last packet let through, at 1,000 packets/s, over 20 approvals (root, in namespaces of its own)."""

from __future__ import annotations

import os
import pty
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from engine.guard.client import spawn
from engine.types import Terms

VICTIM, ATTACKER, BYSTANDER, PORT = "10.78.0.1", "10.78.0.2", "10.78.0.3", 9000
ROUNDS = 20

SENDER = f"""
import socket, time
ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for end, address in zip(ends, ("{ATTACKER}", "{BYSTANDER}")):
    end.bind((address, 0))
until = time.monotonic() + 120
while time.monotonic() < until:
    for end in ends:
        end.sendto(b"x", ("{VICTIM}", {PORT}))
    time.sleep(0.001)
"""


def main() -> int:
    """Make the namespaces, measure inside the victim's on a terminal, and take everything away again."""
    if os.geteuid() != 0:
        print("respond: needs root")
        return 0
    if sys.argv[1:2] == ["inside"]:
        return _measure(Path(sys.argv[2]))
    here, there = f"rsp{os.getpid()}v", f"rsp{os.getpid()}a"
    folder = Path(tempfile.mkdtemp(prefix="respond-"))
    sender = None
    try:
        _make(here, there)
        sender = subprocess.Popen(["ip", "netns", "exec", there, sys.executable, "-c", SENDER])
        own = [sys.executable, __file__, "inside", str(folder)]
        return os.waitstatus_to_exitcode(pty.spawn(["nsenter", f"--net=/run/netns/{here}", *own]))
    finally:
        if sender is not None:
            sender.kill()
            sender.wait()
        for name in (here, there):
            subprocess.run(["ip", "netns", "del", name], check=False)
        shutil.rmtree(folder)
        shutil.rmtree(f"/sys/fs/bpf/aegis-{folder.name}", ignore_errors=True)


def _make(here: str, there: str) -> None:
    ip = ["ip"]
    for name in (here, there):
        subprocess.run([*ip, "netns", "add", name], check=True)
    link = ["link", "add", "w0", "netns", here, "type", "veth", "peer", "name", "u0", "netns", there]
    subprocess.run([*ip, *link], check=True)
    ends = ((here, "w0", VICTIM), (there, "u0", ATTACKER), (there, "u0", BYSTANDER))
    for name, device, address in ends:
        subprocess.run([*ip, "-n", name, "addr", "add", f"{address}/24", "dev", device], check=True)
        subprocess.run([*ip, "-n", name, "link", "set", device, "up"], check=True)


def _measure(folder: Path) -> int:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind((VICTIM, PORT))
    seen: list[tuple[float, str]] = []
    threading.Thread(target=_receive, args=(receiver, seen), daemon=True).start()
    let_through, answered = [], []
    pins = Path("/sys/fs/bpf") / f"aegis-{folder.name}"
    with spawn(["w0"], state=folder / "state", pin_root=pins, socket_path=folder / "run" / "guard.sock") as guard:
        for _ in range(ROUNDS):
            asked = guard.propose(Terms("", f"{ATTACKER}/32", 600.0, ("w0",), ""), "benchmark", handshake=True)
            token = guard.review(asked.id).token
            time.sleep(0.15)
            began = time.monotonic()
            guard.approve(asked.id, token)
            answered.append((time.monotonic() - began) * 1000)
            time.sleep(0.15)
            let_through.append((max(at for at, source in seen if source == ATTACKER) - began) * 1000)
            guard.remove(f"{ATTACKER}/32")
            time.sleep(2.1)
    bystander = sum(source == BYSTANDER for _, source in seen)
    print(
        f"confirm to last packet let through: median {statistics.median(let_through):.1f} ms, "
        f"most {max(let_through):.1f}"
    )
    print(f"confirm to block read back: median {statistics.median(answered):.1f} ms, most {max(answered):.1f}")
    print(f"packets of the bystander received meanwhile: {bystander}")
    return 0


def _receive(receiver: socket.socket, seen: list[tuple[float, str]]) -> None:
    while True:
        _, (source, _) = receiver.recvfrom(64)
        seen.append((time.monotonic(), source))


if __name__ == "__main__":
    sys.exit(main())
