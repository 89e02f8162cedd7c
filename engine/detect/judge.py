"""Asks every detector about every flow update; one that breaks on an update is set aside for it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.types import Broken, Detection, Detector, FlowUpdate


class Judge:
    """The detectors, in a fixed order."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = tuple(detectors)
        self.judged = 0
        self.broken: list[Broken] = []
        """What broke since the caller last emptied this list: at most one entry per update and detector."""

    def inspect(self, update: FlowUpdate) -> list[Detection]:
        """Return the detections of every detector."""
        self.judged += 1
        found: list[Detection] = []
        for detector in self._detectors:
            try:
                found.extend(detector.inspect(update))
            except Exception as error:  # the stage's boundary: hostile bytes may find a fault in any detector
                self.broken.append(Broken(detector.name, f"{type(error).__name__}: {error}", update))
        return found
