"""The program that drops what leaves for a blocked address: at tcx where the kernel has it, else at clsact."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from engine.guard import bpf
from engine.guard.pins import Spot, here, opened, spot_of
from engine.reason import reason

PROGRAM = "aegis_egress"
TCX, CLSACT = "tcx", "clsact"


def why(error: OSError) -> str:
    """Return the reason alone, without what was being done."""
    return os.strerror(error.errno) if error.errno else str(error)


class Egress:
    """The egress programs, one for each interface that has the XDP program, with which they come and go.

    A tcx link is pinned beside the XDP link, or held by its descriptor while on trial. At clsact nothing ties a
    filter to a descriptor, so that one is put there only to stay; a pin of its program tells that it is ours.
    """

    def __init__(self, folder: Path, load: Callable[[str, int], int]) -> None:
        """``load`` returns a descriptor of a program for an interface's bit."""
        self._folder, self._load = folder, load
        self._tag = b""
        self._trials: dict[Spot, int] = {}
        self._refused: dict[Spot, tuple[str, ...]] = {}

    def close(self) -> None:
        """Give the descriptors back, which takes off what is on trial."""
        while self._trials:
            os.close(self._trials.popitem()[1])

    def refused(self, spot: Spot) -> tuple[str, ...]:
        """Return what the kernel refused at the last attempt, and why."""
        return self._refused.get(spot, ())

    def kind(self, spot: Spot) -> str:
        """Return ``tcx`` or ``clsact``; empty where outbound packets still leave."""
        return self._find(spot)[0]

    def put(self, spot: Spot, *, on_trial: bool) -> None:
        """Attach, or put right what was taken off or is of another build; a refusal is remembered, not raised."""
        try:
            kind, running = self._find(spot)
            if running and bpf.program_by_id(running).tag == self._tag:
                return
            program = self._load(PROGRAM, spot.bit)
            try:
                self._tag = bpf.program_info(program).tag
                if not kind:
                    self.take_off(spot.ifindex)
                    self._refused[spot] = self._attach(spot, program, on_trial=on_trial)
                elif bpf.program_by_id(running).tag != self._tag:
                    self._replace(spot, program, kind)
            finally:
                os.close(program)
        except OSError as error:
            self._refused[spot] = (f"egress: {reason(error)}",)

    def keep(self, spot: Spot) -> None:
        """Pin what is on trial, or attach for good what could not be on trial."""
        link = self._trials.pop(spot, None)
        if link is not None:
            try:
                bpf.pin(link, spot.pin(self._folder, TCX))
            finally:
                os.close(link)
        self.put(spot, on_trial=False)

    def take_off(self, ifindex: int) -> bool:
        """Take our egress program off an interface of this network namespace; False when it was not there."""
        before = len(self._trials)
        for spot in [spot for spot in self._trials if spot[:2] == (here(), ifindex)]:
            os.close(self._trials.pop(spot))
        pins = list(self._folder.glob(f"{here()}-{ifindex}-*-*"))
        for path in pins:
            self._unpin(path)
        return len(self._trials) < before or bool(pins)

    def _unpin(self, path: Path) -> None:
        spot = spot_of(path)
        with opened(path) as found:
            if path.name.endswith(CLSACT):
                running = bpf.clsact_program(spot.ifindex, spot.iface)
                if found is not None and bpf.program_info(found).id == running:
                    bpf.detach_clsact(spot.ifindex, spot.iface)
            elif found is not None:
                bpf.detach_link(found, spot.iface)
        path.unlink()

    def _find(self, spot: Spot) -> tuple[str, int]:
        """Return how an interface is attached and the id of the program that runs there."""
        if spot in self._trials:
            return _alive(self._trials[spot], spot)
        with opened(spot.pin(self._folder, TCX)) as link:
            if link is not None:
                return _alive(link, spot)
        with opened(spot.pin(self._folder, CLSACT)) as program:
            if program is not None:
                running = bpf.program_info(program).id
                if running == bpf.clsact_program(spot.ifindex, spot.iface):
                    return CLSACT, running
        return "", 0

    def _attach(self, spot: Spot, program: int, *, on_trial: bool) -> tuple[str, ...]:
        """Attach at tcx, else at clsact; return what was refused and why."""
        try:
            link = bpf.attach_tcx(program, spot.ifindex, spot.iface)
        except OSError as error:
            refused = f"tcx: {why(error)}"
        else:
            self._hold(spot, link, on_trial=on_trial)
            return ()
        if on_trial:
            return refused, "clsact: waits until the attachment is kept"
        try:
            self._attach_clsact(spot, program)
        except OSError as error:
            return refused, f"clsact: {why(error)}"
        return (refused,)

    def _hold(self, spot: Spot, link: int, *, on_trial: bool) -> None:
        if on_trial:
            self._trials[spot] = link
            return
        try:
            bpf.pin(link, spot.pin(self._folder, TCX))
        finally:
            os.close(link)

    def _attach_clsact(self, spot: Spot, program: int) -> None:
        """Put our filter there, in the place of one of an earlier build; another's program is not evicted."""
        running = bpf.clsact_program(spot.ifindex, spot.iface)
        if running and (stranger := bpf.program_by_id(running).name) != PROGRAM:
            raise FileExistsError(f"program {stranger} (id {running}) stands in our place")
        path = spot.pin(self._folder, CLSACT)
        bpf.attach_clsact(program, spot.ifindex, spot.iface, replace=bool(running))
        path.unlink(missing_ok=True)
        bpf.pin(program, path)

    def _replace(self, spot: Spot, program: int, kind: str) -> None:
        """Put this build's program in the place of an earlier one's."""
        if kind == CLSACT:
            self._attach_clsact(spot, program)
        elif spot in self._trials:
            bpf.update_link(self._trials[spot], program, spot.iface)
        else:
            with opened(spot.pin(self._folder, TCX)) as link:
                if link is not None:
                    bpf.update_link(link, program, spot.iface)


def _alive(link: int, spot: Spot) -> tuple[str, int]:
    """Tell a tcx link from one that somebody took off."""
    info = bpf.link_info(link)
    return (TCX, info.program_id) if info.ifindex == spot.ifindex else ("", 0)
