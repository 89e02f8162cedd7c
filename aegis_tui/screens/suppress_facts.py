"""What the dialog before a suppression tells: its scope, what it would have hidden, and when that is dangerous."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.screens.block_facts import Fact
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import SEVERITY_WORDS, clock, span
from engine.types import Alert, Severity, Suppression, SuppressionPreview

LABEL = 8
"""Cells of a fact's label: as wide as those of the controls below."""
NAMED = 4
"""Scopes and incidents that are named."""
GRAVE = (Severity.HIGH, Severity.CRITICAL)
WIDER = {4: 24, 6: 64}
"""The prefix that stands for a neighbourhood."""


class Subject(NamedTuple):
    """What a row tells of, as far as a suppression can name it."""

    address: str
    """An address, or a prefix that was typed."""
    detector: str = ""
    label: str = ""
    others: tuple[str, ...] = ()
    """Further labels of the same incident."""

    @property
    def neighbourhood(self) -> str:
        """The prefix around the address, or empty where a prefix was named."""
        if "/" in self.address:
            return ""
        length = WIDER[ipaddress.ip_address(self.address).version]
        return str(ipaddress.ip_network((self.address, length), strict=False))


class Scope(NamedTuple):
    """What one rule would hide, as the engine takes it."""

    target: str
    detector: str
    label: str

    @property
    def words(self) -> str:
        """The scope as the rule will tell it."""
        return Suppression("", self.target, self.detector, self.label, "", "", 0.0, 0.0).scope


class Wanted(NamedTuple):
    """What the controls stand at."""

    where: str
    """``address``, ``prefix`` or ``any``."""
    what: str
    """``anything``, ``label`` or ``detector``."""
    ttl_s: float


def subject_of(alert: Alert, others: Sequence[Alert] = ()) -> Subject:
    """Return what a suppression can name of an alert, and what else was found about the same incident."""
    found = alert.detection
    labels = dict.fromkeys(other.detection.label for other in others if other.detection.label != found.label)
    return Subject(alert.target_ip, found.detector, found.label, tuple(labels))


def scopes(subjects: Sequence[Subject], wanted: Wanted) -> list[Scope]:
    """Return one scope for each subject, each once; a subject without what is wanted gets none, never a wider one."""
    made = [scope_of(subject, wanted) for subject in subjects]
    return list(dict.fromkeys(scope for scope in made if scope is not None))


def scope_of(subject: Subject, wanted: Wanted) -> Scope | None:
    """Return what a rule about one subject would hide, or None where it has not what is wanted."""
    here = str(ipaddress.ip_network(subject.address, strict=False))
    named = {"address": here, "prefix": subject.neighbourhood or here, "any": ""}
    match wanted.what:
        case "label":
            # A label that holds * would be read as a pattern, and hide more than the row shows.
            fits = subject.label and "*" not in subject.label
            return Scope(named[wanted.where], "", subject.label) if fits else None
        case "detector":
            return Scope(named[wanted.where], subject.detector, "") if subject.detector else None
        case _:
            return Scope(named[wanted.where], "", "")


def merged(previews: Sequence[SuppressionPreview]) -> SuppressionPreview:
    """Return what several rules would have hidden together."""
    ranks: Counter[Severity] = Counter()
    for one in previews:
        ranks.update(dict(one.severities))
    return SuppressionPreview(
        sum(one.alerts for one in previews),
        sum(one.detections for one in previews),
        tuple(sorted({incident for one in previews for incident in one.incidents})),
        tuple(sorted(ranks.items(), key=lambda pair: -pair[0].rank)),
        min((one.since for one in previews if one.since), default=0.0),
        tuple(line for one in previews for line in one.sample),
    )


def suppress_facts(
    subjects: Sequence[Subject],
    wanted: Wanted,
    seen: SuppressionPreview | None,
    why_not: str,
    rules: Sequence[Suppression],
    now: float,
) -> list[Fact]:
    """Return what to know before rules of these scopes are made; ``seen`` is None while that is looked up."""
    chosen = scopes(subjects, wanted)
    return [
        _head(subjects, chosen),
        *_several(subjects, chosen),
        *_left_out(subjects, wanted),
        *_grave(seen),
        *_seen(seen, why_not, now),
        *_incidents(seen),
        *_sample(seen),
        *_already(chosen, rules),
        *(_others(subjects) if wanted.what == "label" else []),
        _fact(6, "Still", f"each is counted as suppressed ({screen_of('health')}); a block in force goes on dropping"),
        _fact(7, "Undo", _undo()),
    ]


