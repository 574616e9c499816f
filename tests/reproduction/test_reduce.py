from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.reproduction.atoms import route
from bridge.reproduction.links import entity_slice, scenario_of
from bridge.reproduction.reduce import Shrunk, smallest
from bridge.reproduction.scenario import plan, play
from bridge.reproduction.search import Items, Search, Trust, trust
from tests.reproduction.shop import Bug, Recorded, Shop, record


def searched(recorded: Recorded, *, sliced: bool, budget: int = 100_000) -> tuple[Search, Shrunk]:
    scenario = scenario_of(recorded.exchanges, recorded.oracle)
    planned = plan(scenario)
    servers = iter(range(1_000_000))

    def run(items: Items) -> bool:
        return play(planned, items, Shop(ids="uuid", seed=next(servers)).send).seen

    search = Search(
        run=run,
        trust=Trust(),
        producers=scenario.producers(),
        fixed=scenario.oracle.kept,
        budget=budget,
        alike={step.index: route(step.request) for step in scenario.steps},
    )
    return search, smallest(search, [step.index for step in scenario.steps], [entity_slice(scenario)] if sliced else (), measure=1)


@pytest.mark.parametrize(
    ("bug", "essential", "sliced", "replays", "requests"),
    [
        ("A", 7, True, 20, 200),
        ("A", 7, False, 40, 2000),
        ("B", 3, True, 40, 2000),
        ("C", 14, True, 120, 2000),
        ("C", 14, False, 120, 2000),
    ],
)
def test_the_exact_minimum_in_every_run(bug: Bug, essential: int, sliced: bool, replays: int, requests: int) -> None:  # noqa: FBT001 - a table
    for seed in range(15):
        recorded = record(bug, seed)
        search, shrunk = searched(recorded, sliced=sliced)
        assert frozenset(shrunk.items) == recorded.essential
        assert len(shrunk.items) == essential
        assert search.replays <= replays
        assert search.requests - len(shrunk.items) <= requests


def test_any_server_error_would_find_the_wrong_bug() -> None:
    recorded = record("A", 3)
    scenario = scenario_of(recorded.exchanges, recorded.oracle)
    bait = next(step for step in scenario.steps if dict(step.request.query).get("kind") == "legacy")
    assert bait.response.status == recorded.exchanges[-1].response.status
    assert not recorded.oracle.sees(bait.request, bait.response)


def test_a_used_up_budget_keeps_what_is_reached() -> None:
    search, shrunk = searched(record("C", 2), sliced=True, budget=12)
    assert not shrunk.complete
    assert search.replays == 12
    assert 14 < len(shrunk.items) < 200


def model(
    seed: int, rate: float, false: float, count: int = 199, essential: int = 6
) -> tuple[Search, Shrunk, frozenset[int], frozenset[int]]:
    """Search as a workflow does: nobody tells the rate, nor that clean systems fail too."""
    draw = random.Random(seed)
    needed = frozenset(draw.sample(range(count), essential))

    def run(items: Items) -> bool:
        return (needed <= frozenset(items) and draw.random() < rate) or draw.random() < false

    whole = tuple(range(count + 1))
    seen = runs = 0
    while runs < 4 or seen == 0:
        seen += run(whole)
        runs += 1
    search = Search(run=run, trust=trust(seen, runs), producers={}, fixed=frozenset({count}), whole=(seen, runs))
    shrunk = smallest(search, whole)
    return search, shrunk, frozenset(shrunk.items) - {count}, needed


def test_a_failure_that_shows_in_six_of_ten_runs() -> None:
    trials = [model(seed, 0.6, 0) for seed in range(200)]
    assert mean(found == needed for _, _, found, needed in trials) >= 0.98
    assert all(found >= needed for _, _, found, needed in trials)
    assert mean(search.replays + search.measured for search, *_ in trials) <= 170
    exact, replays, measuring = (
        mean(found == needed for _, _, found, needed in trials),
        mean(search.replays for search, *_ in trials),
        mean(search.measured for search, *_ in trials),
    )
    page = (Path(__file__).parents[2] / "docs" / "reproduction-search.md").read_text(encoding="utf-8")
    assert f"| .6 | 0 | {replays:.1f} | {measuring:.1f} | {exact:.1%}".removesuffix("%") in page


def test_three_percent_false_failures_of_the_same_signature_that_nobody_told() -> None:
    # The whole sweep (200 searches a rate, .3 too) is in make bench-reproduction.
    for rate in (0.6, 1.0):
        trials = [model(seed, rate, 0.03) for seed in range(60)]
        assert mean(found >= needed for _, _, found, needed in trials) >= 0.97


def test_where_true_and_false_failures_can_t_be_told_apart_nothing_smaller_is_claimed() -> None:
    draw = random.Random(5)
    runs: Counter[int] = Counter()

    def run(items: Items) -> bool:
        # The smaller a part the rarer it fails: whatever the search accepts, it is not the whole's failure.
        runs[len(items)] += 1
        return draw.random() < (0.9 if len(items) == 40 else 0.1)

    search = Search(run=run, trust=trust(4, 4), producers={}, fixed=frozenset({39}), whole=(4, 4))
    shrunk = smallest(search, range(40))
    assert (shrunk.why, shrunk.complete) == ("can't tell", False) or shrunk.items == tuple(range(40))
    assert len(shrunk.items) == 40


def test_what_the_budget_does_not_allow_is_not_run() -> None:
    spent = []

    def run(items: Items) -> bool:
        spent.append(len(items))
        return {3, 17} <= set(items)

    search = Search(run=run, trust=Trust(), producers={}, fixed=frozenset({39}), allowed=lambda items, _: sum(spent) + len(items) <= 100)
    shrunk = smallest(search, range(40))
    assert sum(spent) <= 100
    assert shrunk.why == "budget"
    assert {3, 17} <= set(shrunk.items)


def test_a_part_that_always_fails_is_no_false_failure() -> None:
    search = Search(run=lambda _: True, trust=trust(4, 4), producers={}, fixed=frozenset({9}), whole=(4, 4))
    assert smallest(search, range(10)).items == (9,)
    assert search.control == (0, 0)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(2, 40),
    needed=st.sets(st.integers(0, 39), max_size=6),
    edges=st.sets(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=30),
)
def test_what_is_left_fails_is_closed_and_no_single_item_can_go(count: int, needed: set[int], edges: set[tuple[int, int]]) -> None:
    needed = {item for item in needed if item < count} | {count - 1}
    producers: dict[int, frozenset[int]] = {}
    for one, other in edges:
        low, high = sorted((one % count, other % count))
        if low != high:
            producers[high] = producers.get(high, frozenset()) | {low}

    def run(items: Items) -> bool:
        return needed <= set(items)

    search = Search(run=run, trust=Trust(), producers=producers, fixed=frozenset({count - 1}))
    left = smallest(search, range(count), measure=1).items
    assert run(left)
    assert search.closure(left) == left
    for item in left:
        smaller = search.closure(other for other in left if other != item)
        assert item == count - 1 or smaller == left or not run(smaller)


def test_nothing_to_shrink_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 of 4"):
        trust(0, 4)
