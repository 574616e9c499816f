"""Clock skew: what was planted lies in the interval that is told, and nothing is told where traces can't say."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.logs.skew import estimate

AT = 1_773_108_000_000_000
SECOND = 1_000_000


def traces(
    skews: dict[str, int], count: int, *, seed: int = 1, step: int = 1, detached: float = 0.0
) -> tuple[list[int], list[str], list[str | None]]:
    """Return events of traces in which each service calls the next one; `detached`: share whose last goes on after its caller."""
    source = random.Random(seed)
    rows: list[tuple[int, str, str | None]] = []
    for number in range(count):
        start, end = AT + number * 10 * SECOND, AT + number * 10 * SECOND + source.randrange(SECOND, 2 * SECOND)
        for depth, (service, skew) in enumerate(skews.items()):
            if depth:
                start += source.randrange(1_000, 200_000)
                end -= source.randrange(1_000, 200_000)
            last = end + 5 * SECOND if depth == len(skews) - 1 and source.random() < detached else end
            rows += [((when + skew) // step * step, service, f"t{number}") for when in (start, (start + end) // 2, last)]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


@settings(deadline=None, max_examples=60)
@given(st.integers(-30, 30), st.integers(-3_600, 3_600), st.integers(5, 40), st.integers(0, 99), st.sampled_from([1, 1_000, SECOND]))
def test_what_was_planted_lies_in_the_interval(exports: int, cache: int, count: int, seed: int, step: int) -> None:
    planted = {"gateway": 0, "exports": exports * 100_000, "cache": cache * SECOND}
    found = estimate(*traces(planted, count, seed=seed, step=step))
    if step < SECOND:  # in whole seconds the caller may look no longer than what it calls: then nothing is told
        assert [skew.service for skew in found] == ["cache", "exports"]
    for skew in found:
        told = planted[skew.service] - planted[skew.reference]
        assert skew.low <= told <= skew.high
        assert skew.agreeing == skew.traces == count
        assert skew.shift == 0 or abs(skew.shift - told) <= 400_000 + 3 * step


def test_more_traces_narrow_the_interval() -> None:
    few, many = (estimate(*traces({"a": 0, "b": 4 * SECOND}, count))[0] for count in (5, 500))
    assert many.high - many.low < few.high - few.low < 400_000
    assert many.low <= 4 * SECOND <= many.high
    assert many.shift == pytest.approx(4 * SECOND, abs=20_000)


def test_a_few_odd_traces_change_nothing_and_many_forbid_an_answer() -> None:
    planted = {"a": 0, "b": 4 * SECOND}
    some = estimate(*traces(planted, 200, detached=0.1))[0]
    assert some.low <= 4 * SECOND <= some.high
    assert some.agreeing < some.traces
    assert estimate(*traces(planted, 200, detached=0.5)) == []


def test_nothing_is_told_without_traces_of_both() -> None:
    at, service, trace = traces({"a": 0, "b": 4 * SECOND}, 4)
    assert estimate(at, service, trace) == []
    assert estimate(at, service, [None] * len(at)) == []
    alone = traces({"a": 0}, 50)
    assert estimate(*alone) == []
    assert estimate([], [], []) == []


def test_one_event_each_says_nothing() -> None:
    at = [AT + number * SECOND + odd * 700_000 for number in range(50) for odd in (0, 1)]
    assert estimate(at, ["a", "b"] * 50, [f"t{number}" for number in range(50) for _ in (0, 1)]) == []
