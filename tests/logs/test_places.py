"""What is passed over by its level is what a full reading leaves out: on files in which single lines spell, order or nest it differently."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.logs import columns, levels, raw
from bridge.logs.ask import ask
from bridge.logs.counting import Counting
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question

ERRORS = frozenset({"ERROR", "FATAL"})
ODD = (
    '{"ts":"%s","level":"error","service":"a","msg":"lower case"}',
    '{"ts":"%s","level":"\\u0045RROR","service":"a","msg":"escaped"}',
    '{"ts":"%s","\\u006cevel":"ERROR","service":"a","msg":"escaped key"}',
    '{"ts":"%s", "level": "ERROR", "service":"a","msg":"blanks"}',
    '{"level":"ERROR","ts":"%s","service":"a","msg":"another order"}',
    '{"ts":"%s","service":"a","msg":"severity","severity":"ERR"}',
    '{"ts":"%s","x":{"level":"INFO"},"level":"ERROR","msg":"nested before"}',
    '{"ts":"%s","level":"INFO","service":"a","msg":"said \\"level\\":\\"ERROR\\""}',
    '{"ts":"%s","level":"SEVERE","service":"a","msg":"another word"}',
    '{"ts":"%s","level":50,"service":"a","msg":"a number"}',
    '{"ts":"%s","level":"INFO","service":"a","msg":"two"} {"ts":"2026-03-10T02:00:00Z","level":"ERROR","msg":"on a line"}',
    '{"ts":"%s","level":"ERROR","service":"a","msg":"with a trace"}\n  at com.acme.Main(Main.java:1)\nCaused by: java.io.IOException: x',
    '{"ts":"%s","level":"INFO","service":"a","msg":"with a trace"}\n  at com.acme.Main(Main.java:1)',
    '{\n"ts":"%s",\n"level":"ERROR",\n"msg":"over lines"}',
    '{"ts":"%s","level":"ERROR","service":"a","msg":"cut',
    "no object %s",
    '{"ts":"%s","level":"ERROR","service":"a","msg":"bad \xff byte"}',
    '{"ts":"%s","level":"ERROR","service":" a ","msg":"blanks around"}',
    '{"ts":"2026-03-10 02:00:01+02:00","level":"ERROR","service":"a","msg":"another zone %s"}',
    "",
)


def written(path: Path, rng: random.Random, *, odd: float, head: str) -> LogFile:
    words = ["INFO", "DEBUG", "WARN", "ERROR"]
    lines: list[str] = []
    for number in range(2_600):
        stamp = f"2026-03-10T{number // 120:02}:{number // 7 % 60:02}:{number % 60:02}.{number % 1000:03}Z"
        if number > 200 and rng.random() < odd:
            line = rng.choice(ODD)
            lines.append(line.replace("%s", stamp))
            continue
        message = f"request {rng.randrange(10**6):06x} of acc_{rng.randrange(99):02} took {rng.randrange(500)} ms {'x' * 520}"
        lines.append(head % (stamp, rng.choices(words, (80, 10, 8, 2))[0], message))
    path.write_bytes("\n".join(lines).encode("latin-1") + b"\n")
    assert path.stat().st_size > 1_000_000
    return LogFile(path=path, name=path.name, options=parse_sources({"sources": [{"paths": ["x"]}]}, "")[0])


def events(file: LogFile, question: Question) -> list[tuple[Any, ...]]:
    rows = ask([file], question).rows
    return sorted(zip(rows.at, rows.level, rows.service, rows.message, rows.offset, strict=True))


HEADS = (
    '{"ts":"%s","level":"%s","service":"shop","msg":"%s"}',
    '{"level":"x","ts":"%s","severity":"%s","msg":"%s"}',
    '{"ts":"%s","lvl":"%s","msg":"%s"}',
    'ts=%s level=%s service=shop msg="%s"',
)


@pytest.mark.parametrize("head", [HEADS[0], HEADS[2], HEADS[3]])
@pytest.mark.parametrize("odd", [0.004, 0.3])
def test_questions_by_level_are_the_filtered_whole(head: str, odd: float, tmp_path: Path) -> None:
    rng = random.Random(f"{head}{odd}")
    file = written(tmp_path / "a.jsonl", rng, odd=odd, head=head)
    for wanted in (ERRORS, frozenset({"WARN"})):
        assert events(file, Question(levels=wanted, attributes=False)) == events(
            file, Question(levels=wanted, attributes=False, whole=True)
        )
        for fields in (("service", "template"), ("level",)):
            counted: list[Counter[Any]] = []
            for whole in (False, True):
                counting = Counting(fields=fields, every=900_000_000)
                parts = frozenset({"at", "message", "service", "level"})
                answer = ask([file], Question(levels=wanted, attributes=False, parts=parts, whole=whole), counting=counting)
                assert answer.rows.at == []
                counting.groups()
                counted.append(counting.counts)
            assert counted[0] == counted[1]


def test_lines_of_one_shape_are_passed_over_without_decoding(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", random.Random(1), odd=0.0, head=HEADS[0])
    answer = ask([file], Question(levels=ERRORS, attributes=False))
    errors = sum(json.loads(line)["level"] == "ERROR" for line in file.path.read_bytes().splitlines())
    assert answer.counts()["lines"] == errors == len(answer.rows.at)


def test_the_proof_looks_at_every_line() -> None:
    search = levels.LevelSearch(needles=(b'"level":"ERROR',), known=(b'"level":"ERROR"', b'"level":"INFO"'), earlier=(b'"lvl"',))
    fine = bytearray(b'{"level":"INFO"}\n{"level":"ERROR"}\n')
    assert search.proved(fine, len(fine))
    for other in (b'{"level":"error"}\n', b'{"level": "ERROR"}\n', b'{"lvl":1,"level":"INFO"}\n', b"\n"):
        changed = fine + other
        assert not search.proved(changed, len(changed))


ENDS = ((b"\n", b""), (b"\r\n", b""), (b"\n", b"\xef\xbb\xbf"), (b"\n", b"  at com.acme.Lost(Lost.java:1)\n\nwords\n"))


@pytest.mark.parametrize(("end", "start"), ENDS)
@pytest.mark.parametrize("odd", [0.0, 0.002, 0.05])
def test_questions_to_every_line_are_the_full_scan(
    odd: float, end: bytes, start: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks that are simple are decoded at once, the others line by line: the account of all lines, and what was rejected, is the same."""
    file = written(tmp_path / "a.jsonl", random.Random(f"{odd}{end!r}{start!r}"), odd=odd, head=HEADS[0])
    file.path.write_bytes(start + file.path.read_bytes().replace(b"\n", end).removesuffix(b"\n" if odd else b""))
    monkeypatch.setattr(raw, "chunks", partial(raw.chunks, size=64 * 1024))
    for question in (Question(attributes=False), Question(attributes=False, services=frozenset({"a"}))):
        seen: list[tuple[Any, ...]] = []
        for whole in (False, True):
            asked = replace(question, whole=whole)
            rows = ask([file], asked)
            counting = Counting(fields=("service", "level", "file"), every=60_000_000)
            counted = ask([file], replace(asked, parts=frozenset({"at", "service", "level"})), counting=counting)
            for answer in (rows, counted):
                rejects = answer.rejects
                report = answer.reports[0]
                seen.append((answer.counts(), list(zip(rejects.offset, rejects.length, rejects.reason, rejects.raw, strict=True))))
                seen.append((report.first, report.last, report.problems, report.notes))
            seen.append((events(file, asked), counting.counts, counting.total))
        assert seen[:5] == seen[5:]


