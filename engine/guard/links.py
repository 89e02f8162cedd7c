"""Where the BPF programs are attached, pinned or on trial."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.guard import bpf, fields
from engine.guard.blocker import Attached
from engine.guard.egress import CLSACT, Egress, why
from engine.guard.layout import IFACES
from engine.guard.pins import Spot, here, opened, spot_of

PROGRAM = "aegis_xdp"

_SIOCGIFHWADDR = 0x8927
_ETHERNET_TYPES = {1, 772}
"""ARPHRD_ETHER and ARPHRD_LOOPBACK: the links whose frames start with an Ethernet header."""
_NO_FALLBACK = {errno.EPERM, errno.EBUSY, errno.EEXIST, errno.ENODEV}
"""Refusals that generic mode cannot cure; the others are a driver's."""


class Links:
    """The links of the XDP program, one for each interface, and the egress program beside each.

    A link is pinned under the interface's name, or on trial: held by its descriptor only, so that the kernel takes
    it off when this process ends. One process at a time attaches, which the guard's lock on the host sees to.
    """

    def __init__(self, folder: Path, load: Callable[[str, int], int]) -> None:
        """``load`` returns a descriptor of a program for an interface's bit."""
        self._folder, self._load = folder, load
        self._egress = Egress(folder, load)
        self._tag = b""
        self._trials: dict[Spot, int] = {}
        self._refused: dict[Spot, tuple[str, ...]] = {}

    def close(self) -> None:
        """Give the descriptors back, which takes off what is on trial."""
        self._egress.close()
        while self._trials:
            os.close(self._trials.popitem()[1])

    def attach(self, iface: str, vacate: Callable[[int], None], *, on_trial: bool) -> bpf.XdpMode:
        """Attach, or put right what is attached; ``vacate`` is called with a bit before an interface gets it."""
        ifindex = _ethernet_ifindex(iface)
        self._remove_dead()
        spot = self._spots().get(ifindex)
        mode = self._mode(spot) if spot else None
        if spot and mode:
            self._refresh(spot)
            self._egress.put(spot, on_trial=spot in self._trials)
            return mode
        self._egress.take_off(ifindex)
        _refuse_strangers(ifindex, iface)
        spot = Spot(here(), ifindex, self._free_slot(iface))
        vacate(spot.bit)
        return self._create(spot, on_trial=on_trial)

    def _create(self, spot: Spot, *, on_trial: bool) -> bpf.XdpMode:
        program = self._load(PROGRAM, spot.bit)
        try:
            mode, link, self._refused[spot] = _attach_xdp(program, spot.ifindex, spot.iface)
        finally:
            os.close(program)
        if on_trial:
            self._trials[spot] = link
        else:
            self._pin(spot, link)
        self._egress.put(spot, on_trial=on_trial)
        return mode

    def _pin(self, spot: Spot, link: int) -> None:
        try:
            bpf.pin(link, spot.pin(self._folder))
        finally:
            os.close(link)

    def keep(self, iface: str) -> None:
        """Pin an attachment on trial; one that is pinned stays so."""
        spot = self._spots().get(socket.if_nametoindex(iface))
        if spot is None:
            raise OSError(f"cannot keep {iface}: nothing is attached there")
        if spot in self._trials:
            self._pin(spot, self._trials.pop(spot))
            self._egress.keep(spot)

    def detach(self, iface: str) -> bool:
        """Take both programs off; False when neither was there."""
        ifindex = socket.if_nametoindex(iface)
        spot = self._spots().get(ifindex)
        if spot:
            with self._open(spot) as link:
                bpf.detach_link(link, iface)
            if spot in self._trials:
                os.close(self._trials.pop(spot))
            spot.pin(self._folder).unlink(missing_ok=True)
            self._refused.pop(spot, None)
        return self._egress.take_off(ifindex) or spot is not None

    def bits(self) -> dict[str, int]:
        """Return the bit by interface name, for the interfaces of this network namespace."""
        spots = self._spots()
        return {iface: spots[ifindex].bit for ifindex, iface in socket.if_nameindex() if ifindex in spots}

    def attached(self) -> dict[str, Attached]:
        """Return how each interface of this network namespace is attached; one whose XDP link is lost is not in it."""
        found, spots = {}, self._spots()
        for ifindex, iface in socket.if_nameindex():
            spot = spots.get(ifindex)
            mode = self._mode(spot) if spot else None
            if spot and mode:
                refused = (*self._refused.get(spot, ()), *self._egress.refused(spot))
                found[iface] = Attached(str(mode), self._egress.kind(spot), spot in self._trials, refused)
        return found

    def _mode(self, spot: Spot) -> bpf.XdpMode | None:
        with self._open(spot) as link:
            ours = bpf.link_info(link).program_id
        modes = bpf.attached_xdp(spot.ifindex, spot.iface)
        return next((mode for mode, program_id in modes.items() if program_id == ours), None)

    def _refresh(self, spot: Spot) -> None:
        """Replace the program of an earlier build, which keeps using the same maps."""
        with self._open(spot) as link:
            running = bpf.program_by_id(bpf.link_info(link).program_id)
            if running.tag == self._tag:
                return
            program = self._load(PROGRAM, spot.bit)
            try:
                self._tag = bpf.program_info(program).tag
                if running.tag != self._tag:
                    bpf.update_link(link, program, spot.iface)
            finally:
                os.close(program)

    def _spots(self) -> dict[int, Spot]:
        """Return what is attached in this network namespace, by interface index."""
        namespace = here()
        pinned = [spot_of(path) for path in self._folder.glob(f"{namespace}-*") if _is_main(path)]
        known = [*pinned, *(spot for spot in self._trials if spot.namespace == namespace)]
        return {spot.ifindex: spot for spot in known if self._is_alive(spot)}

    def _is_alive(self, spot: Spot) -> bool:
        with self._open(spot) as link:
            return bpf.link_info(link).ifindex == spot.ifindex

    @contextmanager
    def _open(self, spot: Spot) -> Iterator[int]:
        if spot in self._trials:
            yield self._trials[spot]
            return
        link = bpf.open_pin(spot.pin(self._folder))
        try:
            yield link
        finally:
            os.close(link)

    def _free_slot(self, iface: str) -> int:
        taken = {spot_of(path).slot for path in self._folder.iterdir()} | {spot.slot for spot in self._trials}
        free = next((slot for slot in range(IFACES) if slot not in taken), None)
        if free is None:
            raise OSError(f"cannot attach XDP to {iface}: {IFACES} interfaces are attached already")
        return free

    def _remove_dead(self) -> None:
        """Forget the links whose interface is gone, and those that somebody took off."""
        for spot in [spot for spot in self._trials if not self._is_alive(spot)]:
            os.close(self._trials.pop(spot))
        for path in list(self._folder.iterdir()):
            with opened(path) as link:
                if link is not None and not path.name.endswith(CLSACT) and not bpf.link_info(link).ifindex:
                    path.unlink()
        for path in list(self._folder.glob(f"*-{CLSACT}")):
            if not spot_of(path).pin(self._folder).exists() and not _may_run(spot_of(path)):
                path.unlink()


