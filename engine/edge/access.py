"""Who may come in by a door: a program of this host that holds the token, and no web page."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_address
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.edge.limits import Limits
from engine.edge.token import Token

DRAINED = 16
"""How many times the allowed size is read of a body that is too large."""

NAMES = ("127.0.0.1", "localhost", "[::1]")


class _Refusal(NamedTuple):
    status: int
    error: str


_PEER = _Refusal(403, "only programs of this host are served")
_HOST = _Refusal(403, "the Host header must be 127.0.0.1, localhost or [::1], with the port")
_ORIGIN = _Refusal(403, "requests of web pages from elsewhere are refused")
_TOKEN = _Refusal(401, "send the token: Authorization: Bearer TOKEN (its file: aegis-tui token show-path)")


class Access:
    """Stands before an application, and hands on what may come in, its body read and bounded."""

    def __init__(
        self, app: ASGIApp, port: int, token: Token, limits: Limits, open_paths: frozenset[str] = frozenset()
    ) -> None:
        """Take the paths that need no token in ``open_paths``."""
        self._app = app
        self._token = token
        self._limits = limits
        self._open_paths = open_paths
        self._hosts = {f"{name}:{port}".encode() for name in NAMES}
        self._large = _Refusal(413, f"a body has at most {limits.body_bytes} bytes")
        self._late = _Refusal(408, f"the body was not here within {limits.body_s:g} s")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it; what is no request of HTTP is none of a peer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        presented = _presented(scope)
        refusal = self._refusal(scope, presented) or self._announced(scope)
        if refusal is not None:
            await _refuse(send, refusal)
            return
        try:
            async with asyncio.timeout(self._limits.body_s):
                body = await self._body(receive)
        except TimeoutError:
            await _refuse(send, self._late, close=True)
            return
        except ValueError:
            await _refuse(send, self._large)
            return
        if body is not None:
            visit = _Visit(body, receive, send, self._still(scope, presented))
            await self._app(scope, visit.receive, visit.send)

    def _refusal(self, scope: Scope, presented: bytes) -> _Refusal | None:
        host, origins = _only(scope, b"host").lower(), _all(scope, b"origin")
        if not _is_loopback(scope):
            return _PEER
        if host not in self._hosts:
            return _HOST
        if origins and [origin.lower() for origin in origins] != [b"http://" + host]:
            return _ORIGIN
        if scope["path"] in self._open_paths or self._token.admits(presented):
            return None
        return _TOKEN

    def _announced(self, scope: Scope) -> _Refusal | None:
        """Refuse a body that is too large before it is sent, where the peer waits for that."""
        told = _only(scope, b"content-length")
        waits = _only(scope, b"expect").lower() == b"100-continue"
        return self._large if waits and told.isdigit() and int(told) > self._limits.body_bytes else None

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the body, or ``None`` when the peer went away; raises ``ValueError`` when it is too large.

        One that is a little too large is read to its end: answered earlier, the answer would be lost in a reset.
        """
        parts, size = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size <= self._limits.body_bytes:
                parts += part
            over = size > DRAINED * self._limits.body_bytes or not message.get("more_body", False)
            if over and size > self._limits.body_bytes:
                raise ValueError
            if over:
                return bytes(parts)

    def _still(self, scope: Scope, presented: bytes) -> _Still:
        return _Still(self._token, presented, scope["path"] in self._open_paths)


class _Still(NamedTuple):
    """Whether who came in may still be here: a stream outlives the token it was opened with."""

    token: Token
    presented: bytes
    needs_none: bool

    def holds(self) -> bool:
        return self.needs_none or self.token.admits(self.presented)


class _Visit:
    """One request on its way through: its body is given out once, and its stream ends with its token."""

    def __init__(self, body: bytes, receive: Receive, send: Send, still: _Still) -> None:
        self._body: bytes | None = body
        self._receive = receive
        self._send = send
        self._still = still
        self._over = False

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if self._over:
            return
        if message.get("more_body", False) and not self._still.holds():
            self._over = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]


def _only(scope: Scope, name: bytes) -> bytes:
    """Return a header that is there once; two of them are as good as none."""
    values = _all(scope, name)
    return values[0] if len(values) == 1 else b""


def _presented(scope: Scope) -> bytes:
    scheme, _, token = _only(scope, b"authorization").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def _is_loopback(scope: Scope) -> bool:
    try:
        return ip_address(scope["client"][0]).is_loopback
    except (TypeError, ValueError, IndexError):
        return False


async def _refuse(send: Send, refusal: _Refusal, *, close: bool = False) -> None:
    body = json.dumps({"error": refusal.error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
