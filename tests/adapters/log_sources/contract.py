"""What every source of logs must answer: the events and questions of tests/cases/log_sources, and files as the judge."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bridge.logs.ask import ask
from bridge.logs.counting import Counting
from bridge.logs.miner import Miner, mined
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from bridge.logs.remote import RemoteLogs, answer_from
from bridge.logs.steps import Unit
from bridge.logs.steps_here import steps_of
from bridge.logs.store import events_table
from bridge.logs.times import micros

CASES = json.loads((Path(__file__).parents[2] / "cases" / "log_sources" / "questions.json").read_text(encoding="utf-8"))
BY: tuple[Literal["key", "grp"], ...] = ("key", "grp")
UNITS: tuple[Unit, ...] = ("traces", "accounts", "minutes")
NAMES = ("at", "level", "service", "account_id", "trace_id", "message", "region")
EVENTS = [dict(zip(NAMES, row, strict=True)) for row in CASES["events"]]


def question(ask_: dict[str, Any], *, attributes: bool = False) -> Question:
    values: dict[str, Any] = dict(ask_)
    for bound in ("start", "end"):
        if bound in values:
            values[bound] = micros(datetime.fromisoformat(values[bound]))
    for names in ("levels", "accounts", "traces", "services"):
        values[names] = frozenset(values.get(names, ()))
    values["where"] = tuple(tuple(pair) for pair in values.get("where", ()))
    values["grep"] = tuple(values.get("grep", ()))
    return Question(**values, attributes=attributes)


def as_files(folder: Path) -> LogFile:
    """Write the events as JSON lines; the answers from them are the right ones."""
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in EVENTS), encoding="utf-8")
    return LogFile(path=path, name="events", options=parse_sources({"sources": [{"paths": ["x"]}]}, "")[0])


def rows(answer: Any, *, attributes: bool) -> list[tuple[Any, ...]]:
    found = answer.rows
    columns = [found.at, found.level, found.service, found.account_id, found.trace_id, found.message]
    kept = [{"region": json.loads(text).get("region")} for text in found.attributes] if attributes else [None] * len(found.at)
    return sorted(zip(*columns, kept, strict=True), key=str)


def check(remote: RemoteLogs, folder: Path) -> None:
    """Ask everything of the source and of the files, and compare."""
    file = as_files(folder)
    for number, case in enumerate(CASES["questions"]):
        for attributes in {bool(number % 2), number < 3}:
            asked = question(case["ask"], attributes=attributes)
            right = rows(ask([file], asked), attributes=attributes)
            assert len(right) == case["events"], case["what"]
            answer = answer_from(remote, asked)
            assert rows(answer, attributes=attributes) == right, (remote.product, case["what"])
            assert not answer.cut
            assert answer.problems() == []
            if number > 4:
                continue
            first = answer_from(remote, asked, limit=1)
            assert first.cut == (len(right) > 1), (remote.product, case["what"])
            assert first.rows.at == [row[0] for row in right[:1]]
    for case in CASES["questions"][::4]:  # all of them, some levels, texts, fields
        mined_alike(remote, file, question(case["ask"]))
    for ask_ in ({}, {"levels": ["ERROR"], "grep": ["failed"]}):
        stepped_alike(remote, file, question(ask_, attributes=True))
    for case in CASES["counts"]:
        asked = question(case["ask"], attributes=any(field == "region" for field in case["fields"]))
        counted: list[Counter[Any]] = []
        for one in (None, remote):
            counting = Counting(fields=tuple(case["fields"]), every=None if case["every"] is None else case["every"] * 1_000_000)
            problems = (ask([file], asked, counting=counting) if one is None else answer_from(one, asked, counting=counting)).problems()
            assert problems == []
            groups = counting.groups()
            texts = counting.templates
            assert sum(count for _, count in groups) == counting.total
            counted.append(
                Counter({(at, tuple(texts.get(value or "", value) for value in values)): count for (at, values), count in groups})
            )
        assert counted[0] == counted[1], (remote.product, case["what"])


def mined_alike(remote: RemoteLogs, file: LogFile, asked: Question) -> None:
    """Templates that are mined from what a store has grouped have the ids and counts of those mined from every message."""
    right = mined(ask([file], asked).rows.message)
    texts = remote.texts(asked)
    miner = Miner()
    miner.add_counted(texts.collapsed, collapsed=True)
    miner.add_counted(texts.whole)
    found = miner.finish()
    assert texts.problems == []
    assert (found.ids, found.texts, found.lines) == (right.ids, right.texts, right.lines), remote.product


def stepped_alike(remote: RemoteLogs, file: LogFile, asked: Question) -> None:
    """What a store counts to compare is what our own DuckDB counts over the events of files."""
    answer = ask([file], asked)
    # Without the order of lines in a file: a store has none for events of the same time.
    here = steps_of(events_table(answer.rows, answer.rows.order().tolist()).drop_columns(["file", "offset"]), by="service")
    there = remote.steps(asked, "service")
    assert there.totals() == here.totals()
    known = [sorted(side.texts(), key=lambda text: text.key) for side in (here, there)]
    assert known[0] == known[1], remote.product
    for unit in UNITS:
        assert there.ways(unit) == here.ways(unit), (remote.product, unit)
    for by in BY:
        for start in (None, here.totals().first):
            marks = [sorted(side.marks("accounts", by=by, start=start, length=60_000_000)) for side in (here, there)]
            assert marks[0] == marks[1], (remote.product, by, start)
    assert there.values("traces") == here.values("traces"), remote.product
    assert sorted(there.waits(), key=str) == sorted(here.waits(), key=str), remote.product
    for (group, field), words in here.values("traces").words.items():
        for word in words:
            assert there.first_with(group, field, word) == here.first_with(group, field, word)
    times = {text.first for text in known[0]}
    lines = [side.fetch(times, {"t2"}).drop_columns(["file", "offset"]).to_pylist() for side in (here, there)]
    for line in (*lines[0], *lines[1]):
        line["attributes"] = json.loads(line["attributes"]).get("region")
    assert lines[0] == lines[1], remote.product
    assert there.problems == []
