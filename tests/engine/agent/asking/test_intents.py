"""What a question asks is told by its words, in English and in Chinese."""

from __future__ import annotations

import pytest

from engine.agent.asking import records
from engine.agent.asking.intents import MOST, intents_of


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("Who is the attacker?", records.told_who),
        ("which ip did this come from", records.told_who),
        ("谁在攻击我们？", records.told_who),
        ("When did it start?", records.told_when),
        ("什么时候发生的？", records.told_when),
        ("What happened?", records.told_what),
        ("Summarise this incident", records.told_what),
        ("发生了什么？", records.told_what),
        ("Was it blocked?", records.told_blocked),
        ("这个地址被封禁了吗？", records.told_blocked),
        ("Which process is behind it?", records.told_process),
        ("是哪个进程？", records.told_process),
        ("What should I do now?", records.told_actions),
        ("我该怎么办？", records.told_actions),
        ("Why is this benign?", records.told_verdict),
        ("为什么判定为误报？", records.told_verdict),
        ("Which techniques were used?", records.told_techniques),
        ("用了哪些技术？", records.told_techniques),
        ("Did it succeed?", records.told_outcome),
        ("did the attack succeed?", records.told_outcome),
        ("did it work", records.told_outcome),
        ("Was the attack successful?", records.told_outcome),
        ("were we hacked?", records.told_outcome),
        ("did they get in?", records.told_outcome),
        ("攻击成功了吗", records.told_outcome),
        ("我们被入侵了吗？", records.told_outcome),
        ("What was not checked?", records.told_missing),
        ("有哪些步骤未执行？", records.told_missing),
        ("What was in the payload?", records.told_payload),
        ("List the IOCs", records.told_indicators),
    ],
)
def test_a_question_has_its_intent(question: str, intent: object) -> None:
    assert intents_of(question)[0] is intent


def test_a_question_may_ask_two_things_and_no_more() -> None:
    found = intents_of("who did what when and why, which process, what should I do, was it blocked?")
    assert len(found) == MOST


@pytest.mark.parametrize(
    "question",
    [
        "lateral movement over SMB",
        "who do I call when the shop is attacked?",
        "how does password spraying work",
        "signs of a compromised host",
    ],
)
def test_a_question_about_something_else_has_none(question: str) -> None:
    assert intents_of(question) == []
