"""Screen 3: what the kernel drops now, and what waits for an answer."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.rows import BLOCK_COLUMNS, PROPOSAL_COLUMNS, block_rows, proposal_rows
from aegis_tui.widgets.story import block_facts
from aegis_tui.widgets.table import Table
from engine.types import Snapshot

NO_BLOCKS = (
    "Nothing is blocked: the kernel lets every packet pass.",
    "A block begins with b on an incident; you see its effect first, and nothing happens until you confirm.",
)
NO_PROPOSALS = (
    "Nothing waits for your answer.",
    "The analyst's proposals appear here; so do those you ask for with b.",
)


class BlocksScreen(View):
    """Blocks as read from the kernel map."""

    view = "blocks"
    DEFAULT_CSS = """
    BlocksScreen #blocks { height: 3fr; }
    BlocksScreen #proposals { height: 2fr; }
    BlocksScreen #bottom { height: 10; }
    """

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Vertical(id="body", classes="column"):
            yield Table("Blocks", BLOCK_COLUMNS, id="blocks")
            with Horizontal(id="bottom", classes="column"):
                yield Table("Proposals", PROPOSAL_COLUMNS, id="proposals")
                yield TextPane("Block", id="block", classes="right")

    def draw_panes(self, scene: Scene) -> None:
        """Draw blocks, proposals and the block under the cursor."""
        snapshot = scene.shown
        table = self.query_one("#blocks", Table)
        packets = sum(block.packets for block in snapshot.blocks)
        table.fill(
            block_rows(snapshot.blocks), f"Blocks {len(snapshot.blocks)}, {packets} packets dropped", _empty(snapshot)
        )
        waiting = proposal_rows(snapshot.proposals, scene.now.now)
        self.query_one("#proposals", Table).fill(waiting, f"Proposals {len(waiting)}", NO_PROPOSALS)
        block = next((b for b in snapshot.blocks if b.prefix == table.key), None)
        text = block_facts(block) if block else [paragraph("The block under the cursor appears here in full.")]
        self.query_one("#block", TextPane).write(text)

    def target(self, scene: Scene) -> tuple[str, str]:
        """Return the target of the proposal under the cursor."""
        key = self.query_one("#proposals", Table).key
        proposal = next((p for p in scene.shown.proposals if p.id == key), None)
        if proposal is None:
            return super().target(scene)
        return proposal.terms.prefix.partition("/")[0], proposal.terms.incident_id

    def block_prefix(self) -> str:
        """Return the prefix of the block under the cursor, or empty."""
        return self.query_one("#blocks", Table).key

    @on(Table.Opened, "#proposals")
    async def _proposal_opened(self) -> None:
        await self.run_action("app.review")


def _empty(snapshot: Snapshot) -> tuple[str, ...]:
    status = snapshot.status
    if status.mode == "replay":
        return ("This is a replay: blocking is off, and live blocks are not shown here.",)
    if not status.blocking:
        return ("Nothing can be blocked here.", status.dataplane, "What to do about it: screen 5.")
    return NO_BLOCKS
