"""Puts approved blocks that are still within their term back into the kernel after a reboot, and ends."""

from __future__ import annotations

import sys

from engine.guard.client import spawn


def main() -> int:
    """Ask the guard's ledger for the interfaces of its blocks, and start a guard that attaches to them once."""
    with spawn(()) as guard:
        wanted = {block.proposal_id for block in guard.blocks()}
        ifaces = sorted({iface for asked in guard.proposals() if asked.id in wanted for iface in asked.terms.ifaces})
    if not ifaces:
        print("no block to restore")
        return 0
    with spawn(ifaces) as guard:
        blocks = guard.blocks()
    for block in blocks:
        print(f"{block.prefix} {block.state} on {', '.join(block.ifaces)}")
    return 0 if all(block.state == "live" for block in blocks) else 1


if __name__ == "__main__":
    sys.exit(main())
