"""What is different now: a made-up system of three services, with faults, with none, and with the traps of real logs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bridge.analysis.compare import compare, compare_steps
from bridge.analysis.comparison import Comparison
from bridge.analysis.field_values import line_of_code
from bridge.logs.steps_here import steps_of

MINUTE = 60_000_000
Line = tuple[int, str, str, str, dict[str, Any]]
"""Microseconds in the trace, service, level, message, attributes."""


def request(chance: random.Random, number: int) -> list[Line]:
    wait = chance.randint(1_000, 3_000)
    return [
        (0, "gateway", "INFO", f"request {number} received", {}),
        (1_000, "orders", "INFO", f"looking up contact {number}", {"region": chance.choice(["eu", "us"])}),
        (2_000, "contacts", "INFO", f"find contact {number}", {}),
        (2_000 + wait, "contacts", "INFO", f"contact {number} found", {"rows": chance.randint(1, 9)}),
        (9_000, "orders", "INFO", f"order {number} placed", {}),
        (9_500, "gateway", "INFO", f"request {number} answered in {chance.randint(5, 50)} ms", {}),
    ]


def lost(chance: random.Random, number: int) -> list[Line]:
    lines = request(chance, number)
    return [
        *lines[:3],
        (9_000, "orders", "ERROR", f"no contact for order {number}", {}),
        (9_500, "gateway", "ERROR", f"request {number} failed", {}),
    ]


def slow(chance: random.Random, number: int) -> list[Line]:
    lines = request(chance, number)
    return [*lines[:3], *((at + 6_000, *rest) for at, *rest in lines[3:])]  # type: ignore[list-item] # the rest is a Line's


def foreign(chance: random.Random, number: int) -> list[Line]:
    return [
        (at, service, level, text, {**fields, "region": "ap"} if fields.get("region") else fields)
        for at, service, level, text, fields in request(chance, number)
    ]


def burst(chance: random.Random, number: int) -> list[Line]:
    return [*request(chance, number), (9_600, "orders", "ERROR", f"mailbox {number} is full", {})]


def world(
    seed: int, kinds: Sequence[Callable[[random.Random, int], list[Line]]], *, copies: int = 1, shuffled: bool = True, traced: bool = True
) -> pa.Table:
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number, kind in enumerate(kinds):
        start = 1_773_108_000_000_000 + chance.randint(0, 10 * MINUTE)
        for at, service, level, message, fields in kind(chance, number):
            rows += [
                {
                    "at": start + at,
                    "level": level,
                    "service": service,
                    "account_id": f"a{number % 17}",
                    "trace_id": f"{seed}-{number}" if traced else None,
                    "message": message,
                    "attributes": json.dumps(fields),
                    "file": "app.log",
                    "offset": len(rows),
                }
            ] * copies
    if shuffled:
        chance.shuffle(rows)
    text = ("level", "service", "account_id", "trace_id", "message", "attributes", "file")
    schema = pa.schema([("at", pa.timestamp("us", tz="UTC")), *((name, pa.string()) for name in text), ("offset", pa.int64())])
    return pa.Table.from_pylist(rows, schema=schema)


NORMAL = world(1, [burst if number % 3 == 0 else request for number in range(60)])


def shape(found: Comparison) -> list[Any]:
    return [(item.kind, item.group, item.template, item.count, item.total, item.count_before, item.first) for item in found.findings]


def test_the_service_whose_event_is_missing_comes_first() -> None:
    found = compare(NORMAL, world(2, [lost if number % 2 else request for number in range(40)]))
    first = found.findings[0]
    assert (first.kind, first.group, first.follows_group) == ("missing", "contacts", "contacts")
    assert first.template == "contact <*> found"
    assert first.instead == "no contact for order <*>"
    assert (first.count, first.total, first.count_before, first.total_before) == (20, 40, 0, 60)
    assert first.first == 20
    assert (found.groups[0].group, found.groups[0].first) == ("contacts", 20)
    assert {"no contact for order <*>", "request <*> failed"} <= {item.template for item in found.findings if item.kind == "new"}
    assert {line.service for line in first.exemplars} == {"contacts", "orders"}
    assert first.exemplars_before[0].message.endswith("found")


def test_an_error_that_goes_away_is_no_cause() -> None:
    found = compare(NORMAL, world(2, [lost if number % 2 else request for number in range(40)]))
    assert [item.template for item in found.findings if item.kind == "gone"] == ["mailbox <*> is full"]
    assert found.findings[-1].kind == "gone"


@pytest.mark.parametrize("seed", range(5))
def test_nothing_different_is_said_so(seed: int) -> None:
    found = compare(NORMAL, world(10 + seed, [burst if number % 3 == 0 else request for number in range(60)]))
    assert not found.findings
    assert found.tried > 10


def test_lines_are_not_counted() -> None:
    broken = [lost if number % 2 else request for number in range(40)]
    once, often = compare(NORMAL, world(2, broken, shuffled=False)), compare(NORMAL, world(2, broken, copies=7))
    assert shape(once) == shape(often)


def test_overlapping_files_are_one() -> None:
    """Files that overlap hold the same lines: nothing is missing between the copies."""
    broken = world(2, [lost if number % 2 else request for number in range(40)], shuffled=False)
    doubled = pa.concat_tables([broken, broken.slice(0, broken.num_rows // 2)])
    assert shape(compare(NORMAL, doubled)) == shape(compare(NORMAL, broken))
    assert not compare(NORMAL, pa.concat_tables([NORMAL, NORMAL])).findings


def branch(chance: random.Random, number: int) -> list[Line]:
    """Return a request that is answered from the cache: another way, as usual as the long one."""
    lines = request(chance, number)
    return [*lines[:2], (3_000, "orders", "INFO", f"contact {number} is known", {}), *lines[4:]]


def stopped(chance: random.Random, number: int) -> list[Line]:
    """Return a request of either way whose service of orders stops before it says a word."""
    lines = (branch if number % 3 else request)(chance, number)
    return [lines[0], (9_500, "gateway", "INFO", f"request {number} answered in 3 ms", {})]


def test_other_requests_are_no_break() -> None:
    before = world(1, [branch if number % 6 == 0 else request for number in range(60)])
    found = compare(before, world(2, [branch if number % 2 else request for number in range(60)]))
    missing = [item for item in found.findings if item.kind == "missing"]
    assert missing
    assert all(item.usual for item in missing)


def test_a_way_that_nobody_took_before_is_a_break_even_where_ways_differ() -> None:
    before = world(1, [(branch, request)[number % 2] for number in range(60)])
    found = compare(before, world(2, [stopped if number % 2 else request for number in range(40)]))
    first = found.findings[0]
    assert (first.kind, first.group, first.follows_group, first.usual) == ("missing", "orders", "gateway", False)
    assert (first.count, first.count_before) == (20, 0)


def test_templates_of_one_line_of_code_are_one_event_in_sequences() -> None:
    def named(chance: random.Random, number: int) -> list[Line]:
        lines = request(chance, number)
        words = ["alpha", "beta gamma", "delta epsilon zeta", "eta theta iota kappa"][number % 4]
        return [*lines[:3], (4_000, "contacts", "INFO", f"{words} contact", {"position": "c.Contacts#31"}), *lines[4:]]

    def unnamed(chance: random.Random, number: int) -> list[Line]:
        lines = named(chance, number)
        return [*lines[:3], *lines[4:]]

    found = compare(world(1, [named] * 24), world(2, [unnamed if number % 2 else named for number in range(24)]))
    first = found.findings[0]
    assert (first.kind, first.group, first.position, first.count, first.total) == ("missing", "contacts", "c.Contacts#31", 12, 24)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16:43:24.425 INFO  t.s.TravelServiceImpl#548 TraceID: 8f2f", "t.s.TravelServiceImpl#548"),
        ("orders/price.py:46 no price", "orders/price.py:46"),
        ("ticket #46 is open", None),
        ("at 12:46 all was well", None),
        ("x" * 300 + " a.B#1", None),
    ],
)
def test_lines_of_code_in_messages(text: str, expected: str | None) -> None:
    assert line_of_code(text) == expected


def test_waits_that_grew() -> None:
    found = compare(NORMAL, world(3, [slow] * 40))
    waits = [item for item in found.findings if item.kind == "latency"]
    assert [item.template for item in waits] == ["contact <*> found"]
    assert waits[0].effect.value is not None
    assert waits[0].effect.value > 1.5


def test_values_that_shifted() -> None:
    found = compare(NORMAL, world(4, [foreign] * 40))
    shifted = [(item.field, item.group, item.count, item.count_before) for item in found.findings if item.kind == "value"]
    assert shifted == [("region", "orders", 40, 0)]


def test_an_empty_value_is_a_value() -> None:
    def nowhere(chance: random.Random, number: int) -> list[Line]:
        return [(*line[:4], {**line[4], "region": ""} if line[4].get("region") else line[4]) for line in request(chance, number)]

    shifted = [item for item in compare(NORMAL, world(4, [nowhere] * 40)).findings if item.kind == "value"]
    assert [(item.field, item.group, item.count, item.template) for item in shifted] == [("region", "orders", 40, "looking up contact <*>")]


def test_traces_with_texts_that_came_meanwhile_are_left_out_and_told() -> None:
    here = steps_of(world(2, [lost if number % 2 else request for number in range(40)]), by="service")

    def run(text: str, values: Mapping[str, Any], most: int) -> tuple[pa.Table, bool]:
        table, cut = here.run(text, values, most)
        if "message" in table.column_names:
            table = table.filter(pc.invert(pc.match_substring(table["message"], "no contact")))
        return table, cut

    late = replace(here, run=run)
    found = compare_steps(steps_of(NORMAL, by="service"), late, by="service")
    assert found.units == 20
    assert late.problems == ["events: 20 traces hold texts that were not there a moment before: they are not compared"]


def test_without_traces_accounts_are_counted_and_it_is_said() -> None:
    kinds = [lost if number % 2 else request for number in range(40)]
    found = compare(world(1, [request] * 60, traced=False), world(2, kinds, traced=False))
    assert found.unit == "accounts"
    assert any("sequences" in note for note in found.not_compared)
    assert {item.template for item in found.findings} >= {"no contact for order <*>"}


def test_by_any_field() -> None:
    found = compare(NORMAL, world(2, [lost if number % 2 else request for number in range(40)]), by="level")
    assert found.by == "level"
    assert {group.group for group in found.groups} <= {"INFO", "ERROR"}


def test_the_pods_of_a_deployment_are_one_service() -> None:
    def of_pods(table: pa.Table, suffix: str) -> pa.Table:
        names = [f"{name}-{suffix}" for name in table["service"].to_pylist()]
        return table.set_column(table.column_names.index("service"), "service", pa.array(names))

    after = world(2, [lost if number % 2 else request for number in range(40)])
    found = compare(of_pods(NORMAL, "5c95b49cff-tdsdz"), of_pods(after, "7c84f9b64d-x2x2x"))
    assert found.groups[0].group == "contacts"
    assert shape(found) == shape(compare(NORMAL, after))


def test_empty_sides() -> None:
    assert compare(NORMAL.slice(0, 0), NORMAL).findings == ()
    assert compare(NORMAL, NORMAL.slice(0, 0)).findings == ()
