"""What a person makes of what was found: suppressions, notes and dispositions, of one row or all marked ones."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aegis_tui.acting.attaching import Roles
from aegis_tui.acting.console import Console, Deed, ask_then
from aegis_tui.acting.going import Ways
from aegis_tui.acting.seeing import Selection, Sight
from aegis_tui.bridge import REFUSALS
from aegis_tui.commands.person import name_of_person
from aegis_tui.keyboard.completing import no_prefix
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.suppress_facts import Subject, subject_of
from aegis_tui.widgets.rules import is_in_force
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Table
from engine.types import Alert, Disposition, Suppression

MOST_MARKED = 32
"""Marked rows that are judged at a time: each is looked up, and each becomes a rule of its own."""
SAMPLE = 3
DISPOSITIONS: Mapping[str, Disposition] = {
    "t": Disposition.TRUE_POSITIVE,
    "b": Disposition.BENIGN_POSITIVE,
    "f": Disposition.FALSE_POSITIVE,
    "u": Disposition.UNDETERMINED,
}
WORDS = {"true": "t", "benign": "b", "false": "f", "unclear": "u"}
"""What may follow ``:disposition``."""


class Judgements:
    """Carries a person's judgement down to the engine."""

    def __init__(
        self, console: Console, sight: Sight, selection: Selection, roles: Roles, ways: Ways, person: str
    ) -> None:
        """Take the parts that it needs, and who judges; an empty name is asked for where it is wanted."""
        self._console = console
        self._sight = sight
        self._selection = selection
        self._roles = roles
        self._ways = ways
        self._name = person
        self._begun: dict[str, str] = {}
        """Notes that were typed and not stored, by incident."""
        self.deeds = {
            "suppress": Deed(self._suppress, self._suppress_named),
            "suppressions": Deed(self._show_rules),
            "end-suppression": Deed(self._ask_to_end),
            "note": Deed(self._ask_for_note, self._note_named),
            "disposition": Deed(self._ask_what_it_was, self._dispose_named),
        }

    def _person(self) -> str:
        return self._name or name_of_person()

    # --- suppressions ---

    def _suppress(self) -> None:
        """Open the dialog for the row, or for all marked rows."""
        if self._roles.only_watches():
            return
        rows = self._rows()
        if not rows:
            self._console.say("nothing is selected that could be suppressed")
        elif len(rows) > MOST_MARKED:
            self._console.say(f"{len(rows)} rows are marked: at most {MOST_MARKED} at a time, or one rule for a prefix")
        else:
            self._console.work(self._ask_to_suppress(rows, self._sight.table()), "review")

    def _suppress_named(self, words: str) -> None:
        try:
            network = ipaddress.ip_network(words.strip())
        except ValueError:
            self._console.say(no_prefix(words), "warn")
            return
        alone = network.num_addresses == 1
        self._open_dialog([Subject(str(network.network_address if alone else network))], None)

    async def _ask_to_suppress(self, rows: Mapping[str, Aim], table: Table | None) -> None:
        try:
            subjects = [await self._tells_of(key, aim) for key, aim in rows.items()]
        except REFUSALS as refusal:
            self._console.say(f"cannot read what it is about: {foreign(str(refusal))}", "danger")
        else:
            self._open_dialog(list(dict.fromkeys(subjects)), table)

    def _open_dialog(self, subjects: Sequence[Subject], table: Table | None) -> None:
        if self._sight.view() is None:
            return
        if self._console.engine.snapshot().status.mode == "replay":
            self._console.say("a replay hides what was hidden when it was recorded: suppress in the live console")
            return
        from aegis_tui.screens.suppress_dialog import SuppressDialog  # noqa: PLC0415 - not before the first frame

        dialog = SuppressDialog(self._console.engine, subjects, self._person(), self._console.monotonic)

        def closed(_: None) -> None:
            if dialog.made:
                self._console.say(_made(dialog.made))
                if table is not None:
                    table.unmark()
            self._console.poll()

        self._console.say("")
        self._console.push_screen(dialog, closed)

    async def _tells_of(self, key: str, aim: Aim) -> Subject:
        """Return what a rule can name of a row: of an alert its own finding, of an incident the gravest."""
        alerts = [alert for alert in self._console.engine.snapshot().alerts if _tells(alert, key)]
        if alerts:
            return subject_of(alerts[0])._replace(address=aim.address)
        if not aim.incident_id:
            return Subject(aim.address)
        found = (await self._console.engine.incident(aim.incident_id)).alerts
        alert = next((one for one in found if _tells(one, key)), None)
        gravest = alert or max(found, key=lambda one: one.detection.severity.rank, default=None)
        if gravest is None:
            return Subject(aim.address)
        return subject_of(gravest, () if alert else found)._replace(address=aim.address)

    def _rows(self) -> dict[str, Aim]:
        """Return the marked rows, else the row, else what the view is about."""
        table, aim = self._sight.table(), self._sight.aim()
        marked = {key: one for key, one in table.marked.items() if one.address} if table is not None else {}
        if marked or aim is None or not aim.address:
            return marked
        own = table is not None and table.aim is not None
        return {table.key if table is not None and own else aim.incident_id: aim}

    # --- rules in force ---

    def _show_rules(self) -> None:
        """Show the rules."""
        self._ways.go("suppressions")
        self._console.poll()

    def _ask_to_end(self) -> None:
        """Ask whether to end the rule of the row, or all marked ones."""
        table = self._sight.table()
        if table is None or self._sight.name() != "suppressions" or self._roles.only_watches():
            return
        now = self._console.engine.snapshot().now
        in_force = {rule.id: rule for rule in self._console.engine.suppressions() if is_in_force(rule, now)}
        chosen = [in_force[key] for key in (list(table.marked) or [table.key]) if key in in_force]
        if not chosen:
            self._console.say("this rule has ended already" if table.key else "no rule is in force")
            return
        what = f"{chosen[0].id} ({foreign(chosen[0].scope, 120)})" if len(chosen) == 1 else f"{len(chosen)} rules"
        question = f"End {what}? What it hid raises alerts again.  y yes, any other key no"
        ask_then(self._console, question, lambda: self._end([rule.id for rule in chosen], table))

    async def _end(self, rule_ids: Sequence[str], table: Table) -> None:
        ended = await self._each(rule_ids, self._console.engine.end_suppression, "cannot end the rule")
        if len(ended) == len(rule_ids):
            table.unmark()
            self._console.say(f"{ended[0]} has ended" if len(ended) == 1 else f"{len(ended)} rules have ended")

    # --- notes ---

    def _ask_for_note(self) -> None:
        """Ask for a note beside the incident."""
        aim = self._incident_aim()
        if aim is None:
            self._sight.ask_for_incident("a note stands beside an incident")
            return
        # Here, as a text area takes 6 ms to load, and few incidents get a note.
        from aegis_tui.screens.note import NoteDialog, Written  # noqa: PLC0415
        from engine.suppressing import NOTE_CHARS  # noqa: PLC0415

        incident_id = aim.incident_id

        def written(found: Written | None) -> None:
            self._begun[incident_id] = found.text if found else ""
            if found and found.store:
                self._console.work(self._note(incident_id, found.text), "note")
            elif found and found.text:
                self._console.say(f"not stored; {key_of('note')} brings the text back until you quit")

        begun = self._begun.get(incident_id, "")
        self._console.say("")
        self._console.push_screen(NoteDialog(f"{incident_id} {aim.address}", NOTE_CHARS, begun), written)

    def _note_named(self, words: str) -> None:
        aim = self._incident_aim()
        if aim is None:
            self._sight.ask_for_incident("a note stands beside an incident")
        else:
            self._console.work(self._note(aim.incident_id, words), "note")

    async def _note(self, incident_id: str, text: str) -> None:
        try:
            await self._console.engine.note(incident_id, text, self._person())
        except REFUSALS as refusal:
            self._begun[incident_id] = text
            self._console.say(
                f"the note is not stored, {key_of('note')} brings its text back: {foreign(str(refusal))}",
                "danger",
            )
        else:
            self._begun.pop(incident_id, None)
            self._selection.reread()
            self._console.say(f"noted beside {incident_id}")

    def _incident_aim(self) -> Aim | None:
        """Return the incident that the person sees: the one of the row, or the one of the screen."""
        aim = self._sight.aim()
        return aim if aim is not None and aim.incident_id else self._sight.incident()

    # --- dispositions ---

    def _ask_what_it_was(self) -> None:
        """Ask what the incident was, or all that are marked; only where the person sees which ones these are."""
        if self._roles.only_watches():
            return
        incidents = self._judged()
        if incidents:
            words = f"{_named(incidents)}:  t true positive  b benign  f false  u unclear  esc"
            self._console.push_screen(
                Ask(words, {key: key for key in DISPOSITIONS}), lambda key: self._answer(incidents, key)
            )
        else:
            self._sight.ask_for_incident(f"{key_of('disposition')} is about an incident")

    def _dispose_named(self, words: str) -> None:
        incidents, key = self._judged(), WORDS.get(words.strip())
        if key is None:
            self._console.say(f"'{foreign(words, 40)}' is none of {', '.join(WORDS)}", "warn")
        elif not incidents:
            self._sight.ask_for_incident(f"{key_of('disposition')} is about an incident")
        else:
            self._answer(incidents, key)

    def _answer(self, incidents: Mapping[str, str], key: str | None) -> None:
        if key:
            self._console.work(self._dispose(tuple(incidents), DISPOSITIONS[key]), "disposition")

    def _judged(self) -> dict[str, str]:
        """Return the incidents that a disposition would be about, each with its address."""
        aim, table = self._sight.incident(), self._sight.table()
        if aim is None:
            return {}
        marked = [one for one in table.marked.values() if one.incident_id] if table is not None else []
        return {one.incident_id: one.address for one in marked or [aim]}

    async def _dispose(self, incident_ids: Sequence[str], disposition: Disposition) -> None:
        async def store(incident_id: str) -> None:
            await self._console.engine.set_disposition(incident_id, disposition, self._person())

        stored = await self._each(incident_ids, store, "cannot store the disposition")
        if stored:
            self._selection.reread()
        if len(stored) < len(incident_ids):
            return
        what = stored[0] if len(stored) == 1 else f"{len(stored)} incidents"
        self._console.say(f"{what}: {disposition.value.replace('_', ' ')}")
        if (table := self._sight.table()) is not None:
            table.unmark()

    async def _each(self, names: Sequence[str], work: Callable[[str], Awaitable[None]], trouble: str) -> list[str]:
        """Do something to each, until the first refusal, which is told; returns those that it was done to."""
        done: list[str] = []
        for name in names:
            try:
                await work(name)
            except REFUSALS as refusal:
                which = f" of {name}, {len(done)} done" if len(names) > 1 else ""
                self._console.say(f"{trouble}{which}: {foreign(str(refusal))}", "danger")
                break
            done.append(name)
        return done


def _tells(alert: Alert, key: str) -> bool:
    return key in (alert.id, alert.detection.flow_id)


def _made(rules: Sequence[Suppression]) -> str:
    if len(rules) == 1:
        return f"{rules[0].id}: {foreign(rules[0].scope, 120)} is suppressed; {key_of('suppressions')} lists the rules"
    return f"{len(rules)} rules are in force; {key_of('suppressions')} lists them"


def _named(incidents: Mapping[str, str]) -> str:
    if len(incidents) == 1:
        return " ".join(next(iter(incidents.items())))
    more = f" and {len(incidents) - SAMPLE} more" if len(incidents) > SAMPLE else ""
    return f"{len(incidents)} incidents ({', '.join(list(incidents.values())[:SAMPLE])}{more})"
