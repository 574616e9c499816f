"""Raw reports of two real trackers against the published shares of the same elements: `make eval-report`.

Prints each element's share beside the reference's (regular expressions over the same texts, of another author), and the
quantiles of the completeness over all eleven. Exits 1 when a share is further from the reference than the bar.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np

from bridge.reporting.elements import ELEMENTS, elements

CORPORA = Path(os.environ.get("BRIDGE_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
REFERENCE = {
    "steps": (6.2, 73.5),
    "expected": (14.0, 63.1),
    "observed": (40.0, 71.7),
    "all three": (1.1, 57.7),
    "stack or code": (24.8, 2.8),
    "version": (28.9, 79.5),
    "time or log lines": (10.9, 0.7),
    "frequency": (6.3, 7.0),
    "impact": (11.7, 4.1),
    "since when": (2.0, 2.8),
    "workaround": (0.8, 1.0),
}
"""Percent of Hadoop's and SeaMonkey's reports."""
QUANTILES = {"median": (0.09, 0.45), "p90": (0.36, 0.45)}
BAR = 3.0
"""Percentage points."""


def texts(name: str) -> list[str]:
    """Return title and body of every report."""
    csv.field_size_limit(10**9)
    with (CORPORA / "duplicates" / f"{name}_bugs.csv").open(encoding="utf-8", newline="") as file:
        return [f"{row['Summary']}\n{row['Description']}" for row in csv.DictReader(file)]


def main() -> int:
    """Measure and compare."""
    if not (CORPORA / "duplicates").is_dir():
        print(f"skipped: no {CORPORA / 'duplicates'} (BRIDGE_CORPORA names the folder)")
        return 0
    found = {name: [elements(text) for text in texts(name)] for name in ("hadoop", "SeaMonkey")}
    print("reports: " + ", ".join(f"{name} {len(items):,}" for name, items in found.items()))
    shares: dict[str, tuple[float, ...]] = {
        name: tuple(100 * float(np.mean([item.held[name] for item in items])) for items in found.values()) for name in ELEMENTS
    }
    three = ("steps", "expected", "observed")
    shares["all three"] = tuple(
        100 * float(np.mean([all(item.held[part] for part in three) for item in items])) for items in found.values()
    )
    missed = 0
    print(f"{'element, % of reports':24} {'Hadoop':>8} {'said':>6} {'SeaMonkey':>10} {'said':>6}")
    for name, (hadoop, seamonkey) in shares.items():
        said = REFERENCE.get(name)
        far = said is not None and max(abs(hadoop - said[0]), abs(seamonkey - said[1])) > BAR
        missed += far
        words = (f"{said[0]:6.1f}", f"{said[1]:6.1f}") if said else ("     -", "     -")
        print(f"{name:24} {hadoop:8.1f} {words[0]} {seamonkey:10.1f} {words[1]}{'  FAR' if far else ''}")
    for name, level in (("median", 50), ("p90", 90)):
        values = [float(np.percentile([item.share for item in items], level)) for items in found.values()]
        print(f"{'completeness, ' + name:24} {values[0]:8.2f} {QUANTILES[name][0]:6.2f} {values[1]:10.2f} {QUANTILES[name][1]:6.2f}")
    print(f"{'MISSED' if missed else 'ok'}: {len(REFERENCE) - missed} of {len(REFERENCE)} shares within {BAR:g} points of the reference")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
