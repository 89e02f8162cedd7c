"""What the knowledge said is kept, and said again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.agent.lookups import RecordingKnowledge
from engine.agent.recorded import RecordedHost, RecordingHost, RepeatedFailureError
from engine.types import Passage
from tests.engine.agent.cases import HostFake, KnowledgeFake

QUESTIONS: dict[str, Callable[[RecordingKnowledge], Any]] = {
    "a search": lambda knowledge: knowledge.search("log4shell", 1),
    "another search": lambda knowledge: knowledge.search("ingress tool", 2),
    "more passages": lambda knowledge: knowledge.search("log4shell", 2),
    "one base": lambda knowledge: knowledge.search("log4shell", 1, "attack"),
    "a passage": lambda knowledge: knowledge.get("T1190"),
    "no passage": lambda knowledge: knowledge.get("T9999"),
}


class Forgetful(KnowledgeFake):
    """A knowledge base from which everything was removed."""

    passages: dict[str, Passage] = {}  # noqa: RUF012 - never changed


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_an_answer_is_the_same_after_the_knowledge_has_changed(ask: Callable[[RecordingKnowledge], Any]) -> None:
    host = RecordingHost(HostFake())
    first = ask(RecordingKnowledge(KnowledgeFake(), host))
    replay = RecordingKnowledge(Forgetful(), RecordingHost(RecordedHost(host.records)))
    assert ask(replay) == first == ask(RecordingKnowledge(KnowledgeFake(), RecordingHost(HostFake())))


def test_every_question_to_the_knowledge_has_its_own_record() -> None:
    host = RecordingHost(HostFake())
    for ask in QUESTIONS.values():
        ask(RecordingKnowledge(KnowledgeFake(), host))
    assert len(host.records) == len(QUESTIONS)


def test_a_recording_from_before_hears_the_present_knowledge() -> None:
    old = RecordingKnowledge(KnowledgeFake(), RecordingHost(RecordedHost({"services": "{}"})))
    assert [passage.id for passage in old.search("log4shell", 1)] == ["T1190"]
    assert old.get("T1190") == KnowledgeFake.passages["T1190"]
    assert old.get("T9999") is None


def test_a_knowledge_base_that_failed_fails_again() -> None:
    class Broken(KnowledgeFake):
        def search(self, query: str, k: int = 5, base: str = "") -> list[Passage]:
            raise OSError("the file is gone")

    host = RecordingHost(HostFake())
    with pytest.raises(OSError, match="gone"):
        RecordingKnowledge(Broken(), host).search("log4shell")
    with pytest.raises(RepeatedFailureError, match="OSError"):
        RecordingKnowledge(KnowledgeFake(), RecordingHost(RecordedHost(host.records))).search("log4shell")


def test_playbooks_are_those_of_the_knowledge() -> None:
    knowledge = RecordingKnowledge(KnowledgeFake(), RecordingHost(HostFake()))
    assert knowledge.playbook("web_exploit") is not None
    assert knowledge.playbook("none") is None
