"""What is different now: a made-up system of three services, with faults, with none, and with the traps of real logs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from bridge.analysis.compare import Comparison, compare

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


def test_empty_sides() -> None:
    assert compare(NORMAL.slice(0, 0), NORMAL).findings == ()
    assert compare(NORMAL, NORMAL.slice(0, 0)).findings == ()
