"""Prints events where there is no console: JSON for programs, plain lines for people."""

from __future__ import annotations

import json
import sys
from typing import TextIO

from aegis_tui.commands.terminal import moment, say
from engine import wire
from engine.core import Engine
from engine.filter import Filter
from engine.recovery import recovered
from engine.types import Alert, Block, Detection, Event, Fault, Flow, Incident, Proposal, Recovery, TraceStep, Verdict

_ALWAYS = (Alert, Incident, Verdict, Proposal, Block, Fault, Recovery)
_ON_REQUEST = {"detection": Detection, "flow": Flow, "step": TraceStep}


class Printer:
    """Writes one line for each event that was asked for."""

    def __init__(
        self, as_json: bool, extra: str | None, out: TextIO | None = None, wanted: Filter | None = None
    ) -> None:
        """Take the comma-separated names of ``--with`` in ``extra``; events have to match ``wanted``.

        Raises:
            ValueError: a name is unknown.
        """
        names = [name.strip() for name in (extra or "").split(",") if name.strip()]
        unknown = [name for name in names if name not in _ON_REQUEST]
        if unknown:
            msg = f"--with takes {', '.join(_ON_REQUEST)}, not {unknown[0]!r}"
            raise ValueError(msg)
        self._kinds = (*_ALWAYS, *(_ON_REQUEST[name] for name in names))
        self._wanted = wanted
        self._as_json = as_json
        self._out = out or sys.stdout
        self.wants_flows = "flow" in names

    def __call__(self, event: Event) -> None:
        """Print an event, if its kind was asked for and it matches."""
        if isinstance(event, self._kinds) and (not self._wanted or self._wanted.matches(event)):
            line = wire.event_line(event) if self._as_json else _plain(event)
            say(line, self._out, as_json=self._as_json)

    def summary(self, engine: Engine) -> None:
        """Print what the run amounted to."""
        counters = engine.totals()
        if self._as_json:
            say(json.dumps({"type": "summary", **counters}), self._out)
        else:
            say(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counters.items()), self._out)


def _plain(event: Event) -> str:  # noqa: PLR0911 - one return for each kind of event
    match event:
        case Alert():
            found, ends = event.detection, _ends(event.flow)
            return f"{moment(event.first_at)} ALERT    {event.id} {found.severity} {ends} {found.label}: {found.reason}"
        case Incident():
            return f"{moment(event.updated_at)} INCIDENT {event.id} {event.severity} {event.target_ip} {event.title}"
        case Verdict():
            judged = f"{event.incident_id} {event.conclusion} ({event.analyst})"
            return f"{moment(event.at)} VERDICT  {judged} {event.summary}"
        case Proposal():
            asked = f"{event.id} block {event.terms.prefix} ({event.state})"
            return f"{moment(event.created_at)} PROPOSAL {asked} {event.reason}"
        case Block():
            return f"{moment(event.added_at)} BLOCK    {event.prefix} {event.state}"
        case Fault():
            return f"{_when(event.at)} FAULT    {event.ability}: {event.message}"
        case Recovery():
            return f"{moment(event.at)} RECOVERY {recovered(event, moment)}"
        case Detection():
            return f"{moment(event.at)} DETECTION {event.flow_id} {event.detector} {event.label} {event.score:.3f}"
        case TraceStep():
            return f"{moment(event.at)} STEP     {event.incident_id} {event.role} {event.kind} {event.name}"
        case Flow():
            return f"{moment(event.last_seen)} FLOW     {_ends(event)}"


def _when(at: float) -> str:
    """Return when a fault came: a replay goes by the capture's clock, which stands until there is a packet."""
    return moment(at) if at else f"{'before the first packet':25}"


def _ends(flow: Flow) -> str:
    ends = flow.five_tuple
    return f"{ends.proto} {ends.src_ip}:{ends.src_port} -> {ends.dst_ip}:{ends.dst_port}"
