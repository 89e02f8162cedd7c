"""What the console is shown stays within bounds."""

from __future__ import annotations

from engine.state import KEPT, KEPT_REPORTED, State
from engine.types import Counters, Fault, LibraryEntry, Origin, Processes, Status
from tests.factories import alert, detection, flow, incident

STATUS = Status("replay", "a.pcap", "off", "playbook", "no model", False)


def test_the_latest_are_shown_first_and_the_oldest_are_let_go() -> None:
    state = State()
    for number in range(KEPT + 3):
        state.apply(alert(id=f"A-{number}"))
    shown = state.alerts.newest()
    assert (len(shown), shown[0].id, shown[-1].id) == (KEPT, f"A-{KEPT + 2}", "A-3")


def test_reports_of_other_products_displace_each_other_and_nothing_that_was_seen() -> None:
    state = State()
    state.apply(alert(incident_id="INC-seen"))
    state.apply(incident(id="INC-seen"))
    for number in range(2 * KEPT):
        told = detection(detector="event")
        state.apply(alert(id=f"A-{number}", incident_id=f"INC-{number}", detection=told))
        state.apply(incident(id=f"INC-{number}"))
    shown = state.incidents.newest()
    assert (len(shown), shown[0].id, shown[-1].id) == (KEPT_REPORTED + 1, f"INC-{2 * KEPT - 1}", "INC-seen")
    assert (len(state.alerts.newest()), state.alerts.newest()[-1].incident_id) == (KEPT_REPORTED + 1, "INC-seen")


def test_an_incident_that_was_removed_is_shown_no_more_nor_are_its_alerts() -> None:
    state = State()
    for name in ("INC-old", "INC-new"):
        state.apply(alert(id=f"A-{name}", incident_id=name))
        state.apply(incident(id=name))
        state.name_processes(name, Processes(("java",)))
    state.snapshot(STATUS, Counters(), 5.0, (), {}, finished=False)
    state.forget("INC-old")
    shown = state.snapshot(STATUS, Counters(), 5.0, (), {}, finished=False)
    assert [one.id for one in shown.incidents] == ["INC-new"]
    assert [one.id for one in shown.alerts] == ["A-INC-new"]
    assert list(shown.processes) == ["INC-new"]


def test_what_is_taken_up_is_shown_with_its_processes_and_reports_displace_reports() -> None:
    state, java = State(), Processes(("java",))
    told = [LibraryEntry(incident(id="INC-seen"), "", "", Origin.LIVE, "live", java)]
    told += [LibraryEntry(incident(id=f"INC-{n}"), "", "", Origin.EVENT, "live") for n in range(KEPT_REPORTED + 1)]
    state.take_up(told)
    shown = state.snapshot(STATUS, Counters(), 5.0, (), {}, finished=False)
    assert {one.id for one in shown.incidents} == {entry.incident.id for entry in told} - {"INC-0"}
    assert shown.processes == {"INC-seen": java}


def test_a_fault_stands_once_for_each_ability_until_it_is_cleared() -> None:
    state = State()
    for message in ("first", "second"):
        state.apply(Fault("llm", message, "", 1.0))
    state.apply(Fault("store", "full", "", 2.0))
    assert [fault.message for fault in state.faults()] == ["full", "second"]
    state.apply(Fault("store", "", "", 3.0, cleared=True))
    assert [fault.message for fault in state.faults()] == ["second"]


def test_a_snapshot_shows_incidents_by_their_beginning_and_the_scores_of_shown_flows_only() -> None:
    state = State()
    for name, opened_at in (("INC-1", 1.0), ("INC-3", 3.0), ("INC-2", 2.0)):
        state.apply(incident(id=name, opened_at=opened_at))
    shown = state.snapshot(STATUS, Counters(), 5.0, (flow(id="1:a"),), {"1:a": 0.9, "1:b": 0.1}, finished=True)
    assert [item.id for item in shown.incidents] == ["INC-3", "INC-2", "INC-1"]
    assert (shown.scores, shown.finished) == ({"1:a": 0.9}, True)


def test_a_snapshot_tells_the_totals_of_all_blocks_beside_those_it_shows() -> None:
    state = State()
    state.blocks_total, state.dropped_packets = 100_000, 7
    shown = state.snapshot(STATUS, Counters(), 5.0, (), {}, finished=False)
    assert (shown.blocks, shown.blocks_total, shown.dropped_packets) == ((), 100_000, 7)
