"""The law of every format: lines = parsed + joined + rejected, each rejected line kept at its place, and no answer depends on how it is asked.

Files are made of whole lines of all formats, of their pieces, and of arbitrary bytes. BRIDGE_EXAMPLES asks for a longer search.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.logs import cache
from bridge.logs.ask import ask
from bridge.logs.options import FORMATS, parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from bridge.logs.records import Event
from bridge.logs.selection import read_all

EXAMPLES = int(os.environ.get("BRIDGE_EXAMPLES", "6"))
EDGE = {
    "log_format": '$remote_addr [$time_local] "$request" $status',
    "samples": ['10.0.0.7 [10/Mar/2026:02:00:01 +0000] "GET / HTTP/1.1" 200'],
}
JOBS = {"pattern": r"#\d+ (?P<message>.*?) at=(?P<at>\S+)$", "samples": ["#7 done at=2026-03-10T02:00:01Z"]}
KINDS: dict[str, dict[str, Any]] = {
    **{kind: {"format": kind} for kind in FORMATS},
    "sniffed": {},
    "text by day": {"format": "text", "date": "2026-03-10"},
    "csv with names": {"format": "csv", "columns": ["at", "account", "message"], "json_column": "message"},
    "edge": {"format": "edge"},
    "jobs": {"format": "jobs"},
    "dates": {"format": "text", "dates": "ymd"},
    "patterns": {"message_pattern": r"account=(?P<account_id>\S+)"},
}
LINES = [
    '{"ts":"2026-03-10T02:00:01Z","level":"ERROR","account_id":"acct_1","trace_id":"t1","msg":"failed"}',
    '{"ts":"2026-03-10T02:00:02Z","msg":"a"}{"ts":"2026-03-10T02:00:03Z","msg":"b"} rest',
    '{"ts":7,"msg":{"a":1}}',
    '[{"ts":"2026-03-10T02:00:01Z","msg":"x"},',
    '{"events": [',
    '    "events": [',
    "{",
    "  {",
    '  "ts": "2026-03-10T02:00:01Z"',
    "  },",
    "  }",
    "]",
    "}",
    '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1773108001000000000","body":{"stringValue":"x"}}]}]}]}',
    '{"log":"2026-03-10T02:00:01Z INFO account=acct_1\\n","stream":"stdout","time":"2026-03-10T02:00:01Z"}',
    '{"log":"\\tat x(y)\\n","stream":"stderr","time":"2026-03-10T02:00:01Z"}',
    "2026-03-10T02:00:01Z stdout F 2026-03-10 02:00:01,100 INFO account=acct_1 done",
    "2026-03-10T02:00:01Z stdout P a part ",
    "2026-03-10T02:00:01Z stderr F \tat x(y)",
    "2026-03-10T02:00:01Z stdout F its end",
    "ts=2026-03-10T02:00:01Z level=error account=acct_1 msg=done",
    'ts=2026-03-10T02:00:01Z msg="cut',
    '10.0.0.7 - - [10/Mar/2026:02:00:01 +0000] "GET / HTTP/1.1" 500 17 "-" "x"',
    '10.0.0.7 [10/Mar/2026:02:00:01 +0000] "GET / HTTP/1.1" 200',
    "2026-03-10 02:00:01,123 ERROR [main] app - failed account=acct_1",
    "02:00:01.123 [main] INFO app - done",
    "I, [2026-03-10T02:00:01.123456 #42]  INFO -- : done",
    'Started GET "/" for 10.0.0.7 at 2026-03-10 02:00:01 +0000',
    "I0310 02:00:01.123456    42 export.go:17] started",
    "Mar 10 02:00:01 web1 sshd[42]: account=acct_1",
    '<11>1 2026-03-10T02:00:01Z web1 app 42 - [x y="z"] failed',
    "#7 done at=2026-03-10T02:00:01Z",
    "at,account,message",
    "2026-03-10T02:00:01Z,acct_1,done",
    '2026-03-10T02:00:01Z,acct_1,"over',
    'lines"',
    "1:M 10 Mar 2026 02:00:01.123 * Ready account=acct_1",
    "type=LOGIN msg=audit(1773108001.123:456): pid=1 account=acct_1 done",
    "https 2026-03-10T02:00:01.123456Z app/lb 10.0.0.7:1 account=acct_1 done",
    "\x1b[2m2026-03-10T02:00:01Z\x1b[0m \x1b[31mERROR\x1b[0m account=acct_1 fai\x1b[1mled",
    "260310 020001 42 INFO dfs.Node: account=acct_1 done",
    "26/03/10 02:00:01 INFO Node: done",
    "Mar 10, 2026 2:00:01 AM com.acme.App main",
    "SEVERE: failed account=acct_1",
    "#Fields: date time cs-method cs-uri-stem sc-status account",
    "2026-03-10 02:00:01 GET /done 500 acct_1",
    "2026-03-10\t02:00:01\tGET\t/done\t500\tacct_1",
    "at;account;message",
    "2026-03-10T02:00:01Z;acct_1;done",
    '{"Time":"2026-03-10T02:00:01Z","status":"error","account_id":"acct_1","trace_id":"t1","line":"done"}',
    '{"ts":"2026-03-10T02:00:01Z","status":"error","account_id":"acct_1","msg":"failed"}',
    '{"result":{"_time":"2026-03-10T02:00:01Z","_raw":"ERROR done","account_id":"acct_1"}}',
    '{"ts":"2026-03-10T02:00:01Z","event":{"level":"error","message":"done","account_id":"acct_1"}}',
    '{"Records":[{"eventTime":"2026-03-10T02:00:01Z","account_id":"acct_1"},{"eventTime":"2026-03-10T02:00:02Z"}]}',
    "2026-03-10T02:00:01Z INFO words\u2028more\x0bwords\x0cdone",
    "\tat com.acme.Export.run(Export.java:41)",
    "Caused by: java.io.IOException: x",
    "goroutine 1 [running]:",
    "free words",
    "",
    "   ",
]
pieces = st.one_of(
    st.sampled_from(LINES).map(str.encode),
    st.sampled_from(LINES).map(str.encode),
    st.tuples(st.sampled_from(LINES), st.integers(0, 60)).map(lambda pair: pair[0].encode()[: pair[1]]),
    st.binary(max_size=20),
    st.sampled_from([b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\x1f\x8b"]),
)
ends = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r", b""])
files = st.lists(st.tuples(pieces, ends), max_size=14).map(lambda parts: b"".join(piece + end for piece, end in parts))


def log_file(folder: str, kind: str, data: bytes) -> LogFile:
    path = Path(folder) / "a.log"
    path.write_bytes(b" " + data)  # not by chance the first bytes of a compressed or a UTF-16 file
    given_options = {"paths": ["x"], "zone": "UTC", **({} if "date" in KINDS[kind] else {"year": 2026}), **KINDS[kind]}
    options = parse_sources({"formats": {"edge": EDGE, "jobs": JOBS}, "sources": [given_options]}, "")[0]
    return LogFile(path=path, name="a.log", options=options)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=files)
def test_every_line_is_parsed_joined_or_rejected(kind: str, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        result = read_all([log_file(folder, kind, data)])
    counts = result.counts
    text = b" " + data
    assert counts["lines"] == text.count(b"\n") + (not text.endswith(b"\n"))
    assert counts["lines"] == counts["parsed"] + counts["joined"] + counts["rejected"]
    assert result.rejects is not None
    rejects = result.rejects.to_pylist()
    assert len(rejects) == counts["rejected"]
    starts = {0} | {place + 1 for place, byte in enumerate(text) if byte == ord("\n")}
    for reject in rejects:
        assert reject["offset"] in starts
        line = text[reject["offset"] :].split(b"\n", 1)[0]
        assert reject["length"] == len(line)
        assert reject["reason"]
    assert {row["offset"] for row in result.table.to_pylist()} <= starts


def rows(answer: Any) -> list[tuple[Any, ...]]:
    found = answer.rows
    columns = (found.at, found.level, found.service, found.account_id, found.trace_id, found.message, found.attributes, found.offset)
    return sorted(zip(*columns, strict=True), key=str)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=files, again=st.integers(1, 4))
def test_a_narrow_question_is_the_whole_answer_filtered(kind: str, data: bytes, again: int) -> None:
    with TemporaryDirectory() as folder:
        file = log_file(folder, kind, (data + b"\n") * again)
        whole = rows(ask([file], Question(whole=True)))
        at = 1_773_108_001_000_000
        for question in (
            Question(accounts=frozenset({"acct_1"})),
            Question(traces=frozenset({"t1"})),
            Question(levels=frozenset({"ERROR"})),
            Question(grep=("done",)),
            Question(grep=("Export.java",)),
            Question(start=at, end=at + 1_000_000),
            Question(where=(("account", "acct_1"),)),
        ):
            assert rows(ask([file], question)) == [row for row in whole if question.fits(Event(*row))], question


def without_attributes(answer: Any) -> list[tuple[Any, ...]]:
    return sorted((row[:6] + row[7:] for row in rows(answer)), key=str)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=files, more=files)
def test_what_is_kept_of_a_file_that_grew_is_what_is_read(kind: str, data: bytes, more: bytes) -> None:
    with TemporaryDirectory() as folder:
        base = Path(folder) / "cache"
        file = log_file(folder, kind, data + b"\n" + b"\n".join(line.encode() for line in LINES * 2) + b"\n")
        cache.ingest(file, base)
        with file.path.open("ab") as stream:
            stream.write(more)
        entry, _ = cache.ingest(file, base)
        tally = entry.tally()
        assert tally.lines == tally.parsed + tally.joined + tally.rejected
        kept = ask([file], Question(attributes=False), cached=base)
        read = ask([file], Question(attributes=False, whole=True))
        assert without_attributes(kept) == without_attributes(read)
