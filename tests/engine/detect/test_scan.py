"""Scans are told from busy clients."""

from __future__ import annotations

from dataclasses import replace

from engine.detect.scan import MAX_SOURCES, PORTS, WINDOW_S, ScanDetector
from engine.types import Detection, FiveTuple, Flow, FlowState, FlowUpdate, Party, UpdateReason
from tests.factories import five_tuple, flow

SILENT = {"state": FlowState.NEW, "handshake": False, "payload_bytes": (0, 0), "head": (b"", b""), "app": ""}
REFUSED = SILENT | {"state": FlowState.RESET}


def _knock(at: float, dst_ip: str = "192.0.2.1", port: int = 80, src_port: int = 40000, **changes: object) -> Flow:
    ends = _ends(dst_ip, port, src_port)
    return flow(ends, **(SILENT | {"first_seen": at, "last_seen": at} | changes))


def _ends(dst_ip: str, port: int, src_port: int) -> FiveTuple:
    return five_tuple(src_port=src_port, dst_ip=dst_ip, dst_port=port)


def _refused(detector: ScanDetector, at: float, port: int, dst_ip: str = "192.0.2.1") -> list[Detection]:
    knock = _knock(at, dst_ip, port)
    refusal = replace(knock, state=FlowState.RESET)
    return [
        *detector.inspect(FlowUpdate(knock, UpdateReason.NEW, at)),
        *detector.inspect(FlowUpdate(refusal, UpdateReason.END, at)),
    ]


def test_many_refused_ports_of_one_host_are_one_detection() -> None:
    detector = ScanDetector()
    found = [one for port in range(1, 200) for one in _refused(detector, 1000.0 + port / 100, port)]
    assert [(one.label, one.event_class, one.attacker) for one in found] == [("scan.ports", "scan", Party.INITIATOR)]


def test_silence_counts_when_it_has_lasted() -> None:
    detector = ScanDetector()
    found = [
        one
        for port in range(1, 30)
        for one in detector.inspect(FlowUpdate(_knock(1000.0 + port, port=port), UpdateReason.NEW, 1000.0 + port))
    ]
    assert [one.label for one in found] == ["scan.ports"]


def test_one_door_of_many_hosts_is_a_sweep() -> None:
    detector = ScanDetector()
    found = [one for host in range(1, 40) for one in _refused(detector, 1000.0 + host / 10, 23, f"192.0.2.{host}")]
    assert [one.label for one in found] == ["scan.hosts"]


def test_a_scan_that_goes_on_is_reported_again_after_the_window() -> None:
    detector = ScanDetector()
    found = [one for step in range(200) for one in _refused(detector, 1000.0 + step, step + 1)]
    assert len(found) == 1 + int((199 - PORTS) // WINDOW_S)


def test_a_browser_that_opens_forty_connections_is_no_scan() -> None:
    detector = ScanDetector()
    found: list[Detection] = []
    for number in range(40):
        page = _knock(1000.0, f"198.51.100.{number}", 443, 40000 + number)
        found += detector.inspect(FlowUpdate(page, UpdateReason.NEW, 1000.0))
        answered = replace(page, payload_bytes=(500, 5000), state=FlowState.CLOSED, handshake=True)
        found += detector.inspect(FlowUpdate(answered, UpdateReason.PAYLOAD, 1000.2))
        found += detector.inspect(FlowUpdate(answered, UpdateReason.END, 1009.0))
    assert not found


def test_a_monitor_that_checks_a_few_dead_services_for_ever_is_no_scan() -> None:
    detector = ScanDetector()
    ports = (22, 80, 443, 5432, 8080)
    assert not [one for step in range(500) for one in _refused(detector, 1000.0 + step, ports[step % len(ports)])]


def test_a_slow_client_that_meets_a_closed_port_a_minute_is_no_scan() -> None:
    detector = ScanDetector()
    assert not [one for step in range(100) for one in _refused(detector, 1000.0 + step * 61, step + 1)]


def test_a_traceroute_and_multicast_are_no_scan() -> None:
    detector = ScanDetector()
    for number in range(60):
        trace = _knock(1000.0 + number, port=33434 + number)
        group = _knock(1000.0 + number, "239.255.255.250", 1900 + number)
        for knock in (trace, group):
            udp = replace(knock, five_tuple=knock.five_tuple._replace(proto="udp"))
            assert not detector.inspect(FlowUpdate(udp, UpdateReason.NEW, 1000.0 + number))


def test_answers_of_a_server_whose_questions_were_not_seen_are_no_scan() -> None:
    detector = ScanDetector()
    for number in range(60):
        answer = _knock(1000.0 + number, port=40000 + number, src_port=53)
        udp = replace(answer, five_tuple=answer.five_tuple._replace(proto="udp"))
        assert not detector.inspect(FlowUpdate(udp, UpdateReason.NEW, 1000.0 + number))


def test_the_number_of_sources_is_bounded() -> None:
    detector = ScanDetector()
    for number in range(MAX_SOURCES + 50):
        ends = five_tuple(src_ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        detector.inspect(FlowUpdate(flow(ends, **SILENT), UpdateReason.NEW, 1000.0))
    assert len(detector) == MAX_SOURCES


def test_a_flood_of_silent_first_packets_is_still_counted() -> None:
    detector = ScanDetector()
    found = [
        one
        for port in range(1, 3000)
        for one in detector.inspect(FlowUpdate(_knock(1000.0, port=port), UpdateReason.NEW, 1000.0 + port / 10000))
    ]
    assert [one.label for one in found] == ["scan.ports"]
