"""One judge and one casebook: what a batch of flow updates amounts to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.casebook import Casebook, Due
from engine.detect.judge import Judge
from engine.intake import Batch
from engine.recorder import Recorded
from engine.suppression import Suppressions
from engine.types import LEAVING, Alert, Broken, Detection, Detector, Flow, Incident

CLOCK_SET_S = 60.0
"""A step back by more than this is a clock that was set: what waited for its moment is due now."""


@dataclass(slots=True)
class Work:
    """What a batch brought about, in order."""

    items: list[Detection | tuple[Alert, bool] | Incident | Due] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    ended: list[Flow] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


class Desk:
    """Works through batches; used by one thread at a time."""

    def __init__(
        self,
        detectors: Iterable[Detector],
        dedup_window_s: float,
        local_ips: Iterable[str],
        suppressions: Suppressions | None = None,
    ) -> None:
        self.judge = Judge(tuple(detectors))
        self.casebook = Casebook(dedup_window_s, local_ips, suppressions)
        self.detections = 0
        self._before = -math.inf

    def work(self, batch: Batch) -> Work:
        """Judge and book every update of a batch."""
        work = Work()
        for update in batch.updates:
            detections = self.judge.inspect(update)
            self.detections += len(detections)
            try:
                entries = self.casebook.enter(update, detections)
            except Exception as error:  # the stage's boundary: one update must not end the engine
                work.broken.append(Broken("casebook", f"{type(error).__name__}: {error}", update))
                continue
            work.items += entries.due
            work.items += entries.detections
            for alert, incident in zip(entries.alerts, entries.incidents, strict=True):
                work.items += [alert, incident]
            work.recorded += entries.recorded
            if update.reason in LEAVING:
                work.ended.append(update.flow)
        clock_was_set = batch.now < self._before - CLOCK_SET_S
        self._before = batch.now
        work.items += self.casebook.due(math.inf if batch.last or clock_was_set else batch.now)
        work.broken += [*batch.broken, *self.judge.broken]
        self.judge.broken = []
        return work
