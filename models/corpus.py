"""Reads the labelled captures and requests; captures go through the engine's own flow table."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.flow import FlowTable
from engine.sources.pcapfile import CaptureError, PcapFile
from engine.types import JUDGE_REASONS, Direction, FiveTuple, FlowUpdate
from models.augment import Payload

_TO_CLIENT_ATTACKS = frozenset({"malware-download"})
_NOT_FOR_PAYLOAD = frozenset({"scan", "bruteforce", "exploit-tls"})
"""Malicious by rate or under encryption: one flow's first bytes look like anyone's."""


class LabelledFlow(NamedTuple):
    """One flow of a capture with everything the model would judge at run time."""

    capture: str
    label: str
    category: str
    family: str
    app: str
    windows: tuple[tuple[Direction, bytes], ...]
    """Each distinct head at the moments of judgement, oldest first."""

    @property
    def malicious(self) -> bool:
        return self.label == "malicious"

    @property
    def learnable(self) -> bool:
        """Whether the payload can be expected to show the label."""
        return not (self.malicious and self.category in _NOT_FOR_PAYLOAD)

    def training_payloads(self) -> list[Payload]:
        """Return the last window of each direction that carries the label."""
        last = dict(self.windows)
        if not self.malicious:
            return [Payload(data, malicious=False) for data in last.values()]
        guilty = Direction.TO_CLIENT if self.category in _TO_CLIENT_ATTACKS else Direction.TO_SERVER
        data = last.get(guilty) or (last.get(Direction.TO_CLIENT, b"") if self.category == "c2" else b"")
        return [Payload(data, malicious=True)] if data else []


@dataclass
class _Judged:
    app: str
    windows: list[tuple[Direction, bytes]]


class LabelledRequest(NamedTuple):
    """One HTTP request."""

    id: str
    source: str
    event_class: str
    payload: Payload


def requests(path: Path) -> Iterator[LabelledRequest]:
    """Yield the requests of a ``.jsonl.gz`` file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            payload = Payload(base64.b64decode(row["request_b64"]), bool(row["label"]), int(row["payload_off"]))
            yield LabelledRequest(row["id"], row["source"], row["class"], payload)


def flows(root: Path) -> Iterator[LabelledFlow]:
    """Yield the labelled flows that carry payload, capture by capture; ``ignore`` rows are left out."""
    labels: dict[str, dict[frozenset[tuple[str, int]], dict[str, str]]] = {}
    with (root / "captures/flows.tsv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            ends = frozenset({(row["orig_ip"], int(row["orig_port"])), (row["resp_ip"], int(row["resp_port"]))})
            labels.setdefault(row["file"], {})[ends] = row
    for name, wanted in sorted(labels.items()):
        for five_tuple, judged in _judged_windows(root / name).items():
            ends = frozenset({(five_tuple.src_ip, five_tuple.src_port), (five_tuple.dst_ip, five_tuple.dst_port)})
            row = wanted.get(ends)
            if row is not None and row["label"] != "ignore" and judged.windows:
                labels_of = (row["label"], row["category"], row["family"])
                yield LabelledFlow(name, *labels_of, judged.app, tuple(judged.windows))


def _judged_windows(path: Path) -> dict[FiveTuple, _Judged]:
    source = PcapFile(path)
    table = FlowTable(source.capture)
    judged: dict[FiveTuple, _Judged] = {}
    try:
        for batch in source.batches():
            for frame in batch:
                _collect(table.add(frame), judged)
    except CaptureError as error:
        print(f"kept what could be read: {error}")
    _collect(table.flush(), judged)
    return judged


def _collect(updates: list[FlowUpdate], flows_judged: dict[FiveTuple, _Judged]) -> None:
    for update in updates:
        if update.reason in JUDGE_REASONS:
            judged = flows_judged.setdefault(update.flow.five_tuple, _Judged("", []))
            judged.app = update.flow.app or judged.app
            heads = zip(Direction, update.flow.head, strict=True)
            judged.windows.extend(window for window in heads if window[1] and window not in judged.windows)


def digest(root: Path) -> str:
    """Return the SHA-256 over the label tables and request files: what the training data were."""
    total = hashlib.sha256()
    for name in ("captures/SOURCES.tsv", "captures/flows.tsv", "http/train.jsonl.gz", "http/dev.jsonl.gz"):
        total.update(hashlib.sha256((root / name).read_bytes()).digest())
    return total.hexdigest()
