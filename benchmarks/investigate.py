"""Alert to proposal through the whole engine: without a model, and what the engine adds to a model's own time.

Exploits from ever new addresses, one after the other: ``python benchmarks/investigate.py [INCIDENTS]``. The host's
answers about sockets and processes are not in it, since there is no guard.
"""

from __future__ import annotations

import asyncio
import json
import queue
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from engine import paths
from engine.agent.recorded import RecordedHost
from engine.config import Settings
from engine.core import Engine
from engine.intake import Intake
from engine.plan import Plan
from engine.sources.pcapfile import PcapFile
from engine.types import Alert, Capture, Event, Frame, Proposal, StepKind, TraceStep

DEMO = paths.ROOT / "aegis_tui" / "demo" / "attack.pcap"
EXPLOITER = socket.inet_aton("203.0.113.66")
LATENCY_S = 0.2
ALONE_S, OVERHEAD_S = 2.0, 1.0
PATIENCE_S = 30.0

VERDICT = json.dumps({"conclusion": "malicious", "severity": "critical", "claims": [], "summary": "An exploit."})
PLAN = json.dumps({"steps": [{"tool": "flow_payload", "why": "Read the request."}]})


class Attacks:
    """A source that repeats the exploit of the demo from the addresses it is given."""

    def __init__(self) -> None:
        self.capture = Capture("bench", 1)
        found = [frame for batch in PcapFile(DEMO).batches() for frame in batch if EXPLOITER in frame.data]
        self._frames = found[:12]
        self._addresses: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopped = False
        self._seen = 0

    def attack(self, address: str) -> None:
        """Let an address attack now."""
        self._addresses.put(address)

    def batches(self) -> Iterator[list[Frame]]:
        """Yield the packets of each attack."""
        while not self._stopped:
            try:
                new = socket.inet_aton(self._addresses.get(timeout=0.02))
            except queue.Empty:
                yield []
                continue
            now = time.time()
            yield [one._replace(ts=now, data=one.data.replace(EXPLOITER, new)) for one in self._frames]
            self._seen += len(self._frames)

    def stop(self) -> None:
        """End ``batches()``."""
        self._stopped = True

    def stats(self) -> tuple[int, int]:
        """Return the frames handed over, and none dropped."""
        return self._seen, 0


class Watch:
    """Notes when each address was reported and proposed, and what its model took."""

    def __init__(self) -> None:
        self.alerted: dict[str, float] = {}
        self.proposed: dict[str, float] = {}
        self.asked_s: dict[str, float] = {}
        self._incidents: dict[str, str] = {}
        self._proposed = asyncio.Event()

    def __call__(self, event: Event) -> None:
        """Note an event."""
        now = time.monotonic()
        match event:
            case Alert():
                self.alerted.setdefault(event.target_ip, now)
                self._incidents[event.incident_id] = event.target_ip
            case TraceStep() if event.kind is StepKind.ANSWER and event.elapsed_s:
                target = self._incidents[event.incident_id]
                self.asked_s[target] = self.asked_s.get(target, 0.0) + event.elapsed_s
            case Proposal():
                self.proposed[event.terms.prefix.split("/")[0]] = now
                self._proposed.set()
            case _:
                pass

    async def until_proposed(self, address: str) -> None:
        """Wait for the proposal about an address."""
        async with asyncio.timeout(PATIENCE_S):
            while address not in self.proposed:
                self._proposed.clear()
                await self._proposed.wait()


async def measure(folder: Path, incidents: int, endpoint: str) -> list[float]:
    """Return the seconds from alert to proposal of each incident, without those of the model."""
    source, watch = Attacks(), Watch()
    settings = Settings(openai_base_url=endpoint, model_name="bench" if endpoint else "")
    reader = partial(Intake, source, max_flows=1000, live=True)
    plan = Plan(
        "bench", "bench", [reader], settings, folder / "aegis.db", folder / "knowledge.db",
        local_ips=("192.0.2.10",), host=RecordedHost({}),
    )  # fmt: skip
    engine = Engine(plan, on_event=watch)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run(), name="engine")
        for number in range(incidents + 1):
            address = f"198.18.{number // 250}.{number % 250 + 1}"
            source.attack(address)
            await watch.until_proposed(address)
        engine.stop()
    # The first pays for loading the analyst, which a running engine has behind it.
    targets = list(watch.proposed)[1:]
    return [watch.proposed[one] - watch.alerted[one] - watch.asked_s.get(one, 0.0) for one in targets]


class Model(BaseHTTPRequestHandler):
    """A chat model that takes its time, calls one tool, and finds an exploit."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer after a while."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(LATENCY_S)
        body = b"".join(f"data: {json.dumps(part)}\n\n".encode() for part in _chunks(request)) + b"data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _chunks(request: dict[str, Any]) -> list[dict[str, Any]]:
    shape = request.get("response_format", {}).get("json_schema", {}).get("name", "")
    tools = [tool["function"]["name"] for tool in request.get("tools", ())]
    told = json.dumps(request["messages"])
    delta: dict[str, Any] = {"role": "assistant", "content": {"plan": PLAN, "verdict": VERDICT}.get(shape, "Seen.")}
    if "flow_payload" in tools and '"role": "tool"' not in told:
        flow = re.search(r"flow (1:[^, ]+)", told)
        arguments = json.dumps({"flow_id": flow[1] if flow else "", "direction": "to_server"})
        call = {"index": 0, "id": "t", "type": "function", "function": {"name": "flow_payload", "arguments": arguments}}
        delta = {"role": "assistant", "content": "", "tool_calls": [call]}
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "bench"}
    return [
        {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]


def _told(what: str, took: list[float], limit: float) -> bool:
    p95 = statistics.quantiles(took, n=20)[18]
    print(f"{what}: p50 {statistics.median(took):.2f} s, p95 {p95:.2f} s, most {max(took):.2f} s of {len(took)}")
    return p95 <= limit


def main() -> int:
    """Print both, and return 1 when one misses its mark."""
    incidents = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with tempfile.TemporaryDirectory(prefix="investigate-") as name:
        alone = asyncio.run(measure(Path(name), incidents, ""))
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server, tempfile.TemporaryDirectory() as name:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        beside = asyncio.run(measure(Path(name), incidents // 2, url))
        server.shutdown()
    met = _told("alert to proposal without a model", alone, ALONE_S)
    met &= _told(f"what the engine adds to a model of {LATENCY_S * 1000:.0f} ms a call", beside, OVERHEAD_S)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
