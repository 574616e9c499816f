"""What Loki counts is what we count in the same lines: hostile lines, made-up lines, windows to the nanosecond, and its limits."""

from __future__ import annotations

import json
import os
import random
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.log_sources import logql, loki, loki_counts
from bridge.logs.counting import Counting
from bridge.logs.miner import Miner
from bridge.logs.remote import answer_from, counted_from
from bridge.logs.sql import VALUE
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.emulated_loki import Loki, Parser, re2
from tests.adapters.log_sources.test_http_stores import tailed

LINES = json.loads((Path(__file__).parents[2] / "cases" / "log_sources" / "loki_lines.json").read_text(encoding="utf-8"))
START = 1_773_108_000_000_000_000
"""2026-03-10T02:00:00Z in nanoseconds."""
HOUR = {"start": "2026-03-10T02:00:00Z", "end": "2026-03-10T03:00:00Z"}
FIELDS = [("level",), ("template",), ("message",), ("account_id", "trace_id"), ("service", "level"), ("region",), ("file",), ()]
ASKS: list[dict[str, Any]] = [
    {}, {"levels": ["ERROR"]}, {"accounts": ["acc_1"]}, {"services": ["a"]}, {"where": [["region", "eu"]]}, {"grep": ["order"]},
    {"where": [["message", "order 3 done"]]}, {"where": [["level", "error"]]}, HOUR,
    {"start": "2026-03-10T02:00:00.000501Z", "end": "2026-03-10T02:00:00.050001Z"},
]  # fmt: skip
KEYS = ("level", "severity", "lvl", "status", "log", "message", "msg", "account_id", "account", "trace_id", "svc", "app", "region", "http", "stream", "ts", "@l")  # fmt: skip
SEEDS = int(os.environ.get("BRIDGE_LOKI_SEEDS", "3"))


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki_counts, "_PROBE", 3)


def both(source: Any, ask: dict[str, Any], fields: tuple[str, ...], every: int | None = None) -> tuple[Counting, Counting]:
    """Return what is counted here of every line, and what `count` gives."""
    asked = contract.question(ask, attributes=True)
    right, found = Counting(fields=fields, every=every), Counting(fields=fields, every=every)
    counted_from(source.events(asked, 1_000_000).events, right, source.name)
    assert source.count(asked, found) == []
    return right, found


def alike(source: Any, ask: dict[str, Any], fields: tuple[str, ...], every: int | None = None) -> None:
    right, found = both(source, ask, fields, every)
    assert found.groups() == right.groups(), (ask, fields, every)
    assert found.templates == right.templates


def usual(number: int, **more: Any) -> str:
    return json.dumps({"level": "info", "message": f"order {number} done", "account_id": f"acc_{number % 3}", **more})


def filled(server: Loki, lines: list[str]) -> None:
    server.entries = [({"app": "shop"}, START + number * 1_000_000, line) for number, line in enumerate(lines)]


OTHER_NAMES = {"level": "severity", "message": "msg", "account_id": "accountId"}
BASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "usual": ({}, {}),
    "other names": ({}, OTHER_NAMES),
    "rare level": ({}, {"level": "status"}),
    "dotted": ({"fields": {"account_id": "user.id"}}, {}),
}
"""More of bridge.yaml, and how the names of the plain lines are changed."""


@pytest.mark.parametrize("base", BASES)
def test_hostile_lines_are_counted_as_what_they_are(base: str) -> None:
    more, names = BASES[base]

    def plain(number: int) -> str:
        record = {names.get(name, name): item for name, item in json.loads(usual(number)).items()}
        return json.dumps(record if base != "rare level" else {**record, "status": 503})

    with tailed(labels={}, **more) as (server, source):
        # Among many that are plain, which are counted there whatever the others are.
        filled(server, [*map(plain, range(100)), *LINES])
        for fields in FIELDS[:6]:
            alike(source, {}, fields)
        assert server.refused == []
        assert any("all lines are read" in note for note in source.notes) == (base == "rare level")


def test_every_question_to_hostile_lines() -> None:
    with tailed(labels={}) as (server, source):
        filled(server, [*map(usual, range(100)), *LINES])
        for number, ask in enumerate(ASKS):
            for fields in FIELDS[number % 2 : 6 : 2]:
                alike(source, ask, fields, every=900_000_000)
        miner, right = Miner(), Miner()
        texts = source.texts(contract.question({}))
        miner.add_counted(texts.collapsed, collapsed=True)
        miner.add_counted(texts.whole)
        right.add(answer_from(source, contract.question({})).rows.message)
        assert (miner.finish().ids, miner.finish().lines) == (right.finish().ids, right.finish().lines)
        assert sum(texts.collapsed.values()) >= 100


