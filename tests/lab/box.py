"""A machine that systemd boots, made of this one's own programs; only its settings and what it writes are its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.paths import ROOT
from tests.lab.made import Made
from tests.lab.wire import BPFFS, IFACE

UNITS = ("aegis-tui.service", "aegis-tui-restore.service")
BOOTS_S = 30.0
AEGIS_UID = 990
SETTINGS = {
    "machine-id": "0123456789abcdef0123456789abcdef\n",
    "passwd": f"root:x:0:0::/root:/bin/sh\naegis:x:{AEGIS_UID}:{AEGIS_UID}::/nonexistent:/usr/sbin/nologin\n"
    "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    "group": f"root:x:0:\naegis:x:{AEGIS_UID}:\nnogroup:x:65534:\n",
    "os-release": "ID=lab\n",
    "nsswitch.conf": "passwd: files\ngroup: files\n",
    "aegis/config.toml": f'interface = ["{IFACE}"]\n',
    "systemd/system/lab.target": "[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=aegis-tui.service\n",
}
BOOT = """
set -e
name=$1 bpf=$2 keep=
shift 2
trap : TERM # what follows the machine is still to be done
if [ ! -d /run/systemd/system ]; then # nobody gives the machine a part of the tree of control groups: it takes one
    umount -R /sys/fs/cgroup
    mount -t cgroup2 lab /sys/fs/cgroup
    mkdir /sys/fs/cgroup/$name
    echo $$ >/sys/fs/cgroup/$name/cgroup.procs
    keep=--keep-unit
fi
mount -t bpf lab "$bpf"
systemd-nspawn --quiet --boot --machine=$name --register=no $keep "$@" || true
[ -z "$keep" ] || {
    echo $$ >/sys/fs/cgroup/cgroup.procs
    find /sys/fs/cgroup/$name -depth -type d -exec rmdir {} +
}
"""


def why_not() -> str:
    """Return why no such machine can be booted here, or empty."""
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn is missing: apt-get install systemd-container"
    if not Path("/bin").is_symlink():
        return "the programs of this host are not all below /usr"
    return "what is below /tmp is hidden from a unit" if ROOT.is_relative_to("/tmp") else ""


class Box(Made):
    """Boots on entry, in a network namespace that is there already, and is switched off on exit."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self._folder, self._namespace = folder, namespace
        self._name = f"lab{os.getpid()}"
        self._boot: subprocess.Popen[str] | None = None
        self._first = 0

    def build(self) -> None:
        """Boot it, from the disk that there is or a new one."""
        if not self._folder.exists():
            self._furnish()
        self._start()

    def close(self) -> str:
        """Pull the plug, and return what was on the machine's console; what was written to its disk stays."""
        if self._boot is None:
            return ""
        with contextlib.suppress(ProcessLookupError):
            if self._first:
                os.kill(self._first, signal.SIGKILL)
            else:
                os.killpg(self._boot.pid, signal.SIGTERM)
        said, _ = self._boot.communicate(timeout=30)
        self._boot, self._first = None, 0
        return said

    def command(self, *words: str) -> list[str]:
        """Return the command that runs another one on the machine."""
        enter = ["nsenter", f"--target={self._first}", *(f"--{kind}" for kind in ("mount", "uts", "ipc", "net", "pid"))]
        clean = ["env", "-i", "--chdir=/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TERM=xterm"]
        return [*enter, "--root", *clean, *words]

    def aegis(self, *arguments: str) -> list[str]:
        """Return the command that runs the program on the machine, as its root."""
        return self.command(_program(), *arguments)

    def ask(self, *arguments: str) -> str:
        """Run the program on the machine and return what it printed."""
        return self.run(_program(), *arguments)

    def run(self, *words: str) -> str:
        """Run a program on the machine and return what it printed, in whichever way it ended."""
        done = subprocess.run(self.command(*words), check=False, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def _furnish(self) -> None:
        for name in ("etc/aegis", "etc/systemd/system", "var", "run", "tmp", "proc", "sys", "dev", "root", "usr"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self._folder / name).symlink_to(f"usr/{name}")
        for name, text in SETTINGS.items():
            (self._folder / "etc" / name).write_text(text, encoding="ascii")
        shutil.copy("/etc/ld.so.cache", self._folder / "etc")
        for name in UNITS:
            text = (ROOT / "install" / name).read_text(encoding="ascii")
            text = text.replace("@PREFIX@/venv/bin/aegis-tui", _program()).replace("@PREFIX@", str(ROOT))
            (self._folder / "etc/systemd/system" / name).write_text(text, encoding="ascii")

    def _start(self) -> None:
        bpf = self._folder.with_name(f"{self._folder.name}-bpf")
        bpf.mkdir(exist_ok=True)
        seen = [f"--bind-ro={place}" for place in sorted({"/usr", str(ROOT), sys.prefix, sys.base_prefix})]
        machine = [
            f"--directory={self._folder}", f"--network-namespace-path=/run/netns/{self._namespace}",
            "--capability=all", "--system-call-filter=bpf perf_event_open", "--console=pipe", "--timezone=off",
            "--resolv-conf=off", f"--bind={bpf}:{BPFFS}", *seen, "--", "--unit=lab.target",
        ]  # fmt: skip
        self._boot = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", BOOT, "sh", self._name, str(bpf), *machine],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes"},
        )  # fmt: skip
        until = time.monotonic() + BOOTS_S
        while not (self._first or self._boot.poll() is not None or time.monotonic() > until):
            time.sleep(0.05)
            self._first = _first_process(self._boot.pid)
        if not self._first:
            raise RuntimeError(f"systemd-nspawn boots no machine here: {self.close()}")
        while "running" not in (told := self.run("systemctl", "is-system-running")) and "degraded" not in told:
            if time.monotonic() > until:
                raise RuntimeError(f"the machine does not come up: {told}")
            time.sleep(0.1)


def _program() -> str:
    return str(Path(sys.prefix) / "bin" / "aegis-tui")


def _first_process(ancestor: int) -> int:
    """Return the process below another one that is the first of a namespace of its own and runs systemd, or 0."""
    for word in _text(f"/proc/{ancestor}/task/{ancestor}/children").split():
        status = _text(f"/proc/{word}/status")
        if "Name:\tsystemd\n" in status and re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE):
            return int(word)
        if below := _first_process(int(word)):
            return below
    return 0


def _text(path: str) -> str:
    """Return what the kernel tells of a process, or nothing of one that is gone."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
