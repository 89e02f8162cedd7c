"""Flows per second through the model detector on one core: ``python benchmarks/score.py [--model FILE]``.

Each flow brings a full window in both directions, the dearest case; tokens and bookkeeping are included.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from pathlib import Path

import numpy as np

from engine.detect.model import ModelDetector
from engine.types import WINDOW_BYTES, FiveTuple, Flow, FlowState, FlowUpdate, UpdateReason

DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "flow-cnn.onnx"
TARGET_FLOWS_PER_S = 2_000


def updates(count: int) -> list[FlowUpdate]:
    """Return the ends of ``count`` flows with random text both ways."""
    rng = random.Random(1)
    letters = bytes(range(32, 127))
    found = []
    for number in range(count):
        heads = (bytes(rng.choices(letters, k=WINDOW_BYTES)), bytes(rng.choices(letters, k=WINDOW_BYTES)))
        five_tuple = FiveTuple("198.51.100.1", 1 + number % 65_000, "192.0.2.1", 80, "tcp")
        flow = Flow(
            id=f"1:{number}",
            five_tuple=five_tuple,
            iface="bench",
            first_seen=0.0,
            last_seen=0.0,
            packets=(4, 4),
            bytes=(900, 900),
            payload_bytes=(WINDOW_BYTES, WINDOW_BYTES),
            head=heads,
            state=FlowState.CLOSED,
            handshake=True,
        )
        found.append(FlowUpdate(flow, UpdateReason.END, 0.0))
    return found


def main() -> None:
    """Print throughput, latency and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--flows", type=int, default=10_000)
    options = parser.parse_args()
    detector = ModelDetector(options.model)
    flows = updates(options.flows)
    for update in flows[:200]:
        detector.score(list(update.flow.head))
    latencies, cpu_before = [], time.process_time()
    for update in flows:
        started = time.perf_counter()
        detector.inspect(update)
        latencies.append(time.perf_counter() - started)
    cpu_s = time.process_time() - cpu_before
    p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
    per_core = options.flows / cpu_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"model {options.model.name} {detector.version}, {options.model.stat().st_size / 1e6:.2f} MB")
    print(f"{options.flows / sum(latencies):,.0f} flows/s elapsed, {per_core:,.0f} flows/s per core of CPU time")
    print(f"p50 {p50:.3f} ms, p99 {p99:.3f} ms per flow of two full windows; peak memory {peak_mb:.0f} MB")
    print(f"target {TARGET_FLOWS_PER_S:,}: {'met' if per_core >= TARGET_FLOWS_PER_S else 'missed'}")


if __name__ == "__main__":
    main()
