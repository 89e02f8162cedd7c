"""A server that is managed over SSH: a real sshd, people who log in, and who cannot."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import paths
from tests.lab.made import Made
from tests.lab.terminal import answer
from tests.lab.wire import BPFFS, enter

SERVER, GATEWAY = "192.0.2.2", "192.0.2.1"
OPERATOR, SECOND, GUESSER = "203.0.113.5", "203.0.113.22", "203.0.113.66"
IFACE, SPARE = "eth0", "spare0"
"""The wire to everybody, and an interface on which a block cuts nobody off."""
USER = "mary"
NUMBERS = itertools.count()
TOOLS = ("ip", "nsenter", "unshare", "sshd", "ssh", "ssh-keygen", "sudo", "tmux")
SSHD = """\
Port 22
HostKey {home}/host_key
AuthorizedKeysFile {home}/user_key.pub
StrictModes no
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
MaxStartups 50
PidFile none
"""
LAUNCHER = "import sys; from aegis_tui.cli import main; sys.exit(main())"


def missing_tools() -> list[str]:
    """Return the programs the station needs and this machine lacks."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return [tool for tool in TOOLS if shutil.which(tool, path=path) is None]


class Station(Made):
    """Makes two namespaces, the server in one of them with state of its own, and leaves nothing behind."""

    def __init__(self) -> None:
        name = f"op{os.getpid()}n{next(NUMBERS)}"
        self._inside, self._outside = f"{name}s", f"{name}c"
        self.home = Path(tempfile.mkdtemp(prefix="aegis-op-"))
        self._started: list[subprocess.Popen[str]] = []
        self._first = 0
        """The server's first process: killed, everything that runs on it ends."""

    def build(self) -> None:
        """Make the namespaces, lay out what the server keeps, and boot it."""
        self._wire()
        self._lay_out()
        self._boot()

    def close(self) -> None:
        """End the server with everything that runs on it, and take the namespaces away."""
        for process in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        for name in (self._inside, self._outside):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def at(self, *command: str) -> list[str]:
        """Return the command that runs a program on the server as root, in nobody's session."""
        return ["nsenter", f"--target={self._first}", "--net", "--mount", "--pid", f"--wd={paths.ROOT}", *command]

    def python(self, code: str, *arguments: str) -> list[str]:
        """Run code on the server as root, at a terminal that no SSH session leads to; return the lines it prints."""
        status, said = answer(self.at(sys.executable, "-c", code, *arguments), b"\0", b"")
        assert status == 0, said
        return said.split("\r\n")[:-1]

    def start(self, *command: str) -> None:
        """Start a program on the server as root, in nobody's session; it ends with the server."""
        self._keep(self.at(*command))

    def wait_for(self, path: str) -> None:
        """Wait until a file is there, as the server sees it."""
        _until(lambda: Path(f"/proc/{self._first}/root{path}").exists(), f"no {path}")

    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks as the program's command tells them."""
        lines = self.python(f"import sys; sys.argv[1:] = ['blocks', 'list', '--json']; {LAUNCHER}")
        return [json.loads(line) for line in lines]

    def log_in(self, source: str, *command: str) -> subprocess.Popen[str]:
        """Log in over SSH from an address, run a command on a terminal there, and return the client."""
        key, known = f"{self.home}/user_key", f"UserKnownHostsFile={self.home}/known"
        options = ["-F", "none", "-tt", "-b", source, "-i", key, "-o", "StrictHostKeyChecking=no", "-o", known]
        remote = ["ssh", *options, f"{USER}@{SERVER}", shlex.join(command)]
        return self._keep(enter(self._outside, *remote), env={**os.environ, "TERM": "xterm"})

    def guess_passwords(self, source: str, connections: int) -> None:
        """Open connections to the SSH port that never log in, and leave them open."""
        code = (
            "import socket, sys, time\n"
            "held = []\n"
            f"for _ in range({connections}):\n"
            f"    held.append(socket.create_connection(({SERVER!r}, 22), 5, ({source!r}, 0)))\n"
            "    held[-1].recv(64), held[-1].sendall(b'SSH-2.0-guess\\r\\n'), held[-1].recv(64)\n"
            "print('ready', flush=True)\n"
            "time.sleep(60)\n"
        )
        guessing = self._keep(enter(self._outside, sys.executable, "-c", code))
        assert guessing.stdout is not None
        assert guessing.stdout.readline() == "ready\n"

    def _keep(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = subprocess.Popen(
            command, start_new_session=True, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
        )  # fmt: skip
        self._started.append(process)
        return process

    def _wire(self) -> None:
        for name in (self._inside, self._outside):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        inside, outside = ("ip", "-n", self._inside), ("ip", "-n", self._outside)
        _run(*inside, "link", "add", IFACE, "type", "veth", "peer", "name", IFACE, "netns", self._outside)
        _run(*inside, "link", "add", SPARE, "type", "veth", "peer", "name", "spare1")
        _run(*inside, "addr", "add", f"{SERVER}/24", "dev", IFACE)
        for address in (f"{GATEWAY}/24", f"{OPERATOR}/32", f"{SECOND}/32", f"{GUESSER}/32"):
            _run(*outside, "addr", "add", address, "dev", IFACE)
        for command in (inside, outside):
            _run(*command, "link", "set", IFACE, "up")
        _run(*inside, "link", "set", SPARE, "up")
        _run(*inside, "route", "add", "default", "via", GATEWAY)

    def _lay_out(self) -> None:
        """Keys, and the files of /etc with one more user, who may use sudo."""
        self.home.chmod(0o755)
        for name in ("host_key", "user_key"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.home / name))
        (self.home / "sshd_config").write_text(SSHD.format(home=self.home), encoding="ascii")
        (self.home / "person").mkdir()
        (self.home / "person").chmod(0o777)
        more = {
            "passwd": f"{USER}:x:4711:4711::{self.home}/person:/bin/sh\n",
            "group": f"{USER}:x:4711:\n",
            "shadow": f"{USER}:*:19000:0:99999:7:::\n",
        }
        for name, line in more.items():
            (self.home / name).write_text(Path("/etc", name).read_text(encoding="utf-8") + line, encoding="utf-8")
        (self.home / "shadow").chmod(0o640)
        (self.home / "sudoers").write_text(f"root ALL=(ALL) ALL\n{USER} ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
        (self.home / "sudoers").chmod(0o440)

    def _boot(self) -> None:
        lines = [f"mount -t tmpfs op {folder}" for folder in ("/var/lib", "/run")]
        lines += [f"mount -t bpf op {BPFFS}", "mkdir -m 755 /run/sshd"]
        lines += [f"mount --bind {self.home}/{name} /etc/{name}" for name in ("passwd", "group", "shadow", "sudoers")]
        lines += [f"/usr/sbin/sshd -f {self.home}/sshd_config", "echo ready", "exec sleep infinity"]
        own = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        machine = self._keep(enter(self._inside, *own, "sh", "-c", " && ".join(lines)))
        assert machine.stdout is not None
        assert (said := machine.stdout.readline()) == "ready\n", said
        self._first = int(Path(f"/proc/{machine.pid}/task/{machine.pid}/children").read_text(encoding="ascii"))


class Desk:
    """An operator's place: SSH, and in it tmux, in which everything is run through sudo."""

    def __init__(self, station: Station, source: str) -> None:
        self._station, self._folder, self._jobs = station, station.home / "person", 0
        self._tmux = ("tmux", "-S", str(self._folder / "tmux"), "-f", "/dev/null")
        sized = f"stty rows 40 cols 160; exec {shlex.join(self._tmux)} new-session"
        self._client = station.log_in(source, "sh", "-c", sized)
        try:
            _until(lambda: self._keys("").returncode == 0, "no tmux over SSH")
        except TimeoutError as error:
            self._client.kill()
            error.add_note(self._client.communicate()[0])
            raise

    def sudo(self, *command: str, question: str = "", reply: str = "") -> tuple[int, str]:
        """Run a command as root in the pane, reply to its question, and return its exit status and what it wrote."""
        self._jobs += 1
        job, said, status = (self._folder / f"{name}{self._jobs}" for name in ("job", "said", "status"))
        said.touch()
        said.chmod(0o666)
        job.write_text(f"sudo {shlex.join(command)} >{said} 2>&1; echo $? >{status}.part; mv {status}.part {status}\n")
        self._keys(f"sh {job}", "Enter")
        if question:
            _until(lambda: question in said.read_text() or status.exists(), f"{command} does not ask")
            self._keys(reply, "Enter")
        _until(status.exists, f"{command} does not end")
        return int(status.read_text()), said.read_text()

    def aegis(self, *arguments: str, question: str = "", reply: str = "") -> tuple[int, str]:
        """Run the program as root in the pane."""
        return self.sudo(sys.executable, "-P", "-c", LAUNCHER, *arguments, question=question, reply=reply)

    def console(self, *arguments: str) -> None:
        """Start the program in the pane."""
        self._keys(shlex.join(["sudo", sys.executable, "-P", "-c", LAUNCHER, *arguments]), "Enter")

    def press(self, *keys: str) -> None:
        """Press keys in the pane."""
        self._keys(*keys)

    def wait_for(self, words: str) -> None:
        """Wait until the pane's screen shows some words."""
        try:
            _until(lambda: words in self.screen(), "")
        except TimeoutError:
            raise TimeoutError(f"{words!r} is not on the screen:\n{self.screen()}") from None

    def screen(self) -> str:
        """Return what the pane shows."""
        command = self._station.at(*self._tmux, "capture-pane", "-p")
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout

    def close(self) -> None:
        """Hang up."""
        self._client.terminate()
        self._client.wait(10)

    def _keys(self, *keys: str) -> subprocess.CompletedProcess[bytes]:
        command = self._station.at(*self._tmux, "send-keys", *keys)
        return subprocess.run(command, check=False, capture_output=True, timeout=30)


def _until(seen: Callable[[], bool], otherwise: str, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > end:
            raise TimeoutError(otherwise)
        time.sleep(0.05)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