@pytest.mark.parametrize("seed", range(SEEDS))
def test_made_up_lines(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(loki_counts, "_PROBE", chance.choice([1, 5, 20]))
    with tailed(labels=chance.choice([{}, {"service": "svc"}])) as (server, source):
        server.most_series = chance.choice([2, 10, 500])
        times = [START + chance.choice([0, 0, 999, 1_000, 999_999_999, 10**9, chance.randrange(3_600 * 10**9)]) for _ in range(60)]
        server.entries = [({"app": "shop", **chance.choice([{}, {"svc": "a"}, {"svc": "b"}])}, at, made_up(chance)) for at in times]
        for fields in FIELDS:
            alike(source, chance.choice(ASKS), fields, chance.choice([None, 1_000_000, 900_000_000]))
        assert all("maximum number of series" in refusal for refusal in server.refused)


def made_up(chance: random.Random) -> str:
    record = {"level": chance.choice(["error", "INFO", "Warn", 30, None])} if chance.random() < 0.9 else {}
    record["message"] = chance.choice(
        [f"order {chance.randrange(999)} done", 'a "b" 5', "x 1\n  at y.Z1Exception: 5", "é 7", "😀 8 0x1fcms"]
    )
    record.update((chance.choice(KEYS), value(chance, 0)) for _ in range(chance.randrange(4)))
    separators = chance.choice([(",", ":"), (", ", ": "), (", ", ": "), (" ,", ": ")])
    text = json.dumps(record, ensure_ascii=chance.random() < 0.5, separators=separators)
    broken = [
        text[: chance.randrange(len(text))],
        text[:-1] + ',"level":"dup"}',
        text + text,
        text + "\n",
        " " + text,
        text.replace('"', "", 1),
    ]
    return chance.choice(broken) if chance.random() < 0.15 else text


def value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(10 if depth < 2 else 7)
    if kind < 4:
        return chance.choice(["error", "", "-", "acc_1", "eu", "null", 'said "hi" 5', "naïve 12", "tab\t7", "  9 "])
    if kind < 7:
        return chance.choice([0, 17, -3, 1.5, 1e20, 500, 12345678901234567890123, True, None])
    if kind == 7:
        return [value(chance, depth + 1) for _ in range(chance.randrange(3))]
    return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randrange(3))}


def test_windows_are_half_open_to_the_nanosecond() -> None:
    end = START + 3_600 * 10**9
    with tailed(labels={}) as (server, source):
        edges = [START - 1, START, START + 1, START + 899_999_999_999, START + 900 * 10**9, end - 1, end]
        server.entries = [({"app": "shop"}, at, usual(number)) for number, at in enumerate(edges)]
        _, found = both(source, HOUR, ("level",), every=900_000_000)
        assert [(bucket - START // 1_000, events) for (bucket, _), events in found.groups()] == [
            (0, 3),
            (900_000_000, 1),
            (2_700_000_000, 1),
        ]
        assert not any("read" in note for note in source.notes)


def test_plain_lines_are_not_fetched() -> None:
    with tailed(labels={}) as (server, source):
        filled(server, [usual(number, ms=number) for number in range(2_000)])
        counting = Counting(fields=("template", "level"))
        answer = answer_from(source, contract.question({}), counting=counting)
        assert counting.total == 2_000
        assert [events for _, events in counting.groups()] == [2_000]
        asked = [(path.rsplit("/", 1)[1], params.get("limit")) for _, path, params in server.requests]
        assert asked == [("query_range", "3"), ("query", None), ("query", None), ("query", None)]
        assert answer.notes == ["2,000 events counted by loki app"]


def test_more_groups_than_loki_gives_are_counted_in_parts() -> None:
    with tailed(labels={}) as (server, source):
        filled(server, [usual(number) for number in range(600)])
        server.entries = [(labels, START + number * 5 * 10**9, line) for number, (labels, _, line) in enumerate(server.entries)]
        server.most_series = 40
        right, found = both(source, HOUR, ("message",))
        assert found.groups() == right.groups()
        assert len(server.refused) > 10
        assert not source.notes


def test_what_can_not_be_parted_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki_counts, "_MOST_HALVED", 5)
    with tailed(labels={}) as (server, source):
        filled(server, [usual(number) for number in range(300)])
        server.most_series = 20
        alike(source, HOUR, ("message",))
        assert any("lines counted by Loki, 300 read here" in note for note in source.notes), source.notes


def test_why_all_lines_are_read_is_said() -> None:
    for ask, fields, why, more in (
        ({}, ("http.status",), "may stand inside another", {}),
        ({}, ("account_id",), "in lines of logfmt", {"format": "logfmt"}),
        ({}, ("account_id",), "a part of a value", {"fields": {"account_id": {"from": "who", "pattern": "acc_[0-9]+"}}}),
    ):
        with tailed(labels={}, **more) as (server, source):
            filled(server, [usual(number, who="by acc_1") for number in range(9)])
            answer = answer_from(source, contract.question(ask), counting=Counting(fields=fields))
            assert any(why in note for note in answer.notes), answer.notes
            assert answer.problems() == []


