"""Real shells complete the commands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aegis_tui.arguments.parser import build_parser
from aegis_tui.grammar import grammar
from aegis_tui.shells import WRITERS

SHELLS = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f"], "fish": ["fish", "--no-config"]}

ASK_BASH = """
source "$1"; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_aegis_tui
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the script of each shell."""
    folder = tmp_path_factory.mktemp("shells")
    root = grammar(build_parser())
    for name, write in WRITERS.items():
        (folder / name).write_text(write(root), encoding="utf-8")
    return folder


def offered(shell: str, script: Path, *words: str) -> set[str]:
    """Return what a shell offers for the last word."""
    if shell == "bash":
        command = [*SHELLS["bash"], "-c", ASK_BASH, "ask", str(script), *words]
    else:
        command = [*SHELLS["fish"], "-c", f'source {script}; complete -C "{" ".join(words)}"']
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=script.parent)
    assert done.stderr == ""
    return {line.partition("\t")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("shell", WRITERS)
def test_the_shell_itself_finds_no_fault_with_the_script(shell: str, scripts: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    done = subprocess.run([*SHELLS[shell], "-n", scripts / shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bloc"], {"blocks"}),
        (["blocks", "re"], {"remove", "resume"}),
        (["blocks", "add", "--ifa"], {"--iface"}),
        (["blocks", "add", "--iface", "l"], {"lo"}),
        (["--iface", "lo", "--no-d"], {"--no-dataplane"}),
        (["report", "INC-1", "--format", "h"], {"html"}),
        (["completions", "f"], {"fish"}),
        (["verify", "zs"], {"zsh"}),
        (["config", "show", "--config", "bas"], {"bash"}),
    ],
    ids=lambda words: " ".join(sorted(words) if isinstance(words, set) else words),
)
def test_what_can_follow_is_offered(shell: str, words: list[str], expected: set[str], scripts: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    assert offered(shell, scripts / shell, "aegis-tui", *words) == expected


def test_every_command_and_flag_is_offered_in_its_place(scripts: Path) -> None:
    text = {name: (scripts / name).read_text(encoding="utf-8") for name in WRITERS}
    for command in grammar(build_parser()).every():
        names = [*(one.path[-1] for one in command.commands), *(flag for one in command.flags for flag in one.flags)]
        for name in names:
            assert name in text["bash"]
            assert name in text["zsh"]
            assert name.lstrip("-") in text["fish"]
