"""``serve``: doors without a console, for a plain user too, and a clean end by every signal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from aegis_tui.cli import main
from aegis_tui.commands import serve
from aegis_tui.commands.holder import Holder
from engine import paths
from engine.edge import token
from tests.engine.bench import few_rules, furnish
from tests.engine.edge.door import LINE

LAUNCHER = "import sys; from aegis_tui.cli import main; sys.exit(main())"


def environment(state: Path) -> dict[str, str]:
    """Return an environment with a state folder of its own."""
    return {**os.environ, "XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state)}


def words(state: Path, *arguments: str) -> list[str]:
    """Return how ``serve`` is started with few rules, and a knowledge base that is made already."""
    furnish(state)
    return [sys.executable, "-P", "-c", LAUNCHER, "serve", "--rules", str(few_rules()), *arguments]


@pytest.fixture
def taken() -> Iterator[str]:
    """Return a port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield str(other.getsockname()[1])


class Served:
    """``serve --json`` as a process, up to the lines that tell of its doors."""

    def __init__(self, state: Path, *arguments: str, doors: int = 2) -> None:
        self.process = subprocess.Popen(
            words(state, "--json", *arguments), env=environment(state), cwd=paths.ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.lines = [json.loads(self.process.stdout.readline()) for _ in range(doors)]
        self.doors = {line["name"]: line["address"] for line in self.lines if line["type"] == "door"}

    def key(self) -> str:
        """Return the token, from where the line says it lies."""
        return token.read(Path(self.lines[0]["token_file"]))

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal, and return the exit status and what was complained of."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Both doors on free ports."""
    made = Served(tmp_path, "--http-port", "0", "--mcp-port", "0")
    yield made
    if made.process.poll() is None:
        made.end(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(served: Served, number: int) -> None:
    assert served.end(number) == (0, "")


def test_an_event_is_judged_without_a_console(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.key()}"}
    answer = httpx.post(f"{served.doors['http']}/chat/analysis", json={"query": LINE}, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["verdict"] is not None) == (200, True), answer.text
    listed = httpx.get(f"{served.doors['http']}/incidents", headers=headers, timeout=60).json()["incidents"]
    assert listed[0]["id"] == answer.json()["incident_id"]


def test_a_token_rotated_by_the_command_counts_in_the_open_doors(served: Served, tmp_path: Path) -> None:
    old = {"Authorization": f"Bearer {served.key()}"}
    command = [sys.executable, "-P", "-c", LAUNCHER, "token", "rotate", "--own"]
    subprocess.run(command, env=environment(tmp_path), cwd=paths.ROOT, check=True, capture_output=True)
    for url in (f"{served.doors['http']}/incidents", served.doors["mcp"]):
        assert httpx.get(url, headers=old).status_code == 401
    new = {"Authorization": f"Bearer {served.key()}"}
    assert httpx.get(f"{served.doors['http']}/incidents", headers=new, timeout=60).status_code == 200


def test_a_plain_line_tells_the_address_and_where_the_token_lies(tmp_path: Path) -> None:
    command = words(tmp_path, "--http-port", "0", "--no-mcp")
    with subprocess.Popen(
        command, env=environment(tmp_path), cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        process.communicate(timeout=30)
    assert line.startswith("http: http://127.0.0.1:")
    assert line.endswith(f"(token: {tmp_path}/aegis/token)\n")


def test_a_taken_port_is_a_fault_and_the_other_door_serves(taken: str, tmp_path: Path) -> None:
    served = Served(tmp_path, "--http-port", taken, "--mcp-port", "0")
    by_type = {line["type"]: line for line in served.lines}
    assert (by_type["door"]["name"], by_type["fault"]["ability"]) == ("mcp", "http")
    assert "Address already in use" in by_type["fault"]["message"]
    assert served.end(signal.SIGTERM)[0] == 0


def test_a_server_that_nobody_can_reach_ends_and_says_so(taken: str, tmp_path: Path) -> None:
    command = words(tmp_path, "--json", "--no-mcp", "--http-port", taken)
    done = subprocess.run(
        command, env=environment(tmp_path), cwd=paths.ROOT, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert b"Address already in use" in done.stdout


async def test_an_mcp_client_starts_it_over_stdio(tmp_path: Path) -> None:
    program, *arguments = words(tmp_path, "--stdio")
    server = StdioServerParameters(command=program, args=arguments, env=environment(tmp_path), cwd=paths.ROOT)
    async with asyncio.timeout(90), Client(stdio_client(server)) as client:
        told = await client.call_tool("triage_event", {"line": LINE})
        listed = await client.call_tool("list_incidents", {})
    assert (told.is_error, told.structured_content["target_ip"]) == (False, "203.0.113.9")
    assert listed.structured_content["incidents"][0]["incident_id"] == told.structured_content["incident_id"]


def test_a_client_that_closes_its_end_ends_it(tmp_path: Path) -> None:
    done = subprocess.run(
        words(tmp_path, "--stdio"), env=environment(tmp_path), cwd=paths.ROOT, input=b"",
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, b"Traceback" in done.stderr) == (0, b"", False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-http", "--no-mcp"], "no door is left"),
        (["--http-port", "9000", "--mcp-port", "9000"], "both doors on port 9000"),
        (["--iface", "nosuch0"], "no interface 'nosuch0'"),
    ],
)
def test_what_cannot_be_served_is_told_and_nothing_is_opened(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_bad_input(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", f"--http-port={port}"])
    assert (ended.value.code, "from 0 to 65535" in capsys.readouterr().err) == (2, True)


def test_an_interface_in_the_settings_is_not_for_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEGIS_INTERFACE", "lo")
    served = Served(tmp_path, "--http-port", "0", "--mcp-port", "0")
    assert served.end(signal.SIGTERM)[0] == 0
    assert {Path(line["token_file"]).is_relative_to(tmp_path) for line in served.lines} == {True}


@pytest.mark.parametrize(
    ("daemon", "words"),
    [
        (True, "the daemon itself opens the doors with http = true"),
        (False, "held by a console (PID 7); without --iface"),
    ],
    ids=["daemon", "console"],
)
def test_a_host_that_is_watched_already_is_refused_with_what_works(
    daemon: bool, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(serve, "holder", lambda: Holder(7, f"a {'daemon' if daemon else 'console'} (PID 7)", daemon))
    assert main(["serve", "--iface", "lo"]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may capture")
def test_watching_takes_root() -> None:
    assert main(["serve", "--iface", "lo"]) == 1
