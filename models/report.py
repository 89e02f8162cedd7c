"""Measures a trained model on the parts it was not trained on, and writes its card."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.detect.tokens import encryption
from engine.types import MODEL_PAYLOAD_BYTES
from models.corpus import Corpus, LabelledFlow, LabelledRequest

Scores = NDArray[np.float64]
Scorer = Callable[[Sequence[bytes]], Scores]
NO_SAY = ("tls", "ssh", "quic")
FIXED_POINTS = (0.5, 0.9, 0.95, 0.99, 0.999)
FALSE_ALERT_SHARE = 1e-3
TAIL = 20
"""Highest benign scores that the threshold is fitted to."""
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
    hits = int(hits)
    z2, share = 1.96**2, hits / total
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = 1.96 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return Rate(hits, total, round(max(0.0, middle - spread), 5), round(min(1.0, middle + spread), 5))


def in_batches(scorer: Scorer) -> Scorer:
    """Return the scorer made to take any number of payloads."""
    return lambda payloads: np.concatenate([scorer(payloads[i : i + 64]) for i in range(0, len(payloads), 64)])


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
    """Return the lowest threshold that keeps each group of benign scores within the false alert share.

    The groups are too small to hold that quantile, so it is read off an exponential tail fitted to the highest logits.
    """
    highest = max(_tail_quantile(scores) for scores in benign)
    return max(0.5, 1 / (1 + math.exp(-highest)))


def _tail_quantile(scores: Scores) -> float:
    bounded = scores.clip(1e-9, 1 - 1e-9)
    logits = np.sort(np.log(bounded / (1 - bounded)))
    start = logits[-TAIL - 1]
    mean_excess = (logits[-TAIL:] - start).mean()
    return float(start + mean_excess * math.log(TAIL / (len(logits) * FALSE_ALERT_SHARE)))


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


def figures(data: Corpus, scorer: Scorer, threshold: float) -> dict[str, Any]:
    """Return everything measured on one model at one threshold."""
    scored = {name: flow_scores(flows, scorer) for name, flows in data.flows.items()}
    benign = {name: scored[name][[not flow.malicious for flow in flows]] for name, flows in data.flows.items()}
    held = data.requests["test"]
    scores = request_scores(held, scorer)
    malicious = np.array([request.payload.malicious for request in held])
    visible = np.array([request.payload.attack_at <= VISIBLE_BYTES for request in held])
    return {
        "benign_flows": {name: false_alerts(values, threshold) for name, values in benign.items()},
        "families": {name: families(flows, scored[name], threshold) for name, flows in data.flows.items()},
        "http_benign": false_alerts(scores[~malicious], threshold),
        "http_classes": classes(held, scores, threshold),
        "http_sources": by_source(held, scores, threshold),
        "http_roc_area": {
            "all": round(separation(scores[malicious], scores[~malicious]), 4),
            "in_window": round(separation(scores[malicious & visible], scores[~malicious]), 4),
        },
    }


def calibrate(data: Corpus, scorer: Scorer) -> float:
    """Return the threshold, from the benign flows and requests of the validation part alone."""
    flows = [flow for flow in data.flows["validation"] if not flow.malicious]
    requests = [request for request in data.requests["validation"] if not request.payload.malicious]
    return round(threshold_for([flow_scores(flows, scorer), request_scores(requests, scorer)]), 5)


def macro(found: dict[str, dict[str, Rate]], kind: str) -> float:
    """Return the mean over families or classes of the share that alerts."""
    shares = [rates[kind].hits / rates[kind].total for rates in found.values() if rates[kind].total]
    return sum(shares) / len(shares) if shares else 0.0


def _share(found: Rate) -> str:
    return f"{found.hits}/{found.total} ({found.hits / max(1, found.total):.1%})"


def _false_alert_rows(name: str, points: dict[str, Rate]) -> list[str]:
    return [
        f"| {name} | {point} | {found.hits}/{found.total} | {1000 * found.hits / max(1, found.total):.2f} "
        f"| {1000 * found.low:.2f} to {1000 * found.high:.2f} |"
        for point, found in points.items()
    ]


def markdown(card: dict[str, Any]) -> str:
    """Return the card for people."""
    net, base = card["figures"], card["baseline"]["figures"]
    lines = ["# flow-cnn: model card", "", card["summary"], ""]
    lines += [f"- **{name}:** {text}" for name, text in card["facts"].items()]
    lines += ["", "## False alerts on benign traffic", "", "| part | threshold | alerts | per 1,000 | 95 % interval |"]
    lines.append("|---|--:|--:|--:|--:|")
    for name, points in net["benign_flows"].items():
        lines += _false_alert_rows(f"flows, {name}", points)
    lines += _false_alert_rows("HTTP requests, test", net["http_benign"])
    for name, points in (("flows", base["benign_flows"]["test"]), ("HTTP requests", base["http_benign"])):
        lines += _false_alert_rows(f"baseline, {name}, test", {"its threshold": points["threshold"]})
    lines += ["", "## Malicious captures, by family", "", "The parts validation and test were never trained on.", ""]
    lines += ["| part | family | flows caught | captures caught | baseline, flows |", "|---|---|--:|--:|--:|"]
    for part, found in net["families"].items():
        for family, rates in found.items():
            other = base["families"][part][family]["flows"]
            lines.append(
                f"| {part} | {family} | {_share(rates['flows'])} | {_share(rates['captures'])} | {_share(other)} |"
            )
        means = [macro(found, "flows"), macro(found, "captures"), macro(base["families"][part], "flows")]
        lines.append(f"| {part} | *mean of families* | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    lines += ["", "## HTTP requests, test part, by class", ""]
    lines += ["| class | all | attack in the first 510 bytes | baseline, the same |", "|---|--:|--:|--:|"]
    for name, rates in net["http_classes"].items():
        other = base["http_classes"][name]["in_window"]
        lines.append(f"| {name} | {_share(rates['all'])} | {_share(rates['in_window'])} | {_share(other)} |")
    lines += ["", "By source (attack in the window); `gotestwaf` is in no training part:", ""]
    lines += ["| source | malicious caught | benign that alert |", "|---|--:|--:|"]
    for name, rates in net["http_sources"].items():
        shown = [_share(rates[kind]) if kind in rates else "" for kind in ("malicious", "benign")]
        lines.append(f"| {name} | {shown[0]} | {shown[1]} |")
    lines += ["", f"Area under the ROC curve: {net['http_roc_area']}; baseline {base['http_roc_area']}.", ""]
    lines += ["## What it cannot see", "", *(f"- {text}" for text in card["cannot_see"]), ""]
    return "\n".join(lines)
