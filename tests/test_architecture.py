"""The house keeps its rooms: who may import whom, and what stays out of a light start."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

STAGES = {
    "engine.types",
    "engine.packet",
    "engine.reassembly",
    "engine.community_id",
    "engine.appid",
    "engine.conversation",
}

MAY_IMPORT: dict[str, set[str]] = {
    "engine/types.py": set(),
    "engine/text.py": set(),
    "engine/packet.py": {"engine.types"},
    "engine/reassembly.py": {"engine.types", "engine.packet"},
    "engine/conversation.py": STAGES,
    "engine/flow.py": STAGES,
    "engine/sources": {"engine.types", "engine.packet", "engine.sources", "engine.reason"},
    "engine/detect": {"engine.types", "engine.plainfile", "engine.detect"},
    "engine/alerts.py": {"engine.types"},
    "engine/incidents.py": {"engine.types", "engine.alerts"},
    "engine/recorder.py": {"engine.types"},
    "engine/store": {"engine.types", "engine.wire", "engine.plan", "engine.newfile", "engine.reason", "engine.store"},
    "engine/host": {"engine.types", "engine.host", "engine.redaction", "engine.reason"},
    "engine/redaction.py": set(),
    "engine/guard": {"engine.types", "engine.host", "engine.guard", "engine.newfile", "engine.reason", "engine.paths"},
    "engine/agent": {
        "engine.types", "engine.agent", "engine.text", "engine.redaction", "engine.wire", "engine.paths",
        "engine.chain", "engine.detect.decode", "engine.ownership", "engine.courtesy",
    },
    "engine/attack": {"engine.types", "engine.embedding", "engine.reason", "engine.attack"},
    "engine/documents": {
        "engine.types", "engine.documents", "engine.embedding", "engine.attack.vectors", "engine.text",
        "engine.redaction", "engine.paths", "engine.config", "engine.newfile", "engine.reason",
        "engine.store.connection",
    },
    "engine/knowledge.py": {"engine.types", "engine.embedding", "engine.paths", "engine.playbooks", "engine.attack"},
    "engine/playbooks.py": {"engine.types", "engine.ownership"},
    "engine/ownership.py": {"engine.plainfile"},
    "engine/plainfile.py": set(),
    "engine/names.py": {"engine.types"},
    "engine/notify.py": {"engine.types", "engine.text"},
    "engine/outbox.py": {"engine.notify"},
    "engine/networks.py": {"engine.plainfile"},
    "engine/edge": {
        "engine.types", "engine.edge", "engine.filter", "engine.text", "engine.wire", "engine.sources.event",
        "engine.courtesy", "engine.plainfile",
    },
    "engine/filter": {"engine.types", "engine.filter"},
    "engine/questions.py": {"engine.types", "engine.stored"},
    "engine/attach": {
        "engine.types", "engine.attach", "engine.text", "engine.questions", "engine.edge.view", "engine.reason",
    },
    "aegis_tui/arguments": {"aegis_tui.arguments", "engine.version", "engine.filter"},
    "aegis_tui/screens": {"engine.types", "engine.text", "engine.filter", "engine.guard.terms", "aegis_tui"},
    "aegis_tui/widgets": {"engine.types", "engine.text", "engine.filter", "aegis_tui"},
}  # fmt: skip
"""File or folder to the modules of ours that it may import."""

OWNERS = {
    "textual": "aegis_tui/",
    "onnxruntime": "engine/detect/model.py engine/embedding.py",
    "langgraph": "engine/agent/",
    "langchain_openai": "engine/agent/",
    "yara_x": "engine/detect/rules.py engine/detect/compiling.py",
    "cypcap": "engine/sources/ aegis_tui/commands/doctor.py",
    "aiosqlite": "engine/store/",
    "sqlite_vec": "engine/attack/vectors.py engine/documents/",
    "mcp": "engine/edge/mcp.py engine/edge/pipes.py",
    "mcp_types": "engine/edge/mcp.py",
    "starlette": "engine/edge/",
    "uvicorn": "engine/edge/listener.py",
    "pypdf": "engine/documents/",
    "maxminddb": "engine/networks.py",
    "apprise": "engine/messenger.py",
}
"""A library's name to the only places that may import it."""


@cache
def _imports(file: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module}
    return frozenset(found)


def _files(place: str) -> list[Path]:
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@pytest.mark.parametrize("place", MAY_IMPORT)
def test_a_room_imports_only_what_its_door_allows(place: str) -> None:
    allowed = MAY_IMPORT[place]
    for file in _files(place):
        ours = {name for name in _imports(file) if name.split(".")[0] in ("engine", "aegis_tui") and name != "engine"}
        strangers = {name for name in ours if not any(name == door or name.startswith(f"{door}.") for door in allowed)}
        assert strangers == set(), file


def test_the_engine_knows_no_console() -> None:
    for file in _files("engine"):
        assert not any(name.split(".")[0] in ("aegis_tui", "textual") for name in _imports(file)), file


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_has_one_owner(library: str) -> None:
    owners = OWNERS[library].split()
    for file in [*_files("engine"), *_files("aegis_tui")]:
        place = str(file.relative_to(ROOT))
        if any(name.split(".")[0] == library for name in _imports(file)):
            assert any(place.startswith(owner) for owner in owners), f"{place} imports {library}"


def test_no_module_imports_another_module_s_private_name() -> None:
    for file in [*_files("engine"), *_files("aegis_tui")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("engine", "aegis_tui"):
                assert not [alias.name for alias in node.names if alias.name.startswith("_")], file


TELLS_NUMBERS = ("engine/decisions.py", "engine/guard/nfttable.py")
"""The first is told words by whom it asks; the second looks for what a program printed."""


def test_no_error_of_the_system_is_told_with_its_number() -> None:
    """``str`` of one says ``[Errno 13] Permission denied``: a person is told by ``engine.reason``."""
    for file in [*_files("engine"), *_files("aegis_tui")]:
        handlers = [
            node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ExceptHandler)
        ]
        told = [found for handler in handlers if _may_have_a_number(handler) for found in _told(handler)]
        assert told == [] or str(file.relative_to(ROOT)) in TELLS_NUMBERS, f"{file}, line {told[0]}"


def _may_have_a_number(handler: ast.ExceptHandler) -> bool:
    caught = ast.walk(handler.type) if handler.type is not None else ()
    return any(isinstance(node, ast.Name) and node.id == "OSError" for node in caught)


def _told(handler: ast.ExceptHandler) -> list[int]:
    """Return the lines where the error that was caught is made text of as it is."""
    made = [node.value for node in ast.walk(handler) if isinstance(node, ast.FormattedValue)]
    made += [
        node.args[0]
        for node in ast.walk(handler)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args
    ]
    return [node.lineno for node in made if isinstance(node, ast.Name) and node.id == handler.name]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("engine.core", "textual langgraph langchain_core onnxruntime yara_x"),
        ("aegis_tui.cli", "argparse sqlite3 textual langgraph onnxruntime numpy pydantic engine.types"),
        ("aegis_tui.app", "langgraph langchain_core onnxruntime yara_x numpy aiosqlite"),
        ("aegis_tui.commands.attach", "textual engine.core"),
        ("aegis_tui.commands.console", "engine.core engine.store cypcap langgraph onnxruntime numpy aiosqlite"),
        ("engine.guard.__main__", "textual langgraph onnxruntime numpy pydantic psutil aiosqlite asyncio"),
    ],
)
def test_a_light_start_loads_nothing_heavy(module: str, heavy: str) -> None:
    code = f"import sys, {module}; print(' '.join(n for n in {heavy.split()!r} if n in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.strip() == ""
