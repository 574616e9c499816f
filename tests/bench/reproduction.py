"""Shrinking compared: ours, ddmin, ProbDD (both written here), and picire where it is installed. Run: make bench-reproduction

picire needs an environment of its own: BRIDGE_PEERS names its Python (python -m venv x; x/bin/pip install picire==21.8).
"""

from __future__ import annotations

import logging
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bridge.reproduction.atoms import route
from bridge.reproduction.links import compare, entity_slice, scenario_of
from bridge.reproduction.reduce import smallest
from bridge.reproduction.scenario import Played, Scenario, plan, play
from bridge.reproduction.search import Items, Search, Trust, trust
from tests.reproduction.shop import Bug, Ids, Recorded, Shop, record

SEEDS = range(15)
Test = Callable[[tuple[int, ...]], bool]


def ddmin(items: Sequence[int], test: Test) -> tuple[int, ...]:
    """Zeller and Hildebrandt, TSE 2002: subsets, then complements, then finer; results cached."""
    cache: dict[tuple[int, ...], bool] = {}

    def fails(part: tuple[int, ...]) -> bool:
        if part not in cache:
            cache[part] = test(part)
        return cache[part]

    current, count = tuple(items), 2
    while len(current) >= 2:
        size = len(current) / count
        chunks = [current[round(n * size) : round((n + 1) * size)] for n in range(count)]
        found = next((chunk for chunk in chunks if chunk and fails(chunk)), None)
        if found is not None:
            current, count = found, 2
            continue
        rests = (tuple(x for x in current if x not in frozenset(chunk)) for chunk in chunks)
        found = next((rest for rest in rests if len(rest) < len(current) and fails(rest)), None)
        if found is not None:
            current, count = found, max(count - 1, 2)
        elif count < len(current):
            count = min(len(current), 2 * count)
        else:
            break
    return current


def probdd(items: Sequence[int], test: Test, first: float = 0.1) -> tuple[int, ...]:
    """Wang and others, FSE 2021: remove what is likeliest superfluous, learn from failures; then a 1-minimal pass."""
    chance = dict.fromkeys(items, first)
    current = tuple(items)
    while True:
        order = sorted((x for x in current if chance[x] < 1), key=lambda x: (chance[x], x))
        best, gain, product = 0, 0.0, 1.0
        for number, item in enumerate(order, start=1):
            product *= 1 - chance[item]
            if number * product < gain:
                break
            best, gain = number, number * product
        if not best:
            break
        gone = frozenset(order[:best])
        rest = tuple(x for x in current if x not in gone)
        if test(rest):
            current = rest
            continue
        none = 1.0
        for item in gone:
            none *= 1 - chance[item]
        for item in gone:
            chance[item] = 1.0 if best == 1 else min(1.0, chance[item] / (1 - none))
    again = True
    while again:
        again = False
        for item in reversed(current):
            rest = tuple(x for x in current if x != item)
            if test(rest):
                current, again = rest, True
    return current


def picire(items: Sequence[int], test: Test) -> tuple[int, ...]:
    """picire 21.8 with its default settings."""
    import picire as package  # type: ignore[import-not-found]

    def outcome(config: Any, _: Any) -> Any:
        return package.Outcome.FAIL if test(tuple(config)) else package.Outcome.PASS

    found: list[int] = package.DD(outcome, cache=package.ConfigCache())(list(items))
    return tuple(found)


class Counter:
    """Runs candidates on a fresh server each, with their closure, and counts."""

    def __init__(self, recorded: Recorded, *, sliced: bool, closed: bool) -> None:
        self.scenario = scenario_of(recorded.exchanges, recorded.oracle)
        self.planned = plan(self.scenario)
        self.search = Search(
            run=self.run,
            trust=Trust(),
            producers=self.scenario.producers() if closed else {},
            fixed=self.scenario.oracle.kept,
            alike={step.index: route(step.request) for step in self.scenario.steps},
        )
        self.closed, self.sliced = closed, sliced
        self.replays = self.requests = 0

    def run(self, items: Items) -> bool:
        self.replays += 1
        self.requests += len(items)
        return play(self.planned, items, Shop(ids="uuid", seed=self.replays).send).seen

    def test(self, items: tuple[int, ...]) -> bool:
        return self.run(self.search.closure((*items, *self.scenario.oracle.kept)))

    def start(self) -> tuple[int, ...]:
        everything = tuple(step.index for step in self.scenario.steps if step.index != self.scenario.oracle.anchor)
        if self.sliced:
            part = self.search.closure((*entity_slice(self.scenario), *self.scenario.oracle.kept))
            if self.run(part):
                return tuple(x for x in part if x != self.scenario.oracle.anchor)
        return everything

    def other(self, algorithm: Callable[[Sequence[int], Test], tuple[int, ...]]) -> frozenset[int]:
        left = self.search.closure((*algorithm(self.start(), self.test), *self.scenario.oracle.kept))
        again = self.closed
        while again:
            # A closure lets a later reader of a thing stand for its maker: one pass over the closed result makes it minimal.
            again = False
            for item in reversed(left):
                rest = self.search.closure((*(x for x in left if x != item), *self.scenario.oracle.kept))
                if len(rest) < len(left) and self.run(rest):
                    left, again = rest, True
        return frozenset(left)

    def ours(self) -> frozenset[int]:
        slices = [entity_slice(self.scenario)] if self.sliced else []
        left = smallest(self.search, [step.index for step in self.scenario.steps], slices, measure=0)
        return frozenset(left.items)


