"""What several processes read is what one reads; one that is ended from outside is told, and none is left behind."""

from __future__ import annotations

import gzip
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import InputError, RetryLaterError
from bridge.logs import together, workers
from bridge.logs.ask import Answer, ask
from bridge.logs.counting import Counting
from bridge.logs.options import PROCESSES, parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from tests.logs.test_ask import write
from tests.logs.test_places import HEADS, written

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
"""Python 3.12 warns of a fork beside other threads, which a run of tests has; `processes` makes none then."""


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return a patch under which three processes read, and files are cut into small parts."""
    monkeypatch.setenv(PROCESSES, "3")
    monkeypatch.setattr(workers, "processes", lambda tasks: min(3, tasks))
    monkeypatch.setattr(together, "_SMALLEST", 300_000)
    return monkeypatch


def log_files(folder: Path) -> list[LogFile]:
    options = parse_sources({"sources": [{"paths": ["x"], "zone": "UTC"}]}, "")[0]
    rng = random.Random(7)
    paths = [
        written(folder / "large.jsonl", rng, odd=0.02, head=HEADS[0]).path,
        written(folder / "flat.log", rng, odd=0.0, head=HEADS[3]).path,
        write(folder / "app.log", shape="text", lines=3_500, disorder=10.0, seed=4),
        write(folder / "app.log.gz", shape="json", lines=1_500, disorder=0.0, seed=5),
        folder / "gone.jsonl",
        folder / "words.txt",
        folder / "cut.jsonl.gz",
    ]
    (folder / "words.txt").write_text("neither a time nor acc_0007 in an object\n" * 1_500)
    packed = gzip.compress(paths[0].read_bytes())
    (folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) * 2 // 3])
    return [LogFile(path=path, name=path.name, options=options) for path in paths]


QUESTIONS = (
    Question(levels=frozenset({"ERROR"}), attributes=False),
    Question(accounts=frozenset({"acc_0007"})),
    Question(attributes=False),
    Question(whole=True, levels=frozenset({"WARN"})),
)


def told(answer: Answer) -> list[Any]:
    rows = answer.rows
    columns = (rows.at, rows.level, rows.service, rows.account_id, rows.trace_id, rows.message, rows.attributes, rows.file, rows.offset)
    found = sorted(zip(*columns, strict=True), key=lambda row: row[-2:])  # which lines wait for others depends on where a part ends
    return [found, rows.files, answer.reports, answer.rejects, answer.size, answer.passed, answer.notes]


@pytest.mark.parametrize("question", QUESTIONS)
def test_several_processes_answer_as_one_does(question: Question, tmp_path: Path, several: pytest.MonkeyPatch) -> None:
    files = log_files(tmp_path)
    forked: list[int] = []
    share = workers.share

    def watched(count: int, tasks: int, *given: Any) -> Any:
        forked.append(tasks)
        return share(count, tasks, *given)

    several.setattr(workers, "share", watched)
    answer = told(ask(files, question))
    limited = ask(files, question, limit=20)
    counting = Counting(fields=("service", "template"), every=600_000_000)
    counted = told(ask(files, question, counting=counting))
    assert len(forked) == 3
    assert min(forked) >= len(files)
    assert question.whole or max(forked) > len(files)
    several.setattr(workers, "processes", lambda _: 1)
    assert answer == told(ask(files, question))
    alone = ask(files, question, limit=20)
    assert limited.cut == alone.cut
    first = [
        [(one.rows.at[n], one.rows.files[one.rows.file[n]], one.rows.offset[n]) for n in one.rows.order().tolist()[:20]]
        for one in (limited, alone)
    ]
    assert first[0] == first[1]
    own = Counting(fields=("service", "template"), every=600_000_000)
    assert counted == told(ask(files, question, counting=own))
    assert (counting.groups(), counting.templates, counting.total) == (own.groups(), own.templates, own.total)


def test_a_cut_file_is_counted_once(tmp_path: Path) -> None:
    """What was counted before the damage is not counted again by the scan that reads up to it."""
    file = log_files(tmp_path)[-1]
    for question in (Question(levels=frozenset({"ERROR"}), attributes=False), Question(attributes=False)):
        counting = Counting(fields=("level",))
        ask([file], question, counting=counting)
        assert counting.total == len(ask([file], question).rows.at) > 10


def test_all_tasks_are_done_once_in_any_number() -> None:
    for tasks in (1, 5, 20_000):
        found = list(workers.share(3, tasks, lambda task: task * 2, lambda: "done"))
        assert found[-3:] == [(-1, "done")] * 3
        assert sorted(found[:-3]) == [(task, task * 2) for task in range(tasks)]


def broken(task: int) -> int:
    if task == 2:
        raise InputError("a word for whoever asked")
    return task


def ended(task: int) -> bytes:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return b"x" * 3_000_000


def test_an_error_comes_back_and_an_end_from_outside_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    fork = os.fork

    def noted() -> int:
        started.append(fork())
        return started[-1]

    monkeypatch.setattr("os.fork", noted)
    with pytest.raises(InputError, match="a word for whoever asked"):
        list(workers.share(2, 4, broken))
    with pytest.raises(RetryLaterError, match="ended from outside by signal 9"):
        list(workers.share(2, 5, ended))
    results = workers.share(2, 50, ended)
    next(results)
    results.close()
    assert len(started) == 6
    for process in started:
        with pytest.raises(ChildProcessError):  # it is not left
            os.waitpid(process, os.WNOHANG)


def test_a_number_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.setenv(PROCESSES, "many")
    with pytest.raises(InputError, match="many is no number of processes"):
        workers.processes(4)
    monkeypatch.setenv(PROCESSES, "2")
    assert (workers.processes(4), workers.processes(1)) == (2, 1)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("0.52 0.58 0.59 1/467 31", 4),
        ("4.90 1 1 1/9 31", 4),
        ("5.02 1 1 1/9 31", 3),
        ("0.52 1 1 3/9 31", 2),
        ("0.52 1 1 9/10 31", 1),
        ("odd", 4),
    ],
)
def test_as_many_processes_as_cores_are_free(load: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.delenv(PROCESSES, raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: load)
    assert (workers.processes(20), workers.processes(1)) == (expected, 1)
