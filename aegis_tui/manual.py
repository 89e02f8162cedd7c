"""``python -m aegis_tui.manual > docs/aegis-tui.1``: the manual page, from the parser of the command line."""

from __future__ import annotations

from collections.abc import Iterator

from aegis_tui.arguments.parser import build_parser
from aegis_tui.grammar import Argument, Grammar, grammar
from engine.version import VERSION

_CONFIGURATION = (
    "Flags win over the environment, the environment over the settings' file (TOML), the file over what is shipped. "
    "`aegis-tui config show --explain` prints every setting with its value, where that comes from, what it means and "
    "what it may be; docs/settings.md has the same as a table, with the variable and the flag of each."
)
_FILES = (
    ("/etc/aegis/config.toml", "settings of root's runs; a user's own are in ~/.config/aegis/config.toml"),
    ("/var/lib/aegis/", "the guard's record and its log (guard.log)"),
    ("/var/lib/aegis/engine/", "the live engine's database, reports, token and log (aegis.log)"),
    ("~/.local/state/aegis/", "the same for what a user runs: replays, triage, serve without an interface"),
)
_VARIABLES = (
    ("OPENAI_API_KEY, OPENAI_BASE_URL, MODEL_NAME", "the chat model that investigates; without one, playbooks do"),
    ("AEGIS_INTERFACE, AEGIS_MODEL, AEGIS_THRESHOLD", "as the flags --iface, --model and --threshold"),
    ("NO_COLOR", "the console without colours"),
)
_STATUSES = (
    ("0", "done"),
    ("1", "refused, or failed: no root, the guard's no, an ability that is missing, a pack that differs"),
    ("2", "what was typed, or a file that was named, does not fit, or some of the output was lost"),
    ("130", "ended by ctrl-C"),
)


def page() -> str:
    """Return the page in the language of man."""
    root = grammar(build_parser())
    return "\n".join(_lines(root)) + "\n"


def _lines(root: Grammar) -> Iterator[str]:
    yield f'.TH AEGIS-TUI 1 "" "aegis-tui {VERSION}" "User Commands"'
    yield '.\\" Made from the parser: python -m aegis_tui.manual > docs/aegis-tui.1'
    yield from (".SH NAME", "aegis\\-tui \\- a terminal security console for one Linux server")
    yield from (".SH SYNOPSIS", ".B aegis\\-tui", "[\\fIOPTION\\fR]...", ".br", ".B aegis\\-tui")
    yield from ("\\fICOMMAND\\fR [\\fIARGUMENT\\fR]...", ".SH DESCRIPTION", _plain(root.words))
    yield "Without a command: a console at the daemon where one runs, else at an engine of its own over \\-\\-iface."
    yield ".SH OPTIONS"
    for argument in root.arguments:
        yield from _argument(argument)
    yield ".SH COMMANDS"
    for command in root.every():
        if command.path and not command.commands:
            yield from _command(command)
    yield from (".SH CONFIGURATION", _plain(_CONFIGURATION))
    for heading, rows in (("FILES", _FILES), ("ENVIRONMENT", _VARIABLES), ("EXIT STATUS", _STATUSES)):
        yield f".SH {heading}"
        for term, words in rows:
            yield from (".TP", f"\\fB{_plain(term)}\\fR", _plain(words))
    yield from (".SH EXAMPLES", *_example(root.epilog))


def _command(command: Grammar) -> Iterator[str]:
    places = "".join(f" {_place(one)}" for one in command.places)
    yield f".SS aegis\\-tui {_plain(' '.join(command.path))}{places}"
    yield _plain(command.words)
    for argument in command.arguments:
        if "--help" not in argument.flags:
            yield from _argument(argument)
    yield from _example(command.epilog)


def _argument(argument: Argument) -> Iterator[str]:
    names = ", ".join(f"\\fB{_plain(flag)}\\fR" for flag in argument.flags)
    value = f"\\fI{_plain(argument.value)}\\fR" if argument.value else ""
    yield from (".TP", " ".join(part for part in (names, value) if part), _plain(argument.words))


def _place(argument: Argument) -> str:
    name = f"\\fI{_plain(argument.value)}\\fR{'...' if argument.repeated else ''}"
    return f"[{name}]" if argument.optional else name


def _example(epilog: str) -> Iterator[str]:
    lines = [line.strip() for line in epilog.splitlines()[1:] if line.strip()]
    if lines:
        yield from (".PP", ".nf", ".RS 4", *map(_plain, lines), ".RE", ".fi")


def _plain(text: str) -> str:
    """Return a text in which man finds nothing to obey."""
    text = text.replace("%%", "%").replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return f"\\&{text}" if text.startswith(".") else text


if __name__ == "__main__":
    print(page(), end="")
