"""What one training window is drawn from, and how often."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence

from models import synthesis
from models.augment import Payload, vary
from models.corpus import LabelledFlow, LabelledRequest

Pick = Callable[[random.Random], Payload]
Source = tuple[float, Pick]
"""The share of windows that a pick contributes."""


def _evenly(groups: dict[str, dict[str, list[Payload]]]) -> Pick:
    """Draw a family, then a capture by the root of its size, then a payload: a big capture counts little more."""
    families = [[payloads for payloads in captures.values() if payloads] for captures in groups.values()]
    drawn = [(captures, [math.sqrt(len(payloads)) for payloads in captures]) for captures in families if captures]

    def pick(rng: random.Random) -> Payload:
        captures, weights = rng.choice(drawn)
        return rng.choice(rng.choices(captures, weights)[0])

    return pick


def _grouped(flows: Iterable[LabelledFlow], malicious: bool) -> dict[str, dict[str, list[Payload]]]:
    groups: dict[str, dict[str, list[Payload]]] = {}
    for flow in flows:
        if flow.malicious == malicious:
            family = flow.family if malicious else flow.category
            groups.setdefault(family, {}).setdefault(flow.capture, []).extend(flow.training_payloads())
    return groups


def _requests_by_class(requests: Sequence[LabelledRequest], malicious: bool) -> Pick:
    """Draw attacks by class and benign requests by source, the large ones damped."""
    groups: dict[str, list[Payload]] = {}
    for request in requests:
        if request.payload.malicious == malicious:
            groups.setdefault(request.event_class if malicious else request.source, []).append(request.payload)
    pools = list(groups.values())
    weights = [len(pool) ** 0.4 for pool in pools]
    return lambda rng: rng.choice(rng.choices(pools, weights)[0])


def _made_up(makers: tuple[synthesis.Maker, ...], malicious: bool) -> Pick:
    return lambda rng: Payload(rng.choice(makers)(rng), malicious)


def mixture(flows: Sequence[LabelledFlow], requests: Sequence[LabelledRequest]) -> list[Source]:
    """Return the sources of training windows, each with its share."""
    return [
        (0.33, _requests_by_class(requests, malicious=True)),
        (0.26, _requests_by_class(requests, malicious=False)),
        (0.23, _evenly(_grouped(flows, malicious=False))),
        (0.12, _made_up(synthesis.BENIGN, malicious=False)),
        (0.03, _evenly(_grouped(flows, malicious=True))),
        (0.03, _made_up(synthesis.ATTACK, malicious=True)),
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
