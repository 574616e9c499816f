"""Duplicate search on real trackers, beside its peers: `make eval-similar`.

Newer reports are queries, all older ones candidates; a hit is any older member of the same group.
BRIDGE_PEERS names a Python that has scikit-learn, bm25s and PyStemmer; without it they are left out, with the reason.
Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import product
from pathlib import Path
from unittest.mock import patch

from bridge.text.similarity import rank
from bridge.text.similarity.index import Index, build
from bridge.text.similarity.issue import Issue, seconds
from bridge.text.similarity.rank import candidates

CORPORA = Path(os.environ.get("BRIDGE_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))
PROJECTS = ("hadoop", "SeaMonkey")
DEPTH = 10
PEER = """
import json, sys, time
import numpy as np
work = json.load(open(sys.argv[1]))
texts = [(i["title"], i["body"]) for i in work["issues"]]
def rank(name, scores):
    hits = []
    for query, gold in work["queries"]:
        found = scores(query)[:query]
        hits.append(bool(set(np.argsort(-found, kind="stable")[:10].tolist()) & set(gold)))
    return sum(hits)
import bm25s, Stemmer
stemmer = Stemmer.Stemmer("english")
joined = [" ".join([title] * 3 + [body]) for title, body in texts]
def cut(some):
    return bm25s.tokenize(some, stopwords="en", stemmer=stemmer, show_progress=False)
if sys.argv[2] == "speed":
    started = time.process_time()
    engine = bm25s.BM25(k1=1.2, b=0.75)
    engine.index(cut(joined), show_progress=False)
    engine.retrieve(cut([joined[query] for query, _ in work["queries"]]), k=10, show_progress=False)
    print(json.dumps({"seconds": time.process_time() - started}))
else:
    from sklearn.feature_extraction.text import TfidfVectorizer
    matrix = TfidfVectorizer().fit_transform([title + " " + body for title, body in texts])
    engine = bm25s.BM25(k1=1.2, b=0.75)
    engine.index(cut(joined), show_progress=False)
    words = bm25s.tokenize(joined, stopwords="en", stemmer=stemmer, show_progress=False, return_ids=False)
    print(json.dumps({
        "scikit-learn TF-IDF": rank("tfidf", lambda q: np.asarray((matrix @ matrix[q].T).todense()).ravel()),
        "bm25s, title x3, stems": rank("bm25s", lambda q: engine.get_scores(words[q])),
    }))
