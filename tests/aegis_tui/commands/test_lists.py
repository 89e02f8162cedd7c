"""Lists of blocks, in and out."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegis_tui.cli import main
from aegis_tui.commands import lists
from aegis_tui.commands.listfile import parse
from engine.guard.client import GuardError
from engine.types import Block, BlockState, Listed, Proposal
from tests.aegis_tui.commands.conftest import Types
from tests.aegis_tui.commands.test_blocking import BLOCK, Kernel
from tests.aegis_tui.commands.test_listfile import networks
from tests.aegis_tui.commands.test_proposals import AnyGuard, review_of
from tests.engine.bench import GuardThread

Find = Callable[[object], None]
LIST = b"# drop\r\n203.0.113.9 # x\r\n300.1.1.1\r\n203.0.113.9\r\n198.51.100.0/24\r\n198.51.100.7\r\n2001:db8::/48\r\n"


class ListGuard(AnyGuard):
    """A guard that takes a list."""

    def __init__(self) -> None:
        super().__init__(review_of(listed=Listed(4, 1 << 62, ("203.0.113.9/32",))))
        self.lists: list[tuple[object, ...]] = []

    def propose_list(self, found: Sequence[str], ttl_s: float, reason: str, *, ifaces: Sequence[str] = ()) -> Proposal:
        """Take a list."""
        self.lists.append((tuple(found), ttl_s, reason, tuple(ifaces)))
        return self._review.proposal


@pytest.fixture
def list_file(tmp_path: Path) -> Path:
    """Return a list as others publish it."""
    file = tmp_path / "drop.txt"
    file.write_bytes(LIST)
    return file


def test_a_list_becomes_one_proposal_and_bad_lines_are_named(
    list_file: Path, answered_by: Find, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    guard = ListGuard()
    answered_by(guard)
    types("4")
    assert main(["blocks", "import", str(list_file), "--for", "24h", "--iface", "eth0"]) == 0
    wanted = ("203.0.113.9/32", "198.51.100.0/24", "198.51.100.7/32", "2001:db8::/48")
    assert guard.lists == [(wanted, 86400.0, "list drop.txt", ("eth0",))]
    assert guard.typed == ["4"]
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "line 3: 300.1.1.1 is no address",
        "198.51.100.7/32 lies within 198.51.100.0/24",
    ]
    assert "4 prefixes, 1 duplicate, 1 within others, 1 bad line skipped" in told.out


@pytest.mark.usefixtures("nobody")
def test_without_a_person_the_list_waits(
    list_file: Path, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    guard = ListGuard()
    answered_by(guard)
    assert main(["blocks", "import", str(list_file), "--reason", "weekly"]) == 1
    assert guard.lists[0][1:3] == (3600.0, "weekly")
    assert guard.typed == []
    assert "sudo aegis-tui proposals approve P-7" in capsys.readouterr().out


def test_a_list_from_standard_input_is_answered_at_the_terminal(
    answered_by: Find, types: Types, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = ListGuard()
    answered_by(guard)
    types("4")
    import sys

    monkeypatch.setattr("aegis_tui.commands.person.TERMINAL", Path(f"/proc/self/fd/{sys.stdin.fileno()}"))
    kept = sys.stdin
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LIST)))
    assert main(["blocks", "import", "-"]) == 0
    assert (guard.lists[0][2], guard.typed) == ("list from standard input", ["4"])
    kept.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "holds no address"), (b"x\ny\n", "holds no address"), (None, "No such file")],
    ids=["empty", "only bad lines", "missing"],
)
def test_a_file_without_an_address_is_bad_input(
    content: bytes | None, said: str, tmp_path: Path, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(object())
    if content is not None:
        (tmp_path / "list").write_bytes(content)
    assert main(["blocks", "import", str(tmp_path / "list")]) == 2
    assert said in capsys.readouterr().err


def test_the_guards_refusal_of_a_list_is_told(
    list_file: Path, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refusing(ListGuard):
        def propose_list(self, *_: object, **__: object) -> Proposal:
            raise GuardError("no more than 8 lists wait at once")

    answered_by(Refusing())
    assert main(["blocks", "import", str(list_file)]) == 1
    assert "no more than 8 lists wait at once" in capsys.readouterr().err


def exported(blocks: Sequence[Block], *words: str) -> str:
    """Return what ``blocks export`` prints."""
    out = io.StringIO()
    with (
        patch("aegis_tui.commands.guarded.connect", lambda: _Open(*blocks)),
        patch("os.geteuid", lambda: 0),
        patch("sys.stdout", out),
    ):
        assert main(["blocks", "export", *words]) == 0
    return out.getvalue()


class _Open(Kernel):
    def __enter__(self) -> _Open:
        return self

    def __exit__(self, *_: object) -> None:
        return


live_blocks = st.builds(
    lambda network, reason, left, proposal: replace(
        BLOCK, prefix=str(network), reason=reason, remaining_s=left, proposal_id=proposal
    ),
    networks().filter(lambda net: net.version == 4 or net.network_address.ipv4_mapped is None),
    st.text(max_size=40),
    st.one_of(st.just(math.inf), st.floats(0.0, 604800.0)),
    st.text(max_size=8),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(live_blocks, max_size=12, unique_by=lambda block: block.prefix))
def test_what_is_exported_imports_as_the_same_set(blocks: list[Block]) -> None:
    found = parse(io.BytesIO(exported(blocks).encode()))
    assert (set(found.prefixes), found.bad) == ({block.prefix for block in blocks}, ())


def test_only_what_drops_packets_now_is_exported() -> None:
    others = [replace(BLOCK, prefix="192.0.2.1/32", state=state) for state in BlockState if state != "live"]
    blocks = [BLOCK, replace(BLOCK, prefix="192.0.2.2/32", watch=True), *others]
    header, *lines = exported(blocks).splitlines()
    assert header.startswith("# blocks of aegis-tui in force at ")
    assert [line.split()[0] for line in lines] == [BLOCK.prefix]
    assert [json.loads(line)["prefix"] for line in exported(blocks, "--json").splitlines()] == [BLOCK.prefix]


def test_a_real_list_is_blocked_exported_and_imported_again(
    guard: GuardThread, types: Types, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"203.0.{third}.{last}" for third in range(100, 110) for last in range(1, 101)]
    (tmp_path / "list").write_text("\n".join([*lines, "192.0.2.1"]), encoding="ascii")
    types("1000")
    assert main(["blocks", "import", str(tmp_path / "list"), "--iface", "eth0"]) == 0
    assert "192.0.2.1" in capsys.readouterr().out
    assert len(guard.bench.blocker.map) == 1000
    assert main(["blocks", "export"]) == 0
    again = parse(io.BytesIO(capsys.readouterr().out.encode()))
    assert set(again.prefixes) == {f"{line}/32" for line in lines}
    assert main(["blocks", "remove", "P-1"]) == 0
    assert guard.bench.blocker.map == {}


def test_a_list_of_a_plain_user_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(lists, "parse", None)
    assert main(["blocks", "import", "/no/such/file"]) == 1
    assert "this needs root" in capsys.readouterr().err
