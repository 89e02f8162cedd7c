"""Whoever manages the server over SSH cannot be cut off, by any door; who only guesses passwords is not spared."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.station import GUESSER, IFACE, OPERATOR, SECOND, SPARE, Desk, Station, missing_tools

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools()), reason=f"needs {', '.join(missing_tools())}"),
]

AROUND = "203.0.113.0/28"
CONNECTED = f"{OPERATOR} is the address you are connected from"
PANES = 5
HELD = f"{OPERATOR} is in the prefix and is the address you are connected from"

ASK = """
import json, sys
from engine.guard.client import GuardError, connect
from engine.types import Terms
with connect() as guard:
    prefix, iface, approve, ttl_s = sys.argv[1:]
    made = guard.propose(Terms("", prefix, float(ttl_s), (iface,), ""), "seen attacking", handshake=True)
    review = guard.review(made.id)
    told = {"id": made.id, "refusals": review.refusals, "typed": review.proposal.typed_confirmation}
    told |= {"warnings": review.proposal.warnings, "trial_s": review.trial_s, "trial_why": review.trial_why}
    try:
        told["state"] = guard.approve(made.id, review.token).state if approve else ""
    except GuardError as error:
        told["state"] = str(error)
    print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    """A server with a guard that was started before anybody logged in."""
    with Station() as made:
        guard = ["-I", "-m", "engine.guard", f"--iface={IFACE}", f"--iface={SPARE}", "--stay"]
        made.start(sys.executable, *guard)
        made.wait_for("/run/aegis/guard.sock")
        yield made


@pytest.fixture(scope="module")
def before(station: Station) -> dict[str, str]:
    """What was proposed and approved while nobody was connected: the operator's address, and a prefix around it."""
    waiting = ask(station, f"{OPERATOR}/32")
    standing = ask(station, AROUND, SPARE, approve=True)
    assert (waiting["refusals"], standing["refusals"], standing["state"]) == ([], [], "live")
    return {"waiting": waiting["id"]}


@pytest.fixture(scope="module")
def desk(station: Station, before: dict[str, str]) -> Iterator[Desk]:
    """The operator's place: SSH, tmux in it, and sudo in that."""
    made = Desk(station, OPERATOR)
    yield made
    made.close()


def ask(station: Station, prefix: str, iface: str = IFACE, approve: bool = False, ttl_s: int = 600) -> dict[str, Any]:
    """Ask for a block as root at a terminal that no SSH session leads to."""
    told: dict[str, Any] = json.loads(station.python(ASK, prefix, iface, "yes" if approve else "", str(ttl_s))[-1])
    return told


def test_a_message_to_the_guard_cannot_block_the_operator(desk: Desk) -> None:
    for prefix, why in ((f"{OPERATOR}/32", CONNECTED), (f"::ffff:{OPERATOR}", CONNECTED), ("203.0.0.0/16", HELD)):
        status, said = desk.sudo(sys.executable, "-c", ASK, prefix, IFACE, "yes", "600")
        assert (status, why in said) == (1, True), said


def test_the_command_line_cannot_block_the_operator(desk: Desk) -> None:
    for prefix, why in ((OPERATOR, CONNECTED), (AROUND, HELD)):
        status, said = desk.aegis("blocks", "add", prefix)
        assert (status != 0, why in said) == (True, True), said


def test_a_proposal_of_before_the_login_cannot_be_approved(desk: Desk, before: dict[str, str]) -> None:
    status, said = desk.aegis("proposals", "approve", before["waiting"])
    assert (status, CONNECTED in said) == (1, True), said


def test_the_console_cannot_block_the_operators_own_flow() -> None:
    with Station() as station:
        desk = Desk(station, OPERATOR)
        desk.console("--iface", IFACE)
        desk.wait_for(f"> {OPERATOR}")
        for _ in range(PANES):
            if "> Flows" in desk.screen():
                break
            desk.press("Tab")
            time.sleep(0.3)
        desk.wait_for("> Flows")
        desk.press("/")
        desk.wait_for("src: dst: ip:")
        desk.press(OPERATOR, "Enter")
        desk.wait_for("> Flows")
        desk.wait_for(f"> {OPERATOR}")
        desk.press("b")
        desk.wait_for(CONNECTED)


def test_an_import_leaves_the_operator_out_and_names_the_address(desk: Desk, station: Station) -> None:
    file = station.home / "list.txt"
    file.write_text(f"198.51.100.1\n{OPERATOR}\n203.0.113.0/24\n198.51.100.2\n", encoding="ascii")
    status, said = desk.aegis("blocks", "import", str(file), question="Type the number", reply="2")
    assert (status, CONNECTED in said, HELD in said) == (0, True, True), said
    blocked = {block["prefix"] for block in station.blocks()}
    assert {"198.51.100.1/32", "198.51.100.2/32"} <= blocked
    assert not {f"{OPERATOR}/32", "203.0.113.0/24"} & blocked


def test_a_wider_block_of_before_the_login_cannot_be_extended(desk: Desk) -> None:
    status, said = desk.aegis("blocks", "extend", AROUND, "--for", "24h")
    assert (status != 0, HELD in said) == (True, True), said


def test_who_guesses_passwords_is_blocked_like_anybody(station: Station, desk: Desk) -> None:
    station.guess_passwords(GUESSER, 10)
    told = ask(station, f"{GUESSER}/32", approve=True)
    assert (told["refusals"], told["typed"], told["trial_s"], told["state"]) == ([], False, 0.0, "live"), told


def test_a_second_login_takes_a_typed_address_until_it_logs_out(station: Station, desk: Desk) -> None:
    second = station.log_in(SECOND, "sh", "-c", "echo logged in; exec sleep 60")
    assert second.stdout is not None
    assert second.stdout.readline() == "logged in\n"
    during = ask(station, f"{SECOND}/32", approve=True)
    assert during["typed"], during
    assert f"somebody is logged in from {SECOND}" in during["warnings"]
    assert during["trial_s"] > 0
    assert SECOND in during["trial_why"]
    assert "the address was not typed" in during["state"]
    second.terminate()
    second.wait(10)
    for ttl_s in range(601, 651):
        after = ask(station, f"{SECOND}/32", ttl_s=ttl_s)
        if not after["typed"]:
            break
        time.sleep(0.1)
    assert (after["refusals"], after["typed"], after["trial_s"]) == ([], False, 0.0), after
