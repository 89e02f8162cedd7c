"""What the host answered is answered again."""

from __future__ import annotations

from engine.agent.recorded import RecordedHost, RecordingHost
from engine.types import Finding
from tests.engine.agent.cases import HostFake, flow


def test_recorded_answers_equal_the_first_ones() -> None:
    host = RecordingHost(HostFake(cmdline=("java", "\udcff\x1b"), sockets=("tcp a -> b LISTEN",)))
    owner = host.socket_owner(flow().five_tuple)
    facts = host.process(owner.pid, owner.start_time)
    again = RecordedHost(host.records)
    assert again.socket_owner(flow().five_tuple) == owner
    assert again.process(owner.pid, owner.start_time) == facts


def test_what_was_never_asked_is_not_recorded() -> None:
    host = RecordedHost()
    assert host.socket_owner(flow().five_tuple).finding is Finding.NOT_RECORDED
    assert host.process(1, 0.0).finding is Finding.NOT_RECORDED
