"""What is handed in to be judged or looked up: ``triage``, ``ask``, ``knowledge``."""

from __future__ import annotations

from aegis_tui.arguments.flags import JSON_LINES, Parsers, add_actions, add_command


def add_triage(commands: Parsers) -> None:
    """Take ``triage``."""
    triage = add_command(
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


def add_questions(commands: Parsers) -> None:
    """Take ``ask``."""
    ask = add_command(
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


def add_knowledge(commands: Parsers) -> None:
    """Take ``knowledge`` with its actions."""
    knowledge = add_command(
        commands,
        "knowledge",
        "add, list, remove or search documents; search ATT&CK with them",
        'aegis-tui knowledge search "ssh brute force"',
    )
    actions = add_actions(knowledge)
    words = "add Markdown, text, PDF, HTML, CSV and JSON files, or folders of them"
    add = add_command(actions, "add", words, "aegis-tui knowledge add runbooks/ --base team")
    add.add_argument("path", nargs="+", metavar="PATH", help="a file, or a folder with all that lies in it")
    add.add_argument("--base", default="default", metavar="NAME", help="collection to put it in (default: default)")
    add.set_defaults(run="knowledge:add")
    listing = add_command(actions, "list", "list the documents that were added", "aegis-tui knowledge list --json")
    listing.add_argument("--json", action="store_true", help=JSON_LINES)
    listing.set_defaults(run="knowledge:list_documents")
    remove = add_command(
        actions, "remove", "remove a document, or those of a folder", "aegis-tui knowledge remove D-4f2a91c07e"
    )
    remove.add_argument("what", metavar="ID|SOURCE", help="a document's id, its file, or a folder")
    remove.set_defaults(run="knowledge:remove")
    search = add_command(
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
    embed = add_command(
        actions, "embed", "embed what EMBEDDING_MODEL_NAME has not embedded yet", "aegis-tui knowledge embed --yes"
    )
    embed.set_defaults(run="knowledge:embed")
    for parser in (add, embed):
        parser.add_argument("--yes", action="store_true", help="send documents to the endpoint without asking")
    for parser in (add, listing, remove, search, embed):
        parser.add_argument("--config", metavar="FILE", help="TOML file; environment wins over it")
