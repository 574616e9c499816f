"""Formats that bridge.yaml defines: checked against their samples, read like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.errors import InputError
from bridge.logs.ask import ask
from bridge.logs.options import SourceOptions, parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question

PATTERN = r"#\d+ \[(?P<level>\w+)\] (?P<message>.*?) at=(?P<at>\S+)(?: for (?P<account_id>\S+))?$"
SAMPLE = "#7 [ERROR] export failed at=2026-03-10T04:00:01+02:00 for acct_1"


def parse(formats: Any, name: str = "jobs") -> SourceOptions:
    return parse_sources({"formats": formats, "sources": [{"paths": ["x"], "format": name}]}, "bridge.yaml:3 logs.app")[0]


def test_the_time_may_stand_inside_the_line(tmp_path: Path) -> None:
    path = tmp_path / "jobs.log"
    path.write_text(f"{SAMPLE}\n\tat Job.run(Job.java:7)\n#8 [INFO] done at=2026-03-10T02:00:02Z\nfree words\n", encoding="utf-8")
    file = LogFile(path=path, name="jobs.log", options=parse({"jobs": {"pattern": PATTERN, "samples": [SAMPLE]}}))
    answer = ask([file], Question(whole=True))
    assert answer.rows.message == ["export failed\n\tat Job.run(Job.java:7)", "done"]
    assert answer.rows.account_id == ["acct_1", None]
    assert answer.rows.at[1] - answer.rows.at[0] == 1_000_000
    assert answer.rejects.reason == ["does not match the pattern of jobs"]
    narrow = ask([file], Question(accounts=frozenset({"acct_1"})))
    assert narrow.rows.message == answer.rows.message[:1]


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        ({"jobs": {"pattern": PATTERN, "samples": ["another line"]}}, "does not match its sample"),
        ({"jobs": {"pattern": "(?P<message>.*)", "samples": ["x"]}}, "no group for the time"),
        ({"jobs": {"pattern": "(", "samples": ["x"]}}, "no regular expression"),
        ({"jobs": {"pattern": PATTERN}}, "samples must be a list"),
        ({"json": {"pattern": PATTERN, "samples": [SAMPLE]}}, "a name of its own"),
        ({"jobs": {"pattern": PATTERN, "samples": [SAMPLE], "sample": []}}, "unknown key 'sample'"),
        ([], "must be a mapping"),
    ],
)
def test_what_is_wrong_is_said(formats: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(formats)
    assert any(words in problem.message for problem in caught.value.problems)