def _may_run(spot: Spot) -> bool:
    """Whether the interface may still be there."""
    return spot.namespace == here() and spot.ifindex in dict(socket.if_nameindex())


def _is_main(path: Path) -> bool:
    """Whether a pin is an XDP link's, not what stands beside it."""
    return path.name.count("-") == 2


def _attach_xdp(program: int, ifindex: int, iface: str) -> tuple[bpf.XdpMode, int, tuple[str, ...]]:
    """Return the mode, the link, and why the driver refused where the mode is generic."""
    try:
        return bpf.XdpMode.NATIVE, bpf.attach_xdp(program, ifindex, bpf.XdpMode.NATIVE, iface), ()
    except OSError as error:
        if error.errno in _NO_FALLBACK:
            raise
        refused = f"native XDP: {why(error)}"
    return bpf.XdpMode.GENERIC, bpf.attach_xdp(program, ifindex, bpf.XdpMode.GENERIC, iface), (refused,)


def _ethernet_ifindex(iface: str) -> int:
    if not fields.is_iface(iface):
        raise OSError(f"cannot attach XDP to {iface!r}: that is no interface name")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16s24x", iface.encode())
        try:
            answer = fcntl.ioctl(any_socket, _SIOCGIFHWADDR, request)
        except OSError as error:
            raise bpf.failure(error.errno or 0, f"cannot attach XDP to {iface}") from error
    if struct.unpack_from("=H", answer, 16)[0] not in _ETHERNET_TYPES:
        raise OSError(f"cannot attach XDP to {iface}: its packets have no Ethernet header")
    return socket.if_nametoindex(iface)


def _refuse_strangers(ifindex: int, iface: str) -> None:
    for program_id in bpf.attached_xdp(ifindex, iface).values():
        stranger = bpf.program_by_id(program_id).name
        raise FileExistsError(f"cannot attach XDP to {iface}: program {stranger} (id {program_id}) is already there")
