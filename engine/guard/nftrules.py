"""The text of the nftables table ``netdev aegis``: what is written into it, and what is read out of it.

Blocks stand in hash sets, one for each direction, IP version, prefix length and effect, because an interval
set refuses prefixes that overlap. A key is the interface's name and the masked address, so that a block
drops where it was approved and nowhere else; a time-out ends it with no process of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

TABLE = "netdev aegis"
LAYOUT = 1
ARMED = "armed"
"""A set that is there while blocking is not halted; every write of a block needs it."""
HEART, SSH = "heart", "ssh"
ALLOW = {4: "allow4", 6: "allow6"}
WIDTH = {4: 32, 6: 128}
INGRESS, EGRESS = "ingress", "egress"
_SAME_NS = 500_000_000
"""A kernel deadline this close to the one asked for is the same."""
_PRIORITY = -500
"""Before every other chain that is likely to stand there."""

_BITS = {4: "@nh,96,32", 6: "@nh,64,128"}
_SOURCE, _DESTINATION = {4: 96, 6: 64}, {4: 128, 6: 192}
"""Where the addresses stand, in bits from the start of the IP header."""
_TAG = 32
"""Bits of a VLAN tag that stand between the network header and the IP header."""

_BLOCK = re.compile(r"^\t(set|map|chain) (\S+) \{\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_OWN = re.compile(rf"^table {TABLE} \{{\n(.*?)^\}}", re.MULTILINE | re.DOTALL)
_ELEMENT = r'"([^"]*)" \. 0x({})\b([^,}}"]*(?:"[^"]*")?)'
_COUNTED = re.compile(r"counter packets (\d+) bytes (\d+)")
_EXPIRES = re.compile(r"expires (\w+)")
_COMMENT = re.compile(r'comment "(\d+) (\d+)"')
_SPAN = re.compile(r"(\d+)(ms|[wdhms])")
_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_VALUE = re.compile(r"0x([0-9a-f]+)(?:-0x([0-9a-f]+))?")
_HOOK = re.compile(rf'type filter hook ({INGRESS}|{EGRESS}) device "([^"]*)"')
_MARKER = re.compile(r"layout_\d+")


class ElementSet(NamedTuple):
    """A set of blocked prefixes of one length."""

    direction: str
    """``in`` looks at sources, ``out`` at destinations."""
    version: int
    length: int
    count_only: bool

    @property
    def name(self) -> str:
        return f"{self.direction}{self.version}_{self.length}_{'watch' if self.count_only else 'drop'}"

    @classmethod
    def parse(cls, name: str) -> ElementSet | None:
        """Return the set of this name, or nothing when it is none of blocks."""
        found = re.fullmatch(r"(in|out)([46])_(\d{1,3})_(watch|drop)", name)
        if found is None or int(found[3]) > WIDTH[int(found[2])]:
            return None
        return cls(found[1], int(found[2]), int(found[3]), found[4] == "watch")


class Element(NamedTuple):
    """One element as nft lists it."""

    place: ElementSet
    iface: str
    prefix: str
    packets: int = 0
    bytes: int = 0
    entry_id: int = 0
    deadline_ns: int = 0
    """What was asked for, on the boot clock; 0 for never."""
    due_ns: int = 0
    """What the kernel keeps to, as asked for where the two agree: its time-outs stand still during suspend."""


class Ruleset(NamedTuple):
    """What ``nft list`` says of our table."""

    sets: frozenset[str]
    hooks: frozenset[tuple[str, str]]
    """Hook and interface of each base chain."""
    rules: Mapping[str, int]
    """How many rules each chain has."""
    elements: tuple[Element, ...]
    dormant: bool

    @property
    def exists(self) -> bool:
        return bool(self.sets or self.rules)

    @property
    def markers(self) -> list[str]:
        """The sets that say which layout a table of ours has."""
        return sorted(name for name in self.sets if _MARKER.fullmatch(name))


def marker() -> str:
    return f"layout_{LAYOUT}"


def places(prefix: str, count_only: bool) -> list[ElementSet]:
    network = ip_network(prefix)
    return [ElementSet(way, network.version, network.prefixlen, count_only) for way in ("in", "out")]


# --- writing


def create_table(armed: bool) -> list[str]:
    """Return what makes the table and the sets that are always there."""
    lines = [f"add table {TABLE}", _plain_set(marker())]
    lines += [_plain_set(ARMED)] if armed else []
    lines += [f"add set {TABLE} {HEART} {{ type ether_type; flags timeout; }}"]
    lines += [f"add set {TABLE} {SSH} {{ typeof @nh,160,16; }}"]
    lines += [
        f"add set {TABLE} {name} {{ typeof {_BITS[version]}; flags interval; }}" for version, name in ALLOW.items()
    ]
    return lines


def let_pass(sets: Collection[str]) -> list[str]:
    """Return what takes the table off every interface at once, and lets no block be written."""
    disarm = [f"delete set {TABLE} {ARMED}"] if ARMED in sets else []
    return [f"add table {TABLE} {{ flags dormant; }}", *disarm]


def halt_table(markers: Iterable[str]) -> list[str]:
    """Return what leaves nothing of the table but its markers: no chain, no block, and not armed."""
    return [f"delete table {TABLE}", f"add table {TABLE}", *(_plain_set(name) for name in markers)]


def need_armed() -> list[str]:
    """Return what makes the whole transaction fail when blocking is halted."""
    return [f"add element {TABLE} {ARMED} {{ ip }}"]


def _plain_set(name: str) -> str:
    return f"add set {TABLE} {name} {{ type ether_type; }}"


def create_sets(wanted: Iterable[ElementSet]) -> list[str]:
    return [
        f"add set {TABLE} {place.name} {{ typeof iifname . {_BITS[place.version]}; flags timeout; counter; }}"
        for place in wanted
    ]


def allow(prefixes: Iterable[IPv4Network | IPv6Network], heartbeat_s: int) -> list[str]:
    """Return what replaces the allow sets and beats the heart; the prefixes must not overlap."""
    values: dict[int, list[str]] = {4: [], 6: []}
    for network in prefixes:
        first, last = int(network.network_address), int(network.broadcast_address)
        values[network.version].append(f"{first:#x}" if first == last else f"{first:#x}-{last:#x}")
    lines = []
    for version, name in ALLOW.items():
        lines += [f"flush set {TABLE} {name}", *_add(name, values[version])]
    beat = [f"{protocol} timeout {heartbeat_s}s" for protocol in ("ip", "ip6", "8021q", "8021ad")]
    return [*lines, f"flush set {TABLE} {HEART}", *_add(HEART, beat)]


def ssh_ports(ports: Iterable[int]) -> list[str]:
    return [f"flush set {TABLE} {SSH}", *_add(SSH, [str(port) for port in ports])]


def put(elements: Sequence[Element], now_ns: int) -> list[str]:
    """Return what adds elements with the deadlines they carry."""
    return _by_set(elements, "add", lambda element: _definition(element, now_ns))


def take_out(elements: Sequence[Element]) -> list[str]:
    """Return what deletes elements even if one expires meanwhile: adding one that is there changes nothing."""
    return _by_set(elements, "add", _key) + _by_set(elements, "delete", _key)


def delete(element: Element) -> list[str]:
    """Return what deletes one element, and fails where it is not there."""
    return _add(element.place.name, [_key(element)], "delete")


def _by_set(elements: Sequence[Element], verb: str, write: Callable[[Element], str]) -> list[str]:
    found: dict[str, list[str]] = {}
    for element in elements:
        found.setdefault(element.place.name, []).append(write(element))
    return [line for name, written in found.items() for line in _add(name, written, verb)]


def _add(name: str, written: Sequence[str], verb: str = "add") -> list[str]:
    return [f"{verb} element {TABLE} {name} {{ {', '.join(written)} }}"] if written else []


def _key(element: Element) -> str:
    return f'"{element.iface}" . {int(ip_network(element.prefix).network_address):#x}'


def _definition(element: Element, now_ns: int) -> str:
    left_ms = (element.deadline_ns - now_ns) // 1_000_000
    timeout = f" timeout {left_ms // 1000}s{left_ms % 1000}ms" if element.deadline_ns else ""
    counted = f" counter packets {element.packets} bytes {element.bytes}"
    return f'{_key(element)}{counted}{timeout} comment "{element.entry_id} {element.deadline_ns}"'


def base_chain(hook: str, iface: str) -> str:
    """Name the chain of an interface; what an interface may be called, a chain may not."""
    return f"{hook}_{iface.encode().hex()}"


def hook_up(hook: str, iface: str) -> list[str]:
    name = base_chain(hook, iface)
    return [
        f'add chain {TABLE} {name} {{ type filter hook {hook} device "{iface}" priority {_PRIORITY}; policy accept; }}',
        f"flush chain {TABLE} {name}",
        f"add rule {TABLE} {name} jump {hook}",
    ]


def install_chains(sets: Iterable[str]) -> list[str]:
    """Return what replaces every shared chain by one that knows these sets."""
    wanted = chains(sets)
    lines = [line for name in wanted for line in (f"add chain {TABLE} {name}", f"flush chain {TABLE} {name}")]
    return lines + [f"add rule {TABLE} {name} {rule}" for name, rules in wanted.items() for rule in rules]


def chains(sets: Iterable[str]) -> dict[str, list[str]]:
    """Return the rules of each shared chain."""
    known = [place for name in sets if (place := ElementSet.parse(name))]
    found = {INGRESS: list(_dispatch("in", tagged_at=_TAG)), EGRESS: list(_dispatch("out", tagged_at=0))}
    for way, at, suffix in (("in", 0, ""), ("in", _TAG, "_tagged"), ("out", 0, "")):
        found |= _chains4(way, at, suffix, known) | _chains6(way, at, suffix, known)
    return found


def _dispatch(way: str, tagged_at: int) -> Iterator[str]:
    """Choose a chain by type; a header that is cut or makes no sense meets no rule, and passes.

    The outermost tag is not in the packet's bytes. On the way in, the network header is what follows it, an
    inner tag with the type after next. On the way out it is the IP header, whatever tags stand before it.
    """
    tagged = "meta protocol { 8021q, 8021ad }"
    inner4, inner6 = (f"{tagged} @nh,16,16 {kind} " if tagged_at else f"{tagged} " for kind in ("0x0800", "0x86dd"))
    suffix = "_tagged" if tagged_at else ""
    for before, at, name in (("meta protocol ip ", 0, f"{way}4"), (inner4, tagged_at, f"{way}4{suffix}")):
        yield f"{before}@nh,{at},8 0x45-0x4f @nh,{at + 152},8 >= 0 goto {name}"
    for before, at, name in (("meta protocol ip6 ", 0, f"{way}6"), (inner6, tagged_at, f"{way}6{suffix}")):
        yield f"{before}@nh,{at},4 6 @nh,{at + 312},8 >= 0 goto {name}"


def _chains4(way: str, at: int, suffix: str, known: Sequence[ElementSet]) -> dict[str, list[str]]:
    """The port stands after the options, if there are any, and in a first fragment only."""
    name = f"{way}4{suffix}"
    ssh_at = 16 if way == "in" else 0
    first_of = f"@nh,{at + 48},16 & 0x1fff == 0"
    rules = [f"@nh,{at + 72},8 17 {first_of} jump {name}_dhcp"]
    spare = f"@nh,{at + 72},8 6 {first_of} jump {name}_ssh"
    return {
        f"{name}_dhcp": [*_by_header_length(at, 16, "{ 67, 68 }")],
        f"{name}_ssh": [*_by_header_length(at, ssh_at, f"@{SSH}")],
        name: rules + _verdicts(way, 4, at, spare, known),
    }


def _by_header_length(at: int, port_at: int, ports: str) -> Iterator[str]:
    yield f"@nh,{at},8 0x45 @nh,{at + 160 + port_at},16 {ports} accept"
    yield f"@nh,{at},8 0x45 return"
    for words in range(6, 16):
        yield f"@nh,{at},8 {0x40 | words:#x} @nh,{at + words * 32 + port_at},16 {ports} accept"


def _chains6(way: str, at: int, suffix: str, known: Sequence[ElementSet]) -> dict[str, list[str]]:
    """A hop limit of 255 proves that no router forwarded a neighbour discovery message (RFC 4861)."""
    ssh_at = at + (336 if way == "in" else 320)
    rules = [
        f"@nh,{at + 48},8 58 @nh,{at + 56},8 255 @nh,{at + 320},8 133-137 accept",
        f"@nh,{at + 48},8 17 @nh,{at + 336},16 {{ 546, 547 }} accept",
    ]
    spare = f"@nh,{at + 48},8 6 @nh,{ssh_at},16 @{SSH} accept"
    return {f"{way}6{suffix}": rules + _verdicts(way, 6, at, spare, known)}


def _verdicts(way: str, version: int, at: int, spare: str, known: Sequence[ElementSet]) -> list[str]:
    """From the longest prefix to the shortest; what only counts lets the packet go on to a wider block."""
    width = WIDTH[version]
    address = f"@nh,{at + (_SOURCE if way == 'in' else _DESTINATION)[version]},{width}"
    lengths = sorted({place.length for place in known if place.version == version}, reverse=True)
    rules = [f"{address} @{ALLOW[version]} accept"]
    spared = False
    for length in lengths:
        if length < width and not spared:
            rules.append(f"meta protocol != @{HEART} {spare}")
            spared = True
        masked = address if length == width else f"{address} & {(1 << width) - (1 << width - length):#x}"
        rules += [
            f"{'iifname' if way == 'in' else 'oifname'} . {masked} @{place.name}{'' if count_only else ' drop'}"
            for count_only in (True, False)
            if (place := ElementSet(way, version, length, count_only)) in known
        ]
    return rules


# --- reading


def parse(text: str, read_ns: tuple[int, int] = (0, 0), only: str = "") -> Ruleset:
    """Read what nft listed between two times of the boot clock, without the tables of others and other prefixes."""
    sets, hooks, rules, elements, dormant = set[str](), set[tuple[str, str]](), {}, list[Element](), False
    for own in _OWN.finditer(text):
        dormant = dormant or own[1].startswith("\tflags dormant")
        for kind, name, body in _BLOCK.findall(own[1]):
            if kind == "chain":
                rules[name] = sum(not line.startswith("\t\ttype ") for line in body.splitlines())
                hooks |= {(found[1], found[2]) for found in _HOOK.finditer(body)}
            else:
                sets.add(name)
                elements += _elements(name, body, read_ns, only)
    return Ruleset(frozenset(sets), frozenset(hooks), rules, tuple(elements), dormant)


def _elements(name: str, body: str, read_ns: tuple[int, int], only: str) -> Iterator[Element]:
    place = ElementSet.parse(name)
    if place is None:
        return
    pattern = re.compile(_ELEMENT.format(f"0*{int(ip_network(only).network_address):x}" if only else "[0-9a-f]+"))
    kind = IPv4Network if place.version == 4 else IPv6Network
    for iface, key, rest in pattern.findall(body):
        counted, expires, comment = _COUNTED.search(rest), _EXPIRES.search(rest), _COMMENT.search(rest)
        packets, size = (int(counted[1]), int(counted[2])) if counted else (0, 0)
        entry_id, deadline_ns = (int(comment[1]), int(comment[2])) if comment else (0, 0)
        due_ns = _due(deadline_ns, _span_ms(expires[1]), read_ns) if expires else 0
        prefix = str(kind((int(key, 16), place.length), strict=False))
        yield Element(place, iface, prefix, packets, size, entry_id, deadline_ns, due_ns)


def _due(asked_ns: int, left_ms: int, read_ns: tuple[int, int]) -> int:
    earliest, latest = (at + left_ms * 1_000_000 for at in read_ns)
    return asked_ns if earliest - _SAME_NS < asked_ns < latest + _SAME_NS else (earliest + latest) // 2


def _span_ms(text: str) -> int:
    return sum(int(number) * _MS[unit] for number, unit in _SPAN.findall(text))


def values(text: str, name: str) -> list[tuple[int, int]]:
    """Return the first and last value of each element of an allow set."""
    found = [body for own in _OWN.findall(text) for _, block, body in _BLOCK.findall(own) if block == name]
    listed = found[0].partition("elements = {")[2] if found else ""
    return sorted((int(low, 16), int(high or low, 16)) for low, high in _VALUE.findall(listed))
