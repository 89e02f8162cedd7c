"""Measure the playbook analyst's verdicts on the labelled incidents: only sums, never a case.

    python -m benchmarks.verdicts [dev|more|spent|tune|unseen]

Positive is ``malicious``. Of the unseen half nothing else may be printed: it is there to measure, not to learn from.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterable

from engine.types import Conclusion
from tests.incidents.cases import Labelled
from tests.incidents.judged import conclusions

Z = 1.96


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    share, spread = hits / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def line(name: str, judged: Iterable[tuple[Labelled, Conclusion]]) -> str:
    """Return the two shares of some incidents, each with its interval."""
    counted = Counter((one.is_malicious, conclusion is Conclusion.MALICIOUS) for one, conclusion in judged)
    shares = []
    for truth, rate in ((True, "TPR"), (False, "FPR")):
        hits, of = counted[truth, True], counted[truth, True] + counted[truth, False]
        low, high = wilson(hits, of)
        shares.append(f"{rate} {hits / max(of, 1):.3f} ({hits}/{of}, {low:.2f} to {high:.2f})")
    return f"{name:24} {'   '.join(shares)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("half", choices=("dev", "more", "spent", "tune", "unseen"), nargs="?", default="dev")
    half = parser.parse_args().half
    judged = conclusions(half)
    print(line(f"all of {half}", judged))
    for event_class in sorted({one.event_class for one, _ in judged}):
        print(line(event_class, [entry for entry in judged if entry[0].event_class == event_class]))


if __name__ == "__main__":
    main()