"""
Queries = list[tuple[int, list[int]]]


def load(name: str) -> tuple[list[Issue], Queries]:
    """Return a project's reports by age, and for each newer member of a group its older ones."""
    csv.field_size_limit(10**9)
    folder = CORPORA / "duplicates"
    with (folder / f"{name}_bugs.csv").open(encoding="utf-8", newline="") as file:
        found = {
            row["Issue id"]: Issue(
                id=row["Issue id"], given=row["Issue id"], created=seconds(row["Created"]), title=row["Summary"], body=row["Description"]
            )
            for row in csv.DictReader(file)
        }
    issues = sorted(found.values(), key=lambda issue: (issue.created or 0.0, int(issue.id)))
    place = {issue.id: at for at, issue in enumerate(issues)}
    parent: dict[str, str] = {}

    def root(member: str) -> str:
        while parent.setdefault(member, member) != member:
            member = parent[member]
        return member

    with (folder / f"{name}_pairs.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for other in row["Duplicate id"].replace(";", " ").split():
                if row["Issue id"] in place and other in place:
                    parent[root(row["Issue id"])] = root(other)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for member in list(parent):
        groups[root(member)].append(place[member])
    members = [sorted(group) for group in groups.values()]
    return issues, [(group[at], group[:at]) for group in members for at in range(1, len(group))]


def ours(issues: list[Issue], queries: Queries) -> int:
    """Return how many queries have an older member of their group among the first ten."""
    return _hits(build(issues), issues, queries)


def _hits(index: Index, issues: list[Issue], queries: Queries) -> int:
    hits = 0
    for query, gold in queries:
        wanted = {issues[at].id for at in gold}
        hits += any(item.id in wanted for item in candidates(index, issues[query], DEPTH, older_only=True))
    return hits


def many(issues: list[Issue], size: int) -> list[Issue]:
    """Return `size` issues mixed from real ones: each of half the words of two reports, and words of its own."""
    random.seed(2026)
    made = []
    for number in range(size):
        first, second = issues[number % len(issues)], random.choice(issues)
        title = [word for word in f"{first.title} {second.title}".split() if random.random() < 0.5]
        body = [word for word in f"{first.body} {second.body}".split(" ") if random.random() < 0.5]
        text = " ".join([*body, f"run-{number:x}"])
        made.append(Issue(id=str(number), given=number, created=first.created, title=" ".join(title), body=text))
    return made


def peer(issues: list[Issue], queries: Queries, what: str) -> dict[str, float] | str:
    """Run the peers; a text says why they could not."""
    python = os.environ.get("BRIDGE_PEERS")
    if not python:
        return "BRIDGE_PEERS is not set"
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({"issues": [{"title": issue.title, "body": issue.body} for issue in issues], "queries": queries}, file)
        file.flush()
        done = subprocess.run([python, "-c", PEER, file.name, what], capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no answer"])[-1]
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def quality() -> list[tuple[str, float, str, float]]:
    """Print recall at ten by project; return the bars."""
    total, hits = 0, defaultdict[str, float](float)
    for name in PROJECTS:
        issues, queries = load(name)
        found: dict[str, float] = {"bridge": ours(issues, queries)}
        others = peer(issues, queries, "quality")
        if isinstance(others, str):
            print(f"peers skipped: {others}")
        else:
            found |= others
        total += len(queries)
        for tool, number in found.items():
            hits[tool] += number
            print(f"{name:10} {tool:24} R@10 {number / len(queries):.3f}  ({number:.0f} of {len(queries)})", flush=True)
    shares = {tool: number / total for tool, number in hits.items()}
    bars = []
    if len(shares) > 1:
        bars = [
            ("R@10 above scikit-learn's default TF-IDF", shares["bridge"] - shares["scikit-learn TF-IDF"], ">=", 0.10),
            ("R@10 above bm25s with title weight and stems", shares["bridge"] - shares["bm25s, title x3, stems"], ">=", 0.0),
        ]
    return bars


def crossed() -> None:
    """Choose the two numbers of the ranking on one tracker and try them on the other: what the choice is worth elsewhere."""
    hits: dict[str, dict[tuple[float, int], float]] = {}
    for name in PROJECTS:
        issues, queries = load(name)
        index = build(issues)
        hits[name] = {}
        for recent, days in [(0.0, 180), *product((1.0, 3.0, 5.0, 7.0), (90, 180, 365))]:
            with patch.object(rank, "RECENT", recent), patch.object(rank, "FADES", days * 86_400):
                hits[name][recent, days] = _hits(index, issues, queries) / len(queries)
    one, other = PROJECTS
    for tuned, tested in ((one, other), (other, one)):
        best = max(hits[tuned], key=hits[tuned].__getitem__)
        print(
            f"chosen on {tuned} alone (age counts {best[0]:g}, fades in {best[1]} days): R@10 {hits[tested][best]:.3f} on {tested}; "
            f"without age {hits[tested][0.0, 180]:.3f}; best there {max(hits[tested].values()):.3f}",
            flush=True,
        )


def speed(size: int) -> list[tuple[str, float, str, float]]:
    """Index `size` issues and ask a thousand times, beside bm25s."""
    issues = many([issue for name in PROJECTS for issue in load(name)[0]], size)
    queries: Queries = [(at, []) for at in range(0, size, max(1, size // 1000))]
    started = time.process_time()
    index = build(issues)
    for query, _ in queries:
        candidates(index, issues[query], DEPTH)
    seconds_taken = time.process_time() - started
    again = time.process_time()
    build([*issues, Issue(id="new", given="new", created=0.0, title="one more", body="text")], index)
    print(
        f"{size:,} issues, {len(queries):,} queries: {seconds_taken:.1f} s; one issue more: {time.process_time() - again:.1f} s", flush=True
    )
    other = peer(issues, queries, "speed")
    if isinstance(other, str):
        print(f"bm25s skipped: {other}")
        return []
    print(f"bm25s: {other['seconds']:.1f} s")
    return [("time against bm25s alone", seconds_taken / other["seconds"], "<=", 2.0)]


def main() -> int:
    """Measure and compare with the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=50_000)
    options = parser.parse_args()
    if not (CORPORA / "duplicates").is_dir():
        print(f"skipped: no {CORPORA / 'duplicates'} (BRIDGE_CORPORA names the folder)")
        return 0
    missed = 0
    crossed()
    for name, value, sign, bar in [*quality(), *speed(options.size)]:
        held = value >= bar if sign == ">=" else value <= bar
        missed += not held
        print(f"{'ok    ' if held else 'MISSED'} {value:8.3f} {sign} {bar:.2f}  {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
