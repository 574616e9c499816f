"""What a comparison is made of, counted by our own DuckDB: rounding, repeated lines, order, keys, and what a cap leaves out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import RefusedError
from bridge.logs import steps_sql
from bridge.logs.steps import Steps
from bridge.logs.steps_here import steps_of, within

START = datetime(2026, 3, 10, tzinfo=UTC)
NUMBERS = st.one_of(st.floats(-1e11, 1e11, allow_nan=False), st.integers(-(10**11), 10**11).map(float))


def side(rows: list[tuple[Any, ...]], **more: Any) -> Steps:
    """Return the steps of (milliseconds, service, trace, message, fields) in the order of a file."""
    table = pa.table(
        {
            "at": [START + timedelta(milliseconds=row[0]) for row in rows],
            "level": ["INFO"] * len(rows),
            "service": [row[1] for row in rows],
            "account_id": pa.array([None] * len(rows), pa.string()),
            "trace_id": [row[2] for row in rows],
            "message": [row[3] for row in rows],
            "attributes": [json.dumps(row[4]) if len(row) > 4 else "{}" for row in rows],
            "file": ["app.log"] * len(rows),
            "offset": list(range(len(rows))),
        }
    )
    return steps_of(table, by="service", **more)


def told(steps: Steps) -> list[tuple[list[str], int]]:
    texts = {text.key: text.message for text in steps.texts()}
    return [([texts[step] for step in way.steps], way.traces) for way in steps.ways("traces")]


@settings(max_examples=10, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=200))
def test_rounding_is_down_to_two_and_a_half_percent(values: list[float]) -> None:
    with duckdb.connect() as connection:
        query = f"SELECT {steps_sql.rounded('v')} FROM (SELECT unnest($1::DOUBLE[]) AS v)"  # noqa: S608 - made of our own words
        cells = [row[0] for row in connection.execute(query, [sorted(values)]).fetchall()]
        again = [row[0] for row in connection.execute(query, [cells]).fetchall()]
    assert again == pytest.approx(cells, rel=0.0251), "a cell stays near itself"
    for value, cell in zip(sorted(values), cells, strict=True):
        assert cell <= value or abs(value) < 1e-6
        assert abs(value - cell) <= 0.0251 * abs(value) + 1e-6
        if value == int(value):
            assert cell == int(cell), "whole numbers stay whole"
    assert cells == sorted(cells)


def test_rounding_of_what_people_read() -> None:
    with duckdb.connect() as connection:
        cells = {
            value: connection.execute(f"SELECT {steps_sql.rounded('v')} FROM (SELECT {value}::DOUBLE AS v)").fetchone()  # noqa: S608 - as above
            for value in (0.0, 0.0123, 7.0, 99.0, 101.0, 203.0, 999.0, 1019.0, 30_499.0)
        }
    assert {value: cell[0] for value, cell in cells.items() if cell} == {
        0.0: 0.0,
        0.0123: 0.0122,
        7.0: 7.0,
        99.0: 99.0,
        101.0: 100.0,
        203.0: 200.0,
        999.0: 990.0,
        1019.0: 1000.0,
        30_499.0: 30_000.0,
    }


def test_lines_that_repeat_another_one_are_one_and_others_are_not() -> None:
    rows = [(0, "a", "t1", "begin 1"), (5, "a", "t1", "row 1"), (5, "a", "t1", "row 1"), (5, "a", "t1", "row 2"), (5, "b", "t1", "row 1")]
    assert told(side(rows)) == [(["begin 1", "row 1", "row 1", "row 1"], 1)]
    assert side(rows).totals().lines == 5


def test_equal_times_keep_the_order_of_the_file() -> None:
    assert told(side([(5, "a", "t1", "second"), (5, "a", "t1", "first")])) == [(["second", "first"], 1)]


def test_the_same_way_is_one_with_its_traces() -> None:
    rows = [(n + at, "a", f"t{n}", text) for n in range(7) for at, text in ((0, f"get {n}"), (n % 3 + 1, f"got {n}"))]
    found = side(rows)
    assert [traces for _, traces in told(found)] == [7]
    (way,) = found.ways("traces")
    assert (way.one, way.other) == ("t0", "t6")
    assert sorted((wait.wait, wait.traces) for wait in found.waits()) == [(1000, 3), (2000, 2), (3000, 2)]


def test_of_a_pair_that_comes_often_the_longest_wait_of_a_trace_counts() -> None:
    rows = [(at, "a", "t1", text) for at, text in ((0, "ask"), (10, "answer"), (20, "ask"), (90, "answer"))]
    assert sorted((wait.wait, wait.traces) for wait in side(rows).waits()) == [(10_000, 1), (70_000, 1)]


def test_values_are_counted_once_a_trace_and_numbers_by_the_largest() -> None:
    rows = [(n, "a", f"t{n % 3}", "x", {"region": "eu" if n % 2 else "us", "ms": n, "flag": True, "caller": "a.py:3"}) for n in range(6)]
    found = side(rows).values("traces")
    assert found.words == {("a", "region"): {"eu": 3, "us": 3}, ("a", "flag"): {"true": 3}}
    assert found.units == {("a", "region"): 3, ("a", "flag"): 3}
    assert found.numbers == {("a", "ms"): {3.0: 1, 4.0: 1, 5.0: 1}}


def test_a_field_of_many_words_is_no_category() -> None:
    rows = [(n, "a", f"t{n}", "x", {"id": f"i{n}"}) for n in range(steps_sql.MANY + 1)]
    assert side(rows).values("traces").words == {}
    assert len(side(rows[1:]).values("traces").words["a", "id"]) == steps_sql.MANY


def test_the_first_event_with_a_value() -> None:
    found = side([(n, "a", "t1", "x", {"region": "us" if n > 3 else "eu", "ms": 1000 + n}) for n in range(6)])
    start = int(START.timestamp() * 1e6)
    assert found.first_with("a", "region", "us") == start + 4000
    assert found.first_with("a", "ms", 1000.0) == start
    assert found.first_with("a", "region", "' OR 1 = 1 --") is None


def test_two_texts_of_one_key_are_refused() -> None:
    found = side([(0, "a", "t1", "one"), (1, "a", "t1", "two")])
    same = replace(found, events=f"SELECT * REPLACE ('0000000000000000' AS \"key\") FROM ({found.events})")  # noqa: S608 - as above
    with pytest.raises(RefusedError, match="same key"):
        same.texts()


def test_what_a_cap_leaves_out_is_said() -> None:
    rows = [(n, "a", f"t{n}", word) for n, word in enumerate(("one", "two", "three", "three"))]
    found = replace(side(rows, name="app"), most=2)
    assert [traces for _, traces in told(found)] == [2, 1] or found.problems
    assert found.problems[0] == "app: cut at the cap of 2 texts: templates are missing; narrow the question"
    assert any("cap of 2 sequences" in problem for problem in found.problems)
    assert found.ways("traces")[0].traces == 2, "the most frequent ones stay"


def test_stretches_of_time_are_half_open() -> None:
    table = pa.table({"at": pa.array([0, 10, 20], pa.int64()).cast(pa.timestamp("us", tz="UTC"))})
    assert within(table, ()).num_rows == 3
    assert within(table, [(0, 10), (20, 21)])["at"].cast(pa.int64()).to_pylist() == [0, 20]


def test_what_comes_back_does_not_grow_with_the_events() -> None:
    """Eight times the traces, the same rows: but for waits and marks, which have at most a row for each rounded value."""
    chance = np.random.default_rng(3)
    sizes = []
    for traces in (100, 800):
        rows = [
            (n + at, "a", f"t{n}", text) for n in range(traces) for at, text in ((0, f"get {n}"), (int(chance.integers(1, 4)), "got it"))
        ]
        found = side(rows)
        answers: list[int] = []

        def run(text: str, values: Any, most: int, own: Any = found.run, kept: list[int] = answers) -> Any:
            table, cut = own(text, values, most)
            kept.append(table.num_rows)
            return table, cut

        counted = replace(found, run=run)
        counted.totals(), counted.texts(), counted.ways("traces"), counted.waits(), counted.values("traces")
        sizes.append(answers)
    assert sizes[0] == sizes[1]
