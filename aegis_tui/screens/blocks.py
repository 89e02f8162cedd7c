"""Screen 3: what the kernel drops now, what waits for an answer, and what ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.pane import Pane, TextPane
from aegis_tui.widgets.rows import (
    BLOCK_COLUMNS,
    ENDED_COLUMNS,
    PROPOSAL_COLUMNS,
    block_rows,
    ended_rows,
    proposal_rows,
)
from aegis_tui.widgets.story import block_facts
from aegis_tui.widgets.table import Table
from aegis_tui.widgets.words import ASK_KERNEL, clock, dropped_packets
from engine.types import Block, BlockState, Snapshot


class BlocksScreen(View):
    """Blocks as read from the kernel map."""

    view = "blocks"
    companions: ClassVar[Mapping[str, str]] = {"blocks": "block", "ended": "block"}
    DEFAULT_CSS = """
    BlocksScreen #blocks { height: 1fr; }
    BlocksScreen #middle { height: 9; }
    BlocksScreen #block { height: 10; }
    BlocksScreen.-wide.-tall #middle { height: 14; }
    BlocksScreen.-narrow #middle, BlocksScreen.-low #middle { height: 1fr; }
    BlocksScreen.-narrow #block, BlocksScreen.-low #block { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._about = "#blocks"
        """The table whose row the facts are about."""

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Vertical(id="body", classes="column"):
            yield Table("Blocks", BLOCK_COLUMNS, id="blocks")
            with Horizontal(id="middle", classes="column"):
                yield Table("Proposals", PROPOSAL_COLUMNS, id="proposals")
                ended = Table("Ended", ENDED_COLUMNS, id="ended")
                yield ended.add_class("right")
            yield TextPane("Block", id="block")

    def draw_panes(self, scene: Scene) -> None:
        """Draw blocks, proposals, what ended, and the block under the cursor."""
        snapshot = scene.shown
        blocks, ended = self.query_one("#blocks", Table), self.query_one("#ended", Table)
        stale = snapshot.status.stale_since
        blocks.fill(block_rows(snapshot.blocks, stale=stale > 0), _heading(snapshot), _empty(snapshot))
        waiting = proposal_rows(snapshot.proposals, scene.now.now)
        self.query_one("#proposals", Table).fill(waiting, f"Proposals {len(waiting)}", _no_proposals(snapshot))
        ended.fill(ended_rows(scene.ended), f"Ended {len(scene.ended)}", _no_ended())
        block = self._block()
        text = [paragraph("The block under the cursor appears here in full.")]
        self.query_one("#block", TextPane).write(block_facts(block, snapshot.now, stale) if block else text)

    def table(self) -> Table | None:
        """Return the table the person looks at; the facts belong to the table they tell about."""
        return super().table() or self.query_one(self._about, Table)

    def look_at(self, pane: Pane) -> None:
        """Focus a pane; the facts follow the table that was looked at last."""
        if pane.id in ("blocks", "ended"):
            self._about = f"#{pane.id}"
        super().look_at(pane)
        self.redraw()

    @on(Table.Moved)
    def _row_moved(self) -> None:
        self.redraw()

    def _block(self) -> Block | None:
        item = self.query_one(self._about, Table).item
        return item if isinstance(item, Block) else None

    @on(Table.Opened, "#proposals")
    async def _proposal_opened(self) -> None:
        await self.run_action("app.press('block')")

    @on(Table.Opened, "#blocks")
    @on(Table.Opened, "#ended")
    def _block_opened(self) -> None:
        self.look_at(self.query_one("#block", Pane))


def _heading(snapshot: Snapshot) -> str:
    shown, total = len(snapshot.blocks), max(len(snapshot.blocks), snapshot.blocks_total)
    if snapshot.status.loading:
        return f"Blocks: {snapshot.status.loading} …"
    dropped = dropped_packets(snapshot)
    some = f", {shown} shown" if shown < total else ""
    if not snapshot.status.blocking and any(block.state is BlockState.HALTED for block in snapshot.blocks):
        return f"Blocks {total:,}: HALTED, all pass until `aegis-tui blocks resume`"
    stale = snapshot.status.stale_since
    some += f" as of {clock(stale)}" if stale else ""
    return f"Blocks {total:,}{some}, {dropped:,} packet{'' if dropped == 1 else 's'} dropped"


def _empty(snapshot: Snapshot) -> tuple[str, ...]:
    status = snapshot.status
    if status.mode == "replay":
        return ("This is a replay: blocking is off, and live blocks are not shown here.",)
    if status.loading:
        return (f"{status.loading.capitalize()} …",)
    if status.stale_since:
        return (f"None was known at {clock(status.stale_since)}.", f"What is in force now: {ASK_KERNEL}")
    if not status.blocking:
        return ("Nothing can be blocked here.", status.dataplane, f"What to do about it: {screen_of('health')}.")
    begins = f"A block begins with {key_of('block')} on an incident; you see its effect first"
    return (
        "Nothing is blocked: the kernel lets every packet pass.",
        f"{begins}, and nothing happens until you confirm.",
    )


def _no_proposals(snapshot: Snapshot) -> tuple[str, ...]:
    if snapshot.status.loading:
        return _empty(snapshot)
    asked = f"so do those you ask for with {key_of('block')}"
    return ("Nothing waits for your answer.", f"The analyst's proposals appear here; {asked}.")


def _no_ended() -> tuple[str, ...]:
    again = f"{key_of('block')} asks to block it again"
    return ("No block has ended yet.", f"What expired, reverted or was removed appears here; {again}.")
