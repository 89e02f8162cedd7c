"""Blocks enforced by nftables, where the XDP program cannot be attached.

No process of ours is needed for a block to hold or to end: the kernel's set elements carry their time-outs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from engine.guard import nftrules as rules
from engine.guard.blocker import HEARTBEAT_S, SSH_PORTS, Attached, Wanted
from engine.guard.layout import Entry
from engine.guard.nftrules import Element, ElementSet, Ruleset
from engine.guard.nfttable import (
    boot_ns,
    delete_element,
    interfaces,
    read,
    read_names,
    read_table,
    refuse_strangers,
    run_nft,
)
from engine.reason import reason

MODE = "nftables"
CONTRADICTION = -1
"""An entry id that no order and no watch has, so that the entry is written anew."""
_TICK_NS = 12_000_000
"""An element runs out up to three ticks of 4 ms early: the kernel counts its term in ticks."""
_BATCH = 500
"""Entries in one transaction: nft takes 15 ms for them, by which their terms are longer than asked for."""
_LATE_NS = 1_000_000_000
"""Most that a term may be longer; the next look tells of less, too, and has it written anew."""
_HALT_AGE_S = 0.2
"""A list of blocks asks for the halt once for each of them."""
_LOOK_AGE_S = 5
"""How long a reading of all rules holds: reading them means reading every element too."""
_IFACE = re.compile(r"[A-Za-z0-9_.:@+-]{1,15}")
"""Names that nft cannot mistake for a pattern or for the end of a string."""
_ETHERNET = 14
"""Bytes of the header that nftables does not count on the way in, and XDP does."""
_NO_EGRESS = "cannot hook nftables to outbound packets"


class NftBlocker:
    """The table ``netdev aegis`` of this network namespace; made when the first interface is attached."""

    def __init__(self) -> None:
        self._allow: list[IPv4Network | IPv6Network] = []
        self._ssh: tuple[int, ...] = (22,)
        self._refused_egress: dict[str, str] = {}
        self._hits: dict[str, tuple[int, int]] | None = None
        self._whole: frozenset[tuple[str, str]] = frozenset()
        self._looked_at = -float(_LOOK_AGE_S)
        self._elements_on: frozenset[str] | None = None
        """Interfaces that any element named at the last look at all of them."""
        self._was_halted = False
        self._halted_at = (-_HALT_AGE_S, False)
        refuse_strangers(read_names())

    # --- attachments

    def attach(self, iface: str, on_trial: bool = False) -> str:
        """Hook the table to an interface; never on trial, since no driver is touched."""
        if not _IFACE.fullmatch(iface):
            raise OSError(f"cannot attach nftables to {iface!r}: that is no interface name it can express")
        if iface not in interfaces():
            raise OSError(f"cannot attach nftables to {iface}: No such device")
        if iface in self.attached():
            return MODE
        self._build(iface)
        self._look()
        if iface not in self.attached():
            raise OSError(f"cannot attach nftables to {iface}: the kernel does not list the chain after adding it")
        return MODE

    def _build(self, iface: str) -> None:
        """Make the table whole; what an earlier interface of this name was blocked for is gone."""
        before = read_table()
        refuse_strangers(before)
        armed = rules.ARMED in before.sets or not (before.exists or self._was_halted)
        script = self._make_whole(before, armed)
        if (rules.INGRESS, iface) not in before.hooks:
            script += rules.take_out([element for element in before.elements if element.iface == iface])
        for known in sorted({name for hook, name in before.hooks if hook == rules.INGRESS} | {iface}):
            script += rules.hook_up(rules.INGRESS, known)
        run_nft(script, f"cannot attach nftables to {iface}")
        self._hook_egress(iface)

    def _make_whole(self, before: Ruleset, armed: bool) -> list[str]:
        """Return what makes the sets and chains that are missing, and fills the sets with what was last told."""
        script = rules.create_table(armed) + rules.install_chains(before.sets)
        if not {rules.HEART, rules.SSH, *rules.ALLOW.values()} <= before.sets:
            script += rules.allow(self._allow, HEARTBEAT_S) + rules.ssh_ports(self._ssh)
        return script

    def _hook_egress(self, iface: str) -> None:
        self._refused_egress.pop(iface, None)
        try:
            run_nft(rules.hook_up(rules.EGRESS, iface), _NO_EGRESS)
        except OSError as error:
            self._refused_egress[iface] = reason(error)

    def keep(self, iface: str) -> None:
        """Nothing is on trial here."""

    def detach(self, iface: str) -> bool:
        """Take the table off an interface with its blocks there; the last one takes the table with it."""
        found = read_table()
        ours = [hook for hook, name in found.hooks if name == iface]
        if not ours:
            return False
        if {name for _, name in found.hooks} == {iface} and rules.ARMED in found.sets:
            script = [f"delete table {rules.TABLE}"]
        else:
            chains = [rules.base_chain(hook, iface) for hook in ours]
            script = [f"{verb} chain {rules.TABLE} {name}" for name in chains for verb in ("flush", "delete")]
            script += rules.take_out([element for element in found.elements if element.iface == iface])
        run_nft(script, f"cannot detach nftables from {iface}")
        return True

    def attached(self) -> dict[str, Attached]:
        """Return the interfaces that are there and whose packets meet every rule that should be."""
        if time.monotonic() - self._looked_at > _LOOK_AGE_S:
            self._look()
        hooks = read_names().hooks & self._whole
        there = interfaces()
        ours = sorted(iface for hook, iface in hooks if hook == rules.INGRESS and iface in there)
        both = {iface for iface in ours if (rules.EGRESS, iface) in hooks}
        refused = self._refused_egress
        return {
            iface: Attached(MODE, MODE) if iface in both else Attached(MODE, fallen_back=(refused[iface],))
            for iface in ours
            if iface in both or iface in refused
        }

    def _look(self) -> Ruleset:
        """Read everything, and remember which hooks lead to rules that are all there."""
        found = read_table()
        expected = {name: len(chain) for name, chain in rules.chains(found.sets).items()}
        sound = not found.dormant and rules.HEART in found.sets and expected.items() <= found.rules.items()
        hooked = {(hook, iface) for hook, iface in found.hooks if found.rules.get(rules.base_chain(hook, iface)) == 1}
        self._whole = frozenset(hooked) if sound else frozenset()
        self._looked_at = time.monotonic()
        self._elements_on = frozenset(element.iface for element in found.elements)
        self._is_halted(found)
        return found

    # --- what always passes

    def set_allow(self, prefixes: Sequence[str]) -> None:
        """Replace the allow sets in one transaction, and beat the heart."""
        networks = [ip_network(prefix) for prefix in prefixes]
        fours = collapse_addresses([network for network in networks if isinstance(network, IPv4Network)])
        sixes = collapse_addresses([network for network in networks if isinstance(network, IPv6Network)])
        self._allow = [*fours, *sixes]
        if rules.HEART not in read_names().sets:
            return
        run_nft(rules.allow(self._allow, HEARTBEAT_S), "cannot refresh the allow sets of nftables")
        for version, name in rules.ALLOW.items():
            found = rules.values(run_nft([f"list set {rules.TABLE} {name}"], "cannot read nftables"), name)
            if found != _spans(network for network in self._allow if network.version == version):
                raise OSError(f"cannot refresh the allow sets of nftables: {name} holds something else afterwards")

    def set_ssh_ports(self, ports: Sequence[int]) -> None:
        """Set the ports that a stale heart spares."""
        if len(set(ports)) > SSH_PORTS:
            raise ValueError(f"cannot spare {len(set(ports))} SSH ports: at most {SSH_PORTS}")
        self._ssh = tuple(sorted(set(ports)))
        if rules.SSH in read_names().sets:
            run_nft(rules.ssh_ports(self._ssh), "cannot set the SSH ports of nftables")

    # --- blocks

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Iterable[str], count_only: bool = False
    ) -> None:
        """Enforce a block on these interfaces only, or count its packets there; the same entry keeps its counters."""
        self.add_many([Wanted(prefix, deadline_boot_ns, entry_id, tuple(ifaces), count_only)])

    def add_many(self, wanted: Sequence[Wanted]) -> None:
        """Write many entries in few transactions, and read them back at the end."""
        entries = {str(ip_network(one.prefix)): one for one in wanted}
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        doing = f"cannot block {next(iter(entries), 'nothing')}{more}"
        shape = read_names()
        self._refuse(doing, shape, {iface for one in wanted for iface in one.ifaces})
        if not shape.exists:
            return
        needed = {place for prefix, one in entries.items() for place in rules.places(prefix, one.count_only)}
        places = sorted(needed | {place._replace(count_only=not place.count_only) for place in needed})
        before = self._elements([place for place in places if place.name in shape.sets], entries)
        try:
            self._make_sets([place for place in needed if place.name not in shape.sets], shape, doing)
            written = self._put(entries, before, doing)
        except OSError:
            self._refuse(doing, read_names(), ())
            raise
        known = {place.name for place in needed} | shape.sets
        self._verify(written, [place for place in places if place.name in known], entries, doing)

    def _make_sets(self, missing: Sequence[ElementSet], shape: Ruleset, doing: str) -> None:
        if missing:
            chains = rules.install_chains(shape.sets | {place.name for place in missing})
            run_nft(rules.need_armed() + rules.create_sets(missing) + chains, doing)

    def _put(self, entries: Mapping[str, Wanted], before: Sequence[Element], doing: str) -> list[Element]:
        """Replace the elements of these prefixes, a batch at a time: a term begins when the kernel reads it."""
        old: dict[str, list[Element]] = {}
        for element in before:
            old.setdefault(element.prefix, []).append(element)
        written = []
        for batch in _batches(list(entries.items())):
            gone = [element for prefix, _ in batch for element in old.get(prefix, ())]
            elements = [element for prefix, one in batch for element in _elements_of(prefix, one, old.get(prefix, ()))]
            now_ns = boot_ns()
            live = [element for element in elements if not _is_over(element, now_ns)]
            run_nft(rules.need_armed() + rules.take_out(gone) + rules.put(live, now_ns), doing)
            written += live
        return written

    def _refuse(self, doing: str, shape: Ruleset, ifaces: Iterable[str]) -> None:
        if self._is_halted(shape):
            raise PermissionError(f"{doing}: blocking is halted until a person resumes it")
        refuse_strangers(shape)
        hooked = {iface for hook, iface in shape.hooks if hook == rules.INGRESS}
        if strange := set(ifaces) - (hooked & interfaces()):
            raise OSError(f"{doing} on {', '.join(sorted(strange))}: nothing is attached there")

    def _verify(
        self, wanted: Sequence[Element], places: Sequence[ElementSet], prefixes: Collection[str], doing: str
    ) -> None:
        """Read back; an element that ran out meanwhile is as good as there."""
        found = {element[:3]: element for element in self._elements(places, prefixes)}
        now_ns = boot_ns()
        for element in wanted:
            there = found.pop(element[:3], None)
            if there is None and _is_over(element, now_ns):
                continue
            late_ns = abs(there.due_ns - element.deadline_ns) if there else 0
            if there is None or _asked(there) != _asked(element) or late_ns > _LATE_NS:
                raise OSError(f"{doing}: nftables holds {there} after writing {element}")
        if found:
            raise OSError(f"{doing}: nftables still holds {next(iter(found.values()))}")

    def remove(self, prefix: str) -> bool:
        """Take an entry out; false when there was none."""
        return self.remove_many([prefix]) > 0

    def remove_many(self, prefixes: Iterable[str]) -> int:
        """Take entries out in one transaction, and return how many there were."""
        unwanted = {str(ip_network(prefix)) for prefix in prefixes}
        shape = read_names()
        known = shape.sets
        places = {place for prefix in unwanted for kind in (False, True) for place in rules.places(prefix, kind)}
        present = sorted(place for place in places if place.name in known)
        if len(unwanted) == 1:
            return int(self._delete(present, unwanted.pop(), shape))
        found = self._elements(present, unwanted)
        if not found:
            return 0
        doing = f"cannot remove {len(unwanted)} block(s), {found[0].prefix} among them"
        run_nft(rules.take_out(found), doing)
        if self._elements(present, unwanted):
            raise OSError(f"{doing}: nftables still holds some")
        return len({element.prefix for element in found})

    def _delete(self, places: Sequence[ElementSet], prefix: str, shape: Ruleset) -> bool:
        """Delete the elements of one prefix until the kernel says there are none: nft would read whole sets back."""
        if self._elements_on is None:
            self._look()
        ifaces = sorted({iface for _, iface in shape.hooks} | (self._elements_on or frozenset()))
        elements = [Element(place, iface, prefix) for place in places for iface in ifaces]
        gone = [element for element in elements if delete_element(element)]
        if any(delete_element(element) for element in gone):
            raise OSError(f"cannot remove {prefix}: somebody else puts it back")
        return bool(gone)

    def entry(self, prefix: str) -> Entry | None:
        """Return the entry of exactly this prefix, or None where there is none."""
        known, prefix = read_names().sets, str(ip_network(prefix))
        places = sorted({place for kind in (False, True) for place in rules.places(prefix, kind)})
        found = self._elements([place for place in places if place.name in known], {prefix})
        return _entry(found, _hit(prefix, found, self._hits, boot_ns())[1]) if found else None

    def entries(self) -> list[Entry]:
        """Return every entry as the kernel holds it now; those that ran out are gone.

        An entry id of ``CONTRADICTION`` stands where the elements differ in what they should all say. nftables does
        not remember when it counted a packet: the last hit is when a listing first showed it, 0 before this process.
        """
        by_prefix: dict[str, list[Element]] = {}
        for element in self._look().elements:
            by_prefix.setdefault(element.prefix, []).append(element)
        now_ns, before = boot_ns(), self._hits
        self._hits = {prefix: _hit(prefix, elements, before, now_ns) for prefix, elements in by_prefix.items()}
        return [_entry(elements, self._hits[prefix][1]) for prefix, elements in by_prefix.items()]

    # --- the halt

    @property
    def halted(self) -> bool:
        at, halted = self._halted_at
        return halted if time.monotonic() - at < _HALT_AGE_S else self._is_halted(read_names())

    def _is_halted(self, shape: Ruleset) -> bool:
        """A table that a stranger deleted takes the mark of the halt with it, and a halt that was seen still holds."""
        if shape.markers:
            self._was_halted = rules.ARMED not in shape.sets
        self._halted_at = (time.monotonic(), self._was_halted)
        return self._was_halted

    def resume(self) -> None:
        """Enforce blocks again; there are none until entries are added."""
        shape = read_names()
        if shape.markers:
            refuse_strangers(shape)
            run_nft(self._make_whole(shape, armed=True), "cannot resume blocking by nftables")
        self._was_halted, self._halted_at = False, (time.monotonic(), False)

    # --- nft

    def _elements(self, places: Sequence[ElementSet], prefixes: Collection[str]) -> list[Element]:
        """Read the elements of these prefixes; one alone is looked for in the text."""
        only = next(iter(prefixes)) if len(prefixes) == 1 else ""
        if len(places) > 4:
            found = list(self._look().elements)
        else:
            # Two of these in one script, and nft knows but the last set.
            listings = (read([f"list set {rules.TABLE} {place.name}"], only=only) for place in places)
            found = [element for listing in listings for element in listing.elements]
        asked = set(places)
        return [element for element in found if element.place in asked and element.prefix in prefixes]


def _spans(networks: Iterable[IPv4Network | IPv6Network]) -> list[tuple[int, int]]:
    return sorted((int(network.network_address), int(network.broadcast_address)) for network in networks)


def _batches(entries: Sequence[tuple[str, Wanted]]) -> Iterator[Sequence[tuple[str, Wanted]]]:
    return (entries[at : at + _BATCH] for at in range(0, len(entries), _BATCH))


def _elements_of(prefix: str, wanted: Wanted, before: Sequence[Element]) -> Iterator[Element]:
    """One element for each direction and interface, with the counters that the same entry had."""
    counted = {element[:3]: element[3:5] for element in before if element.entry_id == wanted.entry_id}
    for place in rules.places(prefix, wanted.count_only):
        for iface in sorted(set(wanted.ifaces)):
            packets, size = counted.get((place, iface, prefix), (0, 0))
            yield Element(place, iface, prefix, packets, size, wanted.entry_id, wanted.deadline_ns)


def _hit(
    prefix: str, elements: Sequence[Element], before: Mapping[str, tuple[int, int]] | None, now_ns: int
) -> tuple[int, int]:
    """Return the packets now, and when they last became more; at the first look nothing is known of that."""
    packets = sum(element.packets for element in elements)
    known, hit_ns = (packets, 0) if before is None else before.get(prefix, (0, 0))
    return packets, now_ns if packets > known else hit_ns


def _is_over(element: Element, now_ns: int) -> bool:
    """Whether less is left than the kernel's clock can tell apart."""
    return 0 < element.deadline_ns < now_ns + _TICK_NS


def _asked(element: Element) -> tuple[int, int]:
    return element.entry_id, element.deadline_ns


def _entry(elements: Sequence[Element], hit_ns: int) -> Entry:
    first = elements[0]
    inward = [element for element in elements if element.place.direction == "in"]
    outward = [element for element in elements if element.place.direction == "out"]
    ifaces = tuple(sorted({element.iface for element in elements}))
    agree = len({(*_asked(element), element.place.count_only) for element in elements}) == 1
    both = len(inward) == len(outward) == len(ifaces)
    return Entry(
        prefix=first.prefix,
        deadline_ns=max((element.due_ns for element in elements), key=lambda due_ns: abs(due_ns - first.deadline_ns)),
        packets=sum(element.packets for element in inward),
        bytes=sum(element.bytes + _ETHERNET * element.packets for element in inward),
        out_packets=sum(element.packets for element in outward),
        out_bytes=sum(element.bytes for element in outward),
        last_hit_ns=hit_ns,
        entry_id=first.entry_id if agree and both else CONTRADICTION,
        ifaces=ifaces,
        count_only=all(element.place.count_only for element in elements),
    )
