"""What the engine may have noted of its traces, and how often."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.guard import messages, pages, traces
from engine.guard.quota import TRACES_PER_MINUTE
from tests.engine.guard.bench import HEADLESS, Bench

NOTE = messages.NoteTrace("INC-0123abcd", 12, "ab" * 32, "cd" * 32)


def noted(bench: Bench) -> list[messages.AuditEntry]:
    reply = bench.ask(messages.NotedTraces())
    assert isinstance(reply, messages.AuditPage)
    return list(reply.entries)


def test_a_trace_is_one_entry_of_the_audit_chain(bench: Bench) -> None:
    before = len(bench.audited())
    assert isinstance(bench.ask(NOTE, HEADLESS), messages.Done)
    (entry,) = noted(bench)
    told = {"incident": "INC-0123abcd", "steps": 12, "digest": "ab" * 32, "verdict": "cd" * 32, "left_out": 0}
    assert (entry.kind, json.loads(entry.body), entry.seq) == ("trace", told, before + 1)
    audit = bench.ask(messages.VerifyAudit())
    assert isinstance(audit, messages.Audit)
    assert audit.problems == ()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (replace(NOTE, incident_id=""), "is no incident id"),
        (replace(NOTE, incident_id="INC-1\n"), "is no incident id"),
        (replace(NOTE, incident_id="I" * 65), "is no incident id"),
        (replace(NOTE, steps=0), "1 to 1,000,000 steps"),
        (replace(NOTE, steps=-1), "1 to 1,000,000 steps"),
        (replace(NOTE, steps=1_000_001), "1 to 1,000,000 steps"),
        (replace(NOTE, digest="ab" * 31), "64 hex digits"),
        (replace(NOTE, digest="AB" * 32), "64 hex digits"),
        (replace(NOTE, verdict_digest=""), "64 hex digits"),
        (replace(NOTE, verdict_digest="cd" * 32 + "\n"), "64 hex digits"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_a_trace_with_a_field_that_holds_what_it_must_not_is_not_noted(
    bench: Bench, asked: messages.NoteTrace, words: str
) -> None:
    assert words in bench.refused(asked)
    assert noted(bench) == []


def test_over_the_quota_nothing_grows_the_chain_and_the_next_entry_tells_how_many_there_were(bench: Bench) -> None:
    for _ in range(TRACES_PER_MINUTE):
        assert isinstance(bench.ask(NOTE), messages.Done)
    entries = bench.ledger.book.chain.verify()[0]
    for _ in range(1000):
        assert "more than 60 traces a minute" in bench.refused(NOTE)
    assert bench.ledger.book.chain.verify()[0] == entries
    bench.clock.advance(60)
    assert isinstance(bench.ask(NOTE), messages.Done)
    assert [json.loads(entry.body)["left_out"] for entry in noted(bench)][-2:] == [0, 1000]


def test_garbage_over_and_over_leaves_a_bounded_number_of_refusals(bench: Bench) -> None:
    for _ in range(1000):
        bench.refused(replace(NOTE, digest="no"))
    assert bench.ledger.book.chain.verify()[0] < 200


def test_what_was_noted_is_read_in_pages_without_leaving_an_entry(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (traces, pages):
        monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        bench.ask(replace(NOTE, steps=number + 1))
        bench.ledger.book.note(1.0, "other")
    entries = bench.ledger.book.chain.verify()[0]
    found: list[messages.AuditEntry] = []
    more = True
    while more:
        reply = bench.ask(messages.NotedTraces(found[-1].seq if found else 0))
        assert isinstance(reply, messages.AuditPage)
        found, more = [*found, *reply.entries], reply.more
    assert [json.loads(entry.body)["steps"] for entry in found] == [1, 2, 3, 4, 5]
    assert bench.ledger.book.chain.verify()[0] == entries


def test_a_ledger_that_cannot_be_written_refuses_and_the_guard_goes_on(bench: Bench) -> None:
    bench.ledger.book.db.execute("PRAGMA query_only = ON")
    assert "cannot do NoteTrace" in bench.refused(NOTE)
    bench.ledger.book.db.execute("PRAGMA query_only = OFF")
    assert isinstance(bench.ask(NOTE), messages.Done)
