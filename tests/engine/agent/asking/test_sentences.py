"""The sentences that answer are found by the rare words they share with the question."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.agent.asking.sentences import best_sentences, split, words_of

BRUTE = "Adversaries guess passwords. Mitigation: lock an account after failed logins! It is noisy."
TUNNEL = "DNS can carry other traffic. Detection: look for long labels in DNS queries."


def test_the_sentence_with_the_words_of_the_question_comes_first() -> None:
    found = best_sentences("how do I mitigate failed logins?", [TUNNEL, BRUTE], 3)
    assert (found[0].text, found[0].place) == ("Mitigation: lock an account after failed logins!", 1)


def test_endings_do_not_hide_a_word() -> None:
    assert words_of("detecting queries") == words_of("detected query") == words_of("detection, query")


def test_a_chinese_question_finds_chinese_sentences_and_english_ones_by_their_terms() -> None:
    chinese = "暴力破解会锁定账户。请检查失败的登录。"
    assert best_sentences("失败的登录怎么检查", [chinese], 1)[0].text == "请检查失败的登录。"
    assert best_sentences("如何检测隧道", [BRUTE, TUNNEL], 1)[0].place == 1


def test_of_texts_without_a_shared_word_the_first_sentences_come() -> None:
    found = best_sentences("什么", [BRUTE, TUNNEL], 5)
    assert [one.text for one in found] == ["Adversaries guess passwords.", "DNS can carry other traffic."]


def test_no_text_holds_more_than_its_share() -> None:
    found = best_sentences("login", ["A login. B login. C login. D login.", "Another login."], 9, each=2)
    assert [one.place for one in found].count(0) == 2


def test_a_sentence_that_shares_a_common_word_only_is_left_out() -> None:
    texts = ["Call 4711 when the shop is attacked.", "Programs call other programs by name."]
    assert [one.place for one in best_sentences("who do I call when the shop is attacked?", texts, 5)] == [0]


def test_abbreviations_and_versions_do_not_end_a_sentence() -> None:
    assert split("Update to v2.17.1 e.g. from the vendor. Then restart.") == [
        "Update to v2.17.1 e.g. from the vendor.",
        "Then restart.",
    ]


@given(st.text(max_size=80), st.lists(st.text(max_size=200), max_size=4))
def test_any_text_can_be_asked_of_any_text(question: str, texts: list[str]) -> None:
    for one in best_sentences(question, texts, 4):
        assert 0 <= one.place < len(texts)
