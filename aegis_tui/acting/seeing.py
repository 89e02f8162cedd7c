"""What the person looks at, and what keys are therefore about."""

from __future__ import annotations

from functools import partial

from aegis_tui.acting.console import Console
from aegis_tui.bridge import REFUSALS
from aegis_tui.keyboard.keymap import screen_of
from aegis_tui.keyboard.keys import INCIDENT_VIEWS
from aegis_tui.screens.view import View
from aegis_tui.widgets.rows import in_time, urgency
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Table
from engine.types import IncidentView, Snapshot


class Selection:
    """The incident and the alert that are selected, whichever view shows them, and what was read of them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.forget()
        self._stale = True

    def forget(self) -> None:
        """Forget what was selected: another engine is shown."""
        self.incident_id = self.alert_id = ""
        self.incident: IncidentView | None = None
        """The selected incident in full, once it is read."""

    def choose(self, incident_id: str, alert_id: str = "") -> None:
        """Select an incident, and one of its alerts."""
        if incident_id != self.incident_id:
            self.incident_id, self._stale = incident_id, True
        self.alert_id = alert_id

    def begin(self, snapshot: Snapshot) -> None:
        """Select what is the most urgent where nothing is selected."""
        if not self.incident_id and snapshot.incidents:
            self.choose(min(snapshot.incidents, key=urgency).id)

    def choose_alert(self, alert_id: str) -> None:
        """Select an alert, and its incident."""
        self.choose(self.incident_of(alert_id), alert_id)

    def step(self, step: int) -> None:
        """Go to the next or the previous alert of all incidents, in the order of time."""
        alerts = in_time(self._console.engine.snapshot().alerts)
        if not alerts:
            self._console.say("no alerts")
            return
        at = next((n for n, alert in enumerate(alerts) if alert.id == self.alert_id), -1 if step > 0 else 0)
        at = (at + step) % len(alerts)
        self.choose(alerts[at].incident_id, alerts[at].id)
        self._console.say(f"alert {at + 1}/{len(alerts)}: {alerts[at].detection.label} {alerts[at].target_ip}")

    def incident_of(self, alert_id: str) -> str:
        """Return the incident of an alert, or an empty text."""
        return next((a.incident_id for a in self._console.engine.snapshot().alerts if a.id == alert_id), "")

    def reread(self) -> None:
        """Have the incident read again."""
        self._stale = True

    def load(self) -> None:
        """Read the incident where it is to be read."""
        if self._stale and self.incident_id:
            self._stale = False
            self._console.begin("incident", partial(self._fetch, self.incident_id))

    async def _fetch(self, incident_id: str) -> None:
        engine, found = self._console.engine, self.incident
        try:
            found = await engine.incident(incident_id)
        except LookupError:
            found = None
        except REFUSALS as refusal:
            self._console.say(f"cannot read {incident_id}: {foreign(str(refusal))}", "danger")
        if engine is self._console.engine:  # else a replay began or ended meanwhile, which tells of its own
            self.incident = found
        self._console.poll()


class Sight:
    """The view in front, its table and its row, and the incident that can be seen there."""

    def __init__(self, console: Console, selection: Selection) -> None:
        self._console = console
        self._selection = selection

    def view(self) -> View | None:
        """Return the view that hears the keys; None where a dialog does."""
        top = self._console.screen_stack[-1:]
        return top[0] if top and isinstance(top[0], View) else None

    def name(self) -> str:
        """Return the name of that view in the key table, or an empty text."""
        view = self.view()
        return view.view if view is not None else ""

    def table(self) -> Table | None:
        """Return the table that the person looks at."""
        view = self.view()
        return view.table() if view is not None else None

    def aim(self) -> Aim | None:
        """Return what the row is about, else the incident that the view shows."""
        view = self.view()
        return (view.aim() or self.incident()) if view is not None else None

    def incident(self) -> Aim | None:
        """Return the selected incident, where the view shows it."""
        if self.name() not in INCIDENT_VIEWS:
            return None
        incidents = self._console.engine.snapshot().incidents
        incident = next((one for one in incidents if one.id == self._selection.incident_id), None)
        return Aim(incident.target_ip, incident.id) if incident else None

    def incident_id(self) -> str:
        """Return the id of the incident that the person sees, or an empty text."""
        aim = self.incident()
        return aim.incident_id if aim else ""

    def ask_for_incident(self, why: str) -> None:
        """Say where to choose an incident, and why one is wanted."""
        self._console.say(f"{why}: choose one on {screen_of('overview', 'incident')}")
