"""Template mining on LogHub, evaluated as the logparser benchmark does: one configuration, nothing named in the code.

GA is the share of lines in an exactly right group, FGA the F1 over groups. Run: make eval-logs
The sets are read in place (BRIDGE_CORPORA, default ../shared/corpora); nothing of them is in the project.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bridge.logs.miner import ALGORITHM, mined
from bridge.logs.templates import template_of
from bridge.text.mask import ALGORITHM as MASK

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("BRIDGE_CORPORA", ROOT / ".." / "shared" / "corpora")) / "loghub"
BARS = {"GA": 0.92, "FGA": 0.90}


def read(path: Path) -> tuple[list[str], list[str]]:
    """Return the messages of a set and the true event of each."""
    with path.open(newline="", encoding="utf-8", errors="replace") as lines:
        rows = list(csv.DictReader(lines))
    return [row["Content"] for row in rows], [row["EventId"] for row in rows]


def score(truth: Sequence[str], found: Sequence[str]) -> tuple[float, float, int, int]:
    """Return GA, FGA, groups found, groups true."""
    sides: list[set[frozenset[int]]] = []
    for labels in (truth, found):
        groups: dict[str, set[int]] = defaultdict(set)
        for line, label in enumerate(labels):
            groups[label].add(line)
        sides.append({frozenset(lines) for lines in groups.values()})
    right = sides[0] & sides[1]
    return sum(map(len, right)) / len(truth), 2 * len(right) / (len(sides[0]) + len(sides[1])), len(sides[1]), len(sides[0])


def main() -> int:
    """Print the table; 1 when an average is below its bar."""
    paths = sorted(FOLDER.glob("*/*_structured.csv"))
    if not paths:
        print(f"skipped: no log sets in {FOLDER}; set BRIDGE_CORPORA")
        return 0
    print(f"{'set':<12} {'GA':>6} {'FGA':>6} {'found':>6} {'true':>6} {'mask GA':>8} {'mask FGA':>8}")
    rows = []
    started = time.process_time()
    for path in paths:
        messages, truth = read(path)
        row = score(truth, mined(messages).assigned())
        plain = score(truth, list(map(template_of, messages)))
        rows.append((row[0], row[1], plain[0], plain[1]))
        print(f"{path.parent.name:<12} {row[0]:6.3f} {row[1]:6.3f} {row[2]:6} {row[3]:6} {plain[0]:8.3f} {plain[1]:8.3f}")
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    print(f"{'mean':<12} {means[0]:6.3f} {means[1]:6.3f} {'':6} {'':6} {means[2]:8.3f} {means[3]:8.3f}")
    print(f"{ALGORITHM} against {MASK} alone; {time.process_time() - started:.1f} CPU s; bars GA {BARS['GA']}, FGA {BARS['FGA']}")
    return int(means[0] < BARS["GA"] or means[1] < BARS["FGA"])


if __name__ == "__main__":
    sys.exit(main())
