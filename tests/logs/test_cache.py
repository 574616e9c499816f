"""What `ingest` keeps is what the scan reads: on every dirty case, for files that grow, and after it is deleted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.logs import cache
from bridge.logs.ask import Answer, ask
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from bridge.logs.reading import ReadError
from bridge.logs.records import Event

CASES = Path(__file__).parents[1] / "cases" / "logs"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())


def log_file(path: Path, **options: Any) -> LogFile:
    return LogFile(path=path, name=path.name, options=parse_sources({"sources": [{"paths": ["x"], **options}]}, "")[0])


def columns(answer: Answer) -> list[tuple[Any, ...]]:
    rows = answer.rows
    return sorted(zip(rows.at, rows.level, rows.service, rows.account_id, rows.trace_id, rows.message, rows.offset, strict=True), key=str)


def cached(file: LogFile, base: Path, question: Question | None = None) -> list[tuple[Any, ...]]:
    answer = ask([file], question or Question(attributes=False), cached=base)
    assert "answered from the cache" in answer.notes[0]
    return columns(answer)


def scanned(file: LogFile) -> list[tuple[Any, ...]]:
    return columns(ask([file], Question(whole=True, attributes=False)))


@pytest.mark.parametrize("name", NAMES)
def test_every_case_is_kept_as_it_is_read(name: str, tmp_path: Path) -> None:
    case = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    source = next(path for path in sorted((CASES / name).iterdir()) if path.name.startswith("input."))
    file = log_file(source, **{key: value for key, value in case["options"].items() if key != "account_from_trace"})
    try:
        entry, _ = cache.ingest(file, tmp_path)
    except ReadError:
        assert name in {"gzip-cut", "utf16", "utf16-big-endian"}
        return
    tally = entry.tally()
    assert tally.lines == tally.parsed + tally.joined + tally.rejected + tally.skipped
    assert {key: value for key, value in ((name, getattr(tally, name)) for name in ("lines", "rejected")) if value} == {
        key: value for key, value in case["counts"].items() if key in {"lines", "rejected"} and value
    }
    assert cached(file, tmp_path) == scanned(file)


def lines(first: int, count: int) -> str:
    text = []
    for number in range(first, first + count):
        text.append(
            f'{{"ts":"2026-03-10T02:{number // 60 % 60:02d}:{number % 60:02d}Z","level":"warning","account_id":"acct_{number}","msg":"m{number}"}}\n'
        )
        if number % 10 == 0:
            text.append("java.lang.IllegalStateException: x\n\tat app.Job.run(Job.java:1)\n")
    return "".join(text)


def test_a_file_that_grew_is_read_from_its_last_event_on(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"
    path.write_text(lines(1, 490) + lines(490, 1).split("\n", 1)[0] + "\n", encoding="utf-8")
    file = log_file(path)
    base = tmp_path / "cache"
    _, first = cache.ingest(file, base)
    assert first == path.stat().st_size
    assert cache.ingest(file, base)[1] == 0
    with path.open("a", encoding="utf-8") as stream:
        stream.write("java.lang.IllegalStateException: late\n" + lines(500, 50))
    assert cache.fresh(file, base) is None
    _, more = cache.ingest(file, base)
    assert more < first
    assert cached(file, base) == scanned(file)
    assert len(list(base.glob("*.parquet"))) == 3


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"
    path.write_text(lines(1, 300), encoding="utf-8")
    file, base = log_file(path), tmp_path / "cache"
    cache.ingest(file, base)
    path.write_text(lines(600, 400), encoding="utf-8")
    cache.ingest(file, base)
    assert cached(file, base) == scanned(file)


def test_other_options_are_another_reading(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl"
    path.write_text(lines(1, 30), encoding="utf-8")
    base = tmp_path / "cache"
    cache.ingest(log_file(path), base)
    assert cache.fresh(log_file(path, service="exports"), base) is None


def test_compressed_files_are_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "app.jsonl.gz"
    path.write_bytes(gzip.compress(lines(1, 2_000).encode()))
    file, base = log_file(path), tmp_path / "cache"
    cache.ingest(file, base)
    everything = scanned(file)
    assert cached(file, base) == everything
    at = everything[700][0]
    for question in (
        Question(attributes=False, levels=frozenset({"WARN"}), accounts=frozenset({"acct_70", "acct_71"})),
        Question(attributes=False, start=at, end=at + 60_000_000),
        Question(attributes=False, grep=("app.Job.run",)),
    ):
        fitting = cached(file, base, question)
        assert fitting == [row for row in everything if question.fits(Event._make((*row[:6], "{}", row[6])))]
        assert fitting


def test_a_file_whose_further_lines_tell_another_format_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "".join(f"host{n} 2026-03-10T02:00:{n % 60:02}Z INFO something happened number {n}\n" for n in range(80)), encoding="utf-8"
    )
    file = log_file(path)
    before, _ = cache.ingest(file, tmp_path / "kept")
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(f"2026-03-10T03:{n // 60:02}:{n % 60:02}Z ERROR plain {n}\n" for n in range(300))
    after, _ = cache.ingest(file, tmp_path / "kept")
    assert before.form != after.form
    assert cached(file, tmp_path / "kept") == scanned(file)
