"""What the host answered is answered again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine import paths
from engine.agent.case import HostFacts
from engine.agent.recorded import RecordedHost, RecordingHost, RepeatedFailureError
from engine.agent.tools import Answer, Result, Toolbox
from engine.types import Finding, ProcessFacts, Services
from tests.engine.agent.cases import TARGET, HostFake, KnowledgeFake, case, flow

QUESTIONS: dict[str, Callable[[HostFacts], Any]] = {
    "socket owner": lambda host: host.socket_owner(flow().five_tuple),
    "process": lambda host: host.process(4242, 1000.5),
    "services": lambda host: host.services(),
    "logins": lambda host: host.logins(TARGET),
    "program file": lambda host: host.program_file(4242, 1000.5),
    "persistence": lambda host: host.persistence(),
    "address": lambda host: host.address(TARGET),
    "past incidents": lambda host: host.past_incidents(TARGET),
}
DEMO = paths.ROOT / "aegis_tui/demo/attack.host.json"


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_recorded_answers_equal_the_first_ones(ask: Callable[[HostFacts], Any]) -> None:
    host = RecordingHost(HostFake(cmdline=("java", "\udcff\x1b"), sockets=("tcp a -> b LISTEN",)))
    first = ask(host)
    assert ask(RecordedHost(host.records)) == first


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_what_was_never_asked_is_not_recorded(ask: Callable[[HostFacts], Any]) -> None:
    assert ask(RecordedHost()).finding is Finding.NOT_RECORDED


class Changing(HostFake):
    """A host on which every look finds something else, and that cannot tell of its services."""

    looks = 0

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return facts that were never there before."""
        self.looks += 1
        return ProcessFacts(Finding.FOUND, pid, sockets=(f"socket {self.looks}",))

    def services(self) -> Services:
        """Raise."""
        raise TimeoutError


def _told(host: HostFacts) -> list[tuple[Result, str]]:
    """What a model is told where two tools ask the same, and one breaks."""
    tools = Toolbox(case(), host, KnowledgeFake(), "n" * 12)
    tools._inquiry.learn(5)
    calls = [("analyze_process_behavior", {"pid": 5}), ("process_sockets", {"pid": 5}), ("listening_services", {})]
    answers = [tools.call(name, arguments) for name, arguments in [*calls, *calls]]
    return [(answer.result, answer.text) for answer in answers]


def test_a_host_that_changes_or_fails_meanwhile_is_repeated_as_it_was() -> None:
    host = RecordingHost(Changing())
    first = _told(host)
    assert _told(RecordedHost(host.records)) == first
    assert first[2] == (Result.FAILED, "failed: TimeoutError. Conclude nothing from it.")


def test_an_answer_that_comes_when_nobody_waits_any_more_is_none_in_a_replay_either() -> None:
    class Late(HostFake):
        def services(self) -> Services:
            host.abandon()
            return super().services()

    host = RecordingHost(Late())
    host.services()
    with pytest.raises(RepeatedFailureError, match="TimeoutError"):
        host.services()
    with pytest.raises(RepeatedFailureError, match="TimeoutError"):
        RecordedHost(host.records).services()


def test_a_call_that_took_too_long_fails_in_a_replay_with_the_same_words() -> None:
    class Slow(HostFake):
        def services(self) -> Services:
            given_up.append(tools.give_up("listening_services"))
            return super().services()

    given_up: list[Answer] = []
    host = RecordingHost(Slow())
    tools = Toolbox(case(), host, KnowledgeFake(), "n" * 12)
    tools.call("listening_services", {})
    replay = Toolbox(case(), RecordedHost(host.records), KnowledgeFake(), "n" * 12)
    assert [replay.call("listening_services", {})] == given_up


def test_a_question_without_an_answer_yet_comes_to_nothing_in_a_replay() -> None:
    class Asked(HostFake):
        def services(self) -> Services:
            with pytest.raises(RepeatedFailureError):
                RecordedHost(dict(host.records)).services()
            return super().services()

    host = RecordingHost(Asked())
    host.services()
    assert RecordedHost(host.records).services() == HostFake().services()


def test_a_tool_of_the_user_s_that_failed_fails_again() -> None:
    def broken() -> str:
        raise OSError("no network")

    host = RecordingHost(HostFake())
    with pytest.raises(OSError, match="no network"):
        host.remembered("user_tool x", broken)
    with pytest.raises(RepeatedFailureError, match="OSError"):
        RecordedHost(host.records).remembered("user_tool x", lambda: "asked again")


def test_every_question_has_its_own_record() -> None:
    host = RecordingHost(HostFake())
    for ask in QUESTIONS.values():
        ask(host)
    assert len(host.records) == len(QUESTIONS)


def test_recordings_of_the_demo_still_answer() -> None:
    answers = json.loads(DEMO.read_text(encoding="utf-8"))["answers"]
    host = RecordedHost(answers)
    asked = next(question for question in answers if question.startswith("process "))
    _, pid, start_time = asked.split()
    facts = host.process(int(pid), float(start_time))
    assert isinstance(facts, ProcessFacts)
    assert (facts.finding, facts.pid) == (Finding.FOUND, int(pid))
