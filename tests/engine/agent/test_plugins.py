"""User tools are loaded when they are named, from files that nobody else can write, without privileges."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from engine import paths
from engine.agent.plugins import load_user_tools

TOOL = """
from engine.agent.plugins import UserTool

TOOL = UserTool("asset", "Whose machine it is.", {"ip": "ip"}, lambda ip: "a printer")
"""
OTHERS_FILE = {"a file that a group may write": 0o664, "a file that anybody may write": 0o646}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tools"
    made.mkdir(mode=0o755)
    (made / "asset.py").write_text(TOOL)
    (made / "asset.py").chmod(0o644)
    return made


@pytest.fixture
def status(tmp_path: Path) -> Path:
    """What the kernel says of a process without privileges."""
    made = tmp_path / "status"
    made.write_text("Name:\tpython\nCapEff:\t0000000000000000\n")
    return made


def fault_of(names: tuple[str, ...], folder: Path | None, status: Path) -> str:
    tools, faults = load_user_tools(names, folder, 1.0, status)
    assert (tools, len(faults), faults[0].ability) == ([], 1, "tools")
    return faults[0].message


def test_a_named_file_is_loaded(folder: Path, status: Path) -> None:
    tools, faults = load_user_tools(("asset",), folder, 1.0, status)
    assert ([tool.name for tool in tools], faults) == (["asset"], [])
    assert tools[0].ask({"ip": "203.0.113.7"}) == "a printer"


def test_what_is_not_named_is_not_even_read(folder: Path, status: Path) -> None:
    (folder / "asset.py").write_text("raise SystemExit('I was run')")
    assert load_user_tools((), folder, 1.0, status) == ([], [])


def test_nothing_is_loaded_while_there_are_privileges(folder: Path, tmp_path: Path) -> None:
    privileged = tmp_path / "root"
    privileged.write_text("CapEff:\t000001ffffffffff\n")
    assert "still has privileges" in fault_of(("asset",), folder, privileged)


@pytest.mark.parametrize("mode", OTHERS_FILE.values(), ids=OTHERS_FILE.keys())
def test_a_file_that_others_may_write_is_refused(mode: int, folder: Path, status: Path) -> None:
    (folder / "asset.py").chmod(mode)
    assert "asset.py is writable by others" in fault_of(("asset",), folder, status)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_may_write_is_refused(mode: int, folder: Path, status: Path) -> None:
    folder.chmod(mode)
    assert "tools is writable by others" in fault_of(("asset",), folder, status)


def test_a_folder_in_one_that_anybody_may_write_is_refused(folder: Path, status: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert "writable by others" in fault_of(("asset",), folder, status)


def test_a_link_is_not_followed(folder: Path, status: Path, tmp_path: Path) -> None:
    (folder / "asset.py").rename(tmp_path / "elsewhere.py")
    (folder / "asset.py").symlink_to(tmp_path / "elsewhere.py")
    assert "OSError" in fault_of(("asset",), folder, status)


def test_a_pipe_is_not_waited_for(folder: Path, status: Path) -> None:
    (folder / "asset.py").unlink()
    os.mkfifo(folder / "asset.py", 0o644)
    assert "not a regular file" in fault_of(("asset",), folder, status)


BROKEN = {
    "no python": ("TOOL = (", "SyntaxError"),
    "an exception": ("raise ValueError('broken')", "ValueError: broken"),
    "an exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "no tool": ("x = 1", "NoneType"),
    "another thing": ("TOOL = 'asset'", "no UserTool"),
    "another name": (TOOL.replace('"asset"', '"other"'), "it calls itself other"),
}


@pytest.mark.parametrize(("source", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_a_fault_and_not_the_end(source: str, words: str, folder: Path, status: Path) -> None:
    (folder / "asset.py").write_text(source)
    assert words in fault_of(("asset",), folder, status)


@pytest.mark.parametrize("name", ["../asset", "asset.py", "Asset", "", "a" * 99, "/etc/passwd"])
def test_a_name_is_no_path(name: str, folder: Path, status: Path) -> None:
    assert "must match" in fault_of((name,), folder, status)


def test_a_tool_of_the_program_is_not_replaced(folder: Path, status: Path) -> None:
    (folder / "logins.py").write_text(TOOL.replace('"asset"', '"logins"'))
    (folder / "logins.py").chmod(0o644)
    assert "a tool of the program" in fault_of(("logins",), folder, status)


def test_one_broken_tool_leaves_the_others(folder: Path, status: Path) -> None:
    tools, faults = load_user_tools(("gone", "asset"), folder, 1.0, status)
    assert ([tool.name for tool in tools], len(faults)) == (["asset"], 1)
    assert "no entry point of that name" in faults[0].message


def test_the_example_of_the_documentation_works(folder: Path, status: Path) -> None:
    document = (paths.ROOT / "docs/tools.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", document, re.DOTALL)
    assert example
    (folder / "asset_owner.py").write_text(example[1])
    (folder / "asset_owner.py").chmod(0o644)
    tools, faults = load_user_tools(("asset_owner",), folder, 1.0, status)
    assert faults == []
    assert tools[0].ask({"ip": "192.0.2.10"}) != ""