def test_a_wrong_byte_that_nobody_reads_is_counted(tmp_path: Path) -> None:
    lines = b'{"ts":"2026-03-10T02:00:01Z","level":"INFO","x":"caf\xe9","msg":"%b"}\n' % (b"m" * 900) * 1_200
    (tmp_path / "a.jsonl").write_bytes(lines)
    file = LogFile(path=tmp_path / "a.jsonl", name="a", options=parse_sources({"sources": [{"paths": ["x"]}]}, "")[0])
    counting = Counting(fields=("level",))
    answer = ask([file], Question(attributes=False, parts=frozenset({"at", "level"})), counting=counting)
    assert (answer.counts()["repaired"], counting.total) == (1_200, 1_200)


def digits_of(number: int) -> str:
    return "" if not number else f".{'123456'[:number]}"


@pytest.mark.parametrize("fraction", [0, 1, 3, 6])
@pytest.mark.parametrize("between", ["T", " "])
def test_times_read_as_columns_are_those_read_one_by_one(fraction: int, between: str) -> None:
    clock = [(hour, minute, second) for hour in (0, 9, 23) for minute in range(60) for second in (0, 7, 59)]
    times: list[str | None] = [
        f"2026-{day}{between}{h:02}:{m:02}:{s:02}{digits_of(fraction)}Z" for day in ("02-28", "03-01") for h, m, s in clock
    ]
    assert len(times) >= columns.MANY
    assert columns.micros(times) == [columns.micros([one])[0] for one in times]  # type: ignore[index]
    for wrong in (
        "2026-02-30T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T00:60:00Z",
        "2026-03-01T00:00:00",
        "2026-03-01T0٣:00:00Z",
        None,
    ):
        assert columns.micros([*times, wrong]) is None
