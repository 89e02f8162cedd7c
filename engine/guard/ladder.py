"""One blocker out of two: BPF programs where they can be attached, nftables where they cannot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from engine.guard import halt, layout
from engine.guard.blocker import Attached, Blocker, Entry, ReadsOne, TakesMany, Wanted
from engine.guard.nft import CONTRADICTION, MODE, NftBlocker
from engine.guard.nfttable import table_exists
from engine.guard.panic import panic
from engine.guard.pins import PIN_ROOT
from engine.reason import reason

_SAME_NS = 1_000_000_000
_EARLIER = "nftables enforces it since an earlier start, and something is blocked there"
_BEFORE = "nftables enforced it before: what is restored comes back there"


class Ladder:
    """Attaches each interface by XDP, native or generic, else by nftables, and says which and why.

    An interface on nftables stays there while anything is blocked on it, even if XDP becomes possible: a change
    would leave a moment without drops. A guard that starts anew and finds nothing blocked there tries XDP again.
    """

    def __init__(
        self,
        open_xdp: Callable[[], Blocker],
        open_nft: Callable[[], NftBlocker] = NftBlocker,
        *,
        state: Path | None = None,
        by_nftables: Collection[str] = (),
    ) -> None:
        """Open XDP, and nftables if it has a table already; ``open_xdp`` raises ``OSError`` when it cannot be used.

        A panic's mark in ``state`` halts both. On the interfaces ``by_nftables`` XDP is not tried.
        """
        self._open_nft, self._state = open_nft, state
        self._xdp: Blocker | None = None
        self._nft: NftBlocker | None = None
        self._no_xdp = ""
        self._fallen: dict[str, str] = dict.fromkeys(by_nftables, _BEFORE)
        self._allow: tuple[str, ...] = ()
        self._ssh: tuple[int, ...] | None = None
        try:
            self._xdp = open_xdp()
        except OSError as error:
            self._no_xdp = reason(error)
        # Without nft there is no table either, and attaching says which package is missing.
        with suppress(OSError):
            if table_exists():
                self._nft = open_nft()

    def close(self) -> None:
        """Give the descriptors back; blocks and kept attachments stay in force."""
        closing = getattr(self._xdp, "close", None)
        if closing is not None:
            closing()

    def _open(self) -> list[Blocker]:
        return [blocker for blocker in (self._xdp, self._nft) if blocker is not None]

    # --- attachments

    def attach(self, iface: str, on_trial: bool = False) -> str:
        """Attach by the first way that works and return it; nftables is never on trial."""
        by_xdp = self._xdp.attached() if self._xdp is not None else {}
        if iface not in by_xdp and self._nft is not None and iface in self._nft.attached():
            if self._xdp is None or not self._is_left_over(self._nft, iface):
                return MODE
            self._nft.detach(iface)
        why = self._no_xdp or self._fallen.get(iface, "")
        if self._xdp is not None and not why:
            try:
                return self._xdp.attach(iface, on_trial)
            except OSError as error:
                why = reason(error)
        try:
            mode = self._nftables().attach(iface)
        except OSError as error:
            raise OSError(f"{why}; {reason(error)}") from None
        self._fallen[iface] = why
        return mode

    def _is_left_over(self, nft: NftBlocker, iface: str) -> bool:
        """Whether an earlier guard attached it, and nothing is blocked there any more."""
        return iface not in self._fallen and not any(iface in entry.ifaces for entry in nft.entries())

    def _nftables(self) -> NftBlocker:
        """Open nftables when it is needed, with what the kernel must never drop."""
        if self._nft is None:
            opened = self._open_nft()
            opened.set_allow(self._allow)
            if self._ssh is not None:
                opened.set_ssh_ports(self._ssh)
            self._nft = opened
        return self._nft

    def keep(self, iface: str) -> None:
        """Let an attachment on trial outlive this process."""
        if self._xdp is not None and iface in self._xdp.attached():
            self._xdp.keep(iface)

    def detach(self, iface: str) -> bool:
        """Detach from an interface; the next attachment tries XDP first again."""
        self._fallen.pop(iface, None)
        detached = [blocker.detach(iface) for blocker in self._open()]
        return any(detached)

    def attached(self) -> dict[str, Attached]:
        """Return how each interface is attached, and what was refused before."""
        found = dict(self._nft.attached()) if self._nft is not None else {}
        for iface, how in found.items():
            why = self._fallen.get(iface) or self._no_xdp or _EARLIER
            found[iface] = how._replace(fallen_back=(why, *how.fallen_back))
        return found | dict(self._xdp.attached() if self._xdp is not None else {})

    # --- what always passes

    def set_allow(self, prefixes: Sequence[str]) -> None:
        """Refresh the allow sets of both; one that fails does not keep the other from it."""
        self._allow = tuple(prefixes)
        _each(self._open(), lambda blocker: blocker.set_allow(prefixes))

    def set_ssh_ports(self, ports: Sequence[int]) -> None:
        """Set the ports that a stale heart spares."""
        self._ssh = tuple(ports)
        _each(self._open(), lambda blocker: blocker.set_ssh_ports(ports))

    # --- blocks

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Iterable[str], count_only: bool = False
    ) -> None:
        """Write the entry where each interface is attached, and nowhere else."""
        self.add_many([Wanted(prefix, deadline_boot_ns, entry_id, tuple(ifaces), count_only)])

    def add_many(self, wanted: Sequence[Wanted]) -> None:
        """Write many entries: XDP takes a map at a time, nftables few transactions."""
        doing = f"cannot block {wanted[0].prefix}" if wanted else ""
        self._refuse_halted(doing)
        by_xdp = frozenset(self._xdp.attached() if self._xdp is not None else ())
        for_nft = [one._replace(ifaces=tuple(set(one.ifaces) - by_xdp)) for one in wanted]
        strange = {iface for one in for_nft for iface in one.ifaces} - set(self._nft.attached() if self._nft else ())
        if strange:
            raise OSError(f"{doing} on {', '.join(sorted(strange))}: nothing is attached there")
        self._put_by_xdp(
            [one._replace(ifaces=tuple(sorted(by_xdp & set(one.ifaces)))) for one in wanted],
            elsewhere={one.prefix for one in for_nft if one.ifaces},
        )
        if self._nft is not None and for_nft:
            self._nft.add_many(for_nft)
            self._withdraw_if_halted(doing, for_nft)

    def _put_by_xdp(self, wanted: Sequence[Wanted], elsewhere: Collection[str]) -> None:
        """Write what drops by XDP or nowhere, and take out what drops by nftables alone."""
        if self._xdp is None:
            return
        gone = [one.prefix for one in wanted if not one.ifaces and one.prefix in elsewhere]
        if gone:
            _remove_all(self._xdp, gone)
        left = [one for one in wanted if one.ifaces or one.prefix not in elsewhere]
        if isinstance(self._xdp, TakesMany):
            self._xdp.add_many(left)
            return
        for one in left:
            self._xdp.add(*one)

    def _refuse_halted(self, doing: str) -> None:
        if self.halted:
            raise PermissionError(f"{doing}: blocking is halted until a person resumes it")

    def _withdraw_if_halted(self, doing: str, written: Sequence[Wanted]) -> None:
        """Take back what nftables got while a panic was emptying the maps."""
        if self._xdp is None or self._nft is None or not self._xdp.halted:
            return
        self._nft.remove_many([one.prefix for one in written])
        self._refuse_halted(doing)

    def remove(self, prefix: str) -> bool:
        """Take an entry out of both."""
        return self.remove_many([prefix]) > 0

    def remove_many(self, prefixes: Sequence[str]) -> int:
        """Take entries out of both, and return how many there were."""
        return max((_remove_all(blocker, prefixes) for blocker in self._open()), default=0)

    def entry(self, prefix: str) -> Entry | None:
        """Return the entry of exactly this prefix, of both as one; None where there is none."""
        found = [entry for blocker in self._open() if (entry := _entry_of(blocker, prefix)) is not None]
        return _merge(*found) if len(found) == 2 else next(iter(found), None)

    def entries(self) -> list[Entry]:
        """Return every entry, those of one prefix as one."""
        xdp: list[Entry] = list(self._xdp.entries()) if self._xdp is not None else []
        found: dict[str, Entry] = {entry.prefix: entry for entry in xdp}
        for entry in self._nft.entries() if self._nft is not None else ():
            known = found.get(entry.prefix)
            found[entry.prefix] = entry if known is None else _merge(known, entry)
        return list(found.values())

    # --- the halt

    @property
    def halted(self) -> bool:
        marked = self._state is not None and halt.is_marked(self._state)
        return marked or any(blocker.halted for blocker in self._open())

    def resume(self) -> None:
        """Clear the halt of both, and then the mark of it that outlives a reboot."""
        _each(self._open(), lambda blocker: blocker.resume())
        if self._state is not None:
            halt.clear(self._state)


def open_blocker(pin_root: Path = PIN_ROOT, *, state: Path | None = None, by_nftables: Collection[str] = ()) -> Ladder:
    """Open the back ends of this host; where a panic left its mark in ``state``, they are halted before any use.

    Raises:
        OSError: maps of ours are pinned but cannot be opened: what they drop, and whether a panic halted them,
            cannot be told, so nothing may be written beside them.
    """
    pinned = (pin_root / "aegis_state").exists()

    def open_xdp() -> Blocker:
        from engine.guard.xdp import XdpBlocker  # noqa: PLC0415 - libbpf may be missing, and nftables may not

        return XdpBlocker(pin_root=pin_root)

    opened = open_xdp() if pinned else None
    ladder = Ladder(open_xdp if opened is None else lambda: opened, state=state, by_nftables=by_nftables)
    if state is not None and halt.is_marked(state):
        with suppress(FileNotFoundError):
            panic(pin_root)
    return ladder


def _remove_all(blocker: Blocker, prefixes: Sequence[str]) -> int:
    if isinstance(blocker, TakesMany):
        return blocker.remove_many(prefixes)
    return sum([blocker.remove(prefix) for prefix in prefixes])


def _each(blockers: Iterable[Blocker], act: Callable[[Blocker], None]) -> None:
    """Act on all of them, and raise what failed afterwards."""
    failures = []
    for blocker in blockers:
        try:
            act(blocker)
        except OSError as error:
            failures.append(reason(error))
    if failures:
        raise OSError("; ".join(failures))


def _entry_of(blocker: Blocker, prefix: str) -> Entry | None:
    if isinstance(blocker, ReadsOne):
        return blocker.entry(prefix)
    return next((entry for entry in blocker.entries() if entry.prefix == prefix), None)


def _merge(xdp: Entry, nft: Entry) -> Entry:
    permanent = not xdp.deadline_ns, not nft.deadline_ns
    agree = (xdp.entry_id, xdp.count_only, permanent[0]) == (nft.entry_id, nft.count_only, permanent[1]) and abs(
        xdp.deadline_ns - nft.deadline_ns
    ) < _SAME_NS
    return layout.Entry(
        prefix=xdp.prefix,
        deadline_ns=xdp.deadline_ns,
        packets=xdp.packets + nft.packets,
        bytes=xdp.bytes + nft.bytes,
        out_packets=xdp.out_packets + nft.out_packets,
        out_bytes=xdp.out_bytes + nft.out_bytes,
        last_hit_ns=max(xdp.last_hit_ns, nft.last_hit_ns),
        entry_id=xdp.entry_id if agree else CONTRADICTION,
        ifaces=tuple(sorted({*xdp.ifaces, *nft.ifaces})),
        count_only=xdp.count_only and nft.count_only,
    )
