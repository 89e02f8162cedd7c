"""Events through the HTTP door: how long one takes, and what becomes of 500 at the same moment.

The engine runs as ``aegis-tui serve`` in a process of its own, without a model; while the 500 are on their way,
``GET /health`` is asked again and again: what it takes to be answered is how long the event loop kept others waiting.
"""

from __future__ import annotations

import asyncio
import collections
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ONE_BY_ONE, TOGETHER = 100, 500
P95_LIMIT_MS, LAG_LIMIT_MS = 300, 1000
LAUNCHER = "import sys; from aegis_tui.cli import main; sys.exit(main())"
PROBE = """
import http.client, json, select, sys, time
lags = []
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    began = time.monotonic()
    link = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    link.request("GET", "/health")
    assert link.getresponse().read()
    lags.append((time.monotonic() - began) * 1000)
    link.close()
print(json.dumps(lags))
"""
CONTENTS = (
    "sql-injection GET /item?id=1' UNION SELECT password FROM users--",
    "brute-force 312 failed logins for root over ssh", "webshell POST /uploads/x.php cmd=id",
    "port-scan 1024 ports in 3 s", "XSS GET /q?s=<script>alert(1)</script>",
)  # fmt: skip


def main() -> int:
    """Start a server with state of its own, measure, and end it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    with tempfile.TemporaryDirectory(prefix="doors-") as state:
        environ = {**os.environ, "XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state}
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MODEL_NAME"):
            environ.pop(name, None)
        command = [sys.executable, "-P", "-c", LAUNCHER, "serve", "--http-port", "0", "--no-mcp", "--json"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            door = json.loads(server.stdout.readline())
            reader = subprocess.Popen(["cat"], stdin=server.stdout, stdout=subprocess.DEVNULL)
            try:
                return asyncio.run(_measure(door["address"], Path(door["token_file"]).read_text("ascii").strip()))
            finally:
                server.terminate()
                reader.wait(30)


async def _measure(address: str, token: str) -> int:
    port = int(address.rsplit(":", 1)[1])
    await _ask(port, token, 0)
    alone = sorted([(await _ask(port, token, number))[1] for number in range(1, ONE_BY_ONE + 1)])
    middle, high = statistics.median(alone), alone[int(len(alone) * 0.95) - 1]
    print(f"one client, {ONE_BY_ONE} events: p50 {middle:.0f} ms, p95 {high:.0f} ms (limit {P95_LIMIT_MS})")
    command = [sys.executable, "-c", PROBE, str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as probe:  # noqa: ASYNC220 - before the burst
        assert probe.stdout is not None
        probe.stdout.readline()
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(_ask(port, token, 1000 + number)) for number in range(TOGETHER)]
        said, _ = probe.communicate("\n")
    lags: list[float] = json.loads(said)
    took = time.monotonic() - began
    told = collections.Counter(task.result()[0] for task in asking)
    answered, later, lost = told[200], told[429], TOGETHER - told[200] - told[429]
    print(f"{TOGETHER} at once: {answered} answered, {later} told 429, {lost} lost, in {took:.1f} s ({dict(told)})")
    lags.sort()
    print(f"GET /health meanwhile: p50 {statistics.median(lags):.0f} ms, p95 {lags[int(len(lags) * 0.95)]:.0f} ms,"
          f" worst {lags[-1]:.0f} ms of {len(lags)} (limit {LAG_LIMIT_MS})")  # fmt: skip
    return int(high > P95_LIMIT_MS or lost > 0 or lags[-1] > LAG_LIMIT_MS)


async def _ask(port: int, token: str, number: int) -> tuple[int, float]:
    """Send one event, each from an address of its own; return the status, 0 for none, and milliseconds."""
    source = f"203.0.{100 + number // 250}.{1 + number % 250}"
    line = f"2026-10-09T11:23:00Z {source}:40000 192.0.2.1:8080 {CONTENTS[number % len(CONTENTS)]}"
    body = json.dumps({"query": line}).encode()
    head = (
        f"POST /chat/analysis HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return await _say(port, head.encode("ascii") + body)


async def _say(port: int, request: bytes) -> tuple[int, float]:
    began = time.monotonic()
    status = 0
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        async with asyncio.timeout(120):
            reply = await reader.read()
        writer.close()
        status = int(reply.split(b" ", 2)[1]) if reply.endswith(b"}") else 0
    except (OSError, TimeoutError):
        pass
    return status, (time.monotonic() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
