"""What decides on blocks, and the record of it: ``proposals``, ``blocks``, ``allow``, ``audit``."""

from __future__ import annotations

import argparse

from aegis_tui.arguments.flags import JSON_LINES, TIMES, Parsers, add_actions, add_command, filter_flag


def add_proposals(commands: Parsers) -> None:
    """Take ``proposals`` with its actions."""
    proposals = add_command(
        commands, "proposals", "list, show, approve or refuse proposed blocks (root)", "sudo aegis-tui proposals list"
    )
    actions = add_actions(proposals)
    listing = add_command(actions, "list", "list proposals, newest first", "aegis-tui proposals list --json")
    listing.add_argument("--json", action="store_true", help=JSON_LINES)
    filter_flag(listing, "only proposals that match")
    listing.set_defaults(run="proposals:list_proposals")
    for name, words in (
        ("show", "show what is asked, without deciding"),
        ("approve", "block it; asks the person at the terminal first"),
        ("refuse", "record that the block is not wanted"),
    ):
        action = add_command(actions, name, words, f"sudo aegis-tui proposals {name} P-17")
        action.add_argument("id", metavar="ID", help="a proposal's id, such as P-17")
        action.set_defaults(run=f"proposals:{name}_proposal")


def add_blocks(commands: Parsers) -> None:
    """Take ``blocks`` with its actions."""
    blocks = add_command(
        commands,
        "blocks",
        "list, add, extend, keep, remove, import or export blocks (root)",
        "sudo aegis-tui blocks list",
    )
    actions = add_actions(blocks)
    listing = add_command(
        actions, "list", "list blocks as the kernel has them now", "sudo aegis-tui blocks list --json | head"
    )
    listing.add_argument("--json", action="store_true", help=JSON_LINES)
    listing.add_argument("--ended", action="store_true", help="those that ended instead, newest first")
    filter_flag(listing, "only blocks that match")
    listing.set_defaults(run="blocking:list_blocks")
    _add_orders(actions)
    _add_care(actions)
    _add_lists(actions)


def _add_orders(actions: Parsers) -> None:
    add = add_command(
        actions, "add", "propose a block and ask at once", "sudo aegis-tui blocks add 203.0.113.9 --for 24h"
    )
    add.add_argument("prefix", metavar="ADDRESS|PREFIX", help="whose packets to drop, IPv4 or IPv6")
    _term_flags(add, "asked for on the command line")
    add.set_defaults(run="blocking:add_block")
    extend = add_command(
        actions,
        "extend",
        "propose another term of a block in force",
        "sudo aegis-tui blocks extend 203.0.113.9 --for 7d",
    )
    extend.add_argument("prefix", metavar="ADDRESS|PREFIX", help="a block in force")
    extend.add_argument("--for", dest="ttl", required=True, metavar="TIME", help=f"{TIMES}; counted from the approval")
    extend.set_defaults(run="blocking:extend_block")


def _add_care(actions: Parsers) -> None:
    keep = add_command(actions, "keep", "keep what would revert by itself", "sudo aegis-tui blocks keep 203.0.113.0/24")
    keep.add_argument("target", nargs="?", metavar="PREFIX|IFACE", help="default: every interface on trial")
    keep.set_defaults(run="blocking:keep")
    watch = add_command(
        actions, "watch", "count what a proposal would drop, dropping nothing", "sudo aegis-tui blocks watch P-17"
    )
    watch.add_argument("id", metavar="ID", help="a proposal that waits, such as P-17")
    watch.add_argument("--seconds", type=int, default=30, metavar="N", help="how long, 1 to 590 (default 30)")
    watch.set_defaults(run="blocking:watch")
    remove = add_command(actions, "remove", "let packets pass again", "sudo aegis-tui blocks remove 203.0.113.9")
    remove.add_argument("prefix", metavar="ADDRESS|PREFIX|ID", help="a block, or a proposal for every block it made")
    remove.set_defaults(run="blocking:remove_block")
    resume = add_command(actions, "resume", "end the halt of panic-unblock", "sudo aegis-tui blocks resume --restore")
    resume.add_argument("--restore", action="store_true", help="bring back the blocks that were in force before")
    resume.set_defaults(run="blocking:resume")


def add_panic(commands: Parsers) -> None:
    """Take ``panic-unblock``."""
    panic = add_command(
        commands, "panic-unblock", "let every packet pass until `blocks resume` (root)", "sudo aegis-tui panic-unblock"
    )
    panic.set_defaults(run="blocking:panic", reads_settings=False)


def _add_lists(actions: Parsers) -> None:
    load = add_command(
        actions,
        "import",
        "propose a list of addresses and prefixes as one block",
        "curl -s https://lists.example/drop.txt | sudo aegis-tui blocks import - --for 24h",
    )
    load.add_argument("file", metavar="FILE", help="one address or prefix a line, # comments; - reads standard input")
    _term_flags(load, "the file's name")
    load.set_defaults(run="lists:import_list")
    save = add_command(
        actions, "export", "print the blocks in force as a list", "sudo aegis-tui blocks export > blocks.txt"
    )
    save.add_argument("--json", action="store_true", help=JSON_LINES)
    save.set_defaults(run="lists:export_list")


def _term_flags(parser: argparse.ArgumentParser, reason: str) -> None:
    parser.add_argument("--for", dest="ttl", default="1h", metavar="TIME", help=f"{TIMES} (default 1h)")
    parser.add_argument("--iface", action="append", metavar="NAME", help="interface; default: those already attached")
    parser.add_argument("--reason", metavar="TEXT", help=f"why, for the record (default: {reason})")


def add_allow(commands: Parsers) -> None:
    """Take ``allow`` with its actions."""
    allow = add_command(
        commands, "allow", "the allow-list: what can never be blocked (root)", "sudo aegis-tui allow list"
    )
    actions = add_actions(allow)
    add = add_command(
        actions, "add", "never block a prefix", "sudo aegis-tui allow add 198.51.100.0/24 --reason office --for 7d"
    )
    add.add_argument("prefix", metavar="ADDRESS|PREFIX", help="whose packets always pass")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why, for the record and for every refusal")
    add.add_argument("--for", dest="ttl", default="permanent", metavar="TIME", help=f"{TIMES} (default permanent)")
    add.set_defaults(run="allowing:add")
    listing = add_command(
        actions, "list", "list what is allowed, why and until when", "sudo aegis-tui allow list --json"
    )
    listing.add_argument("--json", action="store_true", help=JSON_LINES)
    listing.set_defaults(run="allowing:list_allowed")
    remove = add_command(actions, "remove", "take a prefix off the list", "sudo aegis-tui allow remove 198.51.100.0/24")
    remove.add_argument("prefix", metavar="ADDRESS|PREFIX", help="as it stands on the list")
    remove.set_defaults(run="allowing:remove")


def add_audit(commands: Parsers) -> None:
    """Take ``audit`` with its actions."""
    audit = add_command(
        commands, "audit", "check or print the record of every decision (root)", "sudo aegis-tui audit verify"
    )
    actions = add_actions(audit)
    words = "say whether the record, and the traces noted in it, are whole: nothing edited, cut, reordered or forged"
    verify = add_command(actions, "verify", words, "sudo aegis-tui audit verify")
    verify.add_argument("--database", metavar="FILE", help="hold the traces of this database against the record")
    verify.set_defaults(run="auditing:verify")
    export = add_command(actions, "export", "print every entry, oldest first", "sudo aegis-tui audit export --json")
    export.add_argument("--json", action="store_true", help=JSON_LINES)
    export.set_defaults(run="auditing:export")
