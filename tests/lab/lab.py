"""A real server in a network namespace of its own, and everybody who talks to it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lab.wire import IFACE, Wire

VICTIM = "192.0.2.10"
GATEWAY = "192.0.2.1"
VISITOR, DEVELOPER, MIRROR = "192.0.2.50", "192.0.2.51", "192.0.2.60"
INTRUDER, SCANNER, GUESSER = "203.0.113.66", "198.51.100.23", "198.51.100.77"
OUTSIDE = (VISITOR, DEVELOPER, MIRROR, INTRUDER, SCANNER, GUESSER)
"""Addresses of the documentation ranges, which exist in the lab's namespaces only."""
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


class Lab(Wire):
    """A wire with servers at both ends of it: the victim's, and those of everybody else."""

    def __init__(self) -> None:
        super().__init__(f"lab{os.getpid()}", VICTIM, GATEWAY, OUTSIDE)
        self.machine: subprocess.Popen[str] | None = None
        """The server machine: killed, everything that runs on it ends."""

    def build(self) -> None:
        """Make the wire, and start the servers."""
        super().build()
        _run("ip", "-n", self.outside, "route", "add", VICTIM, "dev", IFACE, "src", DEVELOPER)
        self._lay_out()
        self._boot()
        self._serve_outside()

    def fetch(self, source: str, path: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Get a page of the victim's web server from one of the outside addresses."""
        url = f"http://{VICTIM}{path}"
        return self.run_outside("curl", "-s", "-g", "--path-as-is", "-m", "8", "--interface", source, *options, url)

    def reaches(self, source: str) -> bool:
        """Whether an outside address gets an answer from the victim's web server within a second."""
        return self.fetch(source, "/about.html", "-m", "1").returncode == 0

    def _lay_out(self) -> None:
        self.home.chmod(0o755)
        for name, text in FILES.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (self.home / "ssh").mkdir(mode=0o700)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "shop", "-f", str(self.home / "ssh" / "host_key"))
        self._make_repository()
        loot, mirror = self.home / "outside" / "loot", self.home / "outside" / "mirror"
        loot.mkdir(parents=True)
        mirror.mkdir()
        (loot / "miner.sh").write_text(MINER, encoding="ascii")
        (mirror / "kettle_1.2_amd64.deb").write_bytes(b"!<arch>\n" + random.Random(7).randbytes(200_000))

    def _make_repository(self) -> None:
        work = self.home / "outside" / "kettle"
        work.mkdir(parents=True)
        (work / "README").write_text("Firmware of the kettle.\n" * 40, encoding="ascii")
        person = ("-c", "user.name=Mary", "-c", "user.email=mary@example.org")
        _run("git", "init", "-q", "-b", "main", str(work))
        _run("git", "-C", str(work), "add", "README")
        _run("git", "-C", str(work), *person, "commit", "-q", "-m", "First kettle")
        bare = self.home / "www" / "kettle.git"
        _run("git", "clone", "-q", "--bare", str(work), str(bare))
        _run("git", "-C", str(bare), "update-server-info")
        _run("git", "-C", str(bare), "remote", "remove", "origin")

    def _boot(self) -> None:
        inner = [sys.executable, "-I", str(Path(__file__).with_name("victim.py")), str(self.home)]
        own = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self.machine = self.start(self.inside, *own, *inner, stdout=subprocess.PIPE)
        assert self.machine.stdout is not None
        if self.machine.stdout.readline() != "ready\n":
            raise RuntimeError("the lab's server machine did not start")

    def _serve_outside(self) -> None:
        depot = str(Path(__file__).with_name("depot.py"))
        for address, port, folder in ((INTRUDER, LOOT_PORT, "loot"), (MIRROR, 80, "mirror")):
            self.start_outside(sys.executable, "-I", depot, address, str(port), str(self.home / "outside" / folder))
            patient = ("--retry", "10", "--retry-connrefused", "--retry-delay", "1")
            self.run_outside("curl", "-s", *patient, "--interface", address, f"http://{address}:{port}/")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
