"""Fit the table of weights on the labelled incidents that may be learnt from, and tell how it would do on strangers.

    python -m benchmarks.fit_verdicts                 cross-validated figures: by author, by family, by class
    python -m benchmarks.fit_verdicts misses          ids judged wrongly, their author left out (half of the authors)
    python -m benchmarks.fit_verdicts show ID...      one incident's considerations
    python -m benchmarks.fit_verdicts names           every consideration: how often it holds, and for whom
    python -m benchmarks.fit_verdicts write           put the fitted weights into weights.py

The weights are the most probable ones under a logistic regression whose prior is what was set by hand
(``verdict_prior.json``), signs kept.
Its strength is chosen by leaving each author out in turn. The unseen half is never read here.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import pickle
import re
import tempfile
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import engine.agent.run as agent_run
from benchmarks.verdicts import wilson
from engine.agent import judgement
from engine.agent.case import Case
from engine.agent.graph import Analyst
from engine.agent.judgement import BENIGN_AT, MALICIOUS_AT, Bounds, Standing
from engine.agent.judging import weights
from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import Reason, weigh
from engine.agent.judging.weights import TABLE
from engine.knowledge import Knowledge
from engine.paths import PLAYBOOKS
from engine.types import Conclusion
from tests.incidents.cases import FOLDER, ToldHost, case_of, labelled

HALVES = ("dev", "more", "spent", "tune")
READABLE = frozenset({"A", "C", "P1", "P2", "P3"})
"""Authors whose incidents may be looked at one by one; of the others only sums."""
PRIOR = Path(__file__).with_name("verdict_prior.json")
"""The weights as they were set by hand; a consideration that is missing there has its weight of the table."""
STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
MOST_FALSE = 0.08
Floats = NDArray[np.float64]

_FIRST = frozenset(
    [
        "trojan",
        "webshell",
        "web_exploit",
        "deserialisation",
        "sql_injection",
        "xss",
        "command_injection",
        "file_inclusion",
    ]
)
_SECOND = frozenset(["ssrf", "xxe", "brute_force", "weak_password", "scan", "dos", "c2_beacon", "dns_tunnel"])


@dataclass(frozen=True)
class Row:
    """One incident as it is weighed."""

    id: str
    event_class: str
    family: str
    author: str
    is_malicious: bool
    standing: Standing
    names: tuple[str, ...]


def author_of(half: str, one_id: str, event_class: str) -> str:
    """Return who wrote an incident; three shared ``dev`` and ``spent`` by class, two ``more``, four ``tune``."""
    if half == "tune":
        return one_id[0]
    if half == "more":
        return "M2" if one_id.endswith("-m2") else "M1"
    return "P1" if event_class in _FIRST else "P2" if event_class in _SECOND else "P3"


def scenes(half: str) -> list[tuple[Case, tuple[Any, ...]]]:
    """Return each case with what the tools found, kept between runs: it does not depend on the considerations."""
    told = [FOLDER / f"incidents-{half}.jsonl", *sorted(PLAYBOOKS.glob("*.md"))]
    source = b"".join(path.read_bytes() for path in told)
    kept = Path(tempfile.gettempdir()) / f"aegis-scenes-{hashlib.sha256(source).hexdigest()[:12]}.pickle"
    if not kept.exists():
        kept.write_bytes(pickle.dumps(asyncio.run(_gather(half))))
    return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]


async def _gather(half: str) -> list[tuple[Case, tuple[Any, ...]]]:
    gathered: list[tuple[Case, tuple[Any, ...]]] = []
    judge = judgement.judge

    def remembering(case: Case, subjects: Iterable[Any] = ()) -> judgement.Judgement:
        told = tuple(subjects)
        gathered.append((case, told))
        return judge(case, told)

    agent_run.judge = remembering  # type: ignore[attr-defined]
    knowledge = Knowledge(embedding=False)
    for number, one in enumerate(labelled(half), 1):
        case = case_of(one.told, knowledge)
        await Analyst(None, ToldHost(one.told, case), knowledge).investigate(case, lambda _: None)
        if len(gathered) != number:
            msg = f"{one.id} was judged {len(gathered) - number + 1} times"
            raise RuntimeError(msg)
    agent_run.judge = judge  # type: ignore[attr-defined]
    return gathered


def rows() -> list[Row]:
    """Return every incident that may be learnt from, in a fixed order."""
    found = []
    for half in HALVES:
        for one, (case, subjects) in zip(labelled(half), scenes(half), strict=True):
            names = tuple(reason.name for reason in weigh(Scene(case, subjects)))
            author = author_of(half, one.id, one.event_class)
            standing = judgement.standing_of(case)
            found.append(Row(one.id, one.event_class, one.family, author, one.is_malicious, standing, names))
    return found


def conclude(row: Row, table: dict[str, float], bounds: Bounds) -> Conclusion:
    """Return what the judgement would conclude with these weights."""
    reasons = tuple(Reason(name, table[name], "", TABLE[name].kind) for name in row.names)
    return judgement.conclude(row.standing, reasons, bounds)


class Model:
    """The table as numbers: names in order, the prior, and the side of zero that each weight keeps to."""

    def __init__(self, every: Sequence[Row]) -> None:
        self.names = list(TABLE)
        by_hand = json.loads(PRIOR.read_text(encoding="utf-8"))
        self.prior = np.array([by_hand.get(name, TABLE[name].weight) for name in self.names])
        at = {name: number for number, name in enumerate(self.names)}
        self.matrix = np.zeros((len(every), len(at)))
        for number, row in enumerate(every):
            self.matrix[number, [at[name] for name in row.names]] = 1.0
        self.truth = np.array([row.is_malicious for row in every], dtype=float)

    def fit(self, chosen: NDArray[np.bool_], strength: float, rounds: int = 400) -> Floats:
        """Return the most probable weights by projected gradient steps; the threshold stays where it is."""
        seen, truth = self.matrix[chosen], self.truth[chosen]
        step = 1.0 / (0.25 * np.linalg.norm(seen, 2) ** 2 + strength)
        least, most = np.where(self.prior > 0, 0.0, -np.inf), np.where(self.prior < 0, 0.0, np.inf)
        now = ahead = self.prior.copy()
        for number in range(rounds):
            guess = 1.0 / (1.0 + np.exp(-(seen @ ahead - MALICIOUS_AT)))
            gradient = seen.T @ (guess - truth) + strength * (ahead - self.prior)
            after = np.clip(ahead - step * gradient, least, most)
            ahead = after + number / (number + 3) * (after - now)
            now = after
        return now

    def table(self, fitted: Floats) -> dict[str, float]:
        return dict(zip(self.names, (float(weight) for weight in fitted), strict=True))


def left_out(
    model: Model, every: Sequence[Row], of: Callable[[Row], Hashable], strength: float, folds: int = 0
) -> list[dict[str, float]]:
    """Return for each row the table fitted without its group; groups are dealt to ``folds`` where that is given."""
    groups = sorted({str(of(row)) for row in every})
    fold = {group: number % folds if folds else number for number, group in enumerate(groups)}
    mine = np.array([fold[str(of(row))] for row in every])
    tables = {number: model.table(model.fit(mine != number, strength)) for number in sorted(set(mine.tolist()))}
    return [tables[int(number)] for number in mine]


def log_loss(every: Sequence[Row], tables: Sequence[dict[str, float]]) -> float:
    """Return how surprised the tables are by the truth, per incident."""
    total = 0.0
    for row, table in zip(every, tables, strict=True):
        score = sum(table[name] for name in row.names) - MALICIOUS_AT
        total += float(np.logaddexp(0.0, -score if row.is_malicious else score))
    return total / len(every)


def shares(judged: Iterable[tuple[Row, bool]]) -> str:
    """Return TPR and FPR of some incidents, each with its interval."""
    told = []
    kept = list(judged)
    for truth, word in ((True, "TPR"), (False, "FPR")):
        calls = [called for row, called in kept if row.is_malicious is truth]
        low, high = wilson(sum(calls), len(calls))
        told.append(f"{word} {sum(calls) / max(len(calls), 1):.3f} ({sum(calls)}/{len(calls)}, {low:.2f}-{high:.2f})")
    return "   ".join(told)


def called(every: Sequence[Row], tables: Sequence[dict[str, float]], bounds: Bounds) -> list[tuple[Row, bool]]:
    """Return which incidents come to malicious."""
    pairs = zip(every, tables, strict=True)
    return [(row, conclude(row, table, bounds) is Conclusion.MALICIOUS) for row, table in pairs]


def best_bound(every: Sequence[Row], tables: Sequence[dict[str, float]]) -> float:
    """Return the lowest threshold at which few enough look-alikes come to malicious."""
    alikes = [(row, table) for row, table in zip(every, tables, strict=True) if not row.is_malicious]
    for step in range(-10, 60):
        bounds = Bounds(step * 0.05, BENIGN_AT)
        false = sum(conclude(row, table, bounds) is Conclusion.MALICIOUS for row, table in alikes)
        if false <= MOST_FALSE * len(alikes):
            return bounds.malicious
    return 3.0


def report(title: str, every: Sequence[Row], tables: Sequence[dict[str, float]], *, by: str = "") -> None:
    """Print the figures at the threshold as it stands and at the one chosen for these tables."""
    chosen = best_bound(every, tables)
    print(f"\n{title}: log loss {log_loss(every, tables):.4f}")
    for bound in dict.fromkeys((MALICIOUS_AT, chosen)):
        print(f"  malicious from {bound:+.2f}   {shares(called(every, tables, Bounds(bound, BENIGN_AT)))}")
    groups = by.split(",") if by else []
    for group in groups:
        for value in sorted({getattr(row, group) for row in every}):
            judged = called(every, tables, Bounds(chosen, BENIGN_AT))
            print(f"  {value:24} {shares((row, call) for row, call in judged if getattr(row, group) == value)}")


def strongest(model: Model, every: Sequence[Row]) -> float:
    """Return the strength of the prior under which a left-out author surprises least."""
    losses = {one: log_loss(every, left_out(model, every, lambda row: row.author, one)) for one in STRENGTHS}
    print("prior strength: log loss of a left-out author  ", {one: round(loss, 4) for one, loss in losses.items()})
    return min(losses, key=lambda one: losses[one])


def misses(every: Sequence[Row], tables: Sequence[dict[str, float]], bound: float, *, event_class: str) -> None:
    """Print what was judged wrongly, of the authors that may be read."""
    for row, table in zip(every, tables, strict=True):
        conclusion = conclude(row, table, Bounds(bound, BENIGN_AT))
        wrong = row.is_malicious is not (conclusion is Conclusion.MALICIOUS)
        if wrong and row.author in READABLE and event_class in ("", row.event_class):
            score = sum(table[name] for name in row.names)
            held = " ".join(f"{name}{table[name]:+.1f}" for name in row.names)
            truth = "missed" if row.is_malicious else "false"
            print(f"{row.event_class:22} {truth:7} {row.id:34} {score:+.1f} {conclusion:10} {row.family}: {held}")


def tally(every: Sequence[Row], table: dict[str, float]) -> None:
    """Print how often each consideration holds, of attacks and look-alikes, by all and by the authors not read."""
    for name in TABLE:
        rows_of = [row for row in every if name in row.names]
        counts = [sum(row.is_malicious is truth for row in rows_of) for truth in (True, False)]
        strangers = [row for row in rows_of if row.author not in READABLE]
        theirs = [sum(row.is_malicious is truth for row in strangers) for truth in (True, False)]
        print(f"{name:26} {TABLE[name].weight:+.1f} -> {table[name]:+.2f}   {counts}   unread {theirs}")


def write(table: dict[str, float]) -> None:
    """Put the weights into the table's file, to one decimal."""
    path = Path(weights.__file__)
    text = path.read_text(encoding="utf-8")
    for name, weight in table.items():
        stands = TABLE[name].weight
        least = 0.1 if stands > 0 else -0.1 if stands < 0 else 0.0  # what is in the table keeps its side
        rounded = round(weight, 1) or least
        text = re.sub(rf'(\n    "{name}": Consideration\()-?[\d.]+', rf"\g<1>{rounded}", text)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("figures", "misses", "show", "names", "write"), nargs="?", default="figures")
    parser.add_argument("of", nargs="*", help="ids to show, or a class whose misses to list")
    parser.add_argument("--strength", type=float, help="of the prior; chosen by cross-validation otherwise")
    asked = parser.parse_args()
    every = rows()
    model = Model(every)
    if asked.what == "show":
        for row in every:
            if row.id in asked.of and row.author in READABLE:
                print(row.id, row.is_malicious, " ".join(f"{name}{TABLE[name].weight:+.1f}" for name in row.names))
        return
    strength = asked.strength or strongest(model, every)
    fitted = model.table(model.fit(np.ones(len(every), dtype=bool), strength))
    if asked.what == "write":
        write(fitted)
    elif asked.what == "names":
        tally(every, fitted)
    else:
        tables = left_out(model, every, lambda row: row.author, strength)
        if asked.what == "misses":
            misses(every, tables, best_bound(every, tables), event_class=asked.of[0] if asked.of else "")
            return
        stand = {name: TABLE[name].weight for name in TABLE}
        report("the table as it stands", every, [stand] * len(every), by="author")
        report(f"each author left out, strength {strength}", every, tables, by="author,event_class")
        unread = [(row, table) for row, table in zip(every, tables, strict=True) if row.author not in READABLE]
        report("of these the authors not read", [row for row, _ in unread], [table for _, table in unread])
        report("each family left out (20 folds)", every, left_out(model, every, lambda row: row.family, strength, 20))
        report("fitted on everything (flatters)", every, [fitted] * len(every))


if __name__ == "__main__":
    main()
