"""What persons set aside, as table rows and in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from aegis_tui.keyboard.keymap import key_of
from aegis_tui.widgets.line import Paragraph, Span, paragraph
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Column, Listing, Row
from aegis_tui.widgets.words import clock, count, span
from engine.filter import kinds
from engine.types import Suppression

RULE_COLUMNS = (
    Column("state", 8, 2),
    Column("target", 12, 0, cap=43),
    Column("what", 12, 1, cap=34),
    Column("left", 9, 3),
    Column("hid", 5, 4, right=True),
    Column("last", 8, 5),
    Column("who", 8, 7, cap=28),
    Column("why", 12, 6, flex=True),
)


def is_in_force(rule: Suppression, now: float) -> bool:
    """Whether a rule still hides something."""
    return not rule.ends_at or rule.ends_at > now


def rule_rows(rules: Sequence[Suppression], now: float) -> Listing[Suppression]:
    """Return the rules, those in force first, each group in the order given."""
    ordered = sorted(rules, key=lambda rule: not is_in_force(rule, now))
    orders: dict[str, Callable[[Suppression], Any]] = {
        "left": lambda rule: rule.ends_at or math.inf,
        "hid": lambda rule: rule.hits,
        "last": lambda rule: rule.last_hit_at,
    }
    return Listing(ordered, _id, lambda rule: _row(rule, now), kinds.suppressions(now), orders)


_ENDS = "ends it: what it hid raises alerts again"


def rule_facts(rule: Suppression, now: float) -> list[Paragraph]:
    """Return one rule in full."""
    lasts = is_in_force(rule, now)
    head = ("IN FORCE", "warn") if lasts else ("ENDED", "dim")
    raises = "raises no alert" if lasts else "raises alerts again"
    left = f"{span(rule.ends_at - now)} left" if rule.ends_at else "until a person ends it"
    ends = left if lasts else f"ended {span(now - rule.ends_at)} ago"
    hid = f"{rule.hits:,} detection{'' if rule.hits == 1 else 's'}, last {clock(rule.last_hit_at)}"
    return [
        paragraph(head, f" {rule.id}: {foreign(rule.scope, 300)} {raises}"),
        _fact("term", f"made {span(now - rule.added_at)} ago, {ends}"),
        _fact("hid", hid if rule.hits else "nothing yet"),
        _fact("by", foreign(rule.by) or "not recorded"),
        _fact("why", foreign(rule.reason)),
        _fact("keys", f"{key_of('end-suppression')} {_ENDS}" if lasts else "it hides nothing any more"),
    ]


def _row(rule: Suppression, now: float) -> Row:
    lasts = is_in_force(rule, now)
    style = "" if lasts else "dim"
    left = "no end" if not rule.ends_at else span(rule.ends_at - now) if lasts else "—"
    cells = (
        Span("in force" if lasts else "ended", style),
        Span(rule.target or "any", style),
        Span(foreign(" ".join(filter(None, (rule.detector, rule.label))), 80) or "anything", style),
        Span(left, style),
        Span(count(rule.hits), style),
        Span(clock(rule.last_hit_at), style),
        Span(foreign(rule.by, 60) or "—", style),
        Span(foreign(rule.reason, 200), style),
    )
    return Row(rule.id, cells, Aim(rule.target))


def _id(rule: Suppression) -> str:
    return rule.id


def _fact(label: str, text: str) -> Paragraph:
    return paragraph((f"{label:<6}", "dim"), text, indent=6)
