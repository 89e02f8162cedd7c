"""Trains the flow model: ``python -m models.train --data ../shared/data``.

The split is by capture for benign traffic and by family for attacks; requests keep the split they
came with. The threshold is fixed on the validation part alone.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.detect.tokens import encode
from models import corpus, network, synthesis
from models.augment import Payload, vary

SEED = 20
BATCH = 256
WINDOWS_PER_EPOCH = 48_000
DROPOUT = 0.3
PEAK_RATE = 4e-3
Pick = Callable[[random.Random], Payload]


def part(name: str) -> str:
    """Return ``train``, ``validation`` or ``test`` for a capture or a family, by its name alone."""
    first = hashlib.sha256(f"aegis-split-1:{name}".encode()).digest()[0]
    return "test" if first < 64 else "validation" if first < 115 else "train"


@dataclass
class Corpus:
    """All labelled data, each piece in one part."""

    flows: dict[str, list[corpus.LabelledFlow]] = field(
        default_factory=lambda: {"train": [], "validation": [], "test": []}
    )
    requests: dict[str, list[corpus.LabelledRequest]] = field(
        default_factory=lambda: {"train": [], "validation": [], "test": []}
    )


def load(flows: Iterable[corpus.LabelledFlow], root: Path) -> Corpus:
    """Assign every flow and request to its part."""
    loaded = Corpus()
    for flow in flows:
        if flow.learnable:
            loaded.flows[part(flow.family if flow.malicious else flow.capture)].append(flow)
    for request in corpus.requests(root / "http/train.jsonl.gz"):
        held = part(request.id) == "validation" and part(request.id + "again") != "train"
        loaded.requests["validation" if held else "train"].append(request)
    loaded.requests["test"] = list(corpus.requests(root / "http/dev.jsonl.gz"))
    return loaded


def _evenly(groups: dict[str, dict[str, list[Payload]]]) -> Pick:
    """Draw a family, then a capture by the root of its size, then a payload: a big capture counts little more."""
    families = [[payloads for payloads in captures.values() if payloads] for captures in groups.values()]
    drawn = [(captures, [math.sqrt(len(payloads)) for payloads in captures]) for captures in families if captures]

    def pick(rng: random.Random) -> Payload:
        captures, weights = rng.choice(drawn)
        return rng.choice(rng.choices(captures, weights)[0])

    return pick


def _grouped(flows: Iterable[corpus.LabelledFlow], malicious: bool) -> dict[str, dict[str, list[Payload]]]:
    groups: dict[str, dict[str, list[Payload]]] = {}
    for flow in flows:
        if flow.malicious == malicious:
            family = flow.family if malicious else flow.category
            groups.setdefault(family, {}).setdefault(flow.capture, []).extend(flow.training_payloads())
    return groups


def _requests_by_class(requests: Sequence[corpus.LabelledRequest], malicious: bool) -> Pick:
    """Draw attacks by class and benign requests by source, each weighted by the root of its size."""
    groups: dict[str, list[Payload]] = {}
    for request in requests:
        if request.payload.malicious == malicious:
            groups.setdefault(request.event_class if malicious else request.source, []).append(request.payload)
    pools = list(groups.values())
    weights = [math.sqrt(len(pool)) for pool in pools]
    return lambda rng: rng.choice(rng.choices(pools, weights)[0])


def _made_up(makers: tuple[synthesis.Maker, ...], malicious: bool) -> Pick:
    return lambda rng: Payload(rng.choice(makers)(rng), malicious)


Source = tuple[float, Pick]


def mixture(flows: Sequence[corpus.LabelledFlow], requests: Sequence[corpus.LabelledRequest]) -> list[Source]:
    """Return the sources of training windows, each with its share."""
    return [
        (0.32, _requests_by_class(requests, malicious=True)),
        (0.26, _requests_by_class(requests, malicious=False)),
        (0.22, _evenly(_grouped(flows, malicious=False))),
        (0.11, _made_up(synthesis.BENIGN, malicious=False)),
        (0.05, _evenly(_grouped(flows, malicious=True))),
        (0.04, _made_up(synthesis.ATTACK, malicious=True)),
    ]


def windows(sources: list[Source], count: int, rng: random.Random) -> tuple[list[bytes], list[bool]]:
    """Draw and vary ``count`` training windows."""
    shares, picks = [share for share, _ in sources], [pick for _, pick in sources]
    payloads: list[bytes] = []
    labels: list[bool] = []
    while len(payloads) < count:
        payload = rng.choices(picks, shares)[0](rng)
        varied = vary(payload, rng)
        if varied:
            payloads.append(varied)
            labels.append(payload.malicious)
    return payloads, labels


def fit(sources: list[Source], epochs: int, seed: int = SEED) -> network.Weights:
    """Train a network from scratch and return it folded; the weights are a moving average over the last steps."""
    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311 - drawing training data, not keys
    weights, running = network.initial_weights(seed)
    optimizer = torch.optim.AdamW(weights.values(), lr=PEAK_RATE, weight_decay=0.01)
    steps = epochs * (WINDOWS_PER_EPOCH // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps, pct_start=0.1)
    average = {name: value.detach().clone() for name, value in weights.items()}
    for epoch in range(epochs):
        started, losses = time.perf_counter(), []
        payloads, labels = windows(sources, WINDOWS_PER_EPOCH, rng)
        for start in range(0, WINDOWS_PER_EPOCH - BATCH + 1, BATCH):
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
