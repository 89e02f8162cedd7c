"""The command line in the languages of three shells: what may be typed next, after the words before.

Each finds out which command the words name, then offers its flags and commands, and files or interfaces where a value
is one. It starts no process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aegis_tui.grammar import Argument, Grammar

_BASH = """\
# aegis-tui in bash; made by `aegis-tui completions bash`
_aegis_tui() {{
    local word at='' before=${{COMP_WORDS[COMP_CWORD-1]}} this=${{COMP_WORDS[COMP_CWORD]}}
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$at/$word" in
{commands}) at+=/$word ;;
        esac
    done
    COMPREPLY=()
    case "$at $before" in
{values}
    esac
    local words='' files=''
    case "$at" in
{offers}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$this")
    [[ -z $files || $this == -* ]] || {{ compopt -o filenames; mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$this"); }}
}}
complete -F _aegis_tui aegis-tui
"""  # noqa: E501 - a line of bash

_ZSH = """\
#compdef aegis-tui
# aegis-tui in zsh; made by `aegis-tui completions zsh`
_aegis-tui() {{
    local word at='' before=${{words[CURRENT-1]}}
    local -a offers
    for word in "${{words[@]:1:$((CURRENT-2))}}"; do
        case "$at/$word" in
{commands}) at+=/$word ;;
        esac
    done
    case "$at $before" in
{values}
    esac
    case "$at" in
{offers}
    esac
}}
if [ "$funcstack[1]" = "_aegis-tui" ]; then _aegis-tui; else compdef _aegis-tui aegis-tui; fi
"""

_FISH = """\
# aegis-tui in fish; made by `aegis-tui completions fish`
function __aegis_tui_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        switch "$at/$word"
            case {commands}
                set at "$at/$word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c aegis-tui -f
{offers}
"""


def bash(root: Grammar) -> str:
    """Return a script that bash reads."""
    values = [_case(f'"{at} {flag}"', _bash_value(one)) for at, flag, one in _values(root)]
    offers = []
    for command in root.every():
        words = " ".join([*(one.path[-1] for one in command.commands), *_choices(command), *_flags(command)])
        files = " files=1" if _takes_files(command) else ""
        offers.append(_case(f'"{_at(command)}"', f'words="{words}"{files}'))
    return _BASH.format(commands=_commands(root, " " * 12, " | "), values="\n".join(values), offers="\n".join(offers))


def zsh(root: Grammar) -> str:
    """Return a script that zsh reads."""
    values = [_case(f'"{at} {flag}"', f"{_zsh_value(one)}; return") for at, flag, one in _values(root)]
    offers = []
    for command in root.every():
        pairs = [(one.path[-1], one.words) for one in command.commands]
        pairs += [(choice, "") for choice in _choices(command)]
        pairs += [(flag, one.words) for one in command.flags for flag in one.flags]
        said = " ".join(_quoted(name.replace(":", "\\:") + (f":{words}" if words else "")) for name, words in pairs)
        files = "; _files" if _takes_files(command) else ""
        offers.append(_case(f'"{_at(command)}"', f"offers=({said}); _describe argument offers{files}"))
    return _ZSH.format(commands=_commands(root, " " * 12, " | "), values="\n".join(values), offers="\n".join(offers))


def fish(root: Grammar) -> str:
    """Return a script that fish reads."""
    offers = []
    for command in root.every():
        start = f"complete -c aegis-tui -n '__aegis_tui_at \"{_at(command)}\"'"
        offers += [f"{start} -a {one.path[-1]} -d {_fish_quoted(one.words)}" for one in command.commands]
        offers += [f"{start} -a {choice}" for choice in _choices(command)]
        offers += [f"{start} -F"] if _takes_files(command) else []
        offers += [f"{start} {_fish_flag(one)} -d {_fish_quoted(one.words)}" for one in command.flags]
    return _FISH.format(commands=_commands(root, "", " "), offers="\n".join(offers))


WRITERS: dict[str, Callable[[Grammar], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _at(command: Grammar) -> str:
    return "".join(f"/{name}" for name in command.path)


def _commands(root: Grammar, indent: str, between: str) -> str:
    return indent + between.join(_at(one) for one in root.every() if one.path)


def _values(root: Grammar) -> Iterator[tuple[str, str, Argument]]:
    """Yield each flag that a value follows, with the command it belongs to."""
    for command in root.every():
        for one in command.flags:
            if one.value:
                yield from ((_at(command), flag, one) for flag in one.flags)


def _flags(command: Grammar) -> list[str]:
    return [flag for one in command.flags for flag in one.flags]


def _choices(command: Grammar) -> list[str]:
    return [choice for one in command.places for choice in one.choices]


def _takes_files(command: Grammar) -> bool:
    return any(one.takes_file for one in command.places)


def _case(pattern: str, words: str) -> str:
    return f"        {pattern}) {words} ;;"


def _bash_value(argument: Argument) -> str:
    if argument.choices:
        made = f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(argument.choices)}" -- "$this")'
    elif argument.takes_interface:
        made = 'mapfile -t COMPREPLY < <(cd /sys/class/net && compgen -W "$(echo *)" -- "$this")'
    elif argument.takes_file:
        made = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$this")'
    else:
        made = ":"
    return f"{made}; return"


def _zsh_value(argument: Argument) -> str:
    if argument.choices:
        return f"compadd {' '.join(argument.choices)}"
    if argument.takes_interface:
        return "compadd /sys/class/net/*(N:t)"
    return "_files" if argument.takes_file else f"_message {_quoted(argument.words)}"


def _fish_flag(argument: Argument) -> str:
    names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in argument.flags)
    if argument.choices:
        return f"{names} -x -a '{' '.join(argument.choices)}'"
    if argument.takes_interface:
        return f"{names} -x -a '(path basename /sys/class/net/*)'"
    if argument.takes_file:
        return f"{names} -r -F"
    return f"{names} -x" if argument.value else names


def _quoted(text: str) -> str:
    """Return a text as one word of a POSIX shell."""
    return "'" + text.replace("%%", "%").replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    """Return a text as one word of fish, in whose quotes a backslash counts."""
    return "'" + text.replace("%%", "%").replace("\\", "\\\\").replace("'", "\\'") + "'"
