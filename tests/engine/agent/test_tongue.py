"""The program's words are translated; what others wrote never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agent.tongue import Pattern, Tongue

ZH = Tongue("zh")
RULE = "The request carries a script URL"


def test_english_is_said_as_it_is_written() -> None:
    assert Tongue().say("{~conclusion}, severity {~severity}, at {at}", conclusion="a", severity="b", at=1) == (
        "a, severity b, at 1"
    )
    assert Tongue().retold(RULE) == RULE


def test_a_value_is_translated_only_where_the_phrase_says_so() -> None:
    phrase = "{at} {id} {detector} {label} ({~severity})"
    said = ZH.say(phrase, at="high", id="high", detector="high", label="high", severity="high")
    assert said == "high high high high（高）"


def test_a_sentence_with_a_sentence_in_it_is_retold() -> None:
    told = ZH.retold(f"web.rule (high, rules), 2 times: {RULE}")
    assert told == "web.rule（高，rules），2 次：请求携带脚本 URL"


def test_captured_text_in_a_sentence_stays() -> None:
    assert ZH.retold("Process 7 runs malicious as high.") == "进程 7 以 high 身份运行 malicious。"


def test_an_unknown_sentence_stays_in_english() -> None:
    assert ZH.retold("Isolate the host, then rebuild it.") == "Isolate the host, then rebuild it."
    assert ZH.retold("a.rule (high, own), 1 time: My own rule.") == "a.rule（高，own），1 次：My own rule."


@pytest.mark.parametrize(
    ("title", "chinese"),
    [
        ("Brute force", "暴力破解"),
        ("Log4Shell, then path traversal", "Log4Shell，随后 目录遍历"),
        ("Scan, then exploit, then mining and 2 more", "扫描，随后 漏洞利用，随后 挖矿，另有 2 种"),
    ],
)
def test_titles_are_retold(title: str, chinese: str) -> None:
    assert ZH.retold(title) == chinese


def test_a_step_is_known_without_its_full_stop() -> None:
    told = ZH.retold("Find the service under attack: no tool serves this step")
    assert told == "找到遭受攻击的服务：没有工具可执行此步骤"


def test_a_language_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="en and zh"):
        Tongue("fr")


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([" (", ", ", "), ", " times: ", "{~x}", "{", "high"])).map("".join)
)
def test_any_text_can_be_retold(text: str) -> None:
    assert isinstance(ZH.retold(text), str)


@pytest.mark.parametrize("unit", ["((((", ", then ", " (, ), times: ", "and 1 more"])
def test_a_text_made_of_separators_is_read_once(unit: str) -> None:
    text = (unit * 2000)[:2000]
    assert len(ZH.retold(text)) <= 4 * len(text)


def test_a_pattern_finds_what_stands_in_its_places() -> None:
    pattern = Pattern("{a} (of {~b}): {!c}.")
    assert pattern.match("x (of y): z: (of w).") == {"a": "x", "b": "y", "c": "z: (of w)"}
    assert pattern.required == ("c",)
    assert pattern.match("x (of y)") is None
