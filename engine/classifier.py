"""The classifier of reported events that comes with the program."""

from __future__ import annotations

import functools

from engine import paths
from engine.detect.classes import Classifier


@functools.cache
def shipped_classifier() -> Classifier:
    """Return it, loaded once; where the embedding model cannot be had it goes by words only.

    Raises:
        ValueError: its files are broken.
        OSError: they cannot be read.
    """
    from engine.embedding import embedder_of  # noqa: PLC0415 - heavy, and needed at the first report

    try:
        return Classifier(paths.CLASSES, embedder_of(paths.KNOWLEDGE / "attack" / "vocab.txt").embed)
    except (ImportError, FileNotFoundError):
        return Classifier(paths.CLASSES)
