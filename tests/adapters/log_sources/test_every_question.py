"""Every action of `bridge logs` with every flag that narrows a question: a table elsewhere answers what files answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bridge.cli.main import main
from tests.adapters.log_sources.test_compared import SIDES, configured, stores

ACTIONS = {
    "search": ("search", "--limit", "9999"),
    "clocks put right": ("search", "--apply-skew", "--limit", "9999"),
    "all": ("count",),
    "levels": ("count", "--per", "level"),
    "templates of services": ("count", "--per", "template", "--per", "service"),
    "a field": ("count", "--per", "region"),
    "a number": ("count", "--per", "ms"),
    "accounts by day": ("count", "--per", "account_id", "--every", "1d"),
    "90 seconds": ("count", "--every", "90s"),
    "templates": ("templates",),
    "timeline": ("timeline", "--limit", "9999", "--gap", "2m"),
    "neighbours": ("timeline", "--around", "10s", "--limit", "9999"),
    "compare": ("compare", *SIDES),
}
FLAGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--since", "2026-03-10T01:00Z"),
    ("--until", "2026-03-11T01:00Z"),
    ("--window", "2026-03-10T00:30Z..2026-03-11T00:30Z"),
    ("--since", "2026-03-10T01:00Z", "--window", "24h"),
    ("--account", "acc_3"),
    ("--trace", "t1x6"),
    ("--level", "ERROR"),
    ("--level", "warn"),
    ("--service", "billing"),
    ("--where", "region=us"),
    ("--where", "ms=5"),
    ("--where", "level=severe"),
    ("--grep", "Caused"),
    ("--account", "acc_3", "--level", "ERROR", "--grep", "timeout"),
)
OUTPUTS = ("jsonl", "parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stores(tmp_path_factory.mktemp("stores"), orders=40, engines=("duckdb",))


def plain(value: Any) -> Any:
    """Return it without places and in an order that a store has, too: events of the same time have none."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if key not in {"file", "offset", "place", "counts", "rejected"}}
    if isinstance(value, str) and value[:2] in {'{"', "[{"}:
        return plain(json.loads(value))
    if not isinstance(value, list):
        return value
    parts = [plain(part) for part in value]
    timed = parts and isinstance(parts[0], dict) and "at" in parts[0]
    return sorted(parts, key=lambda part: (str(part["at"]), part.get("message") or part.get("text"))) if timed else parts


def asked(folder: Path, capsysbinary: pytest.CaptureFixture[bytes], words: tuple[str, ...], output: str) -> tuple[int, Any]:
    code = main(["logs", *words, "--source", "app", "--workspace", str(folder), "--output", output])
    out = capsysbinary.readouterr().out
    if output == "parquet":
        path = folder / "out.parquet"
        path.write_bytes(out)
        return int(code), plain(pq.read_table(path).to_pylist())
    return int(code), plain(json.loads(out) if output == "json" else [json.loads(line) for line in out.splitlines()])


@pytest.mark.parametrize("action", ACTIONS)
def test_the_same_answer_with_every_flag(action: str, folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    some = FLAGS if action != "compare" else FLAGS[1:2]  # each asks some forty times
    questions = [((*ACTIONS[action], *flags), "json") for flags in some] + [(ACTIONS[action], output) for output in OUTPUTS]
    answers = []
    for product in ("files", "duckdb"):
        configured(folder, product)
        answers.append([asked(folder, capsysbinary, words, output) for words, output in questions])
    for (words, output), right, found in zip(questions, *answers, strict=True):
        if right[0]:  # no events on a side: what the error names is its own
            assert found[0] == right[0], words
        else:
            assert found == right, (words, output)
    assert sum(code == 0 for code, _ in answers[0]) > 1
