"""The scene: a case and what the tools found, in the shape that the considerations ask about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from engine.agent.case import Case
from engine.agent.evidence import known_flows, ranked
from engine.agent.judging.message import Message, message_of, readable
from engine.agent.tools.addresses import NamesSeen
from engine.agent.tools.decoding import decodings
from engine.types import (
    AddressFacts,
    Alert,
    Direction,
    FileFacts,
    Finding,
    Flow,
    Logins,
    PastIncidents,
    Persistence,
    ProcessFacts,
    Services,
    SocketOwner,
)

Facts = TypeVar("Facts")

MATCHES = 12
"""Alerts whose place in the payload is looked at."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a detector matched, and the message it stands in."""

    alert: Alert
    text: str
    """Decoded and lower case; empty where the detector names no bytes."""
    message: Message
    where: str
    """``line``, ``header``, ``body`` or ``raw``."""
    field: str
    """The value around it: of a parameter, a form field or a JSON member."""


class Scene:
    """One incident as the considerations see it; everything is worked out once, when it is asked for."""

    def __init__(self, case: Case, subjects: Iterable[Any]) -> None:
        self.case = case
        self._subjects = tuple(subjects)

    def found(self, kind: type[Facts]) -> list[Facts]:
        """Return the answers of a kind that were found; the others say nothing."""
        flat = [one for subject in self._subjects for one in (subject if isinstance(subject, tuple) else (subject,))]
        return [one for one in flat if isinstance(one, kind) and getattr(one, "finding", None) is Finding.FOUND]

    @cached_property
    def target(self) -> str:
        return self.case.incident.target_ip

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        return ranked(self.case.alerts)

    @cached_property
    def classes(self) -> frozenset[str]:
        return frozenset(alert.detection.event_class for alert in self.alerts)

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        return tuple(known_flows(self.case).values())

    @cached_property
    def carriers(self) -> tuple[Flow, ...]:
        """The flows that say something."""
        return tuple(flow for flow in self.flows if flow.head[0] or flow.head[1])

    @cached_property
    def is_inbound(self) -> bool:
        """Whether the target came to this host, as far as the alerts' flows show."""
        came = sum(alert.flow.five_tuple.src_ip == self.target for alert in self.alerts)
        return 2 * came >= len(self.alerts)

    @cached_property
    def requests(self) -> tuple[Message, ...]:
        """What initiators sent."""
        return tuple(message_of(flow.head[0]) for flow in self.carriers)

    @cached_property
    def answers(self) -> tuple[Message, ...]:
        """What responders sent."""
        return tuple(message_of(flow.head[1]) for flow in self.carriers)

    @cached_property
    def foreign(self) -> str:
        """Everything that the target sent, decoded and lower case."""
        return "\n".join(self._side(from_target=True)).lower()

    @cached_property
    def ours(self) -> str:
        """Everything that this host sent, decoded and lower case."""
        return "\n".join(self._side(from_target=False)).lower()

    @cached_property
    def both(self) -> str:
        return f"{self.foreign}\n{self.ours}"

    def _side(self, *, from_target: bool) -> Iterator[str]:
        for flow in self.carriers:
            begun = flow.five_tuple.src_ip == self.target
            head = flow.head[0 if begun is from_target else 1]
            yield message_of(head).decoded
            yield from (readable(one.text) for one in decodings(head) if "base64" in one.how or "gzip" in one.how)

    @cached_property
    def matches(self) -> tuple[Match, ...]:
        return tuple(_match(alert) for alert in self.alerts[:MATCHES] if alert.detection.excerpt)

    @cached_property
    def status(self) -> tuple[int, ...]:
        """The HTTP status of each answer that has one."""
        return tuple(answer.status for answer in self.answers if answer.status)

    @cached_property
    def span_s(self) -> float:
        """From the first to the last that is known of it."""
        times = [flow.first_seen for flow in self.flows] + [alert.last_at for alert in self.alerts]
        return max(times) - min(times) if times else 0.0

    @cached_property
    def count(self) -> int:
        """How often it happened: flows, or what the detectors counted."""
        return max(len(self.flows), *(alert.count for alert in self.alerts), 0) if self.alerts else len(self.flows)

    @cached_property
    def pace(self) -> float:
        """How many a second, in the middle of it or over all of it, whichever is more."""
        begins = sorted(flow.first_seen for flow in self.flows)
        gaps = sorted(later - earlier for earlier, later in pairwise(begins))
        middle = 1.0 / max(gaps[len(gaps) // 2], 1e-3) if len(gaps) >= 5 else 0.0
        return max(middle, self.count / max(self.span_s, 1.0))

    @cached_property
    def owners(self) -> list[SocketOwner]:
        return self.found(SocketOwner)

    @cached_property
    def processes(self) -> list[ProcessFacts]:
        """Those behind the incident's connections; relatives are seen from them."""
        pids = {owner.pid for owner in self.owners}
        found = self.found(ProcessFacts)
        return list({one.pid: one for one in found if one.pid in pids or not pids}.values())

    @cached_property
    def relatives(self) -> list[ProcessFacts]:
        pids = {one.pid for one in self.processes}
        return list({one.pid: one for one in self.found(ProcessFacts) if one.pid not in pids}.values())

    @cached_property
    def files(self) -> list[FileFacts]:
        return self.found(FileFacts)

    @cached_property
    def logins(self) -> list[Logins]:
        return self.found(Logins)

    @cached_property
    def persistence(self) -> list[Persistence]:
        return self.found(Persistence)

    @cached_property
    def past(self) -> list[PastIncidents]:
        return self.found(PastIncidents)

    @cached_property
    def services(self) -> list[Services]:
        return self.found(Services)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names that DNS answers gave for the target, lower case."""
        seen = [name for one in self.found(NamesSeen) for name in one.answered]
        seen += [name for one in self.found(AddressFacts) for name in one.names]
        return tuple(dict.fromkeys(name.lower().rstrip(".") for name in seen))

    @cached_property
    def began(self) -> float:
        return min([self.case.incident.opened_at, *(flow.first_seen for flow in self.flows)])


def _match(alert: Alert) -> Match:
    detection = alert.detection
    span = detection.spans[0] if detection.spans else None
    direction = span.direction if span else Direction.TO_SERVER
    head = alert.flow.head[list(Direction).index(direction)]
    raw = head[span.offset : span.offset + span.length] if span else b""
    if not span or not raw:
        return Match(alert, "", message_of(head), "", "")
    message = message_of(head)
    where = message.place(span.offset)
    text = readable(unquote_to_bytes(raw.replace(b"+", b" ")))
    return Match(alert, text.lower(), message, where, message.field_around(span.offset, span.length))


def any_of(pattern: re.Pattern[str], *texts: str) -> bool:
    """Return whether a pattern is found in one of some texts."""
    return any(pattern.search(text) for text in texts)
