"""Memory that was freed, and that the C library keeps for later."""

from __future__ import annotations


def give_back() -> None:
    """Return free heap to the system: loading models takes 60 MB that nothing uses afterwards. A hint, where known."""
    import ctypes  # noqa: PLC0415 - not before the first frame

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
