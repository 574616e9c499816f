"""What is passed over by its level is what a full reading leaves out: on files in which single lines spell, order or nest it differently."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.logs import levels
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
