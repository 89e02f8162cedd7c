"""Runs ``nft``, and reads and halts the table ``netdev aegis`` with it.

The program is started for each transaction, with the rules on its standard input. A table lives in a network
namespace: what is seen and changed is that of the calling thread.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence

from engine.guard import nftrules as rules
from engine.guard.nftrules import Element, Ruleset

_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin"
_NO_NFTABLES = re.compile("cache initialization failed: (?:Operation|Protocol) not supported")
_ABSENT = "No such file or directory"
"""What nft says of an element, a set or a table that is not there."""
_LIMIT_S = 60
"""100,000 elements take nft 3 s."""


def table_exists() -> bool:
    """Whether this network namespace has a table of ours; raises ``OSError`` when nft cannot say."""
    return bool(read_names().markers)


def halt_table() -> int:
    """Delete every block and every chain of a table of ours of any layout, and return how many blocks there were.

    What is left is a table that says it is halted. Raises ``FileNotFoundError`` when there is none.
    """
    found = read_names()
    if not found.markers:
        raise FileNotFoundError(f"cannot halt: there is no nftables table {rules.TABLE} of this program")
    try:
        # Counting 100,000 blocks takes seconds, which nobody who calls this should wait for.
        run_nft(rules.let_pass(found.sets), "cannot halt nftables")
        removed = len({element.prefix for element in read_table().elements})
    finally:
        run_nft(rules.halt_table(found.markers), "cannot halt nftables")
    return removed


def read_names() -> Ruleset:
    """Read which sets, chains and hooks there are, at a cost that does not grow with the blocks."""
    return read(["list chains netdev", "list sets netdev"], "-t")


def read_table() -> Ruleset:
    """Read the whole table; an empty ruleset when there is none."""
    return read([f"list table {rules.TABLE}"]) if read_names().exists else rules.parse("")


def read(script: Sequence[str], *options: str, only: str = "") -> Ruleset:
    """Run a listing; ``only`` leaves out the elements of other prefixes."""
    began_ns = boot_ns()
    listed = run_nft(script, "cannot read nftables", *options)
    return rules.parse(listed, (began_ns, boot_ns()), only)


def delete_element(element: Element) -> bool:
    """Delete an element and return whether the kernel had it; raises ``OSError``."""
    try:
        run_nft(rules.delete(element), f"cannot remove {element.prefix}")
    except OSError as error:
        if _ABSENT in str(error):
            return False
        raise
    return True


def run_nft(script: Sequence[str], doing: str, *options: str) -> str:
    """Run one transaction and return what nft prints.

    Raises:
        FileNotFoundError: there is no nft, or no nftables in the kernel.
        OSError: nft refused, in its words.
    """
    program = shutil.which("nft", path=_FOLDERS)
    if program is None:
        raise FileNotFoundError(f"{doing}: the program nft is missing (package nftables)")
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program and options, and what it reads is made by nftrules
            [program, *options, "-f", "-"],
            input="".join(f"{line}\n" for line in script),
            capture_output=True,
            check=False,
            text=True,
            timeout=_LIMIT_S,
            env={"LC_ALL": "C", "PATH": _FOLDERS},
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{doing}: nft did not answer within {_LIMIT_S} s") from None
    if done.returncode:
        words = f"{doing}: {_complaint(done.stderr)}"
        raise FileNotFoundError(words) if _NO_NFTABLES.search(done.stderr) else OSError(words)
    return done.stdout


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _complaint(stderr: str) -> str:
    """Return what nft says is wrong, without the lines that show where."""
    found = re.findall(r"Error: (?:Could not process rule: )?(.+)", stderr)
    return "; ".join(dict.fromkeys(found[:3])) or stderr.strip()[:200] or "nft failed without a word"


def refuse_strangers(found: Ruleset) -> None:
    if not found.exists or rules.marker() in found.sets:
        return
    made = (
        f"has {found.markers[0]}, this program knows {rules.marker()}"
        if found.markers
        else "was made by another program"
    )
    raise OSError(
        f"cannot use the nftables table {rules.TABLE}: it {made}; `nft delete table {rules.TABLE}` removes it"
    )


def interfaces() -> set[str]:
    return {name for _, name in socket.if_nameindex()}
