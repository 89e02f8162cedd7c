"""Servers on loopback that messages are told to: one takes JSON over HTTP, one takes mail."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What a test sees of a server."""

    port: int = 0
    got: list[dict[str, Any]] = field(default_factory=list)
    """Each message, with ``title`` and ``message``."""
    status: int = 200
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def take(self, message: dict[str, Any]) -> None:
        """Keep a message."""
        self.got.append(message)
        self.arrived.release()


@contextmanager
def _running(server: socketserver.TCPServer, receiver: Receiver) -> Iterator[Receiver]:
    with server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def webhook() -> Iterator[Receiver]:
    """Run a server that takes JSON until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            receiver.take(body)

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler), receiver):
        yield receiver


@contextmanager
def mailbox() -> Iterator[Receiver]:
    """Run a mail server that takes everything until the block ends."""
    receiver = Receiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mailbox\r\n")
            for line in self.rfile:
                word = line.split()[0].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    receiver.take(_mail(b"".join(iter(self.rfile.readline, b".\r\n"))))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return

    with _running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler), receiver):
        yield receiver


def _mail(raw: bytes) -> dict[str, Any]:
    mail = message_from_bytes(raw, policy=policy.default)
    body = mail.get_body(("plain", "html"))
    return {"title": str(mail["Subject"]), "message": str(body.get_content()) if body else "", "to": str(mail["To"])}
