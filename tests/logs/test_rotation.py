"""Rotated sets, files that grow, and files that are renamed or cut while they are read: nothing is lost, nothing is told twice."""

from __future__ import annotations

import gzip
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.logs import reading
from bridge.logs.ask import ask
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile, matches
from bridge.logs.question import Question
from bridge.logs.rotation import listed
from bridge.logs.selection import read_all

WHOLE = Question(whole=True)


def options(**given: Any) -> Any:
    return parse_sources({"sources": [{"paths": ["x"], **given}]}, "")[0]


def logs(folder: Path, **given: Any) -> list[LogFile]:
    read_as = options(**given)
    return listed(lambda: ([LogFile(path=path, name=path.name, options=read_as) for path in matches("*", folder)], []))[0]


@pytest.mark.parametrize(
    "names",
    [
        ["app.log.10.gz", "app.log.2.gz", "app.log.1", "app.log"],
        ["app.log-20260301.gz", "app.log-20260302", "app.log"],
        ["app.log.2026-03-01", "app.log.2026-03-02", "app.log"],
        ["app-2026-03-01-1.log", "app-2026-03-01-2.log", "b.log.1", "b.log"],
    ],
)
def test_rotated_files_come_from_the_oldest_on(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in matches("*", tmp_path)] == names
    assert [path.name for path in matches(".", tmp_path)] == names


TRACE = "2026-03-10 02:00:01 ERROR failed\n\tat a(A.java:1)\nCaused by: x.YException: z\n\tat b(B.java:2)\n2026-03-10 02:00:02 INFO next\n"


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
@pytest.mark.parametrize("packed", [False, True])
def test_a_stack_trace_over_two_files_is_one_event(tmp_path: Path, cut: int, packed: bool) -> None:  # noqa: FBT001 - a case
    lines = TRACE.splitlines(keepends=True)
    first, second = "".join(lines[:cut]).encode(), "".join(lines[cut:]).encode()
    (tmp_path / ("app.log.1.gz" if packed else "app.log.1")).write_bytes(gzip.compress(first) if packed else first)
    (tmp_path / "app.log").write_bytes(second)
    files = logs(tmp_path, zone="UTC")
    result = read_all(files)
    assert result.table["message"].to_pylist() == ["failed\n" + "".join(lines[1:4]).rstrip(), "next"]
    counts = result.counts
    assert (counts["lines"], counts["parsed"], counts["joined"], counts["rejected"]) == (5, 2, 3, 0)
    for question in (WHOLE, Question(levels=frozenset({"ERROR"})), Question(grep=("YException",))):
        assert ask(files, question).rows.message[0] == result.table["message"][0].as_py()
    offset = 0 if cut == 4 else len("".join(lines[cut:4]).encode())
    assert result.table["offset"].to_pylist() == [0, offset]


def test_lines_that_follow_no_event_are_rejected_at_their_own_place(tmp_path: Path) -> None:
    (tmp_path / "app.log.1").write_text("no event\n", encoding="utf-8")
    (tmp_path / "app.log").write_text("\tat a(A.java:1)\n2026-03-10 02:00:02 INFO next\n", encoding="utf-8")
    result = read_all(logs(tmp_path, zone="UTC", format="text"))
    assert result.rejects is not None
    assert [(row["file"], row["offset"]) for row in result.rejects.to_pylist()] == [("app.log.1", 0), ("app.log", 0)]
    assert result.counts["lines"] == result.counts["parsed"] + result.counts["rejected"] == 3


def test_unrelated_files_keep_their_first_lines(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("2026-03-10 02:00:01 INFO x\n", encoding="utf-8")
    (tmp_path / "b.log").write_text("\tat a(A.java:1)\n2026-03-10 02:00:02 INFO next\n", encoding="utf-8")
    assert read_all(logs(tmp_path, zone="UTC")).counts["rejected"] == 1


def line(number: int) -> str:
    return f'{{"ts":"2026-03-10T02:{number // 60_000:02d}:{number // 1_000 % 60:02d}.{number % 1_000:03d}Z","level":"INFO","msg":"n{number}"}}\n'


def test_files_that_were_rotated_after_they_were_listed_are_found(tmp_path: Path) -> None:
    for number, name in enumerate(("app.log.1", "app.log")):
        (tmp_path / name).write_text(line(number), encoding="utf-8")
    files = logs(tmp_path)
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.2")
    (tmp_path / "app.log").rename(tmp_path / "app.log.1")
    (tmp_path / "app.log").write_text(line(2), encoding="utf-8")
    assert read_all(files).table["message"].to_pylist() == ["n0", "n1"]
    assert ask(files, WHOLE).rows.message == ["n0", "n1"]
    (tmp_path / "away").mkdir()
    (tmp_path / "app.log.2").rename(tmp_path / "away" / "app.log")  # the oldest is gone, or was packed: that is said
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.3")
    answer = ask(files, WHOLE)
    assert answer.rows.message == ["n1"]
    assert answer.problems() == ["app.log.1: No such file or directory"]
    (tmp_path / "app.log.1").write_text(line(3), encoding="utf-8")
    answer = ask(files, WHOLE)
    assert answer.rows.message == ["n1"]
    assert answer.problems() == ["app.log.1: was replaced while the files were read, what was in it is missing"]


def test_a_writer_that_appends_and_rotates_meanwhile_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before the files were listed is read once, whatever the writer does while they are read."""
    monkeypatch.setattr(reading, "_READ", 4_096)
    live = tmp_path / "app.log"
    stop = threading.Event()
    written = 0

    def rotate() -> None:
        kept = sorted((path for path in tmp_path.glob("app.log.*")), key=lambda path: -int(path.suffix[1:]))
        for path in kept:
            path.rename(tmp_path / f"app.log.{int(path.suffix[1:]) + 1}")
        live.rename(tmp_path / "app.log.1")

    def write() -> None:
        nonlocal written
        while not stop.is_set() and written < 60_000:
            with live.open("a", encoding="utf-8") as stream:
                for _ in range(200):
                    stream.write(line(written))
                    stream.flush()
                    written += 1
            if written % 2_000 == 0:
                rotate()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(12):
            known = written
            result = read_all(logs(tmp_path))
            numbers = Counter(int(text[1:]) for text in result.table["message"].to_pylist() if text.startswith("n"))
            counts = result.counts
            assert counts["lines"] == counts["parsed"] + counts["joined"] + counts["rejected"]
            missing = [number for number in range(known - 1) if not numbers[number]]
            if not result.problems:  # a file that was renamed between listing and reading twice over is named
                assert not missing, (missing[:5], known)
                assert max(numbers.values(), default=1) == 1
    finally:
        stop.set()
        writer.join()


def test_a_line_that_is_still_being_written_is_rejected_and_read_next_time(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(line(1) + line(2)[:30], encoding="utf-8")
    first = read_all(logs(tmp_path, format="json"))
    assert (first.counts["parsed"], first.counts["rejected"]) == (1, 1)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line(2)[30:])
    assert read_all(logs(tmp_path, format="json")).table["message"].to_pylist() == ["n1", "n2"]
