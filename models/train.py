"""Trains the flow model: ``python -m models.train --data ../shared/data``.

The split is by capture for benign traffic and by family for attacks; requests keep the split they
came with. The threshold is fixed on the validation part alone.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.detect.tokens import encode
from models import card, corpus, network
from models.mixture import Source, mixture, windows

BATCH = 256
DROPOUT = 0.3
PEAK_RATE = 4e-3


def fit(sources: list[Source], epochs: int, seed: int = card.SEED) -> network.Weights:
    """Train a network from scratch and return it folded; the weights are a moving average over the last steps."""
    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311 - drawing training data, not keys
    weights, running = network.initial_weights(seed)
    optimizer = torch.optim.AdamW(weights.values(), lr=PEAK_RATE, weight_decay=0.01)
    steps = epochs * (card.WINDOWS_PER_EPOCH // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps, pct_start=0.1)
    average = {name: value.detach().clone() for name, value in weights.items()}
    for epoch in range(epochs):
        started, losses = time.perf_counter(), []
        payloads, labels = windows(sources, card.WINDOWS_PER_EPOCH, rng)
        for start in range(0, card.WINDOWS_PER_EPOCH - BATCH + 1, BATCH):
            loss = _loss(weights, running, payloads[start : start + BATCH], labels[start : start + BATCH])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            for name, value in weights.items():
                average[name].lerp_(value.detach(), 0.01)
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f} in {time.perf_counter() - started:.0f} s", flush=True)
    return network.folded(average, running)


def _loss(weights: network.Weights, running: network.Weights, payloads: list[bytes], labels: list[bool]) -> Any:
    ids, mask = (torch.from_numpy(array) for array in encode(payloads))
    wanted = torch.tensor(labels, dtype=torch.float32)
    found = network.logits(weights, running, ids, mask, DROPOUT)
    return functional.binary_cross_entropy_with_logits(found, wanted)


def main() -> None:
    """Train, calibrate, measure and write the model with its card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("flow-cnn.onnx"))
    parser.add_argument("--epochs", type=int, default=card.EPOCHS)
    parser.add_argument("--measure", action="store_true", help="keep the model file as it is and write its card anew")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = corpus.load(options.data)
    sources = mixture(data.flows["train"], data.requests["train"])
    if not options.measure:
        options.out.write_bytes(network.onnx_bytes(fit(sources, options.epochs)))
    card.write(options.out, data, sources, corpus.digest(options.data))


if __name__ == "__main__":
    main()
