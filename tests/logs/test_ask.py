"""A question answered from raw bytes is the full scan, filtered: on every dirty case, and on larger files in and out of order."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.logs.ask import ask
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question, as_text, field_of
from bridge.logs.records import Event
from bridge.logs.selection import read_all
from bridge.logs.times import micros

CASES = Path(__file__).parents[1] / "cases" / "logs"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())
FULL = Question(whole=True)


def log_file(path: Path, **options: Any) -> LogFile:
    return LogFile(path=path, name=path.name, options=parse_sources({"sources": [{"paths": ["x"], **options}]}, "")[0])


def found(file: LogFile, question: Question) -> list[tuple[Any, ...]]:
    rows = ask([file], question).rows
    columns = (rows.at, rows.level, rows.service, rows.account_id, rows.trace_id, rows.message, rows.attributes, rows.offset)
    return sorted(zip(*columns, strict=True), key=str)


def same(file: LogFile, question: Question, everything: list[tuple[Any, ...]]) -> int:
    answer = found(file, question)
    assert answer == [row for row in everything if question.fits(Event(*row))]
    return len(answer)


@pytest.mark.parametrize("name", NAMES)
def test_every_narrow_question_is_the_filtered_whole(name: str) -> None:
    case = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    source = next(path for path in sorted((CASES / name).iterdir()) if path.name.startswith("input."))
    file = log_file(source, **{key: value for key, value in case["options"].items() if key != "account_from_trace"})
    everything = found(file, FULL)
    events = [Event(*row) for row in everything]
    questions = [Question(levels=frozenset({level})) for level in {event.level for event in events}]
    questions += [Question(accounts=frozenset({event.account_id})) for event in events if event.account_id]
    questions += [Question(traces=frozenset({event.trace_id})) for event in events if event.trace_id]
    questions += [Question(grep=(word,)) for event in events for word in event.message.split()[:20]]
    questions += [Question(start=event.at, end=event.at + 1) for event in events]
    for event in events:
        for key in json.loads(event.attributes):
            value = as_text(field_of(json.loads(event.attributes), key))
            if value is not None:
                questions.append(Question(where=((key, value),)))
    for question in questions:
        assert same(file, question, everything) >= 1
    assert not found(file, Question(accounts=frozenset({"acct-nobody"})))


def test_read_all_and_the_whole_question_agree() -> None:
    source = CASES / "json-mixed-schemas" / "input.jsonl"
    file = log_file(source)
    assert len(found(file, FULL)) == read_all([file]).counts["events"]


def write(path: Path, *, shape: str, lines: int, disorder: float, seed: int) -> Path:
    source = random.Random(seed)
    at = datetime(2026, 3, 10, tzinfo=UTC)
    out = []
    for number in range(lines):
        at += timedelta(seconds=source.random())
        when = at - timedelta(seconds=source.random() * disorder)
        level = source.choice(("INFO", "INFO", "INFO", "WARN", "ERROR"))
        account = f"acc_{source.randrange(40):04d}"
        text = "x" * source.randrange(300)
        if shape == "json":
            out.append(
                f'{{"ts":"{when.isoformat()}","level":"{level}","account_id":"{account}","msg":"job {number} {text}","http":{{"status":{number % 7}}}}}'
            )
        elif shape == "logfmt":
            out.append(f'ts={when.isoformat()} level={level.lower()} account_id={account} msg="job {number} {text}"')
        else:
            out.append(f"{when:%Y-%m-%d %H:%M:%S},{when.microsecond // 1000:03d} {level} app.jobs - job {number} account={account} {text}")
        if shape != "logfmt" and number % 50 == 0:
            out += [
                "java.lang.IllegalStateException: broken",
                f"\tat app.Job.run(Job.java:{number})",
                "",
                "\tat app.Main.main(Main.java:1)",
            ]
    data = ("\n".join(out) + "\n" * (seed % 2)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else bz2.compress(data) if path.suffix == ".bz2" else data)
    return path


@pytest.mark.parametrize(
    ("shape", "suffix", "disorder"),
    [
        ("json", "", 0.0),
        ("logfmt", "", 30.0),
        ("text", "", 30.0),
        ("json", "", 20_000.0),
        ("text", ".gz", 0.0),
        ("logfmt", ".bz2", 20_000.0),
    ],
)
def test_large_files_in_and_out_of_order(tmp_path: Path, shape: str, suffix: str, disorder: float) -> None:
    path = write(tmp_path / f"app.log{suffix}", shape=shape, lines=6_000, disorder=disorder, seed=len(shape + suffix))
    file = log_file(path, zone="UTC")
    everything = found(file, FULL)
    noon = micros(datetime(2026, 3, 10, 0, 20, tzinfo=UTC))
    window = Question(start=noon, end=noon + 600_000_000)
    assert same(file, window, everything) > 0
    assert same(file, replace(window, accounts=frozenset({"acc_0007"})), everything) >= 0
    assert same(file, replace(window, accounts=frozenset({"acc_0007", "acc_0011"}), levels=frozenset({"ERROR", "WARN"})), everything) >= 0
    assert same(file, Question(levels=frozenset({"ERROR", "WARN"})), everything) > 500
    if shape != "logfmt":
        assert same(file, Question(grep=("app.Job.run",)), everything) == 120
        assert same(file, Question(grep=("app.Main.main",), accounts=frozenset({"acc_0003"})), everything) > 0


def test_a_file_in_order_is_entered_at_the_window(tmp_path: Path) -> None:
    path = write(tmp_path / "app.log", shape="json", lines=20_000, disorder=2.0, seed=3)
    late = micros(datetime(2026, 3, 10, 2, tzinfo=UTC))
    answer = ask([log_file(path)], Question(start=late, end=late + 1_000_000))
    assert answer.passed > path.stat().st_size / 2
    assert answer.notes


def test_a_limit_keeps_the_first_in_time_order(tmp_path: Path) -> None:
    path = write(tmp_path / "app.log", shape="json", lines=3_000, disorder=500.0, seed=3)
    file = log_file(path)
    answer = ask([file], Question(levels=frozenset({"INFO"})), limit=50)
    assert answer.cut
    assert len(answer.rows.at) <= 100
    assert sorted(answer.rows.at)[:50] == sorted(row[0] for row in found(file, Question(levels=frozenset({"INFO"}))))[:50]


def test_lines_that_hold_the_account_and_are_no_events_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(
        '{"ts":"2026-03-10T02:00:00Z","account_id":"acc_0001","msg":"a"}\n{"ts":"2026-03-10T02:00:01Z","account_id":"acc_0001","ms\n'
    )
    answer = ask([log_file(path, format="json")], Question(accounts=frozenset({"acc_0001"})))
    assert answer.counts()["parsed"] == 1
    assert answer.rejects.reason
    assert answer.rejects.offset == [64]


@pytest.mark.parametrize("shape", ["json", "logfmt", "text"])
@pytest.mark.parametrize("odd", ["Error", "severe"])
def test_a_level_that_one_line_of_a_large_file_spells_otherwise_is_found(tmp_path: Path, shape: str, odd: str) -> None:
    path = write(tmp_path / "app.log", shape=shape, lines=5_600, disorder=0.0, seed=5)
    data = path.read_bytes()
    known = b"error" if shape == "logfmt" else b"ERROR"
    place = data.find(known, len(data) // 2)
    path.write_bytes(data[:place] + odd.encode() + data[place + len(known) :])
    assert len(data) > 1_000_000
    file = log_file(path, zone="UTC")
    assert same(file, Question(levels=frozenset({"ERROR"})), found(file, FULL)) > 900


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_events_are_those_of_whole_ones(name: str) -> None:
    case = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    source = next(path for path in sorted((CASES / name).iterdir()) if path.name.startswith("input."))
    assert_parts(log_file(source, **{key: value for key, value in case["options"].items() if key != "account_from_trace"}))


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (
            '{{"ts": "{at}", "msg": "{level} [{account}] went on"}}',
            {"format": "json", "message_pattern": r"^(?P<level>[A-Z]+) \[(?P<account_id>\w+)\] (?P<message>.*)"},
        ),
        ("{at} {level} went on account_id={account}", {"format": "text"}),
        ('192.0.2.7 - - [{apache}] "GET /a HTTP/1.1" {status} 17 account_id={account}', {"format": "nginx"}),
    ],
    ids=["a pattern in the message", "pairs in the message", "pairs behind an access log's line"],
)
def test_parts_that_stand_in_the_message_are_found_without_it(tmp_path: Path, line: str, options: dict[str, Any]) -> None:
    path = tmp_path / "app.log"
    lines = []
    for number in range(200):
        at = datetime(2026, 3, 10, 2, 0, tzinfo=UTC) + timedelta(seconds=number)
        level, status = [("ERROR", 502), ("INFO", 200)][number % 2]
        account = f"acct_{number % 3}"
        lines.append(
            line.format(at=f"{at:%Y-%m-%dT%H:%M:%SZ}", apache=f"{at:%d/%b/%Y:%H:%M:%S +0000}", level=level, status=status, account=account)
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert assert_parts(log_file(path, **options)) == {"ERROR", "INFO"}


def assert_parts(file: LogFile) -> set[str]:
    """Every part alone, of all events and of one account's, is as in the whole events; return the levels."""
    whole = [Event(*row) for row in found(file, FULL)]
    accounts = {event.account_id for event in whole if event.account_id}
    for part in ("level", "service", "account_id", "trace_id", "message"):
        for account in [None, *sorted(accounts)[:1]]:
            wanted = frozenset({account}) if account else frozenset()
            asked = Question(attributes=False, parts=frozenset({"at", part}), accounts=wanted)
            rows = ask([file], asked).rows
            expected = ((event.at, getattr(event, part)) for event in whole if not account or event.account_id == account)
            assert sorted(zip(rows.at, getattr(rows, part), strict=True), key=str) == sorted(expected, key=str)
    return {event.level for event in whole}
