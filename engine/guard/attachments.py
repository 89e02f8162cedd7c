"""Where blocks are enforced: each interface, how the kernel program sits on it, and whether it stays there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.guard import messages
from engine.guard.blocker import NFTABLES, Attached, Blocker
from engine.guard.book import Book
from engine.guard.clock import Clock
from engine.guard.grants import Grants
from engine.reason import reason

TRIAL_S = 60
"""How long a first attachment, or a block that cuts a connection of management, waits for a person to keep it."""


class Attachments:
    """Attaches, watches over a first attachment until a person keeps it, and takes it off when nobody does."""

    def __init__(
        self,
        book: Book,
        grants: Grants,
        clock: Clock,
        open_blocker: Callable[[], Blocker],
        ifaces: Sequence[str],
    ) -> None:
        self._book, self._grants, self._clock, self._open = book, grants, clock, open_blocker
        self.ifaces = tuple(ifaces)
        """Interfaces the kernel program should be attached to."""
        self.blocker: Blocker | None = None
        self.attached: dict[str, Attached] = {}
        """Those left attached by an earlier guard included: the map holds for all of them."""
        self.troubles: dict[str, str] = {}
        """What is wrong with the kernel's maps, by what was being done."""
        self._unattached: dict[str, str] = {}
        self._due_ns: dict[str, int] = {}
        self._reverted: dict[str, str] = {}

    # --- what is

    def trouble(self) -> str:
        """Return why an approval would not be enforced, or empty; a halt is told by ``halted``."""
        if self.troubles:
            return "; ".join(self.troubles.values())
        if not self.attached:
            return "; ".join(self._lacking()) or "monitor only: the guard was started for no interface"
        return ""

    def dataplane(self) -> str:
        """Return ``XDP native``, ``XDP generic``, ``nftables``, or why there is none."""
        modes = sorted({found.mode for found in self.attached.values()})
        xdp = ", ".join(mode for mode in modes if mode != NFTABLES)
        planes = [*([f"XDP {xdp}"] if xdp else []), *([NFTABLES] if NFTABLES in modes else [])]
        troubles = [*self.troubles.values(), *self._lacking()]
        return "; ".join([", ".join(planes)] * bool(planes) + troubles) or self.trouble()

    def _lacking(self) -> list[str]:
        """Say of each interface that nothing is attached to why that is, also of one that is gone again since."""
        known = {*self.attached, *self._unattached, *self._reverted}
        gone = [iface for iface in self.ifaces if iface not in known]
        untold = [f"nothing is attached to {iface}: it went away, or is not attached yet" for iface in gone]
        return [*self._unattached.values(), *self._reverted.values(), *untold]

    def told(self) -> tuple[messages.Attachment, ...]:
        """Return each attachment, and for how long a person may still keep it."""
        now = self._clock.boot_ns()
        left = {iface: max(due - now, 1) / 1e9 for iface, due in self._due_ns.items()}
        return tuple(
            messages.Attachment(iface, found.mode, found.egress, left.get(iface, 0.0))
            for iface, found in self.attached.items()
        )

    def degraded(self) -> tuple[str, ...]:
        """Return what fell back a step or was taken off, and why."""
        fallen = [
            f"{iface}: {why}" for iface, found in self.attached.items() for why in self._fallen_back(iface, found)
        ]
        return (*fallen, *self._reverted.values())

    def _fallen_back(self, iface: str, found: Attached) -> tuple[str, ...]:
        """Say what fell back, also when an earlier guard attached it."""
        noted = self._grants.attached.get(iface)
        same = noted is not None and (noted.mode, noted.egress) == (found.mode, found.egress)
        if found.fallen_back and not (found.mode == NFTABLES and same):
            return found.fallen_back
        if noted is not None and same and noted.fallen_back:
            return noted.fallen_back
        generic = ("generic XDP: slower than native",) if found.mode == "generic" else ()
        return found.fallen_back or (*generic, *(() if found.egress else ("outbound packets still leave",)))

    def proposable(self) -> tuple[str, ...]:
        """Return the interfaces a block is meant for when none is named: a review attaches what was taken off."""
        return tuple(sorted({*self.attached, *self._reverted}))

    def drops_outbound(self, ifaces: Sequence[str]) -> bool:
        """Whether packets that leave by any of these interfaces would be dropped as well."""
        return bool(ifaces) and all(iface in self.attached and self.attached[iface].egress for iface in ifaces)

    def due_ns(self) -> int | None:
        """Return the boot clock of the next attachment that reverts, or None."""
        return min(self._due_ns.values(), default=None)

    # --- what changes

    def ready(self) -> Blocker | None:
        """Open the kernel's maps, again and again until it works."""
        self.troubles.pop("open", None)
        if self.blocker is None:
            try:
                self.blocker = self._open()
            except OSError as error:
                self.troubles["open"] = words("cannot open the kernel's maps", error)
        return self.blocker

    def attach(self, ifaces: Sequence[str] = ()) -> None:
        """Attach to more interfaces, and to those that were lost."""
        self.ifaces = tuple(dict.fromkeys((*self.ifaces, *ifaces)))
        blocker = self.ready()
        if blocker is None:
            return
        found = dict(blocker.attached())
        self._unattached.clear()
        for iface in self.ifaces:
            if iface not in self._reverted and self._is_due(iface, found.get(iface)):
                self._attach_one(blocker, iface, found.get(iface))
        self.attached = dict(blocker.attached())
        self._watch_trials(blocker)

    def _is_due(self, iface: str, found: Attached | None) -> bool:
        """Whether nothing of ours is there, no longer all of what was, or what an earlier guard had to fall back to."""
        before = self.attached.get(iface)
        if found is None:
            return True
        if before is None:
            return found.mode == NFTABLES
        return bool(before.egress) and not found.egress

    def _attach_one(self, blocker: Blocker, iface: str, before: Attached | None) -> None:
        try:
            mode = blocker.attach(iface, on_trial=iface not in self._grants.kept)
        except OSError as error:
            self._unattached[iface] = words(f"cannot attach XDP to {iface}", error)
            return
        found = blocker.attached().get(iface, Attached(mode))
        if before is not None and (before.mode, before.egress) == (NFTABLES, found.egress) and mode == NFTABLES:
            return
        how = {"egress": found.egress, "on_trial": found.on_trial, "fallen_back": found.fallen_back}
        self._book.note(self._clock.wall(), "attach", iface=iface, mode=mode, **how)
        self._grants.note_attached(iface, found)

    def _watch_trials(self, blocker: Blocker) -> None:
        """Begin the term of what is on trial; what outlives a guard was kept, whoever noted it."""
        due = self._clock.boot_ns() + TRIAL_S * 10**9
        on_trial = {iface for iface, found in self.attached.items() if found.on_trial}
        self._due_ns = {iface: self._due_ns.get(iface, due) for iface in on_trial}
        for iface, found in self.attached.items():
            if iface in on_trial and iface in self._grants.kept:
                self._keep_one(blocker, iface)
            elif iface not in on_trial and iface not in self._grants.kept and found.mode != NFTABLES:
                self._grants.keep(iface, self._clock.wall(), "found attached")

    def keep(self, iface: str, who: str) -> tuple[str, ...]:
        """Keep an interface on trial, or with no name all of them; return those kept. Raises ``OSError``."""
        chosen = tuple(name for name in self._due_ns if iface in ("", name))
        for name in chosen if self.blocker is not None else ():
            self._keep_one(self.blocker, name)
            self._grants.keep(name, self._clock.wall(), who)
        return chosen

    def _keep_one(self, blocker: Blocker | None, iface: str) -> None:
        if blocker is not None:
            blocker.keep(iface)
            self.attached = dict(blocker.attached())
        self._due_ns.pop(iface, None)

    def revert_due(self) -> None:
        """Take off what nobody kept in time."""
        now = self._clock.boot_ns()
        self.troubles.pop("revert", None)
        for iface in [iface for iface, due in self._due_ns.items() if due <= now]:
            try:
                if self.blocker is not None:
                    self.blocker.detach(iface)
                    self.attached = dict(self.blocker.attached())
            except OSError as error:
                self.troubles["revert"] = words(f"cannot take off {iface}, which nobody kept", error)
                continue
            self._reverted[iface] = (
                f"{iface}: taken off, nobody kept it within {TRIAL_S} s; reviewing a proposal attaches it again"
            )
            del self._due_ns[iface]
            self._book.note(self._clock.wall(), "reverted", iface=iface)

    def try_again(self) -> bool:
        """Attach again, on trial, what was taken off: a person is there. Return whether anything was."""
        again = tuple(self._reverted)
        self._reverted.clear()
        if again:
            self.attach(again)
        return bool(again)


def words(doing: str, error: OSError) -> str:
    """Say what was being done, unless the error says so itself."""
    told = reason(error)
    return told if told.startswith((doing, "cannot", "monitor only")) else f"{doing}: {told}"
