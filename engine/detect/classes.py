"""Tells which class of event a report belongs to: a linear model over words, terms, patterns and meaning."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.detect.features import grams, hits
from engine.detect.lexicon import EventClass, Usual, patterns_in, read_classes, reading, terms_in
from engine.types import Classification, ReportedEvent

Embed = Callable[[Sequence[str]], NDArray[np.int8]]

EMBEDDED = 240
"""Characters of a report whose meaning is weighed: more of them take longer and tell no more."""

UNUSUAL = 0.4
"""What is left of a class's share where the ends lie the other way than in most events of the class."""

GRAM_SCALE, HIT_SCALE, MEANING_SCALE = 4.0, 1.0, 3.0
"""How much each part of the input counts beside the others: chosen with the training lines."""

_RANKED = 5
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")
)
_PRIVATE6 = tuple(ipaddress.ip_network(text) for text in ("fc00::/7", "fe80::/10", "::1/128"))


class Classifier:
    """Holds the weights, and reads one report at a time."""

    def __init__(self, folder: Path, embed: Embed | None = None) -> None:
        """Take the folder of the classes, and what turns texts into vectors of meaning, if there is such a thing.

        Raises:
            ValueError: a file is broken, or the weights are not those of the manifest.
            OSError: a file cannot be read.
        """
        self.classes = read_classes(folder)
        self._embed = embed
        self.by = "rules and meaning" if embed else "words only"
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        content = (folder / "weights.npz").read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest["weights_sha256"]:
            raise ValueError(f"the weights in {folder} are not those of its manifest")
        if list(self.classes) != manifest["classes"]:
            raise ValueError(f"the weights in {folder} are of other classes")
        self.version = f"{version_of(folder)}{'' if embed else '-words'}"
        self._temperature = float(manifest["temperature"]["meaning" if embed else "words"])
        with np.load(folder / "weights.npz") as stored:
            self._weights = {name: stored[name] for name in ("grams", "dense", "scale")}

    def classify(self, event: ReportedEvent) -> Classification:
        """Return the class of a report, and what spoke for it."""
        shares = self.shares(event)
        order = np.argsort(-shares, kind="stable")[:_RANKED]
        names = list(self.classes)
        ranking = tuple((names[at], round(float(shares[at]), 3)) for at in order)
        name, confidence = ranking[0]
        return Classification(name, confidence, self.by, ranking, _reasons(self.classes[name], event))

    def shares(self, event: ReportedEvent) -> NDArray[np.float64]:
        """Return each class's share of the likelihood, in the order of the classes."""
        columns, dense = inputs(f"{event.name} {event.content}", self.classes, self._embed)
        value = gram_value(len(columns))
        logits = self._weights["grams"][columns].astype(np.float64).sum(axis=0) * value
        logits += dense.astype(np.float64) @ self._weights["dense"]
        logits *= self._weights["scale"] / self._temperature
        shares = np.exp(logits - logits.max())
        way = way_of(event.src_ip, event.dst_ip)
        shares *= [UNUSUAL if way and way is not found.usual else 1.0 for found in self.classes.values()]
        return np.asarray(shares / shares.sum())


def inputs(
    text: str, classes: dict[str, EventClass], embed: Embed | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the columns of a text's n-grams, and its terms, patterns and meaning; the last is always 1."""
    seen = reading(text)
    meaning = np.zeros(384, dtype=np.float32)
    if embed is not None:
        meaning = embed([text[:EMBEDDED]])[0].astype(np.float32) / 400 * MEANING_SCALE
    one = np.ones(1, dtype=np.float32)
    return grams(seen), np.concatenate([hits(seen, classes) * HIT_SCALE, meaning, one])


def gram_value(count: int) -> float:
    """Return what one n-gram counts in a text of so many: long texts shout no louder than short ones."""
    return GRAM_SCALE / float(np.sqrt(max(1, count)))


def way_of(src_ip: str, dst_ip: str) -> Usual | None:
    """Return which way an event goes as far as private addresses tell, none between two public ones."""
    src, dst = is_private(src_ip), is_private(dst_ip)
    if src and dst:
        return Usual.INSIDE
    return None if src == dst else Usual.OUT if src else Usual.IN


def is_private(ip: str) -> bool:
    """Say whether an address is of a network of one's own; the documentation nets stand for public ones."""
    address = ipaddress.ip_address(ip)
    return any(address in net for net in (_PRIVATE if address.version == 4 else _PRIVATE6))


def version_of(folder: Path) -> str:
    """Return a short hash over everything that decides a class."""
    files = [*sorted(folder.glob("*.txt")), folder / "manifest.json", folder / "weights.npz"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _reasons(found: EventClass, event: ReportedEvent) -> tuple[str, ...]:
    """Return what spoke for a class; every word of it is the program's own."""
    seen = reading(f"{event.name} {event.content}")
    terms = sorted(terms_in(seen, found.terms), key=lambda term: (-len(term), term))[:4]
    patterns = patterns_in(seen, found.patterns)
    told = [f"it names {', '.join(terms)}"] if terms else []
    if patterns:
        told.append(f"it matches {patterns} {'pattern' if patterns == 1 else 'patterns'} of the class")
    if way_of(event.src_ip, event.dst_ip) is found.usual:
        told.append(f"it goes {found.usual.words}, as most events of the class do")
    return tuple(told) or ("its words are nearest to those of the class",)
