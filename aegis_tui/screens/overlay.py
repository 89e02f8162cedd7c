"""What lies over a view and hears its keys in its stead."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Overlay(Protocol):
    """A screen that says which keys it hears: none of the view's own is heard while it is open."""

    def keys_heard(self) -> list[tuple[str, str]]:
        """Return keys and labels for the footer below."""
        ...
