"""What the kernel holds is printed with no guard to ask, and nothing is changed by looking."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands import blocking, guarded, kernel
from engine import paths
from engine.guard import messages
from engine.guard.client import GuardClient, GuardError, connect
from engine.guard.pins import ensure_bpffs
from engine.guard.server import listen, peer_channel
from engine.guard.xdp import XdpBlocker
from engine.host import people
from engine.types import Block, BlockState
from tests.engine.guard.bench import Bench

PINS = Path(f"/sys/fs/bpf/aegis-testL-{os.getpid()}")
HOUR_NS = 3600 * 10**9

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for BPF")


@pytest.fixture
def maps() -> Iterator[XdpBlocker]:
    """Return maps of our own, attached nowhere."""
    ensure_bpffs()
    with XdpBlocker(PINS) as blocker:
        yield blocker
    shutil.rmtree(PINS)


@pytest.mark.root
@needs_root
def test_every_entry_of_the_pinned_maps_is_told(maps: XdpBlocker) -> None:
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    maps.add("203.0.113.9/32", now + HOUR_NS, 1, ())
    maps.add("198.51.100.0/24", 0, 2, ())
    maps.add("2001:db8::/48", 1, 3, ())
    maps.add("2001:db8::1/128", now + HOUR_NS, 4, (), count_only=True)
    found = {block.prefix: block for block in kernel.blocks(PINS)}
    assert {prefix: (block.state, block.watch) for prefix, block in found.items()} == {
        "203.0.113.9/32": (BlockState.LIVE, False),
        "198.51.100.0/24": (BlockState.LIVE, False),
        "2001:db8::/48": (BlockState.EXPIRED, False),
        "2001:db8::1/128": (BlockState.LIVE, True),
    }
    assert math.isinf(found["198.51.100.0/24"].remaining_s)
    assert 3590 < found["203.0.113.9/32"].remaining_s <= 3600
    assert len(maps.entries()) == 4


@pytest.mark.root
@needs_root
def test_the_heart_is_read_from_the_maps(maps: XdpBlocker) -> None:
    maps.set_allow(["192.0.2.1/32"])
    maps.set_ssh_ports([22, 2222])
    found = kernel.heartbeat(PINS)
    assert found is not None
    assert 0 <= found[0] < 60
    assert found[1] == (22, 2222)


@pytest.mark.root
@needs_root
def test_a_halt_is_told(maps: XdpBlocker) -> None:
    assert not kernel.halted(PINS)
    maps.halt()
    assert kernel.halted(PINS)
    assert list(kernel.blocks(PINS)) == []
    assert kernel.heartbeat(Path("/sys/fs/bpf/no-such-maps")) is None


def test_without_maps_and_without_a_table_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "table_exists", lambda: False)
    assert list(kernel.blocks(tmp_path)) == []


def test_a_guard_that_does_not_start_is_said_and_the_kernel_is_listed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GuardError("cannot start the guard: file is not a database")

    held = Block("203.0.113.9/32", BlockState.LIVE, (), 60.0, 5, 300, 0.0, reason="who approved it is not known")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(guarded, "connect", refuse)
    monkeypatch.setattr(guarded, "spawn", refuse)
    monkeypatch.setattr(guarded, "is_untouched", lambda: False)
    monkeypatch.setattr(kernel, "blocks", lambda: iter([held]))
    monkeypatch.setattr(kernel, "halted", lambda: True)
    assert main(["blocks", "list"]) == 1
    printed = capsys.readouterr()
    assert "none can be started: cannot start the guard: file is not a database" in printed.err
    assert "halted by panic-unblock" in printed.err
    assert "\n203.0.113.9/32  " in printed.out
    assert "who approved it is not known" in printed.out


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone reads the system's settings")
def test_a_guard_started_for_a_command_protects_what_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, object] = {}

    def spawn(ifaces: tuple[str, ...], **how: object) -> None:
        asked.update(how, ifaces=ifaces)
        raise GuardError("seen enough")

    config = tmp_path / "config.toml"
    config.write_text('trusted_proxies = ["198.51.100.0/24"]\nmanagement_ports = [8443]\n', encoding="utf-8")
    monkeypatch.setattr("engine.config.SYSTEM_FILE", config)
    for name in [name for name in os.environ if name.startswith(("AEGIS_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://192.0.2.77:1/v1")
    monkeypatch.setattr(guarded, "connect", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    monkeypatch.setattr(guarded, "spawn", spawn)
    assert main(["blocks", "remove", "203.0.113.9"]) == 1
    assert asked == {
        "ifaces": (),
        "endpoints": ["192.0.2.77"],
        "shared_hops": ("198.51.100.0/24",),
        "management_ports": (8443,),
        "dataplane": True,
        "looks": False,
    }


def _raising(error: OSError) -> Callable[..., int]:
    def halt(**_: Path) -> int:
        raise error

    return halt


@pytest.mark.parametrize(
    ("halt", "status", "said"),
    [
        (lambda state: 3, 0, "3 blocks removed from XDP and nftables, every packet passes"),
        (lambda state: 1, 0, "1 block removed"),
        (_raising(FileNotFoundError("x")), 0, "nothing is blocked"),
        (
            _raising(OSError("cannot halt nftables: busy")),
            1,
            "not everything could be emptied: cannot halt nftables: busy",
        ),
    ],
    ids=["three", "one", "nothing there", "one back end failed"],
)
def test_panic_tells_what_it_removed(
    halt: Callable[..., int],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("engine.guard.panic.panic", halt)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert main(["panic-unblock"]) == status
    assert said in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "text", ["dedup_window = 1" + 400 * "0", "a = " + 5000 * "[", "\x00"], ids=["number", "deep", "0"]
)
def test_panic_works_whatever_the_settings_hold(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr("engine.config.SYSTEM_FILE", file)
    monkeypatch.setattr("engine.guard.panic.panic", lambda **_: 3)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(blocking, "connect", _raising(ConnectionRefusedError()))
    assert main(["panic-unblock"]) == 0
    assert "3 blocks removed" in capsys.readouterr().out
    assert main(["--config", str(file), "--utc", "panic-unblock"]) == 0


def test_panic_reads_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("aegis_tui.commands.settings.effective", asked.append)
    monkeypatch.setattr("engine.guard.panic.panic", lambda **_: 3)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(blocking, "connect", _raising(ConnectionRefusedError()))
    assert main(["panic-unblock"]) == 0
    assert asked == []


UNHEARD = """
import os, sys
from pathlib import Path
import engine.guard.panic
from aegis_tui.commands import blocking
from aegis_tui.cli import main

