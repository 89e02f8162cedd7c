"""Microseconds that the signature rules take for one chunk: ``python -m benchmarks.rules``."""

from __future__ import annotations

import random
import statistics
import time

from engine.detect.rules import RuleDetector
from engine.paths import RULES
from engine.types import Direction, FiveTuple, Flow, FlowState, FlowUpdate, UpdateReason

_HEADERS = (
    b"Host: shop.example.com\r\nConnection: keep-alive\r\n"
    b"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/124.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n"
    b"Cookie: session=8f14e45fceea167a5a36dedd4bea2543; _ga=GA1.2.1234567890.1700000000\r\n\r\n"
)
_PAGE = b'<div class="item"><a href="/product/1234">Blue widget, select options or settings</a><b>12.99</b></div>\n'
_CHUNKS = {
    "http request": (Direction.TO_SERVER, "http", b"GET /products/list HTTP/1.1\r\n" + _HEADERS),
    "http request, encoded": (Direction.TO_SERVER, "http", b"GET /search?q=blue%20pen+%26+ink HTTP/1.1\r\n" + _HEADERS),
    "http answer, 1.4 kB": (Direction.TO_CLIENT, "http", (b"HTTP/1.1 200 OK\r\n\r\n" + _PAGE * 14)[:1400]),
    "tls application data": (Direction.TO_SERVER, "tls", b"\x17\x03\x03\x05\x73" + random.Random(1).randbytes(1395)),
    "binary, 1.4 kB": (Direction.TO_SERVER, "", random.Random(2).randbytes(1400)),
}


def _update(number: int, direction: Direction, app: str, chunk: bytes) -> FlowUpdate:
    head = (chunk[:512], b"") if direction is Direction.TO_SERVER else (b"GET / HTTP/1.1\r\n", chunk[:512])
    five_tuple = FiveTuple("192.0.2.1", 40000, "192.0.2.2", 80, "tcp")
    flow = Flow(
        str(number), five_tuple, "bench", 0, 0, (1, 0), (0, 0), (len(chunk), 0), head, FlowState.ESTABLISHED, True, app
    )
    return FlowUpdate(flow, UpdateReason.PAYLOAD, 0.0, direction, chunk, 0)


def main() -> None:
    """Print median and 99th percentile for each kind of chunk, each in a flow of its own."""
    detector = RuleDetector(RULES)
    print(f"{len(detector.signatures)} rules, version {detector.version}")
    for kind, (direction, app, chunk) in _CHUNKS.items():
        took = []
        for number in range(2000):
            update = _update(number, direction, app, chunk)
            start = time.perf_counter()
            detector.inspect(update)
            took.append((time.perf_counter() - start) * 1e6)
            detector.inspect(FlowUpdate(update.flow, UpdateReason.END, 0.0))
        p99 = statistics.quantiles(took, n=100)[98]
        print(f"{kind:24} {len(chunk):5} bytes  p50 {statistics.median(took):6.1f} us  p99 {p99:6.1f} us")


if __name__ == "__main__":
    main()
