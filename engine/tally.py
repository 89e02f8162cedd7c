"""What sources and desks came to: those at work, and those that have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.desk import Desk
from engine.intake import Reader
from engine.types import Counters

_SUMMED = (
    "kernel_seen", "kernel_dropped", "delivered", "parsed", "filtered", "malformed", "bytes",
    "flows_now", "flows_total", "flows_evicted",
)  # fmt: skip


class Tally:
    """Counts for the accounting identity, over every source so far."""

    def __init__(self) -> None:
        self.readers: Sequence[Reader] = ()
        """Those at work."""
        self.desks: list[Desk] = []
        """Those at work."""
        self._closed: list[Counters] = []
        self._judged: Counter[str] = Counter()

    def change(self, readers: Sequence[Reader]) -> None:
        """Go on with other sources, and keep what the ones before came to."""
        self._closed += [reader.counters() for reader in self.readers]
        self.readers = readers

    def leave(self, desk: Desk) -> None:
        """Keep what a desk came to that has ended."""
        if desk in self.desks:
            self.desks.remove(desk)
        self._judged.update(_of(desk))

    def counters(self, *, alerts: int, suppressed: int, quarantined: int) -> Counters:
        """Return the sums beside what others counted; the queues are left empty."""
        shares = [*self._closed, *(reader.counters() for reader in self.readers)]
        judged = sum((Counter(_of(desk)) for desk in self.desks), self._judged)
        return Counters(
            **{name: sum(getattr(share, name) for share in shares) for name in _SUMMED},
            emergency=any(share.emergency for share in shares),
            judged=judged["judged"],
            detections=judged["detections"],
            alerts=alerts,
            deduplicated=judged["deduplicated"],
            suppressed=suppressed,
            quarantined=quarantined,
        )


def _of(desk: Desk) -> dict[str, int]:
    folded = desk.casebook.dedup.folded
    return {"judged": desk.judge.judged, "detections": desk.detections, "deduplicated": folded}