def shrinking() -> None:
    print("\n== shrinking: replays and requests (medians and the most of 15 seeds)")
    algorithms: dict[str, Callable[[Counter], frozenset[int]]] = {
        "ours": Counter.ours,
        "ddmin": lambda c: c.other(ddmin),
        "ProbDD": lambda c: c.other(probdd),
    }
    try:
        if os.environ.get("BRIDGE_PEERS"):
            question = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
            asked = subprocess.run([os.environ["BRIDGE_PEERS"], "-c", question], capture_output=True, text=True, check=True)
            sys.path.append(asked.stdout.strip())
        import picire as package

        print(f"peers: picire {package.__version__} (its defaults), ddmin and ProbDD written here; Python {platform.python_version()}")

        logging.getLogger("picire").setLevel(logging.ERROR)
        algorithms["picire"] = lambda c: c.other(picire)
    except ImportError:
        print("picire is not installed: left out (see the docstring); ddmin and ProbDD written here")
    print(f"{'':10}{'bug':5}{'mode':9}{'exact':>8}{'replays':>9}{'most':>6}{'requests':>10}{'most':>8}{'s':>7}")
    for bug in ("A", "B", "C"):
        for mode in ("plain", "closure", "slice"):
            for name, algorithm in algorithms.items():
                shrinking_row(bug, mode, name, algorithm)


def shrinking_row(bug: Bug, mode: str, name: str, algorithm: Callable[[Counter], frozenset[int]]) -> None:
    exact, replays, requests = 0, [], []
    begun = time.monotonic()
    for seed in SEEDS:
        recorded = record(bug, seed)
        counter = Counter(recorded, sliced=mode == "slice", closed=mode != "plain")
        exact += algorithm(counter) == recorded.essential
        replays.append(counter.replays)
        requests.append(counter.requests)
    spent = time.monotonic() - begun
    print(
        f"{name:10}{bug:5}{mode:9}{exact:>5}/{len(SEEDS)}{median(replays):>9g}{max(replays):>6}{median(requests):>10g}{max(requests):>8}{spent:>7.1f}"
    )


def flakiness(trials: int = 200) -> None:
    print("\n== failures that do not always fail; the false ones are not told to the search")
    print(f"\n{'rate':>5}{'false':>7}{'replays':>9}{'measuring':>11}{'exact':>8}{'sufficient':>12}{'refused':>9}")
    for rate, false in ((1.0, 0.0), (0.6, 0.0), (0.3, 0.0), (0.2, 0.0), (1.0, 0.03), (0.6, 0.03), (0.3, 0.03)):
        rows = [_flaky(seed, rate, false) for seed in range(trials)]
        print(
            f"{rate:>5}{false:>7}{mean(r[0] for r in rows):>9.1f}{mean(r[1] for r in rows):>11.1f}{mean(r[2] for r in rows):>8.1%}{mean(r[3] for r in rows):>12.1%}{mean(r[4] for r in rows):>9.1%}"
        )


def _flaky(seed: int, rate: float, false: float, count: int = 199) -> tuple[int, int, bool, bool, bool]:
    draw = random.Random(seed)
    needed = frozenset(draw.sample(range(count), 6))

    def run(items: Items) -> bool:
        return (needed <= frozenset(items) and draw.random() < rate) or draw.random() < false

    whole, seen, runs = tuple(range(count + 1)), 0, 0
    while runs < 4 or not seen:
        seen += run(whole)
        runs += 1
    search = Search(run=run, trust=trust(seen, runs), producers={}, fixed=frozenset({count}), whole=(seen, runs))
    # As a workflow does: nobody tells the search that there are false failures.
    made = smallest(search, whole)
    left = frozenset(made.items) - {count}
    return search.replays, search.measured, left == needed, left >= needed, bool(made.why)


def correlation() -> None:
    print("== links: precision and recall, from the record alone and after replay-and-compare (10 recordings each)")
    print(f"\n{'ids':6}{'links':>7}{'precision':>11}{'recall':>8}{'after':>10}{'recall':>8}{'replays':>9}{'proven':>8}")
    kinds: tuple[Ids, ...] = ("uuid", "int")
    for ids in kinds:
        rows = [_links(ids, seed) for seed in range(10)]
        shown = [mean(row[at] for row in rows) for at in range(7)]
        print(f"{ids:6}{shown[0]:>7.0f}{shown[1]:>11.3f}{shown[2]:>8.3f}{shown[3]:>10.3f}{shown[4]:>8.3f}{shown[5]:>9.1f}{shown[6]:>8.1%}")


def _links(ids: Ids, seed: int) -> tuple[float, ...]:
    recorded = record("A", seed, ids=ids)
    scenario = scenario_of(recorded.exchanges, recorded.oracle)

    def run(some: Scenario) -> Played:
        return play(plan(some), [step.index for step in some.steps], Shop(ids=ids, first=1001, seed=99).send)

    after = compare(scenario, run)
    scores = []
    for links in (scenario.links, after.links):
        found = {(link.producer, link.consumer, link.target.place, link.target.key) for link in links}
        hits = len(found & recorded.truth)
        scores += [hits / len(found), hits / len(recorded.truth)]
    return (len(recorded.truth), *scores, after.replays, mean(link.status == "proven" for link in after.links))


if __name__ == "__main__":
    correlation()
    shrinking()
    flakiness()
