"""Every phrase of the program that a report or an answer says has its Chinese twin."""

from __future__ import annotations

import ast
import re
from enum import StrEnum
from pathlib import Path

import pytest

from engine import paths
from engine.agent import report
from engine.agent.graph import Analyst
from engine.agent.phrasebook import read_phrasebook
from engine.agent.report.attack import TACTICS
from engine.agent.tongue import Tongue
from engine.incidents import CLASS_NAMES
from engine.playbooks import read_playbooks
from engine.types import Conclusion, Disposition, Finding, ProposalState, Severity
from tests.engine.agent.cases import JNDI, HostFake, KnowledgeFake, case

BOOK = read_phrasebook("zh")
AGENT = Path(report.__file__).parent.parent
PLACE = re.compile(r"\{[~!]?[a-z]\w*\}")
CHINESE = re.compile("[\u4e00-\u9fff\uff00-\uffef]")
SPEAKERS = ("say", "retold")


def _said(file: Path) -> set[str]:
    """Return every literal of a file that is handed to a ``say``, or has places to be filled in."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = [(call, getattr(call.func, "attr", getattr(call.func, "id", ""))) for call in calls if call.args]
    first = [call.args[0] for call, name in named if name in SPEAKERS]
    handed = {node.value for node in first if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return handed | {text for text in texts if PLACE.search(text)}


def test_every_phrase_that_is_said_has_its_twin() -> None:
    files = [*(AGENT / "report").glob("*.py"), AGENT / "ask.py", *(AGENT / "asking").glob("*.py")]
    said = set().union(*(_said(file) for file in files if file.is_file()))
    assert len(said) > 50
    assert said - BOOK.phrases.keys() - BOOK.sentences.keys() == set()


@pytest.mark.parametrize("kind", [Severity, Conclusion, Disposition, ProposalState])
def test_every_word_of_a_type_has_its_twin(kind: type[StrEnum]) -> None:
    assert {one.value for one in kind} - BOOK.phrases.keys() == set()


def test_every_tactic_class_and_name_has_its_twin() -> None:
    classes = set(read_playbooks(paths.PLAYBOOKS))
    assert (set(TACTICS) | classes | set(CLASS_NAMES.values())) - BOOK.phrases.keys() == set()


def test_every_signature_of_the_program_has_its_twin() -> None:
    described = {
        found
        for file in paths.RULES.glob("*.yar")
        for found in re.findall(r'description = "([^"]*)"', file.read_text("utf-8"))
    }
    assert len(described) > 60
    assert described - BOOK.sentences.keys() == set()


def test_nearly_every_step_and_action_of_the_playbooks_has_its_twin() -> None:
    books = read_playbooks(paths.PLAYBOOKS).values()
    told = {step.text for book in books for step in book.steps} | {action for book in books for action in book.actions}
    assert len(told - BOOK.playbooks.keys() - BOOK.sentences.keys()) <= len(told) / 20


@pytest.mark.parametrize(
    "table", [BOOK.phrases, BOOK.sentences, BOOK.playbooks], ids=["phrases", "sentences", "playbooks"]
)
def test_twins_hold_the_same_places_and_are_chinese(table: dict[str, str]) -> None:
    for english, chinese in table.items():
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(chinese)), english
        assert CHINESE.search(chinese) or chinese in ("Log4Shell",), english


def test_the_tables_do_not_say_one_thing_twice() -> None:
    assert len(BOOK.every()) == sum(map(len, (BOOK.phrases, BOOK.sentences, BOOK.playbooks)))


def test_every_sentence_with_places_is_found_again() -> None:
    tongue = Tongue("zh")
    for english in BOOK.sentences:
        if "{!" not in english:
            assert CHINESE.search(tongue.retold(PLACE.sub("7", english))), english


@pytest.mark.parametrize("host", [HostFake(), HostFake(Finding.GONE), HostFake(exe="/tmp/x", exe_deleted=True)])
@pytest.mark.parametrize("handshake", [True, False])
async def test_what_the_playbook_analyst_says_is_retold(host: HostFake, handshake: bool) -> None:
    tongue = Tongue("zh")
    subject = case(JNDI, handshake=handshake, playbook=None, reason="The request carries a script URL")
    outcome = await Analyst(None, host, KnowledgeFake()).investigate(subject, lambda _: None)
    verdict = outcome.verdict
    said = [verdict.summary, outcome.block_reason, *verdict.not_done, *(claim.text for claim in verdict.claims)]
    assert [text for text in said if not CHINESE.search(tongue.retold(text))] == []
