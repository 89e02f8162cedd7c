"""Reads the labelled captures and requests; captures go through the engine's own flow table."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.flow import FlowTable
from engine.sources.pcapfile import CaptureError, PcapFile
from engine.types import JUDGE_REASONS, Direction, FiveTuple, FlowUpdate
from models.augment import Payload

_NOT_FOR_PAYLOAD = frozenset({"scan", "bruteforce", "exploit-tls"})
"""Malicious by rate or under encryption: one flow's first bytes look like anyone's."""
_NOT_TO_LEARN = frozenset({"malware-download"})
"""A program is no attack by its first bytes: learning these would accuse every download."""
_ORDINARY_APPS = frozenset({"smtp", "ftp", "quic", "tls", "ssh"})
"""Malware that speaks these looks like any other client in its first bytes."""


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
        """Return the last windows that carry the label, and that a model may learn it from."""
        last = dict(self.windows)
        if not self.malicious:
            return [Payload(data, malicious=False) for data in last.values()]
        if self.category in _NOT_TO_LEARN or self.app in _ORDINARY_APPS:
            return []
        # Replies to an attack are ordinary replies, so only a sender without a request is learned.
        guilty = last.get(Direction.TO_SERVER) or last.get(Direction.TO_CLIENT)
        return [Payload(guilty, malicious=True)] if guilty else []


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
            # 0 stands for attacks in a header at no fixed place, such as a scanner's name.
            attack_at = int(row["payload_off"]) or -1
            payload = Payload(base64.b64decode(row["request_b64"]), bool(row["label"]), attack_at)
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
            label = wanted.get(ends)
            if label is not None and label["label"] != "ignore" and judged.windows:
                told = (label["label"], label["category"], label["family"])
                yield LabelledFlow(name, *told, judged.app, tuple(judged.windows))


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


def part(name: str) -> str:
    """Return ``train``, ``validation`` or ``test`` for a capture or a family, by its name alone."""
    return "test" if _bucket(name) < 64 else "validation" if _bucket(name) < 115 else "train"


def _bucket(name: str) -> int:
    return hashlib.sha256(f"aegis-split-1:{name}".encode()).digest()[0]


@dataclass
class Corpus:
    """All labelled data, each piece in one part."""

    flows: dict[str, list[LabelledFlow]] = field(default_factory=lambda: {"train": [], "validation": [], "test": []})
    requests: dict[str, list[LabelledRequest]] = field(
        default_factory=lambda: {"train": [], "validation": [], "test": []}
    )


def load(root: Path) -> Corpus:
    """Read everything and assign each flow and request to its part."""
    loaded = Corpus()
    for flow in flows(root):
        if flow.learnable:
            loaded.flows[part(flow.family if flow.malicious else flow.capture)].append(flow)
    for request in requests(root / "http/train.jsonl.gz"):
        loaded.requests["validation" if _bucket(request.id) < 24 else "train"].append(request)
    loaded.requests["test"] = list(requests(root / "http/dev.jsonl.gz"))
    return loaded


def digest(root: Path) -> str:
    """Return the SHA-256 over the label tables and request files: what the training data were."""
    total = hashlib.sha256()
    for name in ("captures/SOURCES.tsv", "captures/flows.tsv", "http/train.jsonl.gz", "http/dev.jsonl.gz"):
        total.update(hashlib.sha256((root / name).read_bytes()).digest())
    return total.hexdigest()
