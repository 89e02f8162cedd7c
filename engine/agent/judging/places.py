"""What starts by itself on this host, and whether it was changed around the event."""

# ruff: noqa: E501, S108 - a pattern reads best whole; nothing is opened

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.scene import Scene
from engine.types import PersistencePoint

FRESH_S = 4 * 3600.0
OLD_S = 7 * 86_400.0
_TELLING = re.compile(
    r"/tmp/|/var/tmp/|/dev/shm/|/\.[a-z_]|(?:curl|wget)\b[^\n]*(?:\||-o)\s*\S*sh|/dev/tcp/|\bnc\b[^\n]*-\w*[le]|base64 -d"
    r"|\bsh -c \"?nc|python\d? -c",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"//(?:127\.0\.0\.1|localhost)[/:]")


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the places say."""
    points = [point for persistence in scene.persistence for point in persistence.points]
    fresh = [point for point in points if scene.case.now - point.modified_at < FRESH_S]
    if any(_is_telling(scene, point) for point in fresh):
        yield "plants_itself"
    elif any(point.kind == "ld_preload" and scene.case.now - point.modified_at < 2 * 86_400.0 for point in points):
        yield "fresh_preload"
    elif any(point.kind == "authorized_keys" for point in fresh) and not _has_key_login(scene):
        yield "fresh_key"
    old = [point for point in points if scene.case.now - point.modified_at > OLD_S]
    if not scene.is_inbound and not fresh and any(point.kind in ("cron", "unit") for point in old):
        yield "standing_job"


def _is_telling(scene: Scene, point: PersistencePoint) -> bool:
    text = f"{point.path} {point.excerpt}"
    named = scene.target in point.excerpt and point.kind != "authorized_keys"
    return named or bool(_TELLING.search(text) and point.kind != "authorized_keys" and not _LOCAL.search(text))


def _has_key_login(scene: Scene) -> bool:
    entries = [login for logins in scene.logins for login in logins.entries if login.ip == scene.target]
    added = max(p.modified_at for one in scene.persistence for p in one.points if p.kind == "authorized_keys")
    return any(login.ok and login.method == "publickey" and login.first_at < added for login in entries)
