"""Lets every packet pass with nothing but what is in the kernel: no database, no engine and no guard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine.guard import halt
from engine.guard.nfttable import halt_table
from engine.guard.pins import PIN_ROOT
from engine.reason import reason


def panic(pin_root: Path = PIN_ROOT, state: Path | None = None) -> int:
    """Halt and empty the BPF maps and the nftables table of this network namespace, and return how many entries went.

    Whatever becomes of that, a mark is then left in the guard's folder ``state``, if it can be: a reboot takes
    what is in the kernel, and no guard may put the blocks back before a person ends the halt.

    Raises:
        FileNotFoundError: there is neither, so nothing is blocked.
        OSError: one of them could not be emptied; the other was tried all the same.
    """
    try:
        return _empty(pin_root)
    finally:
        if state is not None:
            with suppress(OSError):
                halt.mark(state)


def _empty(pin_root: Path) -> int:
    removed, failures, absent = 0, list[str](), 0
    for empty in _ways(pin_root):
        try:
            removed += empty()
        except FileNotFoundError:
            absent += 1
        except OSError as error:
            failures.append(reason(error))
    if failures:
        raise OSError("; ".join(failures))
    if absent == 2:
        raise FileNotFoundError(f"cannot halt: neither maps in {pin_root} nor a table of nftables are in the kernel")
    return removed


def _ways(pin_root: Path) -> tuple[Callable[[], int], Callable[[], int]]:
    def halt_maps() -> int:
        if not pin_root.exists():
            raise FileNotFoundError(f"no maps are pinned in {pin_root}")
        from engine.guard.xdp import panic as empty_maps  # noqa: PLC0415 - libbpf may be missing

        return empty_maps(pin_root)

    return halt_maps, halt_table
