"""What became of the standard streams never breaks a command, and lost output is told where somebody may read it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import paths

FULL, CLOSED = "No space left on device", "Bad file descriptor"


def _run(words: str, where: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose streams go where a shell takes them."""
    command = ["sh", "-c", f'exec "$@" {where}', "sh", sys.executable, "-m", "aegis_tui", *words.split()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AEGIS_", "PYTHON"))}
    own = {"XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home), **environ}
    return subprocess.run(
        command, cwd=paths.ROOT, env=kept | own, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(("where", "why"), [(">&-", CLOSED), (">/dev/full", FULL)])
@pytest.mark.parametrize("words", ["completions bash", "log --help", "--version", "doctor --json"])
def test_output_that_was_lost_is_told_once_on_standard_error(words: str, where: str, why: str, tmp_path: Path) -> None:
    done = _run(words, where, tmp_path)
    assert (done.returncode, done.stderr) == (2, f"aegis-tui: standard output was not written: {why}\n")


@pytest.mark.parametrize(("where", "why"), [("2>&-", CLOSED), ("2>/dev/full", FULL)])
@pytest.mark.parametrize("words", ["show INC-1 --database no-such.db", "--config no-such.toml config show", "nothing"])
def test_an_error_that_was_lost_is_told_on_standard_output(words: str, where: str, why: str, tmp_path: Path) -> None:
    done = _run(words, where, tmp_path)
    assert (done.returncode, done.stdout) == (2, f"aegis-tui: standard error was not written: {why}\n")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "<&-"])
def test_a_stream_that_a_command_has_no_need_of_changes_nothing(where: str, tmp_path: Path) -> None:
    done = _run("completions bash", where, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") > 20


@pytest.mark.parametrize("where", [">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"])
def test_where_nobody_can_be_told_the_status_tells(where: str, tmp_path: Path) -> None:
    done = _run("completions bash", where, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("where", ["<&-", ">&-", "<&- >&-"])
def test_a_console_without_a_stream_is_refused_in_words(where: str, tmp_path: Path) -> None:
    done = _run("demo", where, tmp_path)
    assert done.returncode == 2
    assert done.stderr == "aegis-tui: the console needs a terminal; without one, use --headless\n"


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_command_goes_on_where_standard_error_takes_nothing(unbuffered: str, tmp_path: Path) -> None:
    code = (
        "import sys; from aegis_tui import streams; from aegis_tui.commands.terminal import say; streams.take_over();"
        "say('beside', sys.stderr); print('the result'); sys.exit(streams.written_out(0))"
    )
    command = ["sh", "-c", 'exec "$@" 2>/dev/full', "sh", sys.executable, "-c", code]
    environ = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, cwd=paths.ROOT, env=environ, capture_output=True, text=True, check=False, timeout=30)
    told = f"the result\naegis-tui: standard error was not written: {FULL}\n"
    assert (done.returncode, done.stdout) == (2, told)


def test_no_file_gets_the_number_of_a_stream_that_was_closed(tmp_path: Path) -> None:
    code = (
        "import os; from aegis_tui import streams; streams.take_over();"
        "opened = os.open(os.devnull, os.O_RDONLY); print(opened, flush=True) if opened > 2 else None"
    )
    command = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=paths.ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=30)
    assert int(done.stdout) > 2
