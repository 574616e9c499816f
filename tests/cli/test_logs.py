"""`bridge logs search | count | timeline` on real files, through the entry point."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bridge.cli.main import main

LINES = (
    '{"ts":"2026-03-10T02:00:01Z","level":"INFO","service":"exports","account_id":"acct_1","trace_id":"t1","msg":"export started"}\n'
    '{"ts":"2026-03-10T04:00:02+02:00","level":"ERROR","service":"exports","account_id":"acct_1","trace_id":"t1","msg":"export 7 failed","http":{"status":500}}\n'
    '{"ts":"2026-03-10T02:20:00Z","level":"ERROR","service":"exports","account_id":"acct_2","trace_id":"t2","msg":"export 8 failed","http":{"status":503}}\n'
    '{"ts":"2026-03-10T02:21:00Z","level":"ERR\n'
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "app.jsonl").write_text(LINES, encoding="utf-8")
    (tmp_path / "worker.log").write_text("2026-03-10 02:00:01,500 INFO worker: refresh trace_id=t1\n", encoding="utf-8")
    return tmp_path


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert main(["logs", *arguments]) == 0
    done = capsys.readouterr()
    return done.out, done.err


def test_search_merges_formats_in_time_order_and_applies_offsets(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = ask(capsys, "search", str(logs / "*"), "--zone", "UTC", "--trace", "t1", "--output", "jsonl")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["at"] for event in events] == ["2026-03-10T02:00:01Z", "2026-03-10T02:00:01.500Z", "2026-03-10T02:00:02Z"]
    assert "3 events" in err


@pytest.mark.parametrize(
    ("flags", "count"),
    [
        (("--level", "error"), 2),
        (("--account", "acct_2"), 1),
        (("--where", "http.status=500"), 1),
        (("--grep", "failed"), 2),
        (("--since", "2026-03-10T02:10Z"), 1),
        (("--since", "2026-03-10T02:00Z", "--window", "10m"), 2),
        (("--window", "2026-03-10T02:00:02Z..2026-03-10T03:00Z"), 2),
        (("--service", "nobody"), 0),
    ],
)
def test_every_flag_narrows(logs: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], count: int) -> None:
    out, _ = ask(capsys, "search", str(logs / "app.jsonl"), *flags, "--output", "json")
    assert len(json.loads(out)["events"]) == count


def test_rejected_lines_are_told_with_their_place(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = ask(capsys, "search", str(logs / "app.jsonl"), "--whole", "--output", "json")
    document = json.loads(out)
    assert document["counts"]["rejected"] == 1
    assert document["rejected"][0]["offset"] == LINES.rindex('{"ts"')
    assert "1 rejected" in err


def test_count_by_template_and_time(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = ask(capsys, "count", str(logs / "app.jsonl"), "--level", "ERROR", "--per", "template", "--every", "15m", "--output", "json")
    groups = json.loads(out)["groups"]
    assert [(group["at"], group["template"], group["events"]) for group in groups] == [
        ("2026-03-10T02:00:00Z", "export <*> failed", 1),
        ("2026-03-10T02:15:00Z", "export <*> failed", 1),
    ]


def test_count_by_field(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = ask(capsys, "count", str(logs / "app.jsonl"), "--per", "http.status", "--per", "level", "--output", "jsonl")
    assert next(json.loads(line) for line in out.splitlines()) == {"http.status": None, "level": "INFO", "events": 1}


def test_parquet_holds_the_events_table(logs: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["logs", "search", str(logs / "app.jsonl"), "--output", "parquet"]) == 0
    table = pq.read_table(io.BytesIO(capfdbinary.readouterr().out))
    assert table.num_rows == 3
    assert table.column_names[:3] == ["at", "level", "service"]


def test_timeline_marks_changes_and_silences_and_draws(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = logs / "changes"
    changes.write_text('{"at":"2026-03-10T02:10:00Z","kind":"release","name":"reporting","version":"4.18.0"}\n', encoding="utf-8")
    picture = logs / "timeline.svg"
    out, _ = ask(capsys, "timeline", str(logs / "app.jsonl"), "--changes", str(changes), "--picture", str(picture))
    assert "change: release reporting 4.18.0" in out
    assert "no event for 0:19:58" in out
    assert picture.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    "flags",
    [
        ("--since", "yesterday"),
        ("--where", "status"),
        ("--window", "2"),
        ("--since", "2026-03-10T02:00"),
        ("--until", "2020-01-01", "--since", "2021-01-01"),
    ],
)
def test_what_cannot_be_read_is_said(logs: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]) -> None:
    assert main(["logs", "search", str(logs / "app.jsonl"), *flags]) == 2
    assert "error:" in capsys.readouterr().err


def test_no_file_is_an_error_with_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "search", str(tmp_path / "none*.log")]) == 2
    assert "no file matches" in capsys.readouterr().err


def test_formats_are_listed_explained_and_checked(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = ask(capsys, "formats", "list")
    assert "logfmt" in out
    out, _ = ask(capsys, "formats", "explain", str(logs / "app.jsonl"))
    assert "json (sniffed), 3 of 4 lines read" in out
    assert "rejected at" in out
    assert main(["logs", "formats", "check", str(logs / "app.jsonl")]) == 1
    assert main(["logs", "formats", "check", str(logs / "worker.log"), "--zone", "UTC"]) == 0
    assert main(["logs", "formats", "guess"]) == 2


def test_ingest_and_its_answers(logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_CACHE", str(logs / "cache"))
    before, _ = ask(capsys, "count", str(logs / "app.jsonl"), "--per", "level")
    out, _ = ask(capsys, "ingest", str(logs / "app.jsonl"), "--output", "json")
    assert json.loads(out)["files"][0]["rejected"] == 1
    after, err = ask(capsys, "count", str(logs / "app.jsonl"), "--per", "level", "--verbose")
    assert after == before
    assert "answered from the cache" in err
