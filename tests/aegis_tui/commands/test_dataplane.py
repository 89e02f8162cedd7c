"""What ``doctor`` says about blocking, with a guard and without one."""

from __future__ import annotations

import math
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aegis_tui.commands import dataplane
from aegis_tui.commands.check import Check, Health
from aegis_tui.commands.dataplane import examine_dataplane
from engine.guard import bpf
from engine.guard.halt import mark
from engine.guard.messages import Attachment, Welcome
from engine.types import Approver

NOBODY = Approver(0, 0, "", "", "")
WELCOME = Welcome(7, (Attachment("eth0", "native", "tcx"),), "XDP native", True, False, True, "", NOBODY, ())


class Greeter:
    """A guard that only says hello."""

    def __init__(self, welcome: Welcome) -> None:
        self._welcome = welcome

    def __enter__(self) -> Greeter:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def hello(self) -> Welcome:
        """Say hello."""
        return self._welcome


@pytest.fixture(autouse=True)
def _as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(dataplane, "heartbeat", lambda: None)


def checks(monkeypatch: pytest.MonkeyPatch, welcome: Welcome | None) -> list[Check]:
    """Return what is said about eth0."""

    def connect() -> Greeter:
        if welcome is None:
            raise FileNotFoundError("no guard")
        return Greeter(welcome)

    monkeypatch.setattr(dataplane, "connect", connect)
    return list(examine_dataplane(("eth0",)))


def test_a_halt_that_stands_is_told_where_no_guard_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("engine.paths.LIVE_STATE", tmp_path)
    mark(tmp_path)
    said = one(checks(monkeypatch, None), "guard")
    assert (said.health, "every block is held back" in said.detail) == (Health.DEGRADED, True)
    assert "sudo aegis-tui blocks resume" in said.remedy


def one(found: list[Check], ability: str) -> Check:
    """Return the first check of an ability."""
    return next(check for check in found if check.ability == ability)


def attached_as(mode: str, egress: str, keep_within_s: float = 0.0) -> Welcome:
    """Return a guard that sits on eth0 like this."""
    return replace(WELCOME, attached=(Attachment("eth0", mode, egress, keep_within_s),))


@pytest.mark.parametrize(
    ("welcome", "ability", "health", "said"),
    [
        (WELCOME, "guard", "ok", "process 7, XDP native"),
        (replace(WELCOME, halted=True), "guard", "degraded", "halted by panic-unblock"),
        (replace(WELCOME, drifted=("203.0.113.9/32",)), "guard", "degraded", "1 prefix(es) in the kernel that nobody"),
        (replace(WELCOME, held_off="31 proposals in 60 s"), "guard", "degraded", "31 proposals in 60 s"),
        (replace(WELCOME, blocking=False), "guard", "degraded", "would not be enforced"),
        (None, "guard", "ok", "none runs now"),
        (WELCOME, "attachment", "ok", "eth0: inbound by XDP native, outbound by tcx; kept"),
        (attached_as("native", ""), "attachment", "degraded", "outbound packets still leave"),
        (
            attached_as("generic", "clsact"),
            "attachment",
            "degraded",
            "eth0: inbound by XDP generic, outbound by clsact",
        ),
        (attached_as("nftables", "nftables"), "attachment", "degraded", "eth0: inbound by nftables"),
        (attached_as("native", "tcx", 41.0), "attachment", "degraded", "taken off in 41 s"),
    ],
)
def test_what_the_guard_says_is_told_with_its_health(
    welcome: Welcome | None, ability: str, health: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = one(checks(monkeypatch, welcome), ability)
    assert (check.health, said in check.detail) == (health, True), check
    assert bool(check.remedy) == (health != "ok")


def test_each_step_that_fell_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    why = ("eth0: tcx is refused (Invalid argument), clsact drops outbound packets",)
    found = checks(monkeypatch, replace(attached_as("native", "clsact"), degraded=why))
    assert [check.detail for check in found if check.ability == "attachment" and check.health != "ok"] == list(why)


@pytest.mark.parametrize(
    ("heart", "health", "said"),
    [
        (None, "ok", "no maps"),
        ((9.6, (22,)), "ok", "refreshed 10 s ago"),
        ((61.0, (22, 2222)), "degraded", "spare the SSH ports (22, 2222)"),
        ((math.inf, ()), "degraded", "(none known)"),
    ],
)
def test_a_heart_that_stopped_is_told(
    heart: tuple[float, tuple[int, ...]] | None, health: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataplane, "heartbeat", lambda: heart)
    check = one(checks(monkeypatch, None), "heartbeat")
    assert (check.health, said in check.detail) == (health, True), check


def test_without_nft_the_missing_step_and_its_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    check = one(checks(monkeypatch, None), "nftables")
    assert (check.health, check.remedy) == (Health.DEGRADED, "apt-get install nftables")


def test_without_root_it_says_how_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    check = one(checks(monkeypatch, WELCOME), "guard")
    assert (check.health, check.remedy) == (Health.DEGRADED, "sudo aegis-tui doctor")


@pytest.fixture
def wire() -> Iterator[str]:
    """Make an interface, and take it away again."""
    name = f"Ldp{os.getpid() % 100000}"
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="needs root for an interface and BPF")
def test_a_program_of_somebody_else_is_named_without_touching_it(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pass_all = bytes.fromhex("b7000000020000009500000000000000")
    program = bpf.load_instructions(pass_all, "stranger")
    ifindex = socket.if_nametoindex(wire)
    link = bpf.attach_xdp(program, ifindex, bpf.XdpMode.GENERIC, wire)
    monkeypatch.setattr(dataplane, "connect", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    check = one(list(examine_dataplane((wire,))), "attachment")
    assert check.health is Health.DEGRADED
    assert f"{wire}: XDP program stranger (id " in check.detail
    assert bpf.attached_xdp(ifindex, wire)
    monkeypatch.setattr(dataplane, "OURS", "stranger")
    check = one(list(examine_dataplane((wire,))), "attachment")
    assert (check.health, "left in force by an earlier guard" in check.detail) == (Health.OK, True)
    os.close(link)
    os.close(program)


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [
        ("nftables", "a restart of the engine tries XDP again where nothing is blocked"),
        ("native", "reviewing a proposal"),
    ],
)
def test_what_fell_back_is_said_with_what_tries_again(monkeypatch: pytest.MonkeyPatch, mode: str, remedy: str) -> None:
    welcome = replace(attached_as(mode, "tcx"), degraded=("eth0: no BPF file system",))
    fallen = [check for check in checks(monkeypatch, welcome) if check.detail == "eth0: no BPF file system"]
    assert [remedy in check.remedy for check in fallen] == [True]
