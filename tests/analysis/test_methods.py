"""Each method on planted and on null data; the long calibration is tests/eval/findings.py, with the same bars."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from bridge.analysis.attributes import items_of
from bridge.analysis.contrast import contrasts
from bridge.analysis.events import account_events
from bridge.analysis.impact import trend
from bridge.analysis.log_tables import log_lines
from bridge.analysis.novelty import novelties
from bridge.analysis.onset import find_onset
from bridge.analysis.scan import scan, smallest_seen
from tests.analysis.worlds import DAY, contrast_world, load_profile, log_table, log_world, scan_world, step_world

WIDTHS = (1, 2, 3, 4, 6, 9, 12)
LOAD = load_profile().reshape(-1, 5).sum(axis=1)


@pytest.mark.parametrize(("failures", "share", "least"), [(10, 0.4, 0.9), (20, 0.2, 0.9)])
def test_scan_finds_a_quarter_of_an_hour(failures: int, share: float, least: float) -> None:
    generator = np.random.default_rng(11)
    found = []
    for _ in range(20):
        minutes, days = scan_world(generator, failures, share)
        result = scan(minutes // 5, days, LOAD, widths=WIDTHS, generator=generator, replicates=99)
        assert result is not None
        found.append(result.p_value <= 0.05 and abs(result.start * 5 - 120) <= 15)
    assert np.mean(found) >= least


def test_scan_does_not_report_the_daily_load_nor_one_bad_day() -> None:
    generator = np.random.default_rng(12)
    alarms = 0
    for number in range(40):
        minutes, days = scan_world(generator, 40, 0)
        if number % 2:
            begin = int(generator.integers(0, 1440))
            minutes = np.concatenate([minutes, (begin + generator.integers(0, 20, 30)) % 1440])
            days = np.concatenate([days, np.full(30, generator.integers(0, 14))])
        result = scan(minutes // 5, days, LOAD, widths=WIDTHS, generator=generator, replicates=99)
        assert result is not None
        alarms += result.p_value <= 0.05
    assert alarms <= 40 * 0.05 + 2 * np.sqrt(40 * 0.05 * 0.95)


def test_scan_of_nothing() -> None:
    generator = np.random.default_rng(0)
    assert scan([], [], LOAD, widths=WIDTHS, generator=generator) is None
    assert scan([1], [1], np.zeros(288), widths=WIDTHS, generator=generator) is None
    assert smallest_seen(3, 0.5, 1e9) is None


def test_contrast_names_the_planted_rule_first() -> None:
    first = 0
    for parts, share in ((1, 0.8), (1, 0.5), (2, 0.8), (2, 0.5)):
        for seed in range(3):
            table, affected, rule = contrast_world(seed, parts, share)
            found = contrasts(items_of(table, ()), affected).found
            assert found
            got = [frozenset((c.attribute, c.value) for c in item.conditions) for item in found]
            assert share < 0.8 or rule in got[:3]
            first += got[0] == rule
    assert first >= 11


def test_contrast_says_nothing_without_a_cause() -> None:
    alarms = 0
    for seed in range(20):
        table, affected, _ = contrast_world(seed, 0, 0)
        result = contrasts(items_of(table, ()), affected)
        alarms += bool(result.found)
        assert result.seen is not None
        assert result.seen < 40
    assert alarms <= 3


def test_confounded_attributes_are_named_together_and_consequences_explained() -> None:
    table, affected, rule = contrast_world(1, 1, 0.8)
    ((name, value),) = rule
    table = table.append_column("twin", pa.array(["yes" if cell == value else "no" for cell in table[name].to_pylist()]))
    found = contrasts(items_of(table, ()), affected).found
    named = {(c.attribute, c.value) for c in (*found[0].conditions, *found[0].confounded)}
    assert named == {(name, value), ("twin", "yes")}
    assert len(found) == 1


def test_contrast_with_too_few() -> None:
    table = pa.table({"plan": ["a", "b", "a", "b"]})
    assert contrasts(items_of(table, ()), np.array([True, False, False, False])).tried == 0


def test_items_bin_numbers_keep_missing_apart_and_skip_ids() -> None:
    size = 200
    table = pa.table(
        {
            "seats": list(range(size)),
            "flag": [None] * 50 + [True] * 150,
            "id": [f"x{number}" for number in range(size)],
            "since": pa.array([timedelta(days=number) for number in range(size)]).cast(pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "skipped": ["s"] * size,
        }
    )
    items = items_of(table, ("skipped",))
    names = {f"{c.attribute} {c.value}" for c in items.conditions}
    assert {"seats < 50", "seats >= 150", "flag not set", "flag true", "since >= 1970-04-11"} <= names
    assert items.skipped == ("id (200 different values)",)


def test_onset_of_a_step_and_of_none() -> None:
    near = alarms = 0
    for seed in range(10):
        for factor in (3, 1):
            inputs, step = step_world(seed, factor=factor)
            events = account_events(inputs.tables["events"], inputs.window, "events", 0)
            found = find_onset(events, np.ones(len(events.at), dtype=bool), (), inputs.window, seed=seed, permutations=199)
            assert found is not None
            day = (found.onset.first_failure - inputs.window.start).total_seconds() * 1e6 // DAY
            near += factor == 3 and found.p_value <= 0.05 and abs(day - step) <= 1
            alarms += factor == 1 and found.p_value <= 0.05
    assert near >= 9
    assert alarms <= 2


def test_novelty_names_the_new_error_first_and_counts_what_came_before() -> None:
    now, before = log_world(4, planted=0.04)
    found = novelties(log_lines([("now", now)]), log_lines([("before", before)]))
    top = found.found[0]
    assert (top.template, top.level, top.service, top.traces_before) == ("snapshot was not finished", "ERROR", "worker", 0)
    assert top.rate_bound_before == pytest.approx(3 / top.traces_before_total)
    assert top.exemplars[0].file == "app.log"


def test_novelty_takes_a_burst_and_repeated_lines_for_what_they_are() -> None:
    alarms = 0
    for seed in range(8):
        now, before = log_world(seed, traces=200, templates=30)
        found = novelties(log_lines([("now", now)]), log_lines([("before", before)])).found
        alarms += any(item.level == "ERROR" for item in found)
    assert alarms <= 1
    now, before = log_world(4, planted=0.04, traces=200, templates=30)
    once = novelties(log_lines([("now", now)]), log_lines([("before", before)]))
    ten = novelties(log_lines([("now", pa.concat_tables([now] * 10))]), log_lines([("before", before)]))
    assert [(item.template, item.traces, item.q_value) for item in ten.found] == [
        (item.template, item.traces, item.q_value) for item in once.found
    ]


def test_novelty_never_calls_a_service_new_that_the_baseline_does_not_hold() -> None:
    now = log_table([(60_000_000 * n, "ERROR", "broken", f"t{n}") for n in range(50)], service="added")
    before = log_table([(60_000_000 * n, "INFO", "fine", f"t{n}") for n in range(50)])
    found = novelties(log_lines([("now", now)]), log_lines([("before", before)]))
    assert (found.found, found.unseen_services) == ((), ("added",))


def test_an_error_that_goes_away_is_no_cause() -> None:
    rows = [(60_000_000 * n, "INFO", "fine", f"t{n}") for n in range(100)]
    before = log_table(rows + [(60_000_000 * n, "ERROR", "broken", f"t{n}") for n in range(50)])
    assert novelties(log_lines([("now", log_table(rows))]), log_lines([("before", before)])).found == ()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([30] * 10, "steady"),
        ([10] * 5 + [40] * 5, "rising"),
        ([40] * 5 + [10] * 5, "falling"),
        ([1, 0, 1, 1, 0, 1], "too few to tell"),
        ([50, 50], "too few to tell"),
    ],
)
def test_trend(counts: list[int], expected: str) -> None:
    failing = np.concatenate([day * DAY + np.arange(count) * 1_000_000 for day, count in enumerate(counts)]).astype(np.int64)
    assert trend(failing, np.arange(0, DAY, DAY // 100), 0, len(counts) * DAY) == expected
