"""Two network namespaces and the wire between them, with state of their own for what runs at the near end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine import paths
from tests.lab.made import Made

BPFFS = "/sys/fs/bpf"
IFACE = "eth0"


class Wire(Made):
    """Makes the namespaces on entry; on exit ends what was started in them, and leaves nothing behind."""

    def __init__(self, name: str, near: str, gateway: str, far: Iterable[str]) -> None:
        self.inside, self.outside = f"{name}v", f"{name}o"
        self.home = Path(tempfile.mkdtemp(prefix="aegis-lab-"))
        self._near, self._gateway, self._far = near, gateway, tuple(far)
        self._started: list[subprocess.Popen[str]] = []
        self._desk: subprocess.Popen[str] | None = None

    def build(self) -> None:
        """Make both ends; the far one has the gateway's address and everybody's who talks to the near one."""
        for name in (self.inside, self.outside):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self.inside, "link", "add", IFACE, "type", "veth", "peer", "name", IFACE, "netns", self.outside)
        _ip("-n", self.inside, "addr", "add", f"{self._near}/24", "dev", IFACE)
        _ip("-n", self.outside, "addr", "add", f"{self._gateway}/24", "dev", IFACE)
        for address in self._far:
            _ip("-n", self.outside, "addr", "add", f"{address}/32", "dev", IFACE)
        for name in (self.inside, self.outside):
            _ip("-n", name, "link", "set", IFACE, "up")
        _ip("-n", self.inside, "route", "add", "default", "via", self._gateway)

    def close(self) -> None:
        """End what was started, youngest first, and take the namespaces away."""
        for process in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        for name in (self.inside, self.outside):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def run_outside(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a client or an attack to its end and return what it printed."""
        return subprocess.run(
            enter(self.outside, *command), check=False, capture_output=True, text=True, timeout=60, **options
        )

    def start_outside(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a client, a server or an attack."""
        return self.start(self.outside, *command, **options)

    def start_inside(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a program on the near end's network, but with this machine's files and processes."""
        return self.start(self.inside, *command, **options)

    def start(self, namespace: str, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a program in a namespace; it ends with the wire."""
        quiet: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }
        process: subprocess.Popen[str] = subprocess.Popen(
            enter(namespace, *command), start_new_session=True, text=True, **(quiet | options)
        )
        self._started.append(process)
        return process

    def desk(self, *command: str) -> list[str]:
        """Return the command that runs a program where the administrator sits.

        That is the near end's network, with this machine's files but with state, sockets and pins of its own: a test
        neither meets nor leaves anything in the real ``/var/lib/aegis``, ``/run/aegis`` or ``/sys/fs/bpf``.
        """
        if self._desk is None:
            ready = f"mount -t tmpfs lab /var/lib && mount -t tmpfs lab /run && mount -t bpf lab {BPFFS} && echo ready"
            self._desk = self.start_inside(
                "unshare", "--mount", "sh", "-c", f"{ready} && exec sleep infinity", stdout=subprocess.PIPE
            )
            assert self._desk.stdout is not None
            assert self._desk.stdout.readline() == "ready\n"
        return ["nsenter", f"--target={self._desk.pid}", "--net", "--mount", f"--wd={paths.ROOT}", *command]

    def aegis(self, *arguments: str) -> list[str]:
        """Return the command that runs the program at the administrator's desk."""
        launcher = "import sys; from aegis_tui.cli import main; sys.exit(main())"
        return self.desk(sys.executable, "-P", "-c", launcher, *arguments)


def enter(namespace: str, *command: str) -> list[str]:
    """Return the command that runs another one in a network namespace; ``ip netns exec`` would hide bpffs."""
    return ["nsenter", f"--net=/run/netns/{namespace}", *command]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
