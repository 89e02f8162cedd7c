"""Frames of one source become updates, counted, whatever the clocks do."""

from __future__ import annotations

import pytest

from engine.intake import INTERIM_S, PACED_FRAMES, Intake
from engine.sources.pcapfile import CaptureError
from engine.types import FlowUpdate, Frame, UpdateReason
from tests.engine.bench import Wire
from tests.factories import SYN, conversation, ethernet, frame, ipv4, tcp

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


def _read(intake: Intake, count: int, wall: float | None = None) -> list[FlowUpdate]:
    return [update for _ in range(count) for update in intake.read(wall).updates]


def test_every_frame_is_parsed_filtered_or_malformed() -> None:
    wire = Wire()
    arp, cut = Frame(1.0, ethernet(b"\x00" * 28, 0x0806), 60), Frame(1.0, ethernet(b"\x45\x00"), 60)
    wire.send([*conversation(REQUEST), arp, cut])
    intake = Intake(wire, max_flows=10)
    intake.read()
    counters = intake.counters()
    assert counters.delivered == counters.kernel_seen == len(conversation(REQUEST)) + 2
    assert counters.delivered == counters.parsed + counters.filtered + counters.malformed


def test_a_live_clock_lets_a_quiet_flow_end_without_further_frames() -> None:
    wire = Wire()
    wire.send([frame(ipv4(tcp(1, 80, flags=SYN)), 1000.0)])
    intake = Intake(wire, max_flows=10, live=True)
    _read(intake, 1, wall=1000.0)
    assert [update.reason for update in intake.read(wall=1070.0).updates] == [UpdateReason.IDLE]


def test_a_wall_clock_that_is_set_back_tears_no_flow_apart() -> None:
    wire = Wire()
    intake = Intake(wire, max_flows=10, live=True)
    frames = conversation(REQUEST)
    seen: list[FlowUpdate] = []
    for number, one in enumerate(frames):
        ts = one.ts + (5000 if number < 2 else 0)
        wire.send([one._replace(ts=ts)])
        seen += _read(intake, 2, wall=ts + 0.001)
    reasons = [update.reason for update in seen]
    assert UpdateReason.IDLE not in reasons
    assert reasons[-1] is UpdateReason.END
    assert seen[-1].flow.handshake
    assert intake.read(wall=1001.0).now == 1001.0


def test_what_is_in_the_table_is_handed_out_when_a_source_breaks_off() -> None:
    wire = Wire()
    wire.send(conversation(REQUEST)[:3])
    wire.cut()
    intake = Intake(wire, max_flows=10)
    intake.read()
    with pytest.raises(CaptureError, match="disappeared"):
        intake.read()
    last = intake.flush()
    assert (last.last, [update.reason for update in last.updates][-1]) == (True, UpdateReason.FLUSH)


def test_a_stopped_source_ends_with_what_was_read() -> None:
    wire = Wire()
    wire.send(conversation(REQUEST)[:3])
    intake = Intake(wire, max_flows=10)
    intake.read()
    intake.stop()
    assert intake.read().last


def test_a_paced_source_comes_in_small_portions() -> None:
    wire = Wire()
    wire.send(conversation(REQUEST) * 2)
    intake = Intake(wire, max_flows=10, paced=True)
    intake.read()
    assert intake.counters().delivered == PACED_FRAMES


def test_the_view_holds_the_latest_flows_also_after_they_ended() -> None:
    wire = Wire()
    wire.send(conversation(REQUEST))
    intake = Intake(wire, max_flows=10, view_flows=5)
    intake.read()
    assert [flow.five_tuple.dst_port for flow in intake.view] == [8080]


def test_a_frame_that_the_flow_table_breaks_on_is_set_aside_and_the_next_is_read() -> None:
    wire = Wire()
    wire.send(conversation(REQUEST))
    intake = Intake(wire, max_flows=10)
    calls: list[Frame] = []
    add = intake._table.add

    def breaks_once(seen: Frame) -> list[FlowUpdate]:
        calls.append(seen)
        if len(calls) == 1:
            raise IndexError("hostile")
        return add(seen)

    intake._table.add = breaks_once  # type: ignore[assignment,method-assign]
    batch = intake.read()
    assert [(broken.stage, broken.reason) for broken in batch.broken] == [("flow", "IndexError: hostile")]
    assert len(calls) == len(conversation(REQUEST))
    assert batch.updates


def test_a_flow_that_goes_on_is_told_as_it_stands_at_each_interval_and_a_silent_one_is_not() -> None:
    wire = Wire()
    intake = Intake(wire, max_flows=10, live=True)
    step = INTERIM_S / 2
    told = []
    for number in range(7):
        ports = (5001, 5002) if number < 2 else (5001,)
        wire.send([frame(ipv4(tcp(port, 80)), 1000.0 + number * step) for port in ports])
        told.append([(one.five_tuple.src_port, one.packets) for one in intake.read(wall=1000.0 + number * step).active])
    assert told == [[], [], [(5001, (3, 0)), (5002, (2, 0))], [], [(5001, (5, 0))], [], [(5001, (7, 0))]]


def test_the_clock_after_a_read_is_told_before_it_is_taken() -> None:
    wire = Wire()
    frames = conversation(b"GET / HTTP/1.1\r\n\r\n")
    wire.send(frames)
    intake = Intake(wire, max_flows=10, paced=True)
    assert intake.peek() == intake.read().now
