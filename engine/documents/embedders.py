"""What turns documents and queries into vectors: the shipped model, or one of the endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine import paths
from engine.documents.terms import is_mostly_latin
from engine.embedding import Embedder, embedder_of

SHIPPED = "all-MiniLM-L6-v2 int8"

Vectors = NDArray[np.int8]


class DocumentEmbedder(Protocol):
    """Turns texts into vectors whose direction follows their meaning; their length says nothing."""

    name: str

    def reads(self, text: str) -> bool:
        """Return whether its vectors of such a text mean anything."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text; raises ``ConnectionError`` when it cannot be had."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a query, soon or not at all."""
        ...


class ShippedEmbedder:
    """The model that comes with the program; it has learned English only."""

    name = SHIPPED

    def __init__(self, embedder: Embedder | None = None) -> None:
        """Take the model where it is loaded already."""
        self._embedder = embedder or embedder_of(paths.KNOWLEDGE / "attack" / "vocab.txt")

    def reads(self, text: str) -> bool:
        return is_mostly_latin(text)

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed(texts)

    def embed_query(self, text: str) -> Vectors:
        return np.asarray(self._embedder.embed([text])[0], dtype=np.int8)
