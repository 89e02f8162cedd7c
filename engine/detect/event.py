"""Judges what other products report: which class of event a report is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.detect.classes import Classifier, way_of
from engine.detect.lexicon import EventClass, Usual
from engine.types import Classification, Detection, FlowUpdate, Party, ReportedEvent, Severity, UpdateReason

EXCERPT_BYTES = 256

UNSURE = 0.5
"""Below this confidence a report counts one step less."""

GUESS = 0.25
"""Below this confidence nothing speaks for any class: the report is only noted."""


class EventDetector:
    """Says the class of a reported event; silent about anything else."""

    name = "event"

    def __init__(self, load: Callable[[], Classifier]) -> None:
        """Take what makes the classifier, called at the first report: most runs never see one."""
        self.version = ""
        self._load = load
        self._classifier: Classifier | None = None

    def inspect(self, update: FlowUpdate) -> Sequence[Detection]:
        """Return one detection for a report."""
        if update.reason is not UpdateReason.REPORT or update.event is None:
            return ()
        if self._classifier is None:
            self._classifier = self._load()
            self.version = self._classifier.version
        found = self._classifier.classify(update.event)
        event_class = self._classifier.classes[found.event_class]
        return (self._detection(update, update.event, found, event_class),)

    def _detection(
        self, update: FlowUpdate, event: ReportedEvent, found: Classification, event_class: EventClass
    ) -> Detection:
        return Detection(
            flow_id=update.flow.id,
            at=update.at,
            detector=self.name,
            version=self.version,
            label=f"event.{found.event_class}",
            score=found.confidence,
            severity=_severity(event_class.severity, found.confidence),
            reason=_reason(found),
            attacker=accused(event, event_class),
            attack_ids=event_class.attack_ids,
            event_class=found.event_class,
            excerpt=_excerpt(event),
            event=event,
        )


def accused(event: ReportedEvent, event_class: EventClass) -> Party:
    """Return the end at fault: the public one where the other is private, else the one that the class accuses."""
    match way_of(event.src_ip, event.dst_ip):
        case Usual.IN:
            return Party.INITIATOR
        case Usual.OUT:
            return Party.RESPONDER
        case _:
            return event_class.accused


def _severity(of_class: Severity, confidence: float) -> Severity:
    if confidence < GUESS:
        return Severity.INFO
    ladder = list(Severity)
    return of_class if confidence >= UNSURE else ladder[max(0, of_class.rank - 1)]


def _reason(found: Classification) -> str:
    told = found.event_class.replace("_", " ")
    return f"Another product reported an event, classed as {told} with confidence {found.confidence:.2f} ({found.by})."


def _excerpt(event: ReportedEvent) -> bytes:
    """Return the beginning of the report, cut between two characters."""
    content = f"{event.name} {event.content}".encode("utf-8", "backslashreplace")[:EXCERPT_BYTES]
    return content.decode("utf-8", "ignore").encode()
