"""What panic-unblock did, told to the incidents whose blocks it lifted: it asks no engine."""

from __future__ import annotations

from collections.abc import Sequence

from engine.types import Block, BlockState


class Halting:
    """Follows the halt from one look at the guard to the next."""

    def __init__(self) -> None:
        self._halted: bool | None = None
        """As told last; None before the first look, since what was so by then is the story of an earlier run."""
        self._waited = False

    def changes(self, halted: bool) -> bool:
        """Whether a halt began or ended since the look before."""
        if self._halted is None:
            self._halted = halted
        return halted != self._halted

    def told(self, who: str, before: Sequence[Block], now: Sequence[Block]) -> list[tuple[str, str]]:
        """Return incident and line of each block that a change is about; ``who`` changed it, or is empty.

        A guard hears who halted right after it sees the halt, so one without a name is told at the next look.
        """
        began = not self._halted
        if began and not who and not self._waited:
            self._waited = True
            return []
        self._halted, self._waited = began, False
        if began:
            return [(block.incident_id, _lifted(block.prefix, who)) for block in _halted(now)]
        live = {block.prefix for block in now}
        return [(block.incident_id, _ended(block.prefix, who, block.prefix in live)) for block in _halted(before)]


def _halted(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if block.state is BlockState.HALTED and block.incident_id]


def _lifted(prefix: str, who: str) -> str:
    if who:
        return f"panic-unblock by {who} lifted the block of {prefix}: every packet passes"
    return f"panic-unblock lifted the block of {prefix}: every packet passes; who ran it is not recorded"


def _ended(prefix: str, who: str, restored: bool) -> str:
    then = "is in force again" if restored else "stays lifted"
    return f"{who or 'a person'} ended the halt: the block of {prefix} {then}"
