"""Proposals decided on from another terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from aegis_tui.cli import main
from engine.guard.clock import RateLimit
from engine.guard.messages import Approved, Review
from engine.types import Block, BlockState, Listed, Proposal, ProposalState, Terms
from tests.aegis_tui.commands.conftest import Types, client_of
from tests.engine.bench import GuardThread

PREFIX = "203.0.113.9/32"
BLOCK, KEEP = "Block it?", "Keep it?"
HOSTILE = "\x1b[2J\x1b]0;pwned\x07\nforged"
LISTED = Listed(4312, 9000, ("192.0.2.1/32", "192.0.2.2/32"), 3, ("192.0.2.53/32: a resolver of this host",))


def proposed(guard: GuardThread) -> str:
    """Return the id of a proposal that waits."""
    terms = Terms("INC-00000001", PREFIX, 600.0, ("eth0",), "")
    return client_of(guard).propose(terms, "why", handshake=True).id


def test_a_yes_blocks_and_says_how_to_undo_it(
    guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    types("y")
    assert main(["proposals", "approve", proposed(guard)]) == 0
    assert list(guard.bench.blocker.map) == [PREFIX]
    assert f"to undo: aegis-tui blocks remove {PREFIX}" in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["", "n", "yep", "\x04"])
def test_anything_but_a_yes_blocks_nothing(guard: GuardThread, types: Types, typed: str) -> None:
    types(typed)
    assert main(["proposals", "approve", proposed(guard)]) == 1
    assert guard.bench.blocker.map == {}


@pytest.mark.usefixtures("nobody")
def test_nobody_at_the_terminal_approves_nothing(guard: GuardThread, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proposals", "approve", proposed(guard)]) == 1
    assert "a person at a terminal has to approve" in capsys.readouterr().err
    assert guard.bench.blocker.map == {}


@pytest.mark.parametrize(("answer", "halted", "blocked"), [("y", False, [PREFIX]), ("n", True, []), ("\x04", True, [])])
def test_one_answer_ends_the_halt_and_blocks_or_does_neither(
    answer: str, halted: bool, blocked: list[str], guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal_id = proposed(guard)
    guard.bench.blocker.halt()
    types(answer)
    assert main(["proposals", "approve", proposal_id]) == (0 if blocked else 1)
    assert (guard.bench.blocker.halted, list(guard.bench.blocker.map)) == (halted, blocked)
    told = capsys.readouterr().out
    assert "a yes ends it and blocks this; the blocks of before stay lifted" in told
    assert "End the halt and block it?" in told


def test_a_block_that_is_refused_after_the_halt_ended_says_that_it_has_ended(
    guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal_id = proposed(guard)
    guard.bench.blocker.halt()
    guard.bench.guard._approvals._writes = RateLimit(0)
    types("y")
    assert main(["proposals", "approve", proposal_id]) == 1
    assert "the halt has ended and nothing is blocked" in capsys.readouterr().out


def test_a_refused_approval_leaves_the_halt(
    guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    types("y")
    proposal_id = proposed(guard)
    guard.bench.blocker.halt()
    client_of(guard).allow(PREFIX, "a friend")
    assert main(["proposals", "approve", proposal_id]) == 1
    assert "REFUSED" in capsys.readouterr().out
    assert guard.bench.blocker.halted


class AnyGuard:
    """A guard of another version: it keeps and tells whatever it was given."""

    def __init__(self, review: Review, block: Block | None = None, failed: int = 0) -> None:
        terms = review.proposal.terms
        self._review, self._failed = review, failed
        self._block = block or Block(terms.prefix, BlockState.LIVE, terms.ifaces, terms.ttl_s, 0, 0, 0.0)
        self.typed: list[str] = []
        self.kept: list[str] = []

    def proposals(self) -> list[Proposal]:
        """Return the proposal."""
        return [self._review.proposal]

    def review(self, _: str) -> Review:
        """Return the review."""
        return self._review

    def refuse(self, _: str) -> str:
        """Return words."""
        return f"{self._review.proposal.id} is refused"

    def approve_all(self, _: str, token: str, typed: str) -> Approved:
        """Block every prefix of the proposal."""
        assert token == self._review.token
        self.typed.append(typed)
        listed = self._review.proposal.listed
        return Approved(self._block, listed.prefixes if listed else 1, self._failed)

    def keep(self, prefix: str) -> str:
        """Keep a block."""
        self.kept.append(prefix)
        return f"{prefix} is kept"


def review_of(prefix: str = PREFIX, listed: Listed | None = None, **changes: object) -> Review:
    """Return a review with nothing against it."""
    terms = Terms("", "" if listed else prefix, 3600.0, ("eth0",), "", "block list" if listed else "block")
    proposal = Proposal("P-7", terms, "why", 0.0, 9e9, ProposalState.PENDING, listed=listed)
    return replace(Review(proposal, "token", ()), **changes)  # type: ignore[arg-type]


Find = Callable[[object], None]


@pytest.mark.parametrize("words", [["list"], ["show", "P-1"], ["refuse", "P-1"]], ids=lambda words: str(words[0]))
@pytest.mark.parametrize("listed", [None, Listed(2, 2, (HOSTILE,), 9, (HOSTILE,))], ids=["block", "list"])
def test_whatever_the_guard_holds_is_printed_inert(
    words: list[str], listed: Listed | None, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    terms = Terms(HOSTILE, HOSTILE, 600.0, (HOSTILE,), "")
    hostile = Proposal(HOSTILE, terms, HOSTILE, 0.0, 9.2e12, ProposalState.PENDING, (HOSTILE,), listed=listed)
    review = Review(hostile, "", (HOSTILE,), True, HOSTILE, True, 60.0, HOSTILE, (HOSTILE,))
    answered_by(AnyGuard(review))
    assert main(["proposals", *words]) == 0
    text = capsys.readouterr().out
    assert "pwned" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\nforged" not in text


def test_show_tells_the_entry_the_trial_and_what_was_before(
    answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    review = review_of(
        entry="203.0.113.9/32 drop on eth0", trial_s=60.0, trial_why="it holds a session", prior=("12 May",)
    )
    review = replace(review, proposal=replace(review.proposal, prior_blocks=2))
    answered_by(AnyGuard(review))
    assert main(["proposals", "show", "P-7"]) == 0
    text = capsys.readouterr().out
    for words in (
        "entry     203.0.113.9/32 drop on eth0",
        "outbound  packets sent to it are not dropped",
        "reverts by itself after 1 min unless you keep it: it holds a session",
        "blocked 2 times before",
        "before    12 May",
    ):
        assert words in text


def test_a_list_tells_its_sum_and_takes_the_number_of_prefixes(
    answered_by: Find, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    guard = AnyGuard(review_of(listed=LISTED))
    answered_by(guard)
    types("4312")
    assert main(["proposals", "approve", "P-7"]) == 0
    text = capsys.readouterr().out
    assert "P-7: block 4,312 prefixes (9,000 addresses) on eth0 for 1 h" in text
    assert "192.0.2.1/32, 192.0.2.2/32 and 4,310 more" in text
    assert "left out  3 prefixes, which the rules refuse" in text
    assert "192.0.2.53/32: a resolver of this host" in text
    assert "Type the number of prefixes" in text
    assert "to undo: aegis-tui blocks remove P-7" in text
    assert guard.typed == ["4312"]


def test_a_list_is_left_when_nothing_is_typed(answered_by: Find, types: Types) -> None:
    guard = AnyGuard(review_of(listed=LISTED))
    answered_by(guard)
    types("")
    assert main(["proposals", "approve", "P-7"]) == 1
    assert guard.typed == []


def test_what_the_kernel_did_not_take_of_a_list_is_told(
    answered_by: Find, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(AnyGuard(review_of(listed=LISTED), failed=2))
    types("4312")
    assert main(["proposals", "approve", "P-7"]) == 1
    assert "2 prefixes not taken by the kernel yet" in capsys.readouterr().out


def test_a_list_is_listed_with_its_sum(answered_by: Find, capsys: pytest.CaptureFixture[str]) -> None:
    answered_by(AnyGuard(review_of(listed=LISTED)))
    assert main(["proposals", "list"]) == 0
    assert "P-7      pending   4,312 prefixes (9,000 addresses)" in capsys.readouterr().out
    assert main(["proposals", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["type"], told["listed"]["prefixes"], told["terms"]["action"]) == ("proposal", 4312, "block list")


def on_trial(seconds: float) -> Block:
    """Return a block that reverts unless it is kept."""
    return Block(PREFIX, BlockState.LIVE, ("eth0",), 3600.0, 0, 0, 0.0, "P-7", keep_within_s=seconds)


def test_a_block_on_trial_is_kept_by_a_yes(answered_by: Find, types: Types, capsys: pytest.CaptureFixture[str]) -> None:
    guard = AnyGuard(review_of(trial_s=60.0), on_trial(60.0))
    answered_by(guard)
    types("y", asked={KEEP: "y"})
    assert main(["proposals", "approve", "P-7"]) == 0
    assert guard.kept == [PREFIX]
    assert "Keep it? It reverts in 60 s [y/N]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ahead", "asked"),
    [([], {KEEP: "n"}), ([], {KEEP: ""}), ([], {}), (["y"], {}), (["y", "y"], {})],
    ids=["no", "nothing", "silence", "a yes of before the question", "two of them"],
)
def test_a_block_on_trial_that_is_not_kept_says_that_it_reverts(
    ahead: list[str], asked: dict[str, str], answered_by: Find, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    guard = AnyGuard(review_of(trial_s=60.0), on_trial(0.2))
    answered_by(guard)
    types("y", *ahead, asked=asked)
    assert main(["proposals", "approve", "P-7"]) == 1
    assert guard.kept == []
    text = capsys.readouterr().out
    assert "reverts by itself" in text
    assert "to undo" not in text


@pytest.mark.parametrize(("answer", "status", "left_s"), [("y", 0, 0.0), ("n", 1, 60.0)], ids=["kept", "not kept"])
def test_a_real_block_that_cuts_management_is_on_trial_until_it_is_kept(
    answer: str, status: int, left_s: float, guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    guard.bench.managed = [("203.0.113.9", "an SSH session from 203.0.113.9")]
    types("y", asked={KEEP: answer})
    assert main(["proposals", "approve", proposed(guard)]) == status
    assert "reverts by itself after 1 min unless you keep it: " in capsys.readouterr().out
    assert [block.keep_within_s for block in client_of(guard).blocks()] == [left_s]
