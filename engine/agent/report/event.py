"""The report of another product that an incident began with."""

from __future__ import annotations

from engine.agent.report.lines import Line, Section, bounded, cut
from engine.agent.report.moments import moment
from engine.agent.tongue import Tongue
from engine.types import IncidentView


def event_section(view: IncidentView, tongue: Tongue) -> tuple[Section, ...]:
    """Return the report of another product that the incident began with, where it did."""
    say = tongue.say
    lines: list[Line] = []
    for alert in view.alerts:
        event = alert.detection.event
        if event is None:
            continue
        ends = f"{event.src_ip}:{event.src_port} > {event.dst_ip}:{event.dst_port}"
        lines += [
            Line(
                say(
                    "reported at {at} as {origin}: {proto} {ends}",
                    at=moment(event.at),
                    origin=event.origin,
                    proto=event.proto or "ip",
                    ends=ends,
                )
            ),
            Line(
                say(
                    "class {~event_class}, confidence {confidence}",
                    event_class=alert.detection.event_class,
                    confidence=f"{alert.detection.score:.2f}",
                ),
                cut(tongue.retold(alert.detection.reason)),
            ),
            Line(say("name of the event"), cut(event.name)),
            Line(say("content of the event"), cut(event.content)),
        ]
    if not lines:
        return ()
    note = Line(say("Written by another product; the program saw none of it itself."))
    return (Section("event", say("Reported event"), (note, *bounded(lines, tongue))),)