class Guard:
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def note_halt(self): Path("noted").touch()

def halt(state):
    Path("emptied").touch()
    return 3

os.geteuid = lambda: 0
engine.guard.panic.panic, blocking.connect = halt, Guard
sys.argv[1:] = ["panic-unblock"]
sys.exit(main())
"""


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("where", [">&-", ">/dev/full", ">&- 2>&-"])
def test_panic_does_its_work_before_it_says_so(where: str, unbuffered: str, tmp_path: Path) -> None:
    words = ["sh", "-c", f'exec "$@" {where}', "sh", sys.executable, "-c", UNHEARD]
    environ = os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(paths.ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=30)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["emptied", "noted"]
    assert done.returncode == 2
    assert done.stderr.count("\n") == (0 if "2>" in where else 1)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "no engine runs here, so the record does not say"),
        (FileNotFoundError(2, "No such file or directory"), "no engine runs here, so the record does not say"),
        (TimeoutError("the guard did not answer in time"), "the record does not say who did this: the guard did not"),
        (OSError(5, "Input/output error"), "the record does not say who did this: Input/output error; packets pass"),
    ],
    ids=["stopped", "never there", "no answer", "broken"],
)
def test_panic_says_in_words_why_the_record_does_not_name_who_it_was(
    trouble: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.guard.panic.panic", lambda **_: 1)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(blocking, "connect", _raising(trouble))
    assert main(["panic-unblock"]) == 0
    printed = capsys.readouterr()
    assert said in printed.err
    assert "packets pass all the same" in printed.err
    assert "Errno" not in printed.err


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the guard's socket tells who asks")
def test_panic_has_a_guard_that_runs_record_who_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path)
    listener = listen(tmp_path / "guard.sock")

    def halt(state: Path) -> int:
        bench.blocker.halt()
        return 1

    def reach() -> GuardClient:
        client = connect(tmp_path / "guard.sock")
        peer, _ = listener.accept()
        with peer:
            channel = peer_channel(peer)
        assert channel is not None
        monkeypatch.setattr(client, "note_halt", lambda: bench.ask(messages.NoteHalt(), channel))
        return client

    monkeypatch.setattr("engine.guard.panic.panic", halt)
    monkeypatch.setattr(blocking, "connect", reach)
    assert main(["panic-unblock"]) == 0
    listener.close()
    assert capsys.readouterr().err == ""
    told = [entry for entry in bench.ledger.book.chain.entries(99, 0, 0) if entry[2] == "halted"]
    assert [json.loads(entry[3]) for entry in told] == [{"by": people.in_words(people.approver(os.getpid()))}]
