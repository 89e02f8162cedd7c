"""The yardstick beside the net: byte n-grams with logistic regression, trained on the same draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.types import MODEL_PAYLOAD_BYTES
from models.mixture import Source, windows

BUCKETS = 1 << 18
ORDERS = (1, 2, 3, 4)
BATCH = 256


def grams(payload: bytes) -> NDArray[np.int64]:
    """Return the hashed n-grams that occur in the payload, each once."""
    data = np.frombuffer(payload[:MODEL_PAYLOAD_BYTES], dtype=np.uint8).astype(np.uint64)
    found = []
    for order in ORDERS:
        mixed = np.full(max(0, len(data) - order + 1), order, dtype=np.uint64)
        for i in range(order):
            mixed = (mixed * np.uint64(1_000_003)) ^ data[i : i + len(mixed)]
        found.append(mixed % np.uint64(BUCKETS))
    return np.unique(np.concatenate(found)).astype(np.int64)


class NgramRegression:
    """Logistic regression over n-gram presence, scaled by the root of how many there are."""

    def __init__(self) -> None:
        self._weights = torch.zeros(BUCKETS, 1, requires_grad=True)
        self._bias = torch.zeros(1, requires_grad=True)

    def fit(self, sources: list[Source], count: int, seed: int) -> None:
        """Learn from ``count`` windows drawn as the net's were."""
        optimizer = torch.optim.Adagrad([self._weights, self._bias], lr=0.1)
        payloads, labels = windows(sources, count, random.Random(seed))  # noqa: S311 - drawing training data
        for start in range(0, count - BATCH + 1, BATCH):
            wanted = torch.tensor(labels[start : start + BATCH], dtype=torch.float32)
            found = self._logits(payloads[start : start + BATCH])
            loss = functional.binary_cross_entropy_with_logits(found, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def score(self, payloads: Sequence[bytes]) -> NDArray[np.float64]:
        """Return one score per payload."""
        with torch.no_grad():
            parts = [self._logits(payloads[i : i + BATCH]).sigmoid() for i in range(0, len(payloads), BATCH)]
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float64)

    def _logits(self, payloads: Sequence[bytes]) -> Any:
        rows = [grams(payload) for payload in payloads]
        offsets = torch.tensor([0, *np.cumsum([len(row) for row in rows])[:-1]])
        shares = np.concatenate([np.full(len(row), len(row) ** -0.5) for row in rows]).astype(np.float32)
        ids = torch.from_numpy(np.concatenate(rows))
        bags = functional.embedding_bag(
            ids, self._weights, offsets, mode="sum", per_sample_weights=torch.from_numpy(shares)
        )
        return bags.squeeze(1) + self._bias
