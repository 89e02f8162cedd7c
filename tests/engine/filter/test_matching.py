"""What a filter lets through."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.filter import Filter, parse
from engine.filter.kinds import KINDS, flows, incidents
from engine.filter.tree import And, Node, Not, Or
from engine.types import Alert, Block, BlockState, Disposition, Flow, LibraryEntry, Origin, Processes, Severity
from tests.aegis_tui import scenario
from tests.engine.filter.trees import ADDRESSES, NAMES, naive, trees
from tests.factories import alert, detection, five_tuple, flow, incident

_chance = random.Random(7)


def _alert() -> Alert:
    ends = five_tuple(_chance.choice(ADDRESSES), _chance.choice((22, 40000)), _chance.choice(ADDRESSES), 443)
    found = detection(score=_chance.choice((0.2, 0.5, 0.9, 1.0)), severity=_chance.choice(list(Severity)))
    return alert(flow=flow(ends, name=_chance.choice(NAMES), app=_chance.choice(("http", ""))), detection=found)


ALERTS = [_alert() for _ in range(60)]


@given(trees)
def test_it_agrees_with_a_naive_reading(tree: Node) -> None:
    test = Filter(tree)
    assert [test.matches(one) for one in ALERTS] == [naive(tree, one) for one in ALERTS]


@given(trees)
def test_many_things_are_sifted_as_each_is_tested(tree: Node) -> None:
    every = [one.flow for one in ALERTS]
    kind = flows({flow.id: 0.5 for flow in every[::2]}, {one.flow.id: one for one in ALERTS[::3]})
    passes = Filter(tree).over(kind)
    assert Filter(tree).sieve(kind)(every) == [flow for flow in every if passes(flow)]


@pytest.mark.parametrize("word", ["203.0.113", ":443", "shop", "cafe", "40000", "est", "http", "tcp"])
def test_a_word_is_found_wherever_it_stands(word: str) -> None:
    every = [one.flow for one in ALERTS]
    passes = parse(word).over(flows({}, {}))
    assert parse(word).sieve(flows({}, {}))(every) == [flow for flow in every if passes(flow)]


@pytest.mark.parametrize(
    "prefix", ["203.0.0.0/16", "203.0.113.0/24", "10.0.0.0/8", "203.0.112.0/20", "203.0.113.9", "2001:db8::/32"]
)
def test_blocked_prefixes_that_share_an_address_are_sifted_as_each_is_tested(prefix: str) -> None:
    prefixes = (
        "203.0.113.9/32",
        "203.0.0.0/8",
        "203.0.113.0/24",
        "0.0.0.0/0",
        "203.1.0.0/16",
        "2001:db8::/48",
        "10.1.0.0/16",
    )
    every = [Block(one, BlockState.LIVE, ("eth0",), 1.0, 0, 0, 0.0) for one in prefixes]
    found = parse(f"ip:{prefix}")
    passed = [block.prefix for block in found.sieve(KINDS[Block])(every)]
    wanted = ip_network(prefix)
    networks = [ip_network(one, strict=False) for one in prefixes]
    assert passed == [
        one for one, of in zip(prefixes, networks, strict=True) if of.version == wanted.version and of.overlaps(wanted)
    ]


@given(trees, trees)
def test_the_laws_of_and_or_and_not_hold(one: Node, other: Node) -> None:
    both, either = Filter(And((one, other))), Filter(Or((one, other)))
    for item in ALERTS[:20]:
        left, right = Filter(one).matches(item), Filter(other).matches(item)
        assert both.matches(item) is (left and right)
        assert either.matches(item) is (left or right)
        assert Filter(Not(one)).matches(item) is not left
        assert Filter(Not(And((one, other)))).matches(item) is Filter(Or((Not(one), Not(other)))).matches(item)


BEHIND = Processes.named_in(
    ['{"comm": "java", "exe": "/usr/bin/java", "pid": 8901, "user": "shop"}', '{"comm": "java", "pid": 8901}']
)
JUDGED = incident(disposition=Disposition.TRUE_POSITIVE)
ENTRY = LibraryEntry(incident(), "web_exploit", "malicious", Origin.LIVE, "live", BEHIND)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("src:203.0.113.0/24 port:8080 app:http state:est", flow()),
        ("ip:2001:db8::/32", flow(five_tuple("2001:db8::9"))),
        ("port:8000-9000 port>=8080 port<40001", flow()),
        ("sev>=high det:log4shell attack:t1190 dir:in score>.9 class:exploit", alert()),
        ("id:INC-0123 !state:closed", alert()),
        ("name:/SHOP\\.ex/", alert()),
        ("state:open ip:203.0.113.9 sev=critical", incident()),
        ("sev>=high state:undetermined", incident()),
        ("state=undetermined state:malicious !state:true", ENTRY),
        ('state:true_positive state:true-positive state="true positive" !state:open', JUDGED),
        ("state:malicious state:open", scenario.incident_view()),
        ("ip:198.51.100.0/24 user:pts/0 state:live", scenario.block()),
        ("state:pending ip:203.0.113.9 payload", scenario.proposal()),
        ("proc:java pid:8901 user:shop port:8080", scenario.incident_view()),
        ("proc:jav pid:8901 user=shop class:web state:malicious", ENTRY),
        ("sev:crit attack:T1105 state:malicious", scenario.verdict()),
        ("connection refused", scenario.fault()),
        ("", flow()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_noun_answers_its_fields(text: str, item: object) -> None:
    assert parse(text).matches(item)


@pytest.mark.parametrize("text", ["pid:1", "user:root", "src:0.0.0.0/0", "port>0", "score>=0", "proc:/.*/"])
def test_a_field_that_a_noun_does_not_have_matches_nothing(text: str) -> None:
    assert not parse(text).matches(incident())
    assert parse(f"!{text}").matches(incident())


def test_a_flow_answers_for_its_score_and_its_alert_where_these_are_known() -> None:
    known: Flow = flow()
    kind = flows({known.id: 0.93}, {known.id: alert()})
    assert parse("score>.9 sev:critical det:rules dir:in").over(kind)(known)
    assert not parse("score>.9").matches(known)
    assert not parse("score>=0").over(kind)(replace(known, id="another"))


def test_an_incident_answers_for_the_processes_that_the_host_named_behind_it() -> None:
    one, other = incident(), incident(id="INC-other")
    kind = incidents(lambda _: "", {one.id: BEHIND})
    wanted = parse("proc:/^java$/ pid:8901 user:shop").over(kind)
    assert (wanted(one), wanted(other)) == (True, False)
    assert parse("proc:java").lacking(kind) == []


@pytest.mark.parametrize("content", ["", "[", "[1]", "null", '{"pid": true, "comm": 7, "user": ["root"], "exe": {}}'])
def test_what_is_no_record_of_a_process_names_none(content: str) -> None:
    assert Processes.named_in([content]) == Processes()


def test_a_filter_tells_which_of_its_fields_a_kind_does_not_have() -> None:
    wanted = parse("zebra (pid:1 or !proc:sh) pid:2 port:22")
    assert wanted.lacking(flows({}, {})) == ["pid", "proc"]
    assert parse("").lacking({}) == []


def test_a_block_of_a_prefix_matches_an_address_inside_it() -> None:
    assert parse("ip:198.51.100.7").matches(scenario.block(prefix="198.51.100.0/24"))
    assert not parse("ip:198.51.101.7").matches(scenario.block(prefix="198.51.100.0/24"))


@given(st.text(max_size=40))
def test_no_captured_text_breaks_a_test(hostile: str) -> None:
    item = alert(flow=flow(name=hostile, app=hostile))
    for text in ("name:x", "/(a|b)+c/", "app=http", "name:/^[^a-z]*$/", "x or y"):
        parse(text).matches(item)
