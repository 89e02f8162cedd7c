"""The command line: reads what was typed, and loads only what the command needs."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine.version import VERSION

_EXAMPLES = """\
examples:
  sudo aegis-tui --iface eth0             watch eth0: live flows, alerts, investigations, blocks
  sudo aegis-tui                          a console at the daemon, where one runs (systemctl start aegis-tui)
  aegis-tui demo                          the console on a recorded attack: no root, no key
  aegis-tui replay capture.pcap           the console on a capture
  aegis-tui replay captures/ --headless --json | jq 'select(.type == "alert")'
  sudo aegis-tui proposals approve P-17   decide on a block from another terminal
  sudo aegis-tui blocks list              what the kernel drops now
  sudo aegis-tui panic-unblock            let every packet pass, whatever else is broken
"""

_JSON = "one JSON object a line"
_TIMES = "a time such as 10m, 1h, 24h or 7d, or permanent"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="aegis-tui",
        description="A terminal security console for one Linux server. Blocks nothing without a person's word.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aegis-tui {VERSION}")
    parser.set_defaults(run="live:run")
    _live_flags(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_replay(commands)
    _add_incidents(commands)
    _add_packs(commands)
    _add_suppress(commands)
    _add_triage(commands)
    _add_questions(commands)
    _add_knowledge(commands)
    _add_proposals(commands)
    _add_blocks(commands)
    _add_records(commands)
    _add_checks(commands)
    _add_doors(commands)
    _add_daemon(commands)
    _add_shell(commands)
    _take_utc(parser)
    _keep_what_came_first(parser)
    return parser


if TYPE_CHECKING:
    from engine.filter import Filter

    _Parsers = argparse._SubParsersAction[argparse.ArgumentParser]


def _add(parsers: _Parsers, name: str, words: str, example: str = "") -> argparse.ArgumentParser:
    """Return the parser of a command that says the same in the list and in its own help."""
    return parsers.add_parser(
        name,
        help=words,
        description=words[:1].upper() + words[1:] + ".",
        epilog=example and f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _actions(parser: argparse.ArgumentParser) -> _Parsers:
    """Return where to add a command's actions; one has to be named, and a missing one is answered with the list."""
    return parser.add_subparsers(title="actions", required=True)


def _live_flags(parser: argparse.ArgumentParser) -> None:
    live = parser.add_argument_group("watching")
    live.add_argument("--iface", action="append", metavar="NAME", help="interface to watch; repeat for several (root)")
    live.add_argument("--promiscuous", action="store_true", help="also capture what is not addressed to this host")
    live.add_argument("--no-dataplane", action="store_true", help="watch only: attach nothing to the kernel")
    _output_flags(live)
    _engine_flags(live)


