"""Two network namespaces and the wire between them: a real server, and everybody who talks to it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from engine import paths

BPFFS = "/sys/fs/bpf"
VICTIM = "192.0.2.10"
GATEWAY = "192.0.2.1"
VISITOR, DEVELOPER, MIRROR = "192.0.2.50", "192.0.2.51", "192.0.2.60"
INTRUDER, SCANNER, GUESSER = "203.0.113.66", "198.51.100.23", "198.51.100.77"
OUTSIDE = (VISITOR, DEVELOPER, MIRROR, INTRUDER, SCANNER, GUESSER)
"""Addresses of the documentation ranges, which exist in the lab's namespaces only."""
IFACE = "eth0"
LOOT_PORT, SHELL_PORT = 8000, 4444
"""Where the intruder serves scripts, and waits for shells."""

TOOLS = (
    "ip",
    "nsenter",
    "unshare",
    "setpriv",
    "nginx",
    "sshd",
    "git",
    "curl",
    "wget",
    "tcpdump",
    "nmap",
    "nc",
    "sshpass",
)
MINER = "#!/bin/sh\n# A stand-in: it mines nothing.\necho miner started\nsleep 5\n"
FILES = {
    "www/index.html": "<!doctype html><title>Shop</title><h1>Tea and kettles</h1><a href=/about.html>About us</a>\n",
    "www/about.html": "<!doctype html><title>About</title><p>We have sold tea since 1974.</p>\n",
    "www/style.css": "body { font: 16px serif; margin: 2em }\n",
    "shop/files/terms.txt": "Goods may be returned within 30 days.\n",
    "shop/passwd": "root:x:0:0:root:/root:/bin/bash\nshop:x:1000:1000::/srv/shop:/bin/sh\n",
}


def missing_tools(*more: str) -> list[str]:
    """Return the programs the lab needs and this machine lacks."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return [tool for tool in (*TOOLS, *more) if shutil.which(tool, path=path) is None]


class Lab:
    """Makes the namespaces and the servers on entry, and leaves nothing behind."""

    def __init__(self) -> None:
        name = f"lab{os.getpid()}"
        self.victim, self.outside = f"{name}v", f"{name}o"
        self._home = Path(tempfile.mkdtemp(prefix="aegis-lab-"))
        self._started: list[subprocess.Popen[str]] = []
        self._desk: subprocess.Popen[str] | None = None
        self.machine: subprocess.Popen[str] | None = None
        """The server machine: killed, everything that runs on it ends."""

    def __enter__(self) -> Self:
        try:
            self._wire()
            self._lay_out()
            self._boot()
            self._serve_outside()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what was started, youngest first, and take the namespaces away."""
        for process in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        for name in (self.victim, self.outside):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def run_outside(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a client or an attack to its end and return what it printed."""
        return subprocess.run(
            enter(self.outside, *command), check=False, capture_output=True, text=True, timeout=60, **options
        )

    def start_outside(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a client, a server or an attack."""
        return self.start(self.outside, *command, **options)

    def start_inside(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a program on the victim's network, but with this machine's files and processes."""
        return self.start(self.victim, *command, **options)

    def start(self, namespace: str, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a program in a namespace; it ends with the lab."""
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

        That is the victim's network, with this machine's files but with state, sockets and pins of its own: a test
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

    def fetch(self, source: str, path: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Get a page of the victim's web server from one of the outside addresses."""
        url = f"http://{VICTIM}{path}"
        return self.run_outside("curl", "-s", "-g", "--path-as-is", "-m", "8", "--interface", source, *options, url)

    def reaches(self, source: str) -> bool:
        """Whether an outside address gets an answer from the victim's web server within a second."""
        return self.fetch(source, "/about.html", "-m", "1").returncode == 0

    def _wire(self) -> None:
        for name in (self.victim, self.outside):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self.victim, "link", "add", IFACE, "type", "veth", "peer", "name", IFACE, "netns", self.outside)
        _ip("-n", self.victim, "addr", "add", f"{VICTIM}/24", "dev", IFACE)
        _ip("-n", self.outside, "addr", "add", f"{GATEWAY}/24", "dev", IFACE)
        for address in OUTSIDE:
            _ip("-n", self.outside, "addr", "add", f"{address}/32", "dev", IFACE)
        for name in (self.victim, self.outside):
            _ip("-n", name, "link", "set", IFACE, "up")
        _ip("-n", self.victim, "route", "add", "default", "via", GATEWAY)
        _ip("-n", self.outside, "route", "add", VICTIM, "dev", IFACE, "src", DEVELOPER)

    def _lay_out(self) -> None:
        self._home.chmod(0o755)
        for name, text in FILES.items():
            path = self._home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (self._home / "ssh").mkdir(mode=0o700)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "shop", "-f", str(self._home / "ssh" / "host_key"))
        self._make_repository()
        loot, mirror = self._home / "outside" / "loot", self._home / "outside" / "mirror"
        loot.mkdir(parents=True)
        mirror.mkdir()
        (loot / "miner.sh").write_text(MINER, encoding="ascii")
        (mirror / "kettle_1.2_amd64.deb").write_bytes(b"!<arch>\n" + random.Random(7).randbytes(200_000))

    def _make_repository(self) -> None:
        work = self._home / "outside" / "kettle"
        work.mkdir(parents=True)
        (work / "README").write_text("Firmware of the kettle.\n" * 40, encoding="ascii")
        person = ("-c", "user.name=Mary", "-c", "user.email=mary@example.org")
        _run("git", "init", "-q", "-b", "main", str(work))
        _run("git", "-C", str(work), "add", "README")
        _run("git", "-C", str(work), *person, "commit", "-q", "-m", "First kettle")
        bare = self._home / "www" / "kettle.git"
        _run("git", "clone", "-q", "--bare", str(work), str(bare))
        _run("git", "-C", str(bare), "update-server-info")
        _run("git", "-C", str(bare), "remote", "remove", "origin")

    def _boot(self) -> None:
        inner = [sys.executable, "-I", str(Path(__file__).with_name("victim.py")), str(self._home)]
        own = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self.machine = self.start(self.victim, *own, *inner, stdout=subprocess.PIPE)
        assert self.machine.stdout is not None
        if self.machine.stdout.readline() != "ready\n":
            raise RuntimeError("the lab's server machine did not start")

    def _serve_outside(self) -> None:
        depot = str(Path(__file__).with_name("depot.py"))
        for address, port, folder in ((INTRUDER, LOOT_PORT, "loot"), (MIRROR, 80, "mirror")):
            self.start_outside(sys.executable, "-I", depot, address, str(port), str(self._home / "outside" / folder))
            patient = ("--retry", "10", "--retry-connrefused", "--retry-delay", "1")
            self.run_outside("curl", "-s", *patient, "--interface", address, f"http://{address}:{port}/")


def enter(namespace: str, *command: str) -> list[str]:
    """Return the command that runs another one in a network namespace; ``ip netns exec`` would hide bpffs."""
    return ["nsenter", f"--net=/run/netns/{namespace}", *command]


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
