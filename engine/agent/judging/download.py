"""What is fetched: whether by one's own organisation, or handed out by strangers."""

from __future__ import annotations

from collections.abc import Iterator

from engine.agent.judging.credentials import is_session
from engine.agent.judging.scene import Scene

_LARGE = 20_000_000
"""Bytes from which a download is an installer, an image or an update, not a lure."""


def considerations(scene: Scene) -> Iterator[str]:
    """Name what an outbound fetch says of the server."""
    if scene.is_inbound or "phishing_download" not in scene.classes:
        return
    if any(is_session(request) for request in scene.requests if request.is_http):
        yield "fetched_signed_in"
    if any(flow.bytes[1] >= _LARGE for flow in scene.carriers):
        yield "large_download"
