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


UPSTREAM = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" rt=$request_time us=$upstream_addr id=${request_id}'
LINES = """\
10.0.0.7 - - [10/Mar/2026:02:00:01 +0000] "GET /exports/17?a=1 HTTP/1.1" 502 17 "curl/8 \\"x\\"" rt=0.120 us=10.1.0.1:80, 10.1.0.2:80 id=8f5c
10.0.0.7 - ada [10/Mar/2026:02:00:02 +0000] "POST /exports HTTP/1.1" 201 0 "-" rt=0.001 us=- id=8f5d
10.0.0.7 - ada [10/Mar/2026:02:00:02 +00
"""


def custom(log_format: str, sample: str) -> SourceOptions:
    return parse({"edge": {"log_format": log_format, "samples": [sample]}}, "edge")


def test_a_log_format_of_nginx_is_taken_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "edge.log"
    path.write_text(LINES, encoding="utf-8")
    file = LogFile(path=path, name="edge.log", options=custom(UPSTREAM, LINES.splitlines()[0]))
    answer = ask([file], Question(whole=True))
    assert answer.rows.message == ["GET /exports/17?a=1 502 Bad Gateway", "POST /exports 201 Created"]
    assert answer.rows.level == ["ERROR", "INFO"]
    assert answer.rows.trace_id == ["8f5c", "8f5d"]
    assert '"upstream_addr":"10.1.0.1:80, 10.1.0.2:80"' in answer.rows.attributes[0]
    assert '"bytes":17' in answer.rows.attributes[0]
    assert answer.rejects.reason == ["does not match the log_format of edge"]
    for question in (Question(levels=frozenset({"ERROR"})), Question(grep=("Bad Gateway",)), Question(traces=frozenset({"8f5c"}))):
        assert ask([file], question).rows.message == answer.rows.message[:1]


@pytest.mark.parametrize(
    ("log_format", "line", "message", "attributes"),
    [
        ('%h %l %u %t "%r" %>s %b', '10.0.0.7 - ada [10/Mar/2026:02:00:01 +0000] "GET / HTTP/1.0" 404 -', "GET / 404 Not Found", "ada"),
        (
            '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" %D',
            'a.example:80 10.0.0.7 - - [10/Mar/2026:02:00:01 +0000] "PUT /x HTTP/1.1" 200 12 "-" "curl/8" 1234',
            "PUT /x 200 OK",
            '"request_time_us":"1234"',
        ),
        ("$msec $request_method $uri $status", "1773108001.123 GET /a 503", "GET /a 503 Service Unavailable", '"path":"/a"'),
        ("[$time_iso8601] $status $request", "[2026-03-10T04:00:01+02:00] 200 GET /b HTTP/2.0", "GET /b 200 OK", '"method":"GET"'),
    ],
)
def test_log_formats(log_format: str, line: str, message: str, attributes: str, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(line + "\n", encoding="utf-8")
    rows = ask([LogFile(path=path, name="a", options=custom(log_format, line))], Question(whole=True)).rows
    assert rows.message == [message]
    assert rows.at[0] // 1_000_000 == 1_773_108_001
    assert attributes in rows.attributes[0]
