"""Measures a trained model on the parts it was not trained on, and writes its card."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.detect.tokens import encryption
from engine.types import MODEL_PAYLOAD_BYTES
from models.corpus import LabelledFlow, LabelledRequest

Scores = NDArray[np.float64]
Scorer = Callable[[Sequence[bytes]], Scores]
NO_SAY = ("tls", "ssh", "quic")
FIXED_POINTS = (0.5, 0.9, 0.95, 0.99, 0.999)
FALSE_ALERT_SHARE = 1e-3
VISIBLE_BYTES = MODEL_PAYLOAD_BYTES - 40
"""An attack that starts later in the request shows the model next to nothing."""


class Rate(NamedTuple):
    """A share with its 95 % Wilson interval."""

    hits: int
    total: int
    low: float
    high: float


def rate(hits: int, total: int) -> Rate:
    """Return ``hits`` of ``total`` with its interval."""
    if not total:
        return Rate(0, 0, 0.0, 1.0)
    z2, share = 1.96**2, hits / total
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = 1.96 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return Rate(hits, total, round(max(0.0, middle - spread), 5), round(min(1.0, middle + spread), 5))


def flow_scores(flows: Sequence[LabelledFlow], scorer: Scorer) -> Scores:
    """Return each flow's highest score over its judged windows; 0 where there is nothing to judge."""
    spans, payloads = [], list[bytes]()
    for flow in flows:
        windows = [window for _, window in flow.windows]
        judged = [] if {flow.app, *map(encryption, windows)} & set(NO_SAY) else windows
        spans.append((len(payloads), len(payloads) + len(judged)))
        payloads.extend(judged)
    scores = scorer(payloads)
    return np.array([scores[start:end].max() if end > start else 0.0 for start, end in spans])


def request_scores(requests: Sequence[LabelledRequest], scorer: Scorer) -> Scores:
    """Return the score of each request's first window."""
    return scorer([request.payload.data for request in requests])


def threshold_for(benign: Iterable[Scores]) -> float:
    """Return the lowest threshold that keeps each group of benign scores within the false alert share."""
    needed = 0.5
    for scores in benign:
        allowed = int(len(scores) * FALSE_ALERT_SHARE)
        highest = np.sort(scores)[-allowed - 1] if len(scores) else 0.0
        needed = max(needed, float(highest))
    # Half a logit above the highest score that has to stay quiet.
    return 1 / (1 + math.exp(-(math.log(needed / (1 - needed)) + 0.5))) if needed < 1 else 1.0


def families(flows: Sequence[LabelledFlow], scores: Scores, threshold: float) -> dict[str, dict[str, Rate]]:
    """Return the flows and captures of each malicious family that alert."""
    figures: dict[str, dict[str, Rate]] = {}
    for family in sorted({flow.family for flow in flows if flow.malicious}):
        caught = [
            (f.capture, s >= threshold)
            for f, s in zip(flows, scores, strict=True)
            if f.malicious and f.family == family
        ]
        captures = {capture for capture, _ in caught}
        figures[family] = {
            "flows": rate(sum(hit for _, hit in caught), len(caught)),
            "captures": rate(len({capture for capture, hit in caught if hit}), len(captures)),
        }
    return figures


def false_alerts(scores: Scores, threshold: float) -> dict[str, Rate]:
    """Return the share of benign scores at or above each fixed point and the threshold."""
    points = {f"{point:g}": point for point in FIXED_POINTS} | {"threshold": threshold}
    return {name: rate(int((scores >= point).sum()), len(scores)) for name, point in points.items()}


def classes(requests: Sequence[LabelledRequest], scores: Scores, threshold: float) -> dict[str, dict[str, Rate]]:
    """Return, by class of attack, the requests that alert: all, and those whose attack lies in the window."""
    figures: dict[str, dict[str, Rate]] = {}
    for name in sorted({request.event_class for request in requests if request.payload.malicious}):
        chosen = [(r, s >= threshold) for r, s in zip(requests, scores, strict=True) if r.event_class == name]
        seen = [hit for request, hit in chosen if request.payload.attack_at <= VISIBLE_BYTES]
        figures[name] = {
            "all": rate(sum(hit for _, hit in chosen), len(chosen)),
            "in_window": rate(sum(seen), len(seen)),
        }
    return figures


def by_source(requests: Sequence[LabelledRequest], scores: Scores, threshold: float) -> dict[str, dict[str, Rate]]:
    """Return, by source, the malicious (in the window) and benign requests that alert."""
    figures: dict[str, dict[str, Rate]] = {}
    for request, score in zip(requests, scores, strict=True):
        if request.payload.malicious and request.payload.attack_at > VISIBLE_BYTES:
            continue
        kind = "malicious" if request.payload.malicious else "benign"
        found = figures.setdefault(request.source, {}).get(kind, rate(0, 0))
        figures[request.source][kind] = rate(found.hits + int(score >= threshold), found.total + 1)
    return dict(sorted(figures.items()))


def separation(malicious: Scores, benign: Scores) -> float:
    """Return the area under the ROC curve."""
    both = np.concatenate((malicious, benign))
    ranks = np.empty(len(both))
    ranks[both.argsort(kind="stable")] = np.arange(1, len(both) + 1)
    return float(
        (ranks[: len(malicious)].sum() - len(malicious) * (len(malicious) + 1) / 2) / (len(malicious) * len(benign))
    )
