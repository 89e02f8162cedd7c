"""An OpenAI-compatible embeddings server on loopback: real HTTP, and the ways to fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from engine.documents.terms import terms

DIMENSIONS = 48
Reply = tuple[int, bytes, dict[str, str]]


@dataclass
class EmbeddingServer:
    """What was asked, and what to answer."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answer: Callable[[list[str]], Reply] | None = None
    """What is answered instead of vectors."""

    @property
    def texts(self) -> list[str]:
        """Every text that was sent, in order."""
        return [text for request in self.requests for text in request["input"]]


def vector(text: str) -> list[float]:
    """Return a direction that follows the words of a text: those with a word in common are near each other."""
    made = [0.01] * DIMENSIONS
    for term in terms(text):
        made[sum(term.encode()) % DIMENSIONS] += 1.0
    return made


def vectors(texts: list[str]) -> Reply:
    """Return a proper answer."""
    rows = [{"object": "embedding", "index": place, "embedding": vector(text)} for place, text in enumerate(texts)]
    # In another order than asked for: the index tells.
    return 200, json.dumps({"object": "list", "data": rows[::-1], "model": "m", "usage": {}}).encode(), {}


def refuse(status: int, headers: dict[str, str] | None = None) -> Callable[[list[str]], Reply]:
    """Return what answers with an HTTP error."""
    return lambda texts: (status, b'{"error": {"message": "refused with key sk-secret-0123456789"}}', headers or {})


@contextmanager
def serving() -> Iterator[EmbeddingServer]:
    """Run a server while the test lasts."""
    server = EmbeddingServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(request)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.paths.append(self.path)
            status, body, headers = (server.answer or vectors)(request["input"])
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            server.paths.append(f"GET {self.path}")
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
