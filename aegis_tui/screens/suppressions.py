"""What persons set aside: the rules in force and those that ended lately, with what each hid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.rules import RULE_COLUMNS, is_in_force, rule_facts, rule_rows
from aegis_tui.widgets.table import Table
from engine.types import Suppression


class SuppressionsScreen(View):
    """The rules, and the one under the cursor in full."""

    view = "suppressions"
    first = "#rules"
    companions: ClassVar[Mapping[str, str]] = {"rules": "rule"}
    DEFAULT_CSS = """
    SuppressionsScreen #rules { height: 1fr; }
    SuppressionsScreen #rule { height: 9; }
    SuppressionsScreen.-narrow #rule, SuppressionsScreen.-low #rule { height: 1fr; }
    """

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Vertical(id="body", classes="column"):
            yield Table("Suppressions", RULE_COLUMNS, id="rules")
            yield TextPane("Rule", id="rule")

    def draw_panes(self, scene: Scene) -> None:
        """Draw the rules and the one under the cursor."""
        table, now = self.query_one("#rules", Table), scene.now.now
        rules = scene.rules
        in_force = sum(is_in_force(rule, now) for rule in rules)
        hidden = scene.now.counters.suppressed
        heading = (
            f"Suppressions {in_force} in force, {hidden:,} detection{'' if hidden == 1 else 's'} hidden since the start"
        )
        table.fill(rule_rows(rules, now), heading, _nothing())
        rule = table.item
        text = [paragraph("The rule under the cursor appears here in full.")]
        self.query_one("#rule", TextPane).write(rule_facts(rule, now) if isinstance(rule, Suppression) else text)

    @on(Table.Moved)
    def _row_moved(self) -> None:
        self.redraw()

    def table(self) -> Table | None:
        """Return the table, whichever pane the person looks at: the facts tell of its row."""
        return self.query_one("#rules", Table)


def _nothing() -> tuple[str, ...]:
    on = f"{key_of('suppress')} on an alert, an incident or a flow"
    return (
        "Nothing is suppressed: every detection may raise an alert.",
        f"{on} sets some aside; you see first what that would have hidden.",
    )
