"""What is stored, and what people made of it: ``incidents`` to ``packets``, evidence packs, ``suppress``, ``note``."""

from __future__ import annotations

from aegis_tui.arguments.flags import JSON_LINES, TIMES, Parsers, add_actions, add_command, filter_flag

_USE = "use this database"


def add_incidents(commands: Parsers) -> None:
    """Take ``incidents``, ``show``, ``report`` and ``packets``."""
    incidents = add_command(
        commands,
        "incidents",
        "list stored incidents, those that nobody decided on first, each with its verdict and where it comes from",
        "aegis-tui incidents --json",
    )
    incidents.add_argument("--json", action="store_true", help=JSON_LINES)
    filter_flag(incidents, "only incidents that match")
    incidents.set_defaults(run="stored:incidents")
    show = add_command(
        commands, "show", "show one incident: verdict, decisions, alerts, evidence, trace", "aegis-tui show INC-4f2a"
    )
    show.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    show.add_argument("--json", action="store_true", help="one JSON document")
    show.add_argument("--trace", action="store_true", help="the whole trace: plan, prompts, replies, tool calls")
    show.set_defaults(run="stored:show")
    report = add_command(
        commands, "report", "write the report of one incident", "aegis-tui report INC-4f2a --format html > report.html"
    )
    report.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    report.add_argument("--format", choices=("md", "json", "html"), help="default: md; with --save: all three")
    report.add_argument("--lang", choices=("en", "zh"), default="en", help="default: en")
    report.add_argument("--save", action="store_true", help="write it below reports/ in the state folder instead")
    report.set_defaults(run="stored:report")
    packets = add_command(
        commands,
        "packets",
        "write the packets of one incident as a capture file",
        "aegis-tui packets INC-4f2a -o evidence.pcap",
    )
    packets.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    packets.add_argument("file", nargs="?", default="", metavar="FILE", help="the same as --output")
    packets.add_argument("-o", "--output", metavar="FILE", help="file to make; it must not exist (default: ID.pcap)")
    packets.set_defaults(run="stored:packets")
    for parser in (incidents, show, report, packets):
        parser.add_argument("--database", metavar="FILE", help="read this database")


def add_packs(commands: Parsers) -> None:
    """Take ``export`` and ``verify``."""
    export = add_command(
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
    verify = add_command(commands, "verify", words, "aegis-tui verify case-17.zip")
    verify.add_argument("file", metavar="PACK", help="a file that `aegis-tui export` made")
    verify.add_argument("--digest", metavar="SHA256", help="the manifest's SHA-256, as it was noted")
    verify.set_defaults(run="pack:verify")
    for parser in (export, verify):
        parser.add_argument("--json", action="store_true", help="one JSON document")


def add_suppress(commands: Parsers) -> None:
    """Take ``suppress`` with its actions."""
    suppress = add_command(
        commands,
        "suppress",
        "list, add or remove rules that hide alerts you know of (root)",
        "sudo aegis-tui suppress list",
    )
    actions = add_actions(suppress)
    listing = add_command(actions, "list", "list the rules in force, newest first", "sudo aegis-tui suppress list")
    listing.add_argument("--ended", action="store_true", help="those that ended instead")
    listing.add_argument("--json", action="store_true", help=JSON_LINES)
    listing.set_defaults(run="suppress:list_rules")
    add = add_command(
        actions,
        "add",
        "hide from now on what is in a scope, and say what it would have hidden",
        'sudo aegis-tui suppress add --target 192.0.2.7 --label "scan.*" --for 7d --reason "our scanner"',
    )
    add.add_argument("--target", metavar="ADDRESS|PREFIX", help="only what is about this address or prefix")
    add.add_argument("--detector", metavar="NAME", help="only this detector's: rules, model, scan, ...")
    add.add_argument("--label", metavar="LABEL", help="only this label; a * at its end stands for any ending")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why, for the next person on watch")
    add.add_argument("--for", dest="ttl", default="24h", metavar="TIME", help=f"{TIMES} (default 24h)")
    add.add_argument("--preview", action="store_true", help="only say what it would have hidden")
    add.set_defaults(run="suppress:add_rule")
    remove = add_command(
        actions, "remove", "end a rule: what it hid raises alerts again", "sudo aegis-tui suppress remove S-4f2a91c0"
    )
    remove.add_argument("id", metavar="ID", help="a rule's id")
    remove.set_defaults(run="suppress:remove_rule")
    for parser in (listing, add, remove):
        parser.add_argument("--database", metavar="FILE", help=_USE)


def add_note(commands: Parsers) -> None:
    """Take ``note``."""
    words = "write a note beside a stored incident"
    note = add_command(commands, "note", words, 'aegis-tui note INC-4f2a "asked the owner of the host"')
    note.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    note.add_argument("text", metavar="TEXT", help="what the next person should know")
    note.set_defaults(run="suppress:note")
    note.add_argument("--database", metavar="FILE", help=_USE)
