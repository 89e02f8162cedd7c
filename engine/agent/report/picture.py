"""The attack chain as a picture: techniques in time order from left to right, each in the lane of its tactic.

The page's style sheet colours it; nothing in it refers to anything outside.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence

from engine.agent.report.attack import TACTICS, Link
from engine.agent.report.moments import clock
from engine.agent.tongue import Tongue
from engine.text import escape

LEFT = 132
"""Width of the lanes' names."""
COLUMN, LANE = 176, 84
BOX_WIDTH, BOX_HEIGHT = 150, 64
_LINE = 14
_NAME_CHARACTERS = 24


def picture(links: Sequence[Link], tongue: Tongue) -> str:
    """Return the chain as one SVG element, or nothing where there is no technique."""
    if not links:
        return ""
    present = {link.tactic for link in links}
    lanes = [tactic for tactic in (*TACTICS, "") if tactic in present]
    lanes += sorted(present - set(lanes))
    width, height = LEFT + COLUMN * len(links), LANE * len(lanes)
    label = tongue.say("Attack chain: {chain}", chain=", ".join(link.technique for link in links))
    places = [(LEFT + COLUMN * number, LANE * lanes.index(link.tactic)) for number, link in enumerate(links)]
    drawn = [
        *(_lane(tactic, LANE * row, width, row % 2, tongue) for row, tactic in enumerate(lanes)),
        *map(_arrow, places, places[1:]),
        *(_box(link, x, y, tongue) for link, (x, y) in zip(links, places, strict=True)),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title>{_text(label)}</title>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _lane(tactic: str, y: int, width: int, odd: int, tongue: Tongue) -> str:
    name = tongue.retold(tactic) if tactic else tongue.say("no tactic known")
    lines = textwrap.wrap(name.replace("-", " "), 16, max_lines=2, placeholder="…")
    middle = y + LANE // 2 - (len(lines) - 1) * _LINE // 2 + 4
    words = "".join(_words("lane-name", 8, middle + _LINE * number, line) for number, line in enumerate(lines))
    return f'<rect class="lane{odd}" x="0" y="{y}" width="{width}" height="{LANE}"></rect>{words}'


def _box(link: Link, x: int, y: int, tongue: Tongue) -> str:
    top = y + (LANE - BOX_HEIGHT) // 2
    kind = "seen" if link.first_at else "named"
    name = textwrap.wrap(link.name, _NAME_CHARACTERS, max_lines=2, placeholder="…")
    rows = [_words("technique", x + 8, top + 16, link.technique)]
    rows += [_words("name", x + 8, top + 31 + 13 * number, line) for number, line in enumerate(name)]
    when = clock(link.first_at) if link.first_at else tongue.say("named")
    rows.append(_words(f"{kind}-word", x + BOX_WIDTH - 8, top + 16, when))
    size = f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
    return f'<rect class="{kind}" x="{x}" y="{top}" {size} rx="6"></rect>{"".join(rows)}'


def _arrow(here: tuple[int, int], there: tuple[int, int]) -> str:
    """Return the line from the right edge of one box to the left edge of the next."""
    x1, y1 = here[0] + BOX_WIDTH, here[1] + LANE // 2
    x2, y2 = there[0] - 7, there[1] + LANE // 2
    bend = (x1 + x2) // 2
    tip = f"{x2 + 6},{y2} {x2 - 2},{y2 - 5} {x2 - 2},{y2 + 5}"
    line = f"M{x1} {y1} C{bend} {y1} {bend} {y2} {x2} {y2}"
    return f'<path class="arrow" d="{line}"></path><polygon points="{tip}"></polygon>'


def _words(kind: str, x: int, y: int, text: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{_text(text)}</text>'


def _text(text: str) -> str:
    return html.escape(escape(text), quote=True)
