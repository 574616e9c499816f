"""`bridge logs search | count | timeline` on real files, through the entry point."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
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


@pytest.fixture
def clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make twenty traces: the gateway calls exports, whose clock is 90 seconds ahead."""
    monkeypatch.chdir(tmp_path)
    for service, ahead, first, last in (("gateway", 0, 0.0, 0.9), ("exports", 90, 0.1, 0.8)):
        lines = []
        for number in range(20):
            for offset in (first, last):
                at = datetime(2026, 3, 10, 2, tzinfo=UTC) + timedelta(seconds=number * 7 + offset + ahead)
                lines.append(
                    json.dumps({"ts": at.isoformat(), "service": service, "trace_id": f"t{number}", "level": "INFO", "msg": f"{offset}"})
                )
        (tmp_path / f"{service}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("clocks")
def test_clocks_that_differ_are_told_and_applied_only_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = ask(capsys, "timeline", "*.jsonl", "--trace", "t3")
    assert [line.split()[-2] for line in out.splitlines() if "[" in line] == ["0.0", "0.9", "0.1", "0.8"], "as the clocks show it"
    out, err = ask(capsys, "timeline", "*.jsonl", "--trace", "t3", "--skew")
    assert "clocks: exports is 90.000 s ahead of gateway (+89.899 to +90.101 s, 20 of 20 traces); not applied: --apply-skew" in err
    assert [line.split()[-2] for line in out.splitlines() if "[" in line] == ["0.0", "0.9", "0.1", "0.8"]
    for action in ("timeline", "search"):
        out, err = ask(capsys, action, "*.jsonl", "--trace", "t3", "--apply-skew", "--output", "json")
        document = json.loads(out)
        rows = document["events" if action == "search" else "entries"]
        assert [row["message" if action == "search" else "text"] for row in rows] == ["0.0", "0.1", "0.8", "0.9"]
        told = {"service": "exports", "reference": "gateway", "seconds": 90.0, "low": 89.899, "high": 90.101, "traces": 20, "agreeing": 20}
        assert document["skew"] == [told]
    # The window is one of the corrected clock: exports' events of it lie 90 seconds behind it in the file.
    window = ("--since", "2026-03-10T02:01:00Z", "--window", "7s")
    out, _ = ask(capsys, "search", "*.jsonl", *window, "--apply-skew", "--output", "json")
    assert {row["trace_id"] for row in json.loads(out)["events"]} == {"t9"}


@pytest.mark.usefixtures("clocks")
def test_a_timeline_of_all_traces_notices_clocks_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    _, err = ask(capsys, "timeline", "*.jsonl")
    assert "exports is 90.000 s ahead of gateway" in err


def test_events_near_those_that_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "app.jsonl"
    lines = [
        {"ts": f"2026-03-10T02:{minute:02d}:00Z", "level": "ERROR" if minute == 30 else "INFO", "msg": str(minute)} for minute in range(60)
    ]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    out, _ = ask(capsys, "timeline", str(source), "--level", "ERROR", "--around", "2m", "--output", "jsonl")
    events = [row for row in map(json.loads, out.splitlines()) if row["kind"] == "event"]
    assert [row["text"] for row in events] == ["28", "29", "30", "31", "32"]


def test_accounts_that_only_the_trace_names_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bridge.yaml").write_text(
        "format: 1\nlogs:\n  app:\n    product: files\n    sources:\n      - {paths: [gateway.jsonl]}\n"
        "      - {paths: [worker.jsonl], account_from_trace: true}\n",
        encoding="utf-8",
    )
    (tmp_path / "gateway.jsonl").write_text(
        '{"ts":"2026-03-10T02:00:00Z","account_id":"acct_1","trace_id":"t1","msg":"in"}\n', encoding="utf-8"
    )
    (tmp_path / "worker.jsonl").write_text(
        '{"ts":"2026-03-10T02:02:00Z","level":"ERROR","trace_id":"t1","msg":"work"}\n{"ts":"2026-03-10T02:02:00Z","trace_id":"t2","msg":"x"}\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    for flags in (
        ("--account", "acct_1"),
        ("--account", "acct_1", "--since", "2026-03-10T02:01Z"),
        ("--account", "acct_1", "--level", "ERROR"),
    ):
        out, _ = ask(capsys, "search", *flags, "--output", "jsonl")
        assert [json.loads(line)["message"] for line in out.splitlines()][-1] == "work"
    out, _ = ask(capsys, "count", "--account", "acct_1", "--per", "trace_id", "--output", "json")
    assert json.loads(out)["groups"] == [{"trace_id": "t1", "events": 2}]


def test_files_may_stand_behind_flags(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = (str(logs / "app.jsonl"), str(logs / "worker.log"))
    before, _ = ask(capsys, "count", *files, "--zone", "UTC", "--per", "file", "--output", "json")
    for words in (("count", "--zone", "UTC", "--per", "file", *files), ("count", files[0], "--zone", "UTC", files[1], "--per", "file")):
        after, _ = ask(capsys, *words, "--output", "json")
        assert json.loads(after)["groups"] == json.loads(before)["groups"]
    assert main(["logs", "count", "--nope", *files]) == 2
    assert "unrecognized arguments: --nope" in capsys.readouterr().err
