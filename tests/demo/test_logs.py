"""The logs: formats, amounts, the tell-tale, and the same bytes for the same truth."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bridge.adapters.log_sources.files import open_source
from bridge.config.workspace import load
from bridge.demo.company import build
from bridge.demo.exports import FAILING
from bridge.demo.log_lines import SERVICES
from bridge.demo.logs import write_logs
from bridge.demo.truth import DEFAULT_TRUTH, random_truth
from bridge.demo.workspace import write_workspace
from bridge.logs.miner import mined
from bridge.plugins import AdapterOptions
from bridge.ports import LogRequest


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("demo") / "logs"
    return folder, write_logs(folder, DEFAULT_TRUTH, megabytes=2)


def read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def lines(folder: Path, service: str) -> Iterator[str]:
    for path in sorted((folder / service).iterdir()):
        yield from read(path).decode().splitlines()


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.log*")):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def test_files_by_service_and_day(logs: tuple[Path, dict[str, int]]) -> None:
    folder, counts = logs
    for service in SERVICES:
        names = sorted(path.name for path in (folder / service).iterdir())
        assert len(names) == 14
        assert sum(name.endswith(".log.gz") for name in names) == 12
        assert f"{service}-2026-03-16.log" in names
        assert sum(1 for _ in lines(folder, service)) == counts[service] > 200


def test_size_follows_the_parameter(tmp_path: Path) -> None:
    write_logs(tmp_path, DEFAULT_TRUTH, megabytes=60)
    size = sum(len(read(path)) for path in tmp_path.rglob("*.log*"))
    assert 57e6 < size < 64e6


def test_formats(logs: tuple[Path, dict[str, int]]) -> None:
    folder, _ = logs
    for line in lines(folder, "exports"):
        record = json.loads(line)
        assert datetime.fromisoformat(record["ts"]).utcoffset() == timedelta(hours=1)
        assert set(record) >= {"ts", "level", "service", "account", "trace", "msg", "export_id"}
    for line in lines(folder, "scheduler"):
        assert datetime.fromisoformat(json.loads(line)["time"]).utcoffset() == timedelta(0)
    nginx = re.compile(
        r'\S+ - - \[\d\d/Mar/2026:\d\d:\d\d:\d\d \+0000\] "[A-Z]+ \S+ HTTP/1.1" \d{3} \d+ "-" "[^"]+" rt=[\d.]+ account=ac-\d{4} trace=[0-9a-f]{32}'
    )
    assert all(nginx.fullmatch(line) for line in lines(folder, "gateway"))
    logfmt = re.compile(r'ts=2026-03-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=info msg="[^"]+"( account=ac-\d{4} trace=[0-9a-f]{32})?')
    assert all(logfmt.fullmatch(line) for line in lines(folder, "cache"))
    head = re.compile(r"2026-03-\d\d \d\d:\d\d:\d\d,\d{3} (INFO |ERROR) \[pool-2-thread-\d+\] c\.example\.worker\.\w+ - .+")
    stack = re.compile(r"\tat .+|\t\.\.\. \d more|Caused by: .+|(com|java)\.[\w.]+Exception: .+")
    assert all(head.fullmatch(line) or stack.fullmatch(line) for line in lines(folder, "worker"))


def test_lines_are_in_time_order(logs: tuple[Path, dict[str, int]]) -> None:
    folder, _ = logs
    stamps = [line[3:26] for line in lines(folder, "cache")]
    assert stamps == sorted(stamps)
    stamps = [json.loads(line)["ts"] for line in lines(folder, "exports")]
    assert stamps == sorted(stamps)


def test_failing_exports_have_a_whole_trace_without_any_error(logs: tuple[Path, dict[str, int]]) -> None:
    folder, _ = logs
    company = build(DEFAULT_TRUTH)
    failing = [index for index, kind in enumerate(company.exports.kind.tolist()) if kind == FAILING]
    traces: dict[str, list[tuple[str, str]]] = {company.exports.trace[index]: [] for index in failing}
    for service in SERVICES:
        for line in lines(folder, service):
            found = re.search(r"[0-9a-f]{32}", line)
            if found and found.group() in traces:
                traces[found.group()].append((service, line))
    for index in failing:
        found_lines = traces[company.exports.trace[index]]
        first = "gateway" if company.exports.manual[index] else "scheduler"
        assert {service for service, _ in found_lines} == {first, "exports", "cache", "worker"}
        assert not any(re.search(r"error|warn|exception|fail", line, re.IGNORECASE) for _, line in found_lines)
        [snapshot] = [line for service, line in found_lines if service == "cache"]
        assert "generation=pending rows=0" in snapshot
    everywhere = sum("generation=pending" in line for line in lines(folder, "cache"))
    assert everywhere == len(failing) == 168


def test_refresh_and_honest_errors(logs: tuple[Path, dict[str, int]]) -> None:
    folder, _ = logs
    cache = list(lines(folder, "cache"))
    assert sum("snapshot refresh started" in line and "T02:00:00.000Z" in line for line in cache) == 14
    assert sum("snapshot refresh finished" in line and "T02:15:00.000Z" in line for line in cache) == 14
    worker = "\n".join(lines(folder, "worker"))
    assert worker.count("CredentialsExpiredException") >= 10


def test_same_truth_same_bytes(tmp_path: Path, logs: tuple[Path, dict[str, int]]) -> None:
    build.cache_clear()
    write_logs(tmp_path / "again", DEFAULT_TRUTH, megabytes=2)
    assert digest(tmp_path / "again") == digest(logs[0])
    write_logs(tmp_path / "other", random_truth(7), megabytes=2)
    assert digest(tmp_path / "other") != digest(logs[0])


def test_gzip_says_neither_name_nor_time(logs: tuple[Path, dict[str, int]]) -> None:
    for path in logs[0].rglob("*.gz"):
        head = path.read_bytes()[:10]
        assert head[:4] == b"\x1f\x8b\x08\x00"
        assert head[4:8] == b"\0\0\0\0"


def test_the_log_source_reads_every_line(tmp_path: Path) -> None:
    made = write_workspace(tmp_path, DEFAULT_TRUTH, sandbox_url="http://127.0.0.1:8765", log_megabytes=1)
    settings = load(tmp_path)
    config = settings.logs["app"]
    options = AdapterOptions(
        name="app", values=config.values, root=tmp_path, where=config.where, secret=lambda key: key, now=lambda: DEFAULT_TRUTH.as_of
    )
    result = open_source(options).select(LogRequest(window=DEFAULT_TRUTH.window))
    assert (result.counts["lines"], result.counts["rejected"], result.problems) == (made.log_lines, 0, ())
    pending = [row for row in result.table.to_pylist() if "generation=pending" in row["message"]]
    assert len(mined([row["message"] for row in pending]).ids) == 1
    assert len({row["trace_id"] for row in pending}) == len(pending) == 168
    assert all(120 <= row["at"].hour * 60 + row["at"].minute < 136 and row["account_id"] for row in pending)
