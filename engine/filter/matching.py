"""A filter put to the nouns of the engine: which of them it lets through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, inet_pton
from typing import Any

from engine.filter.kinds import KINDS, Kind
from engine.filter.pattern import Pattern
from engine.filter.tree import And, Everything, Node, Not, Or, Term
from engine.filter.vocabulary import FIELDS, WORTH, Takes, network, span
from engine.types import Severity

REMEMBERED = 65_536
"""Answers that one term keeps, by value: hosts and names repeat."""

Test = Callable[[Any], bool]
Sieve = Callable[[Sequence[Any]], list[Any]]

_ADDRESS_SIGNS = frozenset("0123456789abcdef.:/")
"""What addresses and ports are written with."""

_COMPARES: dict[str, Callable[[float, float, float], bool]] = {
    ">": lambda value, _, high: value > high,
    ">=": lambda value, low, _: value >= low,
    "<": lambda value, low, _: value < low,
    "<=": lambda value, _, high: value <= high,
}


class Filter:
    """A filter that was read; equal to another that says the same in the same order."""

    def __init__(self, tree: Node) -> None:
        self.tree = tree
        self._tests: dict[type, Test] = {}

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return not isinstance(self.tree, Everything)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and other.tree == self.tree

    def __hash__(self) -> int:
        return hash(self.tree)

    def __str__(self) -> str:
        """Return the filter as it is typed."""
        return str(self.tree)

    def over(self, kind: Kind) -> Test:
        """Return the filter as a test of one kind of thing; a field which the kind does not have matches nothing."""
        return _test(self.tree, kind)

    def lacking(self, kind: Kind) -> list[str]:
        """Return the fields that it asks for and a kind of thing does not have, in order and once each."""
        return [name for name in dict.fromkeys(_fields(self.tree)) if name not in kind]

    def sieve(self, kind: Kind) -> Sieve:
        """Return the filter as what picks, of many things of one kind, those that pass: at a third of the price."""
        return _sieve(self.tree, kind)

    def matches(self, item: object) -> bool:
        """Whether it lets a noun of the engine through, by what the noun itself tells."""
        of = type(item)
        if of not in self._tests:
            self._tests[of] = self.over(KINDS.get(of, {}))
        return self._tests[of](item)


def _test(node: Node, kind: Kind) -> Test:
    match node:
        case Not(of):
            refused = _test(of, kind)
            return lambda item: not refused(item)
        case And(parts):
            return reduce(_both, [_test(part, kind) for part in parts])
        case Or(parts):
            return reduce(_either, [_test(part, kind) for part in parts])
        case Term():
            return _term(node, kind)
        case _:
            return lambda _: True


def _fields(node: Node) -> Iterator[str]:
    match node:
        case Not(of):
            yield from _fields(of)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _fields(part)
        case Term() if node.field:
            yield node.field


def _sieve(node: Node, kind: Kind) -> Sieve:
    match node:
        case Not(of):
            return _unlike(_sieve(of, kind))
        case And(parts):
            return _all_of([_sieve(part, kind) for part in parts])
        case Or(parts):
            return _any_of([_sieve(part, kind) for part in parts])
        case Term():
            return _of_term(node, kind)
        case _:
            return list


def _all_of(sieves: Sequence[Sieve]) -> Sieve:
    def pick(items: Sequence[Any]) -> list[Any]:
        left = list(items)
        for sieve in sieves:
            left = sieve(left)
        return left

    return pick


def _unlike(sieve: Sieve) -> Sieve:
    def pick(items: Sequence[Any]) -> list[Any]:
        refused = set(map(id, sieve(items)))
        return [item for item in items if id(item) not in refused]

    return pick


def _any_of(sieves: Sequence[Sieve]) -> Sieve:
    def pick(items: Sequence[Any]) -> list[Any]:
        passed = {id(item) for sieve in sieves for item in sieve(items)}
        return [item for item in items if id(item) in passed]

    return pick


def _of_term(term: Term, kind: Kind) -> Sieve:
    text = term.value.casefold()
    plain = not term.field and not term.pattern
    # No address has such a sign in it: the words are looked through alone.
    read = kind.get("words") if plain and not _ADDRESS_SIGNS.issuperset(text) else None
    read = read or kind.get(term.field or "text")
    if read is None:
        return lambda _: []
    if plain:
        return lambda items: [item for item in items if text in read(item).casefold()]
    if not term.field:
        return partial(_passing, _term(term, kind))
    if FIELDS.get(term.field) is Takes.NUMBER and not _COMPARES.get(term.operator):
        low, high = span(term.value)
        if low == high:
            return lambda items: [item for item in items if low in read(item)]
    answer = _Answers(_check(term)).__getitem__
    if begins := _begins_of(term):
        return _beginning(begins, answer, read)
    return lambda items: [item for item in items if True in map(answer, read(item))]


def _begins_of(term: Term) -> str:
    """Return how every address of an IPv4 network of whole octets begins, and no other; else nothing."""
    if FIELDS.get(term.field) is not Takes.ADDRESS or term.pattern:
        return ""
    begins, is_whole = _begins(network(term.value))
    return begins if is_whole else ""


def _beginning(begins: str, answer: Callable[[Any], bool], read: Callable[[Any], Sequence[str]]) -> Sieve:
    """Return what picks by how addresses begin; a prefix may have one in common and begin otherwise."""
    start = f" {begins}"

    def pick(items: Sequence[Any]) -> list[Any]:
        return [
            item
            for item in items
            if start in (text := f" {' '.join(values := read(item))}")  # looked through at once: half of the time
            or ("/" in text and True in map(answer, values))
        ]

    return pick


def _passing(test: Test, items: Sequence[Any]) -> list[Any]:
    return list(filter(test, items))


class _Answers(dict[Any, bool]):
    """What a term says to the values of a field, worked out once for all things that have the same one."""

    def __init__(self, check: Callable[[Any], bool]) -> None:
        super().__init__()
        self._check = check

    def __missing__(self, value: Any) -> bool:
        if len(self) >= REMEMBERED:
            self.clear()
        answer = self[value] = self._check(value)
        return answer


def _both(one: Test, other: Test) -> Test:
    return lambda item: one(item) and other(item)


def _either(one: Test, other: Test) -> Test:
    return lambda item: one(item) or other(item)


def _term(term: Term, kind: Kind) -> Test:
    read = kind.get(term.field or "text")
    if read is None:
        return lambda _: False
    if not term.field and not term.pattern:
        text = term.value.casefold()
        return lambda item: text in read(item).casefold()
    check = _check(term)
    if not term.field:
        return lambda item: any(check(part) for part in read(item).split("\n"))
    return _remembering(check, read)


def _remembering(check: Callable[[Any], bool], read: Callable[[Any], Iterable[Any]]) -> Test:
    known: dict[Any, bool] = {}

    def test(item: Any) -> bool:
        for value in read(item):
            answer = known.get(value)
            if answer is None:
                if len(known) >= REMEMBERED:
                    known.clear()
                answer = known[value] = check(value)
            if answer:
                return True
        return False

    return test


def _check(term: Term) -> Callable[[Any], bool]:
    takes = FIELDS.get(term.field, Takes.TEXT)
    if term.pattern:
        return Pattern(term.value).found_in
    if takes is Takes.ADDRESS:
        return _address(term.value)
    if takes is Takes.NUMBER:
        return _number(term.operator, *span(term.value))
    if takes is Takes.SEVERITY:
        rank = WORTH[term.value.lower()].rank
        compare = _number(term.operator, rank, rank)
        ranks = {severity: compare(severity.rank) for severity in Severity}
        return lambda severity: ranks.get(severity, False)
    text = term.value.casefold()
    return (lambda value: value.casefold() == text) if term.operator == "=" else lambda value: text in value.casefold()


def _number(operator: str, low: float, high: float) -> Callable[[float], bool]:
    compare = _COMPARES.get(operator)
    return (lambda value: compare(value, low, high)) if compare else lambda value: low <= value <= high


def _number_of(address: str) -> int:
    """Return an IPv4 address as a number, -1 for what is none."""
    try:
        return int.from_bytes(inet_pton(AF_INET, address), "big")
    except (OSError, UnicodeError, ValueError):
        return -1


def _begins(wanted: IPv4Network | IPv6Network) -> tuple[str, bool]:
    """Return how the addresses of an IPv4 network begin, and whether no others do."""
    octets = str(wanted.network_address).split(".")[: wanted.prefixlen // 8]
    begins = "".join(f"{octet}." for octet in octets) if wanted.version == 4 and wanted.prefixlen < 32 else ""
    return begins, wanted.prefixlen % 8 == 0


def _address(text: str) -> Callable[[str], bool]:
    """Return a test of addresses and prefixes: whether they and this one have an address in common."""
    wanted = network(text)
    begins, whole = _begins(wanted)
    low = int(wanted.network_address)
    high = int(wanted.broadcast_address)

    def check(value: str) -> bool:
        # Most addresses are told apart by how they begin, at a tenth of the price.
        if begins and "/" not in value and (whole or not value.startswith(begins)):
            return value.startswith(begins)
        if wanted.version == 4 and "." in value and "/" not in value:
            return low <= _number_of(value) <= high
        try:
            found = network(value)
        except ValueError:
            return False
        return found.version == wanted.version and low <= int(found.broadcast_address) and int(found[0]) <= high

    return check
