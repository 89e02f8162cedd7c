"""Tells whether a poll found anything to draw: an hour without traffic is an hour without drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from textual.geometry import Size
from textual.screen import Screen

from aegis_tui.screens.decision import Decision
from aegis_tui.screens.view import Scene, View
from engine.types import Snapshot


class Seen(NamedTuple):
    """What was drawn last."""

    scene: Scene
    told: tuple[object, ...]
    """The scene as far as it can be read off the screen: the clock shows whole seconds."""
    size: Size


def seen(scene: Scene, size: Size) -> Seen:
    """Return what is drawn of a scene, to be compared with the next."""
    rates = scene.rates
    held = None if scene.shown is scene.now else scene.shown
    now = _of_second(scene.now)
    # The scene holds the running rates; what they were is lost with the next poll.
    numbers = (rates.packets_per_s, rates.bits_per_s)
    told = (*scene._replace(now=now, shown=now), held, numbers)
    return Seen(scene, told, size)


def is_on(screens: Sequence[Screen[Any]], before: Seen | None, now: Seen) -> bool:
    """Return whether every screen shows this already; the block dialog is drawn at each poll."""
    if before is None or (before.told, before.size) != (now.told, now.size):
        return False
    return not any(
        isinstance(screen, Decision) or (isinstance(screen, View) and not screen.drew(before.scene))
        for screen in screens
    )


def _of_second(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, now=float(int(snapshot.now)))
