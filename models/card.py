"""Writes the model card: what the model is, how it was made, and how it does beside a baseline."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.detect.model import ModelDetector
from engine.types import MODEL_PAYLOAD_BYTES
from models import report
from models.baseline import NgramRegression
from models.corpus import Corpus
from models.mixture import Source

SEED = 20
EPOCHS = 10
WINDOWS_PER_EPOCH = 48_000
BASELINE_WINDOWS = 200_000

_SUMMARY = (
    "Scores the first bytes of each direction of a flow: hashed byte 1-, 3- and 5-grams, the strongest of each four "
    "positions, one convolution, two dense layers. A second witness beside the signature rules, not a judge."
)
_CANNOT_SEE = (
    f"Anything after the first {MODEL_PAYLOAD_BYTES} payload bytes of a direction, such as the body of a request with "
    "long headers: see the column with all requests.",
    "TLS, SSH and QUIC: the card gives the model no say there, and it emits nothing.",
    "Scans, floods and password guessing: one flow of them looks like anyone's; rate detectors judge them.",
    "Command-and-control and downloads of families it has not seen, when they look like ordinary HTTP.",
    "Flows without payload.",
    "Whether an attack succeeded.",
)


def write(path: Path, data: Corpus, sources: list[Source], data_sha256: str) -> None:
    """Calibrate and measure the model at ``path`` and write its card as JSON and as Markdown beside it."""
    path.with_suffix(".json").unlink(missing_ok=True)
    detector = ModelDetector(path)
    threshold = report.calibrate(data, report.in_batches(detector.score))
    baseline = NgramRegression()
    baseline.fit(sources, BASELINE_WINDOWS, SEED)
    baseline_threshold = report.calibrate(data, baseline.score)
    card: dict[str, Any] = {
        "name": path.stem,
        "version": detector.version,
        "summary": _SUMMARY,
        "threshold": threshold,
        "malicious_classes": [],
        "no_say": list(report.NO_SAY),
        "facts": _facts(data, data_sha256, threshold),
        "figures": report.figures(data, report.in_batches(detector.score), threshold),
        "baseline": {
            "name": "byte 1- to 4-grams, logistic regression, same draws and same way to fix the threshold",
            "threshold": baseline_threshold,
            "figures": report.figures(data, baseline.score, baseline_threshold),
        },
        "cannot_see": list(_CANNOT_SEE),
    }
    path.with_suffix(".json").write_text(json.dumps(_plain(card), indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(report.markdown(card), encoding="utf-8")


def _facts(data: Corpus, data_sha256: str, threshold: float) -> dict[str, str]:
    flows = {name: len(found) for name, found in data.flows.items()}
    requests = {name: len(found) for name, found in data.requests.items()}
    seen = {window for flow in data.flows["train"] for _, window in flow.windows}
    repeats = sum(all(window in seen for _, window in flow.windows) for flow in data.flows["test"])
    return {
        "Goal": "at most 1 false alert per 1,000 benign flows: see the row `flows, test`, whose interval is wide",
        "Output": "one logit; its sigmoid is the score of a direction, the higher direction is the flow's",
        "Threshold": f"{threshold}: what 1 in 1,000 benign flows, and 1 in 1,000 benign requests, may reach, by an "
        f"exponential tail through the {report.TAIL} highest validation scores",
        "Test part": "seen twice before the last run: the first rule for the threshold, half a logit above the highest "
        "validation score, let 3 of 1,454 benign flows through and was given up for the one above; and a directory "
        "listing that alerted there prompted a line of models/payloads.txt",
        "Data": f"SHA-256 over labels and requests {data_sha256}",
        "Split": f"by the SHA-256 of the capture's name (benign) or the family's (malicious): {flows} flows; "
        f"requests {requests}, test being the set's own development file",
        "Repeats": f"{repeats} of the test flows show only windows that a training flow shows too",
        "Seed": f"{SEED}; {EPOCHS} rounds of {WINDOWS_PER_EPOCH:,} drawn and varied windows",
        "Varied": "host names, addresses, dates, headers left out, cuts at both ends, percent-encoding",
        "Made up": "server replies, text protocols and attack sessions from models/payloads.txt: 15 % of the windows",
        "Left out": "scans, password guessing and TLS exploits among the malicious; from training, downloads and mail",
        "Built with": f"Python {platform.python_version()}, torch {version('torch')}, onnx {version('onnx')}",
    }


def _plain(value: Any) -> Any:
    """Return rates as objects with named fields, as JSON has no named tuples."""
    if isinstance(value, report.Rate):
        return value._asdict()
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value
