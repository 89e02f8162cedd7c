"""Filters made by chance, and a second, naive opinion on what they let through."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from hypothesis import strategies as st

from engine.filter.tree import And, Node, Not, Or, Term
from engine.types import Alert, Flow, Severity

NAMES = ("", "shop.local", "API.example", "a b", 'quo"te', "päckchen", "or")
ADDRESSES = ("192.0.2.10", "203.0.113.9", "198.51.100.7", "2001:db8::9", "10.1.2.3")
WORTH = {"low": Severity.LOW, "high": Severity.HIGH, "critical": Severity.CRITICAL}
ORDERS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    "=": lambda one, other: one == other,
    ":": lambda one, other: one == other,
}

_texts = st.sampled_from((*NAMES[1:], "http", "tcp", "203.0.113", "not", "a\\b", "/x/"))
_addresses = st.sampled_from((*ADDRESSES, "203.0.113.0/24", "10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"))
_leaves = st.one_of(
    st.builds(Term, st.just(""), st.just(":"), _texts),
    st.builds(Term, st.sampled_from(("app", "name", "state", "det")), st.sampled_from((":", "=")), _texts),
    st.builds(Term, st.sampled_from(("src", "dst", "ip")), st.just(":"), _addresses),
    st.builds(Term, st.just("port"), st.sampled_from(tuple(ORDERS)), st.sampled_from(("22", "443", "40000"))),
    st.builds(Term, st.just("score"), st.sampled_from(tuple(ORDERS)), st.sampled_from((".5", "0.9", "1"))),
    st.builds(Term, st.just("sev"), st.sampled_from(tuple(ORDERS)), st.sampled_from(tuple(WORTH))),
    st.builds(Term, st.just("name"), st.just(":"), st.sampled_from(("a.*e", "^shop", "l$", "a/b")), st.just(True)),
)


def _joined(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    many = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, parts), st.builds(And, many), st.builds(Or, many))


trees: st.SearchStrategy[Node] = st.recursive(_leaves, _joined, max_leaves=8)


def naive(node: Node, alert: Alert) -> bool:
    """Whether an alert matches, thought out again without any of the program's ways."""
    if isinstance(node, Not):
        return not naive(node.of, alert)
    if isinstance(node, And):
        return all(naive(part, alert) for part in node.parts)
    if isinstance(node, Or):
        return any(naive(part, alert) for part in node.parts)
    assert isinstance(node, Term)
    return _naive_term(node, alert, alert.flow)


def _naive_term(term: Term, alert: Alert, flow: Flow) -> bool:
    ends = flow.five_tuple
    addresses = {"src": [ends.src_ip], "dst": [ends.dst_ip], "ip": [ends.src_ip, ends.dst_ip]}
    if term.field in addresses:
        return any(ip_address(one) in ip_network(term.value, strict=False) for one in addresses[term.field])
    order = ORDERS[term.operator]
    if term.field == "port":
        return order(ends.src_port, int(term.value)) or order(ends.dst_port, int(term.value))
    if term.field == "score":
        return order(alert.detection.score, float(term.value))
    if term.field == "sev":
        return order(alert.detection.severity.rank, WORTH[term.value].rank)
    return any(_naive_text(term, text) for text in _texts_of(term.field, alert, flow))


def _naive_text(term: Term, text: str) -> bool:
    if term.pattern:
        return re.search(term.value, text, re.IGNORECASE) is not None
    one, other = term.value.casefold(), text.casefold()
    return one == other if term.operator == "=" else one in other


def _texts_of(field: str, alert: Alert, flow: Flow) -> list[str]:
    ends, found = flow.five_tuple, alert.detection
    texts = {
        "app": [flow.app or ends.proto],
        "name": [flow.name],
        "state": [flow.state.value],
        "det": [found.detector, found.label],
    }
    own = [found.severity.value, found.label, found.reason, alert.incident_id, alert.id, flow.id, ends.proto]
    where = [f"{ends.src_ip}:{ends.src_port}", f"{ends.dst_ip}:{ends.dst_port}"]
    return texts.get(field) or [*where, flow.app, flow.name, flow.state.value, *own]
