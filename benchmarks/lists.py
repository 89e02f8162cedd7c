"""How long a list of 10,000 targets is judged and its impact summed, beside a single target, in one run."""

from __future__ import annotations

from statistics import median
from time import process_time

from engine.guard import policy
from engine.impact import RECORD_FLOWS, Traffic
from engine.intake import Batch
from engine.types import FiveTuple, Flow, FlowState, FlowUpdate, UpdateReason

ROUNDS = 5
TARGETS = 10_000
ALLOWED = 5_000


def _protected() -> policy.Protected:
    allowed = tuple((f"100.{64 + number // 250}.{number % 250}.0/24", "customer") for number in range(ALLOWED))
    return policy.Protected(allowed=allowed)


def _judge(prefixes: list[str], protected: policy.Protected) -> float:
    began = process_time()
    rules = policy.Rules(protected)
    for prefix in prefixes:
        rules.judge(prefix, 60.0, handshake=True, reported_only=False)
    return process_time() - began


def _traffic() -> Traffic:
    traffic = Traffic()
    for part in range(RECORD_FLOWS // 1000):
        flows = [_flow(f"10.{part}.{number >> 8}.{number & 255}") for number in range(1000)]
        traffic.add(Batch([FlowUpdate(one, UpdateReason.END, 1000.0) for one in flows], 1000.0))
    return traffic


def _flow(source: str) -> Flow:
    ends = FiveTuple(source, 40000, "192.0.2.2", 443, "tcp")
    return Flow(source, ends, "eth0", 999.0, 1000.0, (2, 1), (120, 60), (0, 0), (b"", b""), FlowState.CLOSED, True)


def _sum(traffic: Traffic, prefixes: list[str]) -> float:
    began = process_time()
    traffic.impact(prefixes)
    return process_time() - began


def main() -> None:
    """Print medians of interleaved rounds."""
    singles = [f"{20 + number // 60000}.{number // 250 % 250}.{number % 250}.9/32" for number in range(TARGETS)]
    mixed = [f"10.{number >> 8 & 255}.{number & 255}.0/{24 + number % 9}" for number in range(TARGETS)]
    protected, traffic = _protected(), _traffic()
    rows: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, seconds in (
            (f"judge 1 target beside {ALLOWED} allowed prefixes", _judge(singles[:1], protected)),
            (f"judge {TARGETS} targets beside them", _judge(singles, protected)),
            (f"impact of 1 prefix over {RECORD_FLOWS} flows", _sum(traffic, mixed[:1])),
            (f"impact of {TARGETS} prefixes over them", _sum(traffic, mixed)),
        ):
            rows.setdefault(name, []).append(seconds)
    for name, times in rows.items():
        print(f"{name:55} {median(times) * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
