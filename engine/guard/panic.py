"""Lets every packet pass with nothing but what is in the kernel: no database, no engine and no guard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.guard.nfttable import halt_table

PIN_ROOT = Path("/sys/fs/bpf/aegis")


def panic(pin_root: Path = PIN_ROOT) -> int:
    """Halt and empty the BPF maps and the nftables table of this network namespace, and return how many entries went.

    Raises:
        FileNotFoundError: there is neither, so nothing is blocked.
        OSError: one of them could not be emptied; the other was tried all the same.
    """
    removed, failures, absent = 0, list[str](), 0
    for halt in _halts(pin_root):
        try:
            removed += halt()
        except FileNotFoundError:
            absent += 1
        except OSError as error:
            failures.append(str(error))
    if failures:
        raise OSError("; ".join(failures))
    if absent == 2:
        raise FileNotFoundError(f"cannot halt: neither maps in {pin_root} nor a table of nftables are in the kernel")
    return removed


def _halts(pin_root: Path) -> tuple[Callable[[], int], Callable[[], int]]:
    def halt_maps() -> int:
        if not pin_root.exists():
            raise FileNotFoundError(f"no maps are pinned in {pin_root}")
        from engine.guard.xdp import panic as empty_maps  # noqa: PLC0415 - libbpf may be missing

        return empty_maps(pin_root)

    return halt_maps, halt_table
