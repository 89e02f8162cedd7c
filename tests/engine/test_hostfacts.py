"""One door to all that is known of this host and of addresses."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from engine.agent.recorded import RecordedHost, RecordingHost
from engine.hostfacts import Host, from_loop, scope_of
from engine.names import Names
from engine.networks import Networks
from engine.types import AddressFacts, Finding, PastIncidents
from tests.engine.agent.cases import TARGET, HostFake


class Registry:
    """A database of networks that knows one."""

    def look_up(self, ip: str) -> tuple[int, str]:
        return (64500, "Evil Hosting") if ip == TARGET else (0, "")


def host(facts: Any = None, **changes: Any) -> Host:
    return Host(facts or RecordedHost(), Names(), **changes)


@pytest.mark.parametrize(
    ("ip", "scope"),
    [
        ("203.0.113.7", "documentation"), ("8.8.8.8", "global"), ("10.1.2.3", "private"), ("100.64.0.1", "private"),
        ("127.0.0.53", "loopback"), ("169.254.169.254", "link-local"), ("224.0.0.251", "multicast"),
        ("255.255.255.255", "reserved"), ("0.0.0.0", "reserved"), ("240.0.0.1", "reserved"), ("::1", "loopback"),
        ("fe80::1%eth0", "link-local"), ("fd00::1", "private"), ("2001:db8::1", "documentation"),
        ("ff02::1", "multicast"), ("2606:4700::1111", "global"), ("no address", ""),
    ],
)  # fmt: skip
def test_every_kind_of_address_is_told(ip: str, scope: str) -> None:
    assert scope_of(ip) == scope


def test_an_address_is_told_without_asking_anybody() -> None:
    found = host(own=[TARGET], networks=cast(Networks, Registry())).address(TARGET)
    assert (found.finding, found.own, found.asn, found.as_name) == (Finding.FOUND, True, 64500, "Evil Hosting")


def test_without_a_database_it_says_so() -> None:
    assert host().address(TARGET).detail == "no database of networks is configured"


def test_a_recorded_address_stays_as_it_was_recorded() -> None:
    recording = RecordingHost(HostFake())
    before = recording.address(TARGET)
    assert host(RecordedHost(recording.records)).address(TARGET) == before
    assert isinstance(before, AddressFacts)


def test_without_a_store_nothing_is_recorded_of_the_past() -> None:
    assert host().past_incidents(TARGET).finding is Finding.NOT_RECORDED


def test_all_else_is_asked_of_the_host() -> None:
    asked = HostFake()
    facts = host(asked)
    facts.services()
    facts.persistence()
    facts.logins(TARGET)
    facts.program_file(1, 2.0)
    facts.process(1, 2.0)
    assert asked.asked == ["services", "persistence", ("logins", TARGET), ("program_file", 1, 2.0), (1, 2.0)]


async def test_the_past_is_asked_of_the_loop_from_a_thread() -> None:
    async def earlier(ip: str) -> PastIncidents:
        await asyncio.sleep(0)
        return PastIncidents(Finding.FOUND, detail=ip)

    past = from_loop(asyncio.get_running_loop(), earlier)
    assert (await asyncio.to_thread(host(past=past).past_incidents, TARGET)).detail == TARGET


async def test_a_store_that_hangs_is_not_waited_for() -> None:
    async def never(_: str) -> PastIncidents:
        await asyncio.Event().wait()
        raise AssertionError

    past = from_loop(asyncio.get_running_loop(), never, wait_s=0.01)
    assert (await asyncio.to_thread(past, TARGET)).finding is Finding.NOT_RECORDED


def test_a_loop_that_has_ended_answers_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    async def earlier(_: str) -> PastIncidents:
        return PastIncidents(Finding.FOUND)

    assert from_loop(loop, earlier)(TARGET).finding is Finding.NOT_RECORDED
