from __future__ import annotations

import gzip
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.adapters.log_sources.files import FileLogs, open_source
from bridge.errors import InputError
from bridge.model.window import Window
from bridge.plugins import AdapterOptions, load
from bridge.ports import LogRequest, LogSource, Span

ROOT = Path(__file__).parents[3]
START = datetime(2026, 3, 3, tzinfo=UTC)
FORTNIGHT = Window(start=START, end=START + timedelta(days=14))


def opened(root: Path, *sources: dict[str, Any]) -> FileLogs:
    return open_source(
        AdapterOptions(
            name="app",
            values={"sources": list(sources)},
            root=root,
            where="bridge.yaml:7",
            secret=lambda key: key,
            now=lambda: datetime.now(UTC),
        )
    )


def test_the_factory_is_found_by_name(tmp_path: Path) -> None:
    source: LogSource = opened(tmp_path, {"paths": ["x"]})
    assert load("log_sources", "files") is open_source
    assert source.product == "files"


def test_globs_folders_and_rotated_files_once_each(tmp_path: Path) -> None:
    (tmp_path / "logs" / "inner").mkdir(parents=True)
    line = b'{"ts":"2026-03-10T02:00:01Z","msg":"x"}\n'
    for name in ("app.log", "app.log.1", "inner/b.log", ".hidden"):
        (tmp_path / "logs" / name).write_bytes(line)
    (tmp_path / "logs" / "app.log.2.gz").write_bytes(gzip.compress(line))
    everything = ["logs/app.log.2.gz", "logs/app.log.1", "logs/app.log", "logs/inner/b.log"]  # the oldest first
    for paths in (["logs"], ["logs/**"], ["logs/*", "logs/inner/*"], [str(tmp_path / "logs")], ["logs/app*", "logs"]):
        source = opened(tmp_path, {"paths": paths})
        assert [file.name for file in source.files()[0]] == everything
        assert source.select(LogRequest(window=FORTNIGHT)).counts["parsed"] == 4
    literal = tmp_path / "odd[1].log"
    literal.write_bytes(line)
    assert [file.name for file in opened(tmp_path, {"paths": ["odd[1].log"]}).files()[0]] == ["odd[1].log"]


def test_nothing_matches(tmp_path: Path) -> None:
    source = opened(tmp_path, {"paths": ["logs/gateway/*"]})
    result = source.select(LogRequest(window=FORTNIGHT))
    assert result.problems == (f"logs app: no file matches logs/gateway/* (in {tmp_path})",)
    assert result.table.num_rows == 0
    (line,) = source.check()
    assert (line.ok, line.detail) == (False, "no file matches")


def test_options_are_checked_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        opened(tmp_path, {"paths": ["x"], "formt": "json"})
    assert caught.value.where == "bridge.yaml:7 logs.app sources[0]"
    assert caught.value.hint == "did you mean 'format'?"


def test_check_tells_format_times_and_share(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("".join(f"2026-03-{day:02}T02:00:00Z INFO x{'y' * 5000}\n" for day in range(3, 17)) * 20)
    (tmp_path / "b.log").write_text("2026-03-10 02:00:00 INFO x\n" * 3)
    good, bad = opened(tmp_path, {"paths": ["a.log"]}, {"paths": ["b.log"], "format": "text"}).check()
    assert good.ok
    assert good.detail.startswith("1 file, 1.4 MB, text (sniffed), 2026-03-03 02:00 to 2026-03-16 02:00 UTC, ")
    assert not bad.ok
    assert "0 of 3 sampled lines read" in bad.detail
    assert "declare `zone` for this source" in bad.hint


def write_fortnight(folder: Path, size: int) -> int:
    """Write JSON lines, an access log and text with stack traces over fourteen days; return the lines."""
    folder.mkdir()
    seconds = 14 * 86_400
    count = size // 600
    total = 0
    for name in ("exports", "gateway", "worker"):
        lines = []
        for number in range(count):
            at = START + timedelta(seconds=seconds * number / count)
            who = f"acct_{number % 400:04}"
            if name == "exports":
                lines.append(
                    f'{{"ts":"{at:%Y-%m-%dT%H:%M:%S}Z","level":"info","account":"{who}","trace":"{number:032x}","msg":"export {number} done","n":1}}'
                )
            elif name == "gateway":
                lines.append(
                    f'10.0.0.1 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /api/v1/exports/{number} HTTP/1.1" 200 512 "-" "{"agent/1 " * 14}"'
                )
            else:
                lines.append(f"{at:%Y-%m-%d %H:%M:%S},123 INFO [main] c.a.Worker - job {number} account={who} {'x' * 120}")
                if number % 50 == 0:
                    lines.extend(["java.lang.IllegalStateException: x", "\tat c.a.Worker.run(Worker.java:1)"])
        total += len(lines)
        text = "\n".join(lines).encode()
        (folder / name).write_bytes(gzip.compress(text, 1) if name == "worker" else text)
    return total


def test_a_narrow_question_over_many_lines_is_fast(tmp_path: Path) -> None:
    size = int(os.environ.get("BRIDGE_LOG_TEST_BYTES", "12000000"))
    lines = write_fortnight(tmp_path / "logs", size)
    source = opened(tmp_path, {"paths": ["logs/*"], "zone": "UTC"})
    nights = [START + timedelta(days=day, hours=1, minutes=35) for day in range(7, 14)]
    spans = tuple(
        Span(window=Window(start=night, end=night + timedelta(minutes=35)), account_id=f"acct_{number:04}")
        for night in nights
        for number in range(38)
    )
    begun = time.process_time()
    result = source.select(LogRequest(window=FORTNIGHT, spans=spans))
    took = time.process_time() - begun
    counts = result.counts
    assert counts["lines"] == lines == counts["parsed"] + counts["joined"] + counts["rejected"] + counts["skipped"]
    assert counts["rejected"] == 0
    assert counts["skipped"] > 0.95 * lines
    assert result.table.num_rows > 0
    assert took < 3.0 * max(1.0, size / 60e6)  # ten times what it takes: a bound against full decoding


@pytest.mark.corpora
def test_real_logs_lose_no_line() -> None:
    corpora = Path(os.environ.get("BRIDGE_CORPORA", ROOT.parent / "shared" / "corpora")) / "trainticket" / "logs"
    if not corpora.is_dir():
        pytest.skip(f"{corpora} is not there; BRIDGE_CORPORA names the folder")
    page = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    (documented,) = yaml.safe_load(next(part for part in page.split("```yaml")[1:] if "json_column: Log" in part).split("```")[0])
    documented["paths"] = [str(corpora / name) for name in ("08_58_log.csv.gz", "08_59_log.csv.gz", "09_00_log.csv.gz")]
    result = opened(ROOT, documented).read_all()
    assert result.counts["rejected"] == result.counts["joined"] == 0
    assert result.counts["parsed"] == result.counts["lines"] == result.counts["events"] + 3
    assert result.problems == ()
    levels = set(result.table["level"].to_pylist())
    assert levels == {"INFO", "WARN", "ERROR"}
    assert None not in result.table["trace_id"].to_pylist()
    assert "ts-contacts-service" in set(result.table["service"].to_pylist())
