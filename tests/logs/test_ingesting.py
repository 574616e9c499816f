"""Two processes keep what one keeps, in the order of the files, and tell of the file that can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.logs import cache, ingesting
from bridge.logs.options import PROCESSES, SourceOptions
from bridge.logs.paths import LogFile


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of a fork beside the threads of a run of tests, since Python 3.12
def test_two_processes_keep_what_one_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(
            "".join(f'{{"ts":"2026-03-10T02:00:{second:02}Z","level":"INFO","msg":"m{second}"}}\n' for second in range(number + 2))
        )
        files.append(LogFile(path=path, name=path.name, options=SourceOptions(paths=("x",))))
    files.insert(1, LogFile(path=tmp_path / "gone.jsonl", name="gone.jsonl", options=SourceOptions(paths=("x",))))
    seen = []
    for workers in (1, 2):
        monkeypatch.setenv(PROCESSES, "2")
        monkeypatch.setattr(ingesting, "processes", lambda _, count=workers: count)
        outcomes = list(ingesting.ingest_all(files, tmp_path / f"cache{workers}"))
        assert isinstance(outcomes[1], FileNotFoundError)
        seen.append([(one[0].name, one[0].tally(), one[1]) for one in outcomes if not isinstance(one, Exception)])
    assert seen[0] == seen[1]
    assert [name for name, _, _ in seen[0]] == ["0.jsonl", "1.jsonl", "2.jsonl"]
    assert all(cache.fresh(file, tmp_path / "cache2") for file in files if file.path.exists())
