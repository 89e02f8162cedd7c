"""Screen 5 says of every ability whether it is ok, degraded or missing, what it costs, and what leaves the host."""

from __future__ import annotations

import pytest

from aegis_tui.screens.health import abilities, accounting
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import TextPane
from engine.types import NOT_YET, Fault, Spending, Status, Storage
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine


async def _shown(analyst: str, spending: Spending = Spending(), storage: Storage = Storage()) -> str:  # noqa: B008 - frozen
    asked = ("api.example.org (credentials redacted)",) if analyst != "playbook" else ()
    status = scenario.status(analyst=analyst, spending=spending, storage=storage, endpoints=asked)
    state = scenario.snapshot(status=status)
    async with console(engine(state), view="health").run_test(size=(120, 36)) as pilot:
        lines = pilot.app.screen.query_one("#faults", TextPane).lines
        return " ".join(" ".join(map(plain, lines)).split())


async def test_tokens_calls_and_cost_of_the_day_are_told() -> None:
    shown = await _shown("qwen3", Spending(12_000, 500_000, 7, 0.25))
    assert "12,000 of 500,000 tokens, 7" in shown


async def test_an_endpoint_that_is_left_alone_is_told() -> None:
    assert "left alone until" in await _shown("qwen3", Spending(1, 0, 1, 0.0, scenario.NOW + 60))


async def test_without_an_endpoint_nothing_is_told_of_one() -> None:
    assert "tokens" not in await _shown("playbook", Spending(0, 500_000))


async def test_what_the_database_takes_up_is_told_once_it_is_known() -> None:
    assert "disk" not in await _shown("playbook")
    shown = await _shown("playbook", storage=Storage(120_000_000, 4_096_000_000, 90))
    assert "120 MB of 4,096 MB; incidents kept 90d" in shown
    assert "120 MB, no budget; incidents kept for ever" in await _shown("playbook", storage=Storage(120_000_000, 0, 0))


def _states(status: Status, *broken: str) -> dict[str, str]:
    faults = tuple(Fault(name, "it broke", "mend it", scenario.NOW) for name in broken)
    rows = abilities(scenario.snapshot(status=status, faults=faults))
    return {name: state for name, state, _ in rows}


def test_a_host_on_which_all_is_well_has_no_other_word() -> None:
    found = _states(scenario.status(receivers=1, storage=Storage(1, 2, 3)))
    assert set(found.values()) == {"ok", "yes"}


@pytest.mark.parametrize(
    ("fault", "ability", "state"),
    [
        ("capture", "capture", "MISSING"),
        ("blocking", "blocking", "DEGRADED"),
        ("model", "model", "MISSING"),
        ("rules", "rules", "MISSING"),
        ("llm", "analyst", "DEGRADED"),
        ("documents", "knowledge", "DEGRADED"),
        ("store", "disk", "DEGRADED"),
        ("notify", "notify", "DEGRADED"),
        ("privileges", "privileges", "DEGRADED"),
    ],
)
def test_each_fault_is_seen_at_its_ability(fault: str, ability: str, state: str) -> None:
    assert _states(scenario.status(receivers=1), fault)[ability] == state


@pytest.mark.parametrize("fault", ["capture", "blocking", "model", "rules", "llm", "store", "notify"])
def test_what_is_worn_says_where_its_fault_is_told(fault: str) -> None:
    broken = (Fault(fault, "it broke", "mend it", scenario.NOW),)
    rows = abilities(scenario.snapshot(status=scenario.status(receivers=1), faults=broken))
    assert [words for _, state, words in rows if state in ("DEGRADED", "MISSING") and f"see {fault} below" in words]


def test_an_interface_that_is_not_read_is_not_said_to_be_live() -> None:
    broken = (Fault("capture", "cannot read eth0", "mend it", scenario.NOW),)
    rows = abilities(scenario.snapshot(status=scenario.status(), faults=broken))
    assert rows[0] == ("capture", "MISSING", "packets of eth0 are not read; see capture below")


def test_a_budget_that_is_used_up_says_what_becomes_of_it() -> None:
    rows = abilities(scenario.snapshot(status=scenario.status(storage=Storage(3_000_000, 2_000_000, 90)), faults=()))
    assert ("disk", "DEGRADED", "3.0 MB of 2 MB; incidents kept 90d; the oldest is being removed") in rows


@pytest.mark.parametrize(("broken", "state"), [((), "off"), (("blocking",), "MISSING"), (("guard",), "MISSING")])
def test_blocking_that_nobody_wanted_is_off_and_else_it_is_missing(broken: tuple[str, ...], state: str) -> None:
    assert _states(scenario.status(blocking=False), *broken)["blocking"] == state


def test_receivers_are_counted_and_never_named() -> None:
    rows = abilities(scenario.snapshot(status=scenario.status(receivers=2), faults=()))
    assert ("notify", "ok", "2 receivers") in rows
    assert ("leaves host", "yes", "messages about incidents to the receivers") in rows


def test_what_stays_on_this_host_does_not_leave_it() -> None:
    asked = ("127.0.0.1:11434 (on this host)",)
    rows = abilities(scenario.snapshot(status=scenario.status(endpoints=asked), faults=()))
    assert ("leaves host", "nothing", "127.0.0.1:11434 (on this host) is asked") in rows


def test_a_queue_that_is_nearly_full_stands_first() -> None:
    rows = accounting(scenario.counters(queues={"batches": (0, 64), "rows": (19_000, 20_000)}))
    assert "rows" in plain(rows[0].spans)
    assert "batches" in plain(rows[-1].spans)


def test_what_is_still_loaded_is_not_called_ok() -> None:
    status = scenario.status(analyst=NOT_YET, model=NOT_YET)
    states = {name: state for name, state, _ in abilities(scenario.snapshot(status=status, faults=()))}
    assert (states["analyst"], states["model"]) == ("loading", "loading")


def test_a_lost_link_is_a_capture_that_is_not_whole() -> None:
    assert _states(scenario.status(), "interface")["capture"] == "DEGRADED"
