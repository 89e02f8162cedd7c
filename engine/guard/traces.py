"""The ends of the engine's traces, kept in the audit chain: who rewrites a trace later cannot rewrite this."""

from __future__ import annotations

from engine.guard import fields, messages
from engine.guard.book import Book
from engine.guard.clock import Clock, RateLimit
from engine.guard.pages import PAGE, page
from engine.guard.quota import TRACES_PER_MINUTE

KIND = "trace"


class Traces:
    """Takes the engine's word for what a trace is now, and never for what it was."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book, self._clock = book, clock
        self._minute = RateLimit(TRACES_PER_MINUTE)
        self._left_out = 0
        """Since the last one that was noted, which the next one tells."""

    def note(self, asked: messages.NoteTrace) -> messages.Reply:
        """Note the end of a trace; one too many leaves no entry, nor does its refusal.

        Raises:
            PermissionError: a field holds what it must not.
        """
        fields.check_trace(asked.incident_id, asked.steps, asked.digest, asked.verdict_digest)
        now = self._clock.boot_ns()
        if self._minute.full(now):
            self._left_out += 1
            return messages.Refused(f"more than {TRACES_PER_MINUTE} traces a minute: this one is not noted")
        self._minute.count(now)
        told = {"incident": asked.incident_id, "steps": asked.steps, "digest": asked.digest}
        more = {"verdict": asked.verdict_digest, "left_out": self._left_out}
        self._book.note(self._clock.wall(), KIND, **told, **more)
        self._left_out = 0
        return messages.Done(f"the trace of {asked.incident_id} is noted")

    def noted(self, after: int) -> messages.AuditPage:
        """Return a page of what was noted, oldest first, from after an entry's number on."""
        rows = self._book.chain.of_kind(KIND, PAGE + 1, max(after, 0))
        return messages.AuditPage(*page(rows, lambda row: messages.AuditEntry(*row)))