def _filter_flag(parser: argparse._ArgumentGroup | argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("--filter", type=_filter, metavar="FILTER", help=f"{words}, such as 'sev>=high ip:10.0.0.0/8'")


def _filter(text: str) -> Filter:
    from engine.filter import parse  # noqa: PLC0415 - only where one is given

    try:
        return parse(text)
    except ValueError as refusal:
        raise argparse.ArgumentTypeError(str(refusal)) from None


def _output_flags(parser: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="no console: print events")
    _filter_flag(parser, "with --headless: print only events that match")
    parser.add_argument("--json", action="store_true", help="with --headless: one JSON object a line")
    parser.add_argument("--with", dest="extra", metavar="TYPES", help="also print: detection,flow,step")


def _engine_flags(parser: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="TOML file; flags and environment win over it")
    parser.add_argument("--model", metavar="FILE", help="ONNX model (AEGIS_MODEL)")
    parser.add_argument("--threshold", type=float, metavar="SCORE", help="model score of an alert (AEGIS_THRESHOLD)")
    parser.add_argument("--rules", metavar="DIR", help="folder of signature rules")


def _add_replay(commands: _Parsers) -> None:
    replay = _add(
        commands,
        "replay",
        "judge a capture, a folder of captures or a stored incident again; without a name: the library of them",
        "aegis-tui replay capture.pcap --headless --json",
    )
    replay.add_argument(
        "what", nargs="?", default="", metavar="FILE|DIR|INCIDENT", help="pcap or pcapng, a folder, or an INC- id"
    )
    replay.add_argument("--speed", type=float, default=1.0, metavar="N", help="in the console: 0.25 to 64 (default 1)")
    replay.add_argument("--local", action="append", metavar="ADDRESS", help="an address that was the watched host's")
    again = replay.add_argument_group("a stored incident before another analyst")
    again.add_argument(
        "--reinvestigate", action="store_true", help="ask an analyst of now, not the recorded answers; stores nothing"
    )
    again.add_argument(
        "--analyst", metavar="NAME", help="playbook, or a chat model of the endpoint (default: MODEL_NAME)"
    )
    replay.add_argument(
        "--diff",
        action="store_true",
        help="print what another --threshold, --rules or --model changes; with --reinvestigate, another analyst",
    )
    _output_flags(replay)
    _engine_flags(replay)
    replay.set_defaults(run="replay:run")
    demo = _add(
        commands, "demo", "the console on a recorded attack that comes with the program", "aegis-tui demo --speed 4"
    )
    demo.add_argument("--speed", type=float, default=1.0, metavar="N", help="0.25 to 64 (default 1)")
    _output_flags(demo)
    _engine_flags(demo)
    demo.set_defaults(run="replay:demo")


def _add_incidents(commands: _Parsers) -> None:
    incidents = _add(
        commands,
        "incidents",
        "list stored incidents, each with its verdict and where it comes from",
        "aegis-tui incidents --json",
    )
    incidents.add_argument("--json", action="store_true", help=_JSON)
    _filter_flag(incidents, "only incidents that match")
    incidents.set_defaults(run="stored:incidents")
    show = _add(
        commands, "show", "show one incident: verdict, decisions, alerts, evidence, trace", "aegis-tui show INC-4f2a"
    )
    show.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    show.add_argument("--json", action="store_true", help="one JSON document")
    show.add_argument("--trace", action="store_true", help="the whole trace: plan, prompts, replies, tool calls")
    show.set_defaults(run="stored:show")
    report = _add(
        commands, "report", "write the report of one incident", "aegis-tui report INC-4f2a --format html > report.html"
    )
    report.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    report.add_argument("--format", choices=("md", "json", "html"), help="default: md; with --save: all three")
    report.add_argument("--lang", choices=("en", "zh"), default="en", help="default: en")
    report.add_argument("--save", action="store_true", help="write it below reports/ in the state folder instead")
    report.set_defaults(run="stored:report")
    packets = _add(
        commands,
        "packets",
        "write the packets of one incident as a capture file",
        "aegis-tui packets INC-4f2a evidence.pcap",
    )
    packets.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    packets.add_argument("file", metavar="FILE", help="file to make; it must not exist")
    packets.set_defaults(run="stored:packets")
    for parser in (incidents, show, report, packets):
        parser.add_argument("--database", metavar="FILE", help="read this database")


def _add_packs(commands: _Parsers) -> None:
    export = _add(
        commands,
        "export",
        "write the evidence pack of one incident: summary, JSON, trace, packets, and a manifest that shows any change",
        "aegis-tui export INC-4f2a -o case-17.zip",
    )
    export.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    export.add_argument("-o", "--output", metavar="FILE", help="file to make; it must not exist (default: ID.zip)")
    export.add_argument("--redact", action="store_true", help="take credentials out, and leave raw bytes out")
    export.add_argument("--database", metavar="FILE", help="read this database")
    export.set_defaults(run="pack:export")
    words = "say whether an evidence pack is as it was made; exit status 1 where one bit of it differs"
    verify = _add(commands, "verify", words, "aegis-tui verify case-17.zip")
    verify.add_argument("file", metavar="PACK", help="a file that `aegis-tui export` made")
    verify.add_argument("--digest", metavar="SHA256", help="the manifest's SHA-256, as it was noted")
    verify.set_defaults(run="pack:verify")
    for parser in (export, verify):
        parser.add_argument("--json", action="store_true", help="one JSON document")


def _add_suppress(commands: _Parsers) -> None:
    suppress = _add(
        commands,
        "suppress",
        "list, add or remove rules that hide alerts you know of (root)",
        "sudo aegis-tui suppress list",
    )
    actions = _actions(suppress)
    listing = _add(actions, "list", "list the rules in force, newest first", "sudo aegis-tui suppress list")
    listing.add_argument("--ended", action="store_true", help="those that ended instead")
    listing.add_argument("--json", action="store_true", help=_JSON)
    listing.set_defaults(run="suppress:list_rules")
    add = _add(
        actions,
        "add",
        "hide from now on what is in a scope, and say what it would have hidden",
        'sudo aegis-tui suppress add --target 192.0.2.7 --label "scan.*" --for 7d --reason "our scanner"',
    )
    add.add_argument("--target", metavar="ADDRESS|PREFIX", help="only what is about this address or prefix")
    add.add_argument("--detector", metavar="NAME", help="only this detector's: rules, model, scan, ...")
    add.add_argument("--label", metavar="LABEL", help="only this label; a * at its end stands for any ending")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why, for the next person on watch")
    add.add_argument("--for", dest="ttl", default="24h", metavar="TIME", help=f"{_TIMES} (default 24h)")
    add.add_argument("--preview", action="store_true", help="only say what it would have hidden")
    add.set_defaults(run="suppress:add_rule")
    remove = _add(
        actions, "remove", "end a rule: what it hid raises alerts again", "sudo aegis-tui suppress remove S-4f2a91c0"
    )
    remove.add_argument("id", metavar="ID", help="a rule's id")
    remove.set_defaults(run="suppress:remove_rule")
    note = _add(
        commands,
        "note",
        "write a note beside a stored incident",
        'aegis-tui note INC-4f2a "asked the owner of the host"',
    )
    note.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    note.add_argument("text", metavar="TEXT", help="what the next person should know")
    note.set_defaults(run="suppress:note")
    for parser in (listing, add, remove, note):
        parser.add_argument("--database", metavar="FILE", help="use this database")


def _add_triage(commands: _Parsers) -> None:
    triage = _add(
        commands,
        "triage",
        "judge an event that another product reported: a line, or a Suricata EVE record",
        "aegis-tui triage '2023/10/9 11:23 10.1.2.3:45676 203.0.113.9:2599  trojan traffic  beacon in https'",
    )
    triage.add_argument("line", metavar="LINE", help="time src:port dst:port name content, or EVE JSON; - reads lines")
    triage.add_argument("--json", action="store_true", help="one JSON document an event")
    triage.add_argument("--report", choices=("md", "json", "html"), help="print the report instead")
    triage.add_argument("--model", dest="analyst", default="", metavar="NAME", help="a configured model, or playbook")
    triage.add_argument("--local", action="append", metavar="ADDRESS", help="an address that is ours")
    triage.add_argument("--config", metavar="FILE", help="TOML file; flags and environment win over it")
    triage.set_defaults(run="triage:run")


def _add_questions(commands: _Parsers) -> None:
    ask = _add(
        commands,
        "ask",
        "ask about an incident, or about ATT&CK and the documents; every line of the answer names its sources",
        'aegis-tui ask "was it blocked?" --incident INC-4f2a',
    )
    ask.add_argument("question", metavar="QUESTION", help="in English or Chinese")
    ask.add_argument("--incident", metavar="ID", help="an incident id, or its beginning")
    ask.add_argument("--base", default="", metavar="NAME", help="only this collection of documents; attack is ATT&CK")
    ask.add_argument("--k", type=int, default=5, metavar="N", help="passages to look at, 1 to 20 (default 5)")
    ask.add_argument("--json", action="store_true", help="one JSON document")
    ask.add_argument("--config", metavar="FILE", help="TOML file; environment wins over it")
    ask.add_argument("--database", metavar="FILE", help="read the incident from this database")
    ask.set_defaults(run="ask:run")


def _add_knowledge(commands: _Parsers) -> None:
    knowledge = _add(
        commands,
        "knowledge",
        "add, list, remove or search documents; search ATT&CK with them",
        'aegis-tui knowledge search "ssh brute force"',
    )
    actions = _actions(knowledge)
    words = "add Markdown, text, PDF, HTML, CSV and JSON files, or folders of them"
    add = _add(actions, "add", words, "aegis-tui knowledge add runbooks/ --base team")
    add.add_argument("path", nargs="+", metavar="PATH", help="a file, or a folder with all that lies in it")
    add.add_argument("--base", default="default", metavar="NAME", help="collection to put it in (default: default)")
    add.set_defaults(run="knowledge:add")
    listing = _add(actions, "list", "list the documents that were added", "aegis-tui knowledge list --json")
    listing.add_argument("--json", action="store_true", help=_JSON)
    listing.set_defaults(run="knowledge:list_documents")
    remove = _add(
        actions, "remove", "remove a document, or those of a folder", "aegis-tui knowledge remove D-4f2a91c07e"
    )
    remove.add_argument("what", metavar="ID|SOURCE", help="a document's id, its file, or a folder")
    remove.set_defaults(run="knowledge:remove")
    search = _add(
        actions,
        "search",
        "search ATT&CK and the documents",
        'aegis-tui knowledge search "ssh brute force" --k 5 --json',
    )
    search.add_argument("text", metavar="TEXT", help="a question or some words, in English or Chinese")
    search.add_argument("--k", type=int, default=5, metavar="N", help="passages to print (default 5)")
    search.add_argument("--base", default="", metavar="NAME", help="only this collection; attack is ATT&CK")
    search.add_argument("--json", action="store_true", help="one JSON document")
    search.set_defaults(run="knowledge:search")
    embed = _add(
        actions, "embed", "embed what EMBEDDING_MODEL_NAME has not embedded yet", "aegis-tui knowledge embed --yes"
    )
    embed.set_defaults(run="knowledge:embed")
    for parser in (add, embed):
        parser.add_argument("--yes", action="store_true", help="send documents to the endpoint without asking")
    for parser in (add, listing, remove, search, embed):
        parser.add_argument("--config", metavar="FILE", help="TOML file; environment wins over it")


def _add_proposals(commands: _Parsers) -> None:
    proposals = _add(
        commands, "proposals", "list, show, approve or refuse proposed blocks (root)", "sudo aegis-tui proposals list"
    )
    actions = _actions(proposals)
    listing = _add(actions, "list", "list proposals, newest first", "aegis-tui proposals list --json")
    listing.add_argument("--json", action="store_true", help=_JSON)
    _filter_flag(listing, "only proposals that match")
    listing.set_defaults(run="proposals:list_proposals")
    for name, words in (
        ("show", "show what is asked, without deciding"),
        ("approve", "block it; asks the person at the terminal first"),
        ("refuse", "record that the block is not wanted"),
    ):
        action = _add(actions, name, words, f"sudo aegis-tui proposals {name} P-17")
        action.add_argument("id", metavar="ID", help="a proposal's id, such as P-17")
        action.set_defaults(run=f"proposals:{name}_proposal")


def _add_blocks(commands: _Parsers) -> None:
    blocks = _add(
        commands,
        "blocks",
        "list, add, extend, keep, remove, import or export blocks (root)",
        "sudo aegis-tui blocks list",
    )
    actions = _actions(blocks)
    listing = _add(
        actions, "list", "list blocks as the kernel has them now", "sudo aegis-tui blocks list --json | head"
    )
    listing.add_argument("--json", action="store_true", help=_JSON)
    listing.add_argument("--ended", action="store_true", help="those that ended instead, newest first")
    _filter_flag(listing, "only blocks that match")
    listing.set_defaults(run="blocking:list_blocks")
    add = _add(actions, "add", "propose a block and ask at once", "sudo aegis-tui blocks add 203.0.113.9 --for 24h")
    add.add_argument("prefix", metavar="ADDRESS|PREFIX", help="whose packets to drop, IPv4 or IPv6")
    _term_flags(add, "asked for on the command line")
    add.set_defaults(run="blocking:add_block")
    extend = _add(
        actions,
        "extend",
        "propose another term of a block in force",
        "sudo aegis-tui blocks extend 203.0.113.9 --for 7d",
    )
    extend.add_argument("prefix", metavar="ADDRESS|PREFIX", help="a block in force")
    extend.add_argument("--for", dest="ttl", required=True, metavar="TIME", help=f"{_TIMES}; counted from the approval")
    extend.set_defaults(run="blocking:extend_block")
    keep = _add(actions, "keep", "keep what would revert by itself", "sudo aegis-tui blocks keep 203.0.113.0/24")
    keep.add_argument("target", nargs="?", metavar="PREFIX|IFACE", help="default: every interface on trial")
    keep.set_defaults(run="blocking:keep")
    watch = _add(
        actions, "watch", "count what a proposal would drop, dropping nothing", "sudo aegis-tui blocks watch P-17"
    )
    watch.add_argument("id", metavar="ID", help="a proposal that waits, such as P-17")
    watch.add_argument("--seconds", type=int, default=30, metavar="N", help="how long, 1 to 590 (default 30)")
    watch.set_defaults(run="blocking:watch")
    remove = _add(actions, "remove", "let packets pass again", "sudo aegis-tui blocks remove 203.0.113.9")
    remove.add_argument("prefix", metavar="ADDRESS|PREFIX|ID", help="a block, or a proposal for every block it made")
    remove.set_defaults(run="blocking:remove_block")
    resume = _add(actions, "resume", "end the halt of panic-unblock", "sudo aegis-tui blocks resume --restore")
    resume.add_argument("--restore", action="store_true", help="bring back the blocks that were in force before")
    resume.set_defaults(run="blocking:resume")
    _add_lists(actions)
    panic = _add(
        commands, "panic-unblock", "let every packet pass until `blocks resume` (root)", "sudo aegis-tui panic-unblock"
    )
    panic.set_defaults(run="blocking:panic")


def _add_lists(actions: _Parsers) -> None:
    load = _add(
        actions,
        "import",
        "propose a list of addresses and prefixes as one block",
        "curl -s https://lists.example/drop.txt | sudo aegis-tui blocks import - --for 24h",
    )
    load.add_argument("file", metavar="FILE", help="one address or prefix a line, # comments; - reads standard input")
    _term_flags(load, "the file's name")
    load.set_defaults(run="lists:import_list")
    save = _add(actions, "export", "print the blocks in force as a list", "sudo aegis-tui blocks export > blocks.txt")
    save.add_argument("--json", action="store_true", help=_JSON)
    save.set_defaults(run="lists:export_list")


def _term_flags(parser: argparse.ArgumentParser, reason: str) -> None:
    parser.add_argument("--for", dest="ttl", default="1h", metavar="TIME", help=f"{_TIMES} (default 1h)")
    parser.add_argument("--iface", action="append", metavar="NAME", help="interface; default: those already attached")
    parser.add_argument("--reason", metavar="TEXT", help=f"why, for the record (default: {reason})")


def _add_records(commands: _Parsers) -> None:
    allow = _add(commands, "allow", "the allow-list: what can never be blocked (root)", "sudo aegis-tui allow list")
    actions = _actions(allow)
    add = _add(
        actions, "add", "never block a prefix", "sudo aegis-tui allow add 198.51.100.0/24 --reason office --for 7d"
    )
    add.add_argument("prefix", metavar="ADDRESS|PREFIX", help="whose packets always pass")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why, for the record and for every refusal")
    add.add_argument("--for", dest="ttl", default="permanent", metavar="TIME", help=f"{_TIMES} (default permanent)")
    add.set_defaults(run="allowing:add")
    listing = _add(actions, "list", "list what is allowed, why and until when", "sudo aegis-tui allow list --json")
    listing.add_argument("--json", action="store_true", help=_JSON)
    listing.set_defaults(run="allowing:list_allowed")
    remove = _add(actions, "remove", "take a prefix off the list", "sudo aegis-tui allow remove 198.51.100.0/24")
    remove.add_argument("prefix", metavar="ADDRESS|PREFIX", help="as it stands on the list")
    remove.set_defaults(run="allowing:remove")
    audit = _add(commands, "audit", "check or print the record of every decision (root)", "sudo aegis-tui audit verify")
    actions = _actions(audit)
    words = "say whether the record, and the traces noted in it, are whole: nothing edited, cut, reordered or forged"
    verify = _add(actions, "verify", words, "sudo aegis-tui audit verify")
    verify.add_argument("--database", metavar="FILE", help="hold the traces of this database against the record")
    verify.set_defaults(run="auditing:verify")
    export = _add(actions, "export", "print every entry, oldest first", "sudo aegis-tui audit export --json")
    export.add_argument("--json", action="store_true", help=_JSON)
    export.set_defaults(run="auditing:export")


def _add_checks(commands: _Parsers) -> None:
    doctor = _add(
        commands,
        "doctor",
        "what works here, what does not, and what to do about it",
        "sudo aegis-tui doctor --iface eth0",
    )
    doctor.add_argument("--iface", action="append", metavar="NAME", help="interface to look at; default: all of them")
    doctor.add_argument("--json", action="store_true", help=_JSON)
    doctor.add_argument("--notify", action="store_true", help="only send a test message to each URL of `notify`")
    _engine_flags(doctor)
    doctor.set_defaults(run="doctor:run")
    config = _add(commands, "config", "the settings in force and where each came from", "aegis-tui config show")
    show = _add(_actions(config), "show", "print each setting, its value and its origin", "aegis-tui config show")
    _engine_flags(show)
    show.set_defaults(run="settings:show")


def _add_doors(commands: _Parsers) -> None:
    serve = _add(
        commands,
        "serve",
        "the engine without the console, with its HTTP and MCP doors on the loopback address",
        "aegis-tui serve --no-mcp",
    )
    serve.add_argument("--iface", action="append", metavar="NAME", help="also watch this interface (root)")
    serve.add_argument("--promiscuous", action="store_true", help="also capture what is not addressed to this host")
    serve.add_argument("--no-dataplane", action="store_true", help="watch only: attach nothing to the kernel")
    for name, words in (("http", "the HTTP door"), ("mcp", "MCP over HTTP")):
        serve.add_argument(f"--{name}-port", type=_port, metavar="N", help=f"{words} listens here; 0: any free port")
        serve.add_argument(f"--no-{name}", action="store_true", help=f"without {words}")
    serve.add_argument("--stdio", action="store_true", help="MCP over standard input and output instead")
    serve.add_argument("--json", action="store_true", help=_JSON)
    serve.add_argument("--with", dest="extra", metavar="TYPES", help="also print: detection,flow,step")
    _engine_flags(serve)
    serve.set_defaults(run="serve:run")
    token = _add(commands, "token", "the token that the HTTP and MCP doors ask for", "aegis-tui token show-path")
    actions = _actions(token)
    rotate = _add(actions, "rotate", "make a new token; the old one is void at once", "aegis-tui token rotate --print")
    rotate.add_argument("--print", action="store_true", help="print the token instead of where it lies")
    rotate.set_defaults(run="token:rotate")
    place = _add(actions, "show-path", "say where the token lies", 'cat "$(aegis-tui token show-path)"')
    place.set_defaults(run="token:show_path")
    for parser in (rotate, place):
        parser.add_argument("--own", action="store_true", help="as root: root's own, not that of the live engine")


def _add_daemon(commands: _Parsers) -> None:
    daemon = _add(
        commands,
        "daemon",
        "the engine without a console, for consoles to attach to; it never approves a block (root)",
        "sudo aegis-tui daemon --iface eth0",
    )
    daemon.add_argument("--iface", action="append", metavar="NAME", help="interface to watch; default: the config's")
    daemon.add_argument("--promiscuous", action="store_true", help="also capture what is not addressed to this host")
    daemon.add_argument("--no-dataplane", action="store_true", help="watch only: attach nothing to the kernel")
    _engine_flags(daemon)
    daemon.set_defaults(run="daemon:run")
    attach = _add(commands, "attach", "a console at the daemon's engine; quitting leaves it running (root)",
                  "sudo aegis-tui attach")  # fmt: skip
    attach.add_argument("--config", metavar="FILE", help="TOML file for keys and colours of this console")
    attach.set_defaults(run="attach:run")


def _add_shell(commands: _Parsers) -> None:
    log = _add(
        commands, "log", "print what the program wrote to its log; as root: the live engine's", "aegis-tui log --follow"
    )
    log.add_argument("--lines", type=int, default=50, metavar="N", help="the last so many (default 50; 0: all)")
    log.add_argument("--follow", action="store_true", help="go on with each new line until ctrl-C")
    log.add_argument("--guard", action="store_true", help="the guard's log instead (root)")
    log.set_defaults(run="log:run")
    words = "print what completes this program's commands in a shell"
    shell = _add(commands, "completions", words, "source <(aegis-tui completions bash)")
    shell.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose language to write it in")
    shell.set_defaults(run="completions:run")


def _take_utc(parser: argparse.ArgumentParser, default: object = False) -> None:
    """Give every command ``--utc``: before its name or after it."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for command in inner[0].choices.values() if inner else ():
        _take_utc(command, argparse.SUPPRESS)
    if not inner or default is False:
        words = "times in UTC instead of local time (setting: utc)"
        parser.add_argument("--utc", action="store_true", default=default, help=words)


def _keep_what_came_first(parser: argparse.ArgumentParser) -> None:
    """Let a flag before a command's name count as one after it: the command's own default would win over it."""
    first = {action.dest: action.default for action in parser._actions if action.option_strings}
    for command in _below(parser):
        for action in command._actions:
            if action.option_strings and action.dest in first and action.default == first[action.dest]:
                action.default = argparse.SUPPRESS


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all commands, and of their actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from _below(command)


def _port(text: str) -> int:
    """Return a port, 0 for any that is free."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        msg = "a port is a number from 0 to 65535"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that was typed and return its exit status: 0 done, 1 refused or failed, 2 bad input."""
    arguments = build_parser().parse_args(argv)
    arguments.own_process = argv is None
    import sqlite3  # noqa: PLC0415 - a fifth of the time that --help takes

    from aegis_tui.commands.settings import choose_zone  # noqa: PLC0415 - the same

    choose_zone(arguments)
    module, function = arguments.run.split(":")
    try:
        status = int(getattr(importlib.import_module(f"aegis_tui.commands.{module}"), function)(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    except (PermissionError, ConnectionError, TimeoutError) as error:
        return _fail(str(error), 1)
    except (ValueError, LookupError, OSError, sqlite3.Error) as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def _nobody_reads() -> int:
    """End quietly when standard output was closed, as by ``| head``; what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _fail(message: str, status: int) -> int:
    from aegis_tui.commands.terminal import say  # noqa: PLC0415 - only where something went wrong

    say(f"aegis-tui: {message}", sys.stderr)
    return status
