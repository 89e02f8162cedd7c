"""The trace of one investigation: each step numbered, escaped, bounded, and handed on as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.text import escape
from engine.types import StepKind, TraceStep

TEXT_LIMIT = 4000
REPLY_LIMIT = 40_000
"""Of a model's reply, which is kept whole: it is bounded where it comes in."""


class Trace:
    """Writes the steps of one investigation."""

    def __init__(self, incident_id: str, on_step: Callable[[TraceStep], object]) -> None:
        self._incident_id = incident_id
        self._on_step = on_step
        self._seq = 0

    def step(
        self,
        role: str,
        kind: StepKind,
        name: str,
        content: str,
        *,
        tokens: tuple[int, int] = (0, 0),
        elapsed_s: float = 0.0,
        limit: int | None = TEXT_LIMIT,
    ) -> None:
        """Note a step; ``tokens`` are those in and out."""
        self._seq += 1
        text = escape(content, limit=limit, keep_newlines=True)
        self._on_step(TraceStep(self._incident_id, self._seq, time.time(), role, kind, name, text, *tokens, elapsed_s))