def _head(subjects: Sequence[Subject], chosen: Sequence[Scope]) -> Fact:
    if len(subjects) == 1 and chosen:
        return Fact(1, paragraph((f"Suppress {foreign(chosen[0].words, 300)}?", "bold"), max_rows=4))
    rules = f"{len(chosen)} suppression{'' if len(chosen) == 1 else 's'}"
    of = "one for each of the" if len(chosen) == len(subjects) else "for"
    rows = f"{of} {len(subjects)} marked rows" if len(subjects) > 1 else "for this row"
    return Fact(1, paragraph((f"Make {rules}, {rows}?", "bold"), max_rows=2))


def _several(subjects: Sequence[Subject], chosen: Sequence[Scope]) -> list[Fact]:
    if len(subjects) == 1 or not chosen:
        return []
    more = f"; and {len(chosen) - NAMED} more" if len(chosen) > NAMED else ""
    return [_fact(5, "Rules", "; ".join(foreign(scope.words, 100) for scope in chosen[:NAMED]) + more)]


def _left_out(subjects: Sequence[Subject], wanted: Wanted) -> list[Fact]:
    without = [subject.address for subject in subjects if scope_of(subject, wanted) is None]
    if not without:
        return []
    named = ", ".join(without[:NAMED])
    return [_fact(2, "Left out", f"{named}: no alert is known there; choose 'anything'", "warn")]


def _grave(seen: SuppressionPreview | None) -> list[Fact]:
    grave = sum(number for severity, number in seen.severities if severity in GRAVE) if seen else 0
    if not grave:
        return []
    are = "is" if grave == 1 else "are"
    return [
        _fact(2, "CAREFUL", f"{grave} of them {are} HIGH or CRIT: an attack like that would raise no alert", "danger")
    ]


def _seen(seen: SuppressionPreview | None, why_not: str, now: float) -> list[Fact]:
    if seen is None:
        return [_fact(3, "Preview", foreign(why_not))]
    if not seen.since:
        return [_fact(3, "Preview", "no alert is stored yet: what it would have hidden is not known")]
    since = f"since {clock(seen.since)} ({span(now - seen.since)})"
    if not seen.alerts:
        return [_fact(3, "Preview", f"{since} it would have hidden nothing")]
    ranks = ", ".join(f"{number:,} {SEVERITY_WORDS[severity]}" for severity, number in seen.severities)
    alerts = f"{seen.alerts:,} alert{'' if seen.alerts == 1 else 's'} ({seen.detections:,} detections): {ranks}"
    return [_fact(3, "Preview", f"{since} it would have hidden {alerts}")]


def _incidents(seen: SuppressionPreview | None) -> list[Fact]:
    if seen is None or not seen.incidents:
        return []
    number = len(seen.incidents)
    more = f" and {number - NAMED} more" if number > NAMED else ""
    words = f"{number} would not be there: {', '.join(seen.incidents[:NAMED])}{more}"
    return [_fact(4, "Incident", words, "warn")]


def _sample(seen: SuppressionPreview | None) -> list[Fact]:
    return (
        [_fact(9, "Such as", "; ".join(foreign(line, 120) for line in seen.sample[:8]))] if seen and seen.sample else []
    )


def _already(chosen: Sequence[Scope], rules: Sequence[Suppression]) -> list[Fact]:
    words = {scope.words for scope in chosen}
    same = [rule for rule in rules if rule.scope in words]
    return [
        _fact(4, "Already", f"{rule.id} by {foreign(rule.by, 40)}: {foreign(rule.reason, 80)}") for rule in same[:2]
    ]


def _others(subjects: Sequence[Subject]) -> list[Fact]:
    others = subjects[0].others if len(subjects) == 1 else ()
    if not others:
        return []
    named = ", ".join(foreign(label, 60) for label in others[:NAMED])
    return [
        _fact(
            8,
            "Also",
            f"this incident shows {named}: their rows on {screen_of('incident')} take {key_of('suppress')} too",
        )
    ]


def _fact(rank: int, label: str, text: str, style: str = "") -> Fact:
    return Fact(rank, paragraph((f"{label:<{LABEL}} ", style or "bold"), (text, style), indent=LABEL + 1, max_rows=6))


def _undo() -> str:
    lists, ends = key_of("suppressions"), key_of("end-suppression")
    return f"{lists} lists the rules, {ends} there ends one; aegis-tui suppress remove ID"
