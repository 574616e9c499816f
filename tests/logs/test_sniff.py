"""Which format a short file is taken for: three lines are enough, and one long line changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.logs import cache, reading, sniff
from bridge.logs.ask import ask
from bridge.logs.options import SourceOptions
from bridge.logs.paths import LogFile
from bridge.logs.question import Question

CASES = Path(__file__).parents[1] / "cases" / "logs"
SHORT: dict[str, str] = json.loads((CASES / "sniffed.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SHORT)
def test_a_few_lines_tell_the_format(name: str) -> None:
    source = next(path for path in sorted((CASES / name).iterdir()) if path.name.startswith("input."))
    head = reading.head(source, 1 << 20)
    assert sniff.sniff(head).name == SHORT[name]
    three = b"".join(head.splitlines(keepends=True)[:3])
    assert sniff.sniff(three).name == SHORT[name] or name in {"cloudwatch-document", "otlp-document", "google-cloud-array"}


@pytest.mark.parametrize("size", [300_000, 2_000_000, 9_000_000])
def test_a_long_first_line_changes_no_answer(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        f'{{"ts":"2026-03-10T02:00:01Z","level":"INFO","msg":"{"x" * size}"}}\n{{"ts":"2026-03-10T02:00:02Z","level":"ERROR","msg":"b"}}\n',
        encoding="utf-8",
    )
    file = LogFile(path=path, name="a.log", options=SourceOptions(paths=("x",)))
    for question in (Question(grep=("b",)), Question(levels=frozenset({"ERROR"})), Question(whole=True, levels=frozenset({"ERROR"}))):
        assert ask([file], question).rows.message[-1] == "b"
    entry, _ = cache.ingest(file, tmp_path / "cache")
    assert (entry.form, entry.tally().parsed) == ("json", 2)