def test_a_loki_that_knows_no_such_stage_is_asked_for_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logql, "BUCKET", "no name")
    with tailed(labels={}) as (server, source):
        filled(server, [usual(number) for number in range(9)])
        alike(source, {}, ("level",), every=900_000_000)
        assert "parse error" in server.refused[0]
        assert any("parse error" in note for note in source.notes)


def test_a_sum_that_does_not_add_up_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    with tailed(labels={}) as (server, source):
        filled(server, [usual(number) for number in range(50)])
        whole = Loki._vector

        def loses(self: Loki, params: dict[str, str]) -> Any:
            found = whole(self, params)
            for group in found["data"]["result"]:
                group["value"][1] = str(int(group["value"][1]) - ("by (" in params["query"]))
            return found

        monkeypatch.setattr(Loki, "_vector", loses)
        alike(source, {}, ("level",))
        assert any("its groups hold 49 lines, and there are 50" in note for note in source.notes)


def test_labels_of_streams_win_and_count_without_a_look_at_lines() -> None:
    with tailed(labels={"service": "svc"}, format="text") as (server, source):
        server.entries = [
            ({"app": "shop", **({"svc": name} if name else {})}, START + number, f"line {number}")
            for number, name in enumerate(["a", "b", "a", "", "a", "b"])
        ]
        alike(source, {}, ("service",))
        alike(source, {"services": ["a"]}, ("service",), every=1_000_000)
        alike(source, {"services": ["a"]}, (), every=1_000_000)
        assert not any("all lines" in note for note in source.notes)
    with tailed(labels={"service": "svc"}) as (server, source):
        server.entries = [
            ({"app": "shop", "svc": "a"}, START, usual(1, service="b")),
            ({"app": "shop"}, START + 1, usual(2, service="b")),
            ({"app": "shop", "svc": "b"}, START + 2, usual(3)),
            ({"app": "shop", "svc": "b"}, START + 3, usual(4)),
        ]
        assert len(answer_from(source, contract.question({"services": ["b"]})).rows.at) == 3
        for ask in ({}, {"services": ["b"]}):
            alike(source, ask, ("service",))


def test_structured_metadata_is_asked_like_labels() -> None:
    with tailed(labels={"level": "detected_level"}, format="text") as (server, source):
        server.metadata = frozenset({"detected_level"})
        levels = ["error", "info", "unknown", "", "Err", "info"]
        server.entries = [
            ({"app": "shop", **({"detected_level": level} if level else {})}, START + number * 1_000, f"line {number}")
            for number, level in enumerate(levels)
        ]
        assert answer_from(source, contract.question({"levels": ["ERROR"]})).rows.message == ["line 0", "line 4"]
        alike(source, {}, ("level",))
        alike(source, {"levels": ["ERROR"]}, ("level",))
        server.requests.clear()
        server.sent = 0
        answer_from(source, contract.question({"levels": ["ERROR"]}))
        assert server.sent < 600, "the others did not come back"


def test_smaller_pages_and_long_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    with tailed(labels={}) as (server, source):
        filled(server, [usual(number) for number in range(30)])
        server.most_entries = 7
        assert len(answer_from(source, contract.question({})).rows.at) == 30
        assert "max entries limit" in server.refused[0]
        server.most_entries = 5_000
        year = {"start": "2025-06-01T00:00:00Z", "end": "2026-06-01T00:00:00Z"}
        server.refused.clear()
        assert len(answer_from(source, contract.question(year)).rows.at) == 30
        alike(source, year, ("level",))
        assert server.refused == []
        monkeypatch.setattr(loki, "_PAGE", 4)
        assert len(answer_from(replace(source, caps=(9, 9)), contract.question({})).rows.at) == 9


def test_the_patterns_mean_the_same_in_re2() -> None:
    """Loki's expressions are RE2's, the emulation's are Python's: on the hostile lines they find the same."""
    import pyarrow as pa
    import pyarrow.compute as pc

    patterns: set[str] = set()
    with tailed(labels={}) as (server, source):
        filled(server, [*map(usual, range(9)), *LINES])
        for fields in FIELDS:
            both(source, {}, fields)
        for _, _, asked in server.requests:
            tokens = Parser(asked.get("query", "{}"), frozenset()).tokens
            patterns |= {json.loads(text) for stage, text in pairwise(tokens) if stage == "regexp"}
    assert len(patterns) > 10
    chance = random.Random(3)
    lines = [*LINES, *map(usual, range(3)), *(made_up(chance) for _ in range(300))]
    texts = pa.array([line.encode("utf-8", "replace").decode() for line in lines])
    for pattern in patterns:
        compiled = re.compile(re2(pattern))
        found = [
            None if match is None else {name: value or "" for name, value in match.groupdict().items()}
            for match in map(compiled.search, texts.to_pylist())
        ]
        assert pc.extract_regex(texts, pattern).to_pylist() == found, pattern
    assert pc.replace_substring_regex(texts, VALUE, "0").to_pylist() == [re.sub(VALUE, "0", text) for text in texts.to_pylist()]
