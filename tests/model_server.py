"""A scripted OpenAI-compatible server on loopback: real HTTP, streaming or not, and every way to fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """A reply: text, and tool calls as ``(name, arguments)``; arguments may be raw text."""

    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    usage: tuple[int, int] | None = (100, 20)


@dataclass(frozen=True)
class Refuse:
    """An HTTP error."""

    status: int
    body: str = '{"error": {"message": "refused", "type": "test"}}'
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Raw:
    """Bytes in place of a well-formed reply."""

    body: bytes


@dataclass(frozen=True)
class Stall:
    """No answer until the server is closed."""


@dataclass(frozen=True)
class DieMidStream:
    """Some of an answer, then the connection is gone."""

    text: str = "I was about to"


Reply = Say | Refuse | Raw | Stall | DieMidStream
Script = Callable[[Request], Reply]


@dataclass
class ModelServer:
    """What a test sees of the server."""

    script: Script
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


PLAN = Say(json.dumps({"steps": [{"tool": "flow_payload", "why": "Read what was sent."}]}))


def asks_for_plan(request: Request) -> bool:
    """Return whether a request asks for the plan, which comes before everything else."""
    return "Before you look into an incident" in str(request["messages"][0]["content"])


def in_order(replies: Sequence[Reply], then: Reply | None = None, plan: Reply = PLAN) -> Script:
    """Return a script that gives each reply once, then ``then`` for ever (a plain text by default).

    What is asked for a plan is answered with ``plan`` and takes none of the replies.
    """
    left = list(replies)

    def script(request: Request) -> Reply:
        if asks_for_plan(request):
            return plan
        return left.pop(0) if left else (then or Say("nothing more to say"))

    return script


@contextmanager
def serving(script: Script) -> Iterator[ModelServer]:
    """Run a server in a thread until the block ends."""
    state = ModelServer(script)

    class Handler(_Handler):
        server_state = state

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            state.closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: ModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server_state.requests.append(request)
        self.server_state.headers.append(dict(self.headers))
        self.close_connection = True
        try:
            self._answer(request, self.server_state.script(request))
        except (BrokenPipeError, ConnectionResetError):
            return

    def end_headers(self) -> None:
        """Say that every connection ends with its answer: a client that kept it would race against its end."""
        self.send_header("Connection", "close")
        super().end_headers()

    def _answer(self, request: Request, reply: Reply) -> None:
        if isinstance(reply, Stall):
            self.server_state.closing.wait(30)
        elif isinstance(reply, Refuse):
            self._send(reply.status, "application/json", reply.body.encode(), dict(reply.headers))
        elif isinstance(reply, Raw):
            kind = "text/event-stream" if request.get("stream") else "application/json"
            self._send(200, kind, reply.body)
        elif isinstance(reply, DieMidStream):
            self._start_stream()
            self._event(_chunk({"role": "assistant", "content": reply.text}))
        elif request.get("stream"):
            self._stream(reply)
        else:
            self._send(200, "application/json", json.dumps(_completion(reply)).encode())

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, body: Any) -> None:
        line = f"data: {body if isinstance(body, str) else json.dumps(body)}\n\n".encode()
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _stream(self, reply: Say) -> None:
        self._start_stream()
        self._event(_chunk({"role": "assistant", "content": ""}))
        for start in range(0, len(reply.text), 400):
            self._event(_chunk({"content": reply.text[start : start + 400]}))
        for index, call in enumerate(_tool_calls(reply)):
            arguments = call["function"].pop("arguments")
            self._event(_chunk({"tool_calls": [{"index": index, **call}]}))
            for part in (arguments[:7], arguments[7:]):
                self._event(_chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
        self._event(_chunk({}, "tool_calls" if reply.calls else "stop"))
        if reply.usage:
            self._event({**_chunk({}), "choices": [], "usage": _usage(reply.usage)})
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "scripted", "choices": [choice]}


def _completion(reply: Say) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "tool_calls": _tool_calls(reply) or None}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.calls else "stop"}
    usage = _usage(reply.usage) if reply.usage else None
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [choice],
        "usage": usage,
    }


def _tool_calls(reply: Say) -> list[dict[str, Any]]:
    return [
        {
            "id": f"t{number}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for number, (name, arguments) in enumerate(reply.calls)
    ]


def _usage(used: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)}
