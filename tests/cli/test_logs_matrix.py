"""Every action of `bridge logs` takes every flag, and each flag narrows its answer to just the events that fit."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bridge.cli.main import main

Record = dict[str, Any]
BEFORE: list[Record] = [
    {
        "ts": f"2026-03-10T02:{number // 2:02d}:{30 * (number % 2):02d}Z",
        "level": ("INFO", "INFO", "ERROR", "WARN")[number % 4],
        "service": ("exports", "cache", "gateway")[number % 3],
        "account_id": f"acct_{number % 5}",
        "trace_id": f"t{number // 6}",
        "msg": f"{('read', 'wrote', 'failed')[number % 3]} {number} rows",
        "http": {"status": (200, 500)[number % 2]},
    }
    for number in range(120)
]
AFTER = [{**record, "ts": record["ts"].replace("T02", "T03")} for record in BEFORE]
RECORDS = BEFORE + AFTER

FLAGS: dict[str, tuple[tuple[str, ...], Callable[[Record], bool]]] = {
    "none": ((), lambda _: True),
    "since": (("--since", "2026-03-10T02:30Z"), lambda one: one["ts"] >= "2026-03-10T02:30"),
    "until": (("--until", "2026-03-10T03:30Z"), lambda one: one["ts"] < "2026-03-10T03:30"),
    "window": (("--since", "2026-03-10T02:30Z", "--window", "1h"), lambda one: "2026-03-10T02:30" <= one["ts"] < "2026-03-10T03:30"),
    "both ends": (("--window", "2026-03-10T02:30Z..2026-03-10T03:10Z"), lambda one: "2026-03-10T02:30" <= one["ts"] < "2026-03-10T03:10"),
    "account": (("--account", "acct_3"), lambda one: one["account_id"] == "acct_3"),
    "two accounts": (("--account", "acct_3", "--account", "acct_4"), lambda one: one["account_id"] in {"acct_3", "acct_4"}),
    "trace": (("--trace", "t7"), lambda one: one["trace_id"] == "t7"),
    "level": (("--level", "error"), lambda one: one["level"] == "ERROR"),
    "service": (("--service", "cache"), lambda one: one["service"] == "cache"),
    "where": (("--where", "http.status=500"), lambda one: one["http"]["status"] == 500),
    "grep": (("--grep", "wrote"), lambda one: "wrote" in one["msg"]),
    "together": (
        ("--level", "INFO", "--service", "gateway", "--where", "http.status=500", "--since", "2026-03-10T02:10Z"),
        lambda one: (one["level"], one["service"], one["http"]["status"]) == ("INFO", "gateway", 500) and one["ts"] >= "2026-03-10T02:10",
    ),
}
SIZES: dict[str, Callable[[Any], int]] = {
    "search": lambda document: len(document["events"]),
    "count": lambda document: document["events"],
    "timeline": lambda document: sum(entry["kind"] == "event" for entry in document["entries"]),
    "templates": lambda document: document["lines"],
    "compare": lambda document: document["lines"] + document["lines_before"],
    "ingest": lambda document: sum(row.get("fit", row["parsed"]) for row in document["files"]),
    "formats": lambda document: sum(row["fit"] for row in document["files"]),
}


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRIDGE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "logs").mkdir()
    for name, records in (("before", BEFORE), ("after", AFTER)):
        (tmp_path / "logs" / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    (tmp_path / "bridge.yaml").write_text(
        "format: 1\nlogs:\n  app:\n    product: files\n    sources:\n      - {paths: [logs/*.jsonl]}\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(action: str, files: tuple[str, ...]) -> list[str]:
    if action == "compare":
        return ["logs", "compare", "--before", "logs/before.jsonl", "--after", "logs/after.jsonl"]
    return ["logs", action, *(("explain",) if action == "formats" else ()), *files]


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("action", SIZES)
@pytest.mark.usefixtures("logs")
def test_each_flag_narrows_to_what_fits(action: str, flags: str, capsys: pytest.CaptureFixture[str]) -> None:
    given, fits = FLAGS[flags]
    assert main([*words(action, ("logs/*.jsonl",)), *given, "--output", "json"]) == 0
    expected = sum(map(fits, RECORDS))
    assert 0 < expected < len(RECORDS) or flags == "none"
    assert SIZES[action](json.loads(capsys.readouterr().out)) == expected


@pytest.mark.parametrize("files", [("logs",), ("logs/before.jsonl", "logs/after.jsonl"), (), ("--source", "app")], ids=" ".join)
@pytest.mark.parametrize("action", [action for action in SIZES if action not in {"compare", "formats"}])
@pytest.mark.usefixtures("logs")
def test_files_folders_and_configured_sources(action: str, files: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words(action, files), "--output", "json"]) == 0
    assert SIZES[action](json.loads(capsys.readouterr().out)) == len(RECORDS)


@pytest.mark.usefixtures("logs")
def test_compare_and_formats_read_configured_sources(capsys: pytest.CaptureFixture[str]) -> None:
    times = ["--before", "2026-03-10T02:00Z..2026-03-10T03:00Z", "--after", "2026-03-10T03:00Z..2026-03-10T04:00Z"]
    assert main(["logs", "compare", *times, "--source", "app", "--output", "json"]) == 0
    assert SIZES["compare"](json.loads(capsys.readouterr().out)) == len(RECORDS)
    assert main(["logs", "formats", "check", "--output", "json"]) == 0
    assert SIZES["formats"](json.loads(capsys.readouterr().out)) == len(RECORDS)


class Bytes(io.TextIOWrapper):
    """A stdout whose bytes are kept."""


@pytest.mark.parametrize("kind", ["text", "json", "jsonl", "parquet"])
@pytest.mark.parametrize("action", SIZES)
@pytest.mark.usefixtures("logs")
def test_every_output(action: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Bytes(kept, encoding="utf-8", write_through=True))
    assert main([*words(action, ("logs/*.jsonl",)), "--level", "ERROR", "--output", kind]) == 0
    data = kept.getvalue()
    if kind == "parquet":
        assert pq.read_table(io.BytesIO(data)).num_columns > 0
    elif kind == "json":
        assert isinstance(json.loads(data), dict)
    elif kind == "jsonl":
        assert all(isinstance(json.loads(line), dict) for line in data.splitlines())
    else:
        assert data.strip()


@pytest.mark.usefixtures("logs")
def test_assigned_templates_follow_the_flags(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = logs / "out.jsonl"
    assert main(["logs", "templates", "logs/*.jsonl", "--level", "ERROR", "--assign", str(out), "--output", "json"]) == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["line"] for row in rows] == list(range(1, json.loads(capsys.readouterr().out)["lines"] + 1))
    # In the order of the files as they are read and of their lines: after.jsonl comes first.
    assert [row["template"].split()[0] for row in rows] == [one["msg"].split()[0] for one in AFTER + BEFORE if one["level"] == "ERROR"]
