"""The law of the prefilter: a narrow question gives what reading everything and filtering gives, and counts every line."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.logs.ask import ask
from bridge.logs.options import SourceOptions, parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from bridge.logs.selection import read_all, select, wish
from bridge.model.window import Window
from bridge.ports import LogRequest, LogResult, Span

START = datetime(2026, 3, 10, 2, tzinfo=UTC)
ACCOUNTS = ("acct_1", "acct_2")
FORMATS = ("json", "logfmt", "nginx", "text", "csv")


def source(**options: Any) -> SourceOptions:
    return parse_sources({"sources": [{"paths": ["x"], **options}]}, "")[0]


def window(first: float, last: float) -> Window:
    return Window(start=START + timedelta(minutes=first), end=START + timedelta(minutes=last))


def line_of(kind: str, minute: float, account: str | None, style: int) -> str:
    """Return a line of a format; `style` picks how its time and zone are written."""
    at = START + timedelta(minutes=minute)
    local = at + timedelta(hours=2)
    iso = [
        f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
        f"{local:%Y-%m-%dT%H:%M:%S}+02:00",
        f"{local:%Y-%m-%d %H:%M:%S},5 +0200",
    ][style % 3]
    who = account or "-"
    if kind == "json":
        shown = f"{int(at.timestamp() * 1000)}" if style == 3 else f'"{iso}"'
        more = ',"inner":{"ts":"2020-01-01T00:00:00Z"}' if style == 4 else ""
        first = '"inner":{"ts":"2020-01-01T00:00:00Z"},' if style == 5 else ""
        key = "time" if style == 5 else "ts"  # the only `ts` is an inner one
        return f'{{{first}"{key}":{shown},"account":"{who}","msg":"m ts \\"ts\\":\\"x\\""{more}}}'
    if kind == "logfmt":
        return (
            f'ts="{iso}" account={who} msg="text ts=2020-01-01T00:00:00Z"' if style == 4 else f'level=info ts="{iso}" account={who} msg=m'
        )
    if kind == "nginx":
        return f'10.0.0.1 - {who} [{local:%d/%b/%Y:%H:%M:%S} +0200] "GET /[x] HTTP/1.1" 200 5 "-" "-" account={who}'
    if kind == "csv":
        return f'"{iso}",{who},plain' if style % 2 else f"{iso},{who},plain"
    heads = [iso, f"[{iso}]", f"INFO {iso}", f"{at:%b %d %H:%M:%S}", f"{at:%Y-%m-%d %H:%M:%S}", f"{at:%Y-%m-%d %H:%M:%S} UTC"]
    return f"{heads[style % 6]} INFO account={who} text"


ODD = {
    "json": ["\tat com.acme.Export.run(Export.java:41)", "garbage", "{", '{"ts":"2026-03-10T02:0', "", '{"msg":"no time"}'],
    "logfmt": ["Traceback (most recent call last):", "words only", 'ts=2026-03-10T02:00:01Z msg="cut', "", "level=info msg=x"],
    "nginx": ["10.0.0.1 - - [cut", "", "\tat x(y)", "words"],
    "csv": ['2026-03-10T02:00:01Z,acct_1,"over', 'lines"', "1,2", "", '"'],
    "text": [
        "\tat com.acme.Export.run(Export.java:41)",
        "Caused by: x",
        "",
        "  2026-03-10 02:00:01 indented",
        "2026-13-10 02:00:01 no such month",
    ],
}


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str]:
    kind = draw(st.sampled_from(FORMATS))
    good = st.builds(
        line_of,
        st.just(kind),
        st.integers(-60_000, 60_000).map(lambda value: value / 1_000),
        st.sampled_from([*ACCOUNTS, None]),
        st.integers(0, 5),
    )
    lines = draw(st.lists(st.one_of(good, good, good, st.sampled_from(ODD[kind])), max_size=40))
    text = "\n".join((["at,account,message", *lines]) if kind == "csv" else lines)
    return kind, text + draw(st.sampled_from(["", "\n"]))


spans = st.builds(
    lambda first, length, who: Span(window=window(first, first + length), account_id=who),
    st.integers(-50, 50),
    st.integers(1, 30),
    st.sampled_from([*ACCOUNTS, None]),
)


def rows(result: LogResult) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = result.table.to_pylist()
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(), st.lists(spans, max_size=4), st.booleans())
def test_a_narrow_question_equals_a_filter_over_everything(file: tuple[str, str], asked: list[Span], by_trace: bool) -> None:  # noqa: FBT001
    kind, text = file
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.log"
        path.write_bytes(text.encode())
        options = source(format=kind, service="s", zone="UTC", year=2026, account_from_trace=by_trace, fields={"account_id": "account"})
        log = LogFile(path=path, name="a.log", options=options)
        request = LogRequest(window=window(-45, 45), spans=tuple(asked))
        everything, narrow = read_all([log]), select([log], request)
    wanted = wish(request)
    expected = [
        row
        for row in rows(everything)
        if wanted.wants((row["at"] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), "", "s", row["account_id"], None)
    ]
    assert rows(narrow) == expected
    for result in (everything, narrow):
        counts = result.counts
        assert counts["lines"] == counts["parsed"] + counts["joined"] + counts["rejected"] + counts["skipped"]
        assert result.rejects is not None
        assert result.rejects.num_rows == counts["rejected"]
    assert everything.counts["skipped"] == 0
    assert everything.counts["lines"] == narrow.counts["lines"] == len(text.split("\n")) - (text.endswith("\n") or not text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([*FORMATS, "syslog", None]))
def test_any_bytes_are_counted(data: bytes, kind: str | None) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.log"
        path.write_bytes(b"#" + data)  # not by chance the first bytes of a compressed file
        result = read_all([LogFile(path=path, name="a.log", options=source(format=kind) if kind else source())])
    counts = result.counts
    assert counts["lines"] == counts["parsed"] + counts["joined"] + counts["rejected"]
    assert counts["lines"] == (b"#" + data).count(b"\n") + (not (b"#" + data).endswith(b"\n"))


def test_spans_take_named_accounts_and_what_names_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    named = ["acct_1", "acct_2", "-", "acct_1"]
    path.write_text("".join(line_of("json", minute, who, 0) + "\n" for minute, who in enumerate(named)))
    log = LogFile(path=path, name="a.jsonl", options=source(format="json"))
    result = select([log], LogRequest(window=window(-10, 10), spans=(Span(window=window(0, 3), account_id="acct_1"),)))
    assert [row["account_id"] for row in rows(result)] == ["acct_1", None]


def test_services_levels_and_skipped_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text('{"ts":"2026-03-10T02:00:01Z","level":"error","msg":"x"}\n{"ts":"2026-03-10T02:00:02Z","msg":"y"}\n')
    logs = [LogFile(path=tmp_path / name, name=name, options=source(format="json", service=name)) for name in ("a", "b")]
    result = select(logs, LogRequest(window=window(-10, 10), services=("a",), levels=("ERROR",)))
    assert [(row["file"], row["level"]) for row in rows(result)] == [("a", "ERROR")]
    assert result.counts["files"] == 1
    assert result.counts["skipped_files"] == 1


def test_time_order_is_stable_and_the_limit_says_so(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text("".join(line_of("json", minute, name, 0) + "\n" for minute in (2, 1, 1)))
    logs = [LogFile(path=tmp_path / name, name=name, options=source(format="json")) for name in ("b", "a")]
    result = select(logs, LogRequest(window=window(0, 10), limit=5))
    assert result.truncated
    assert [(row["file"], row["offset"] > 0) for row in rows(result)] == [("b", True), ("b", True), ("a", True), ("a", True), ("b", False)]
    assert not select(logs, LogRequest(window=window(0, 10), limit=6)).truncated


def test_accounts_come_from_their_trace(tmp_path: Path) -> None:
    (tmp_path / "gateway").write_text(
        '{"ts":"2026-03-10T02:00:01Z","trace_id":"t1","account_id":"acct_1","msg":"in"}\n'
        '{"ts":"2026-03-10T02:00:01Z","trace_id":"t2","account_id":"acct_1","msg":"in"}\n'
        '{"ts":"2026-03-10T02:00:01Z","trace_id":"t2","account_id":"acct_2","msg":"in"}\n'
    )
    (tmp_path / "worker").write_text("".join(f'{{"ts":"2026-03-10T02:03:0{n}Z","trace_id":"t{n}","msg":"work"}}\n' for n in (1, 2, 3)))
    logs = [
        LogFile(path=tmp_path / "gateway", name="gateway", options=source(format="json", service="gateway")),
        LogFile(path=tmp_path / "worker", name="worker", options=source(format="json", service="worker", account_from_trace=True)),
    ]
    request = LogRequest(window=window(2, 10), services=("worker",), spans=(Span(window=window(2, 10), account_id="acct_1"),))
    # t1 names one account, t2 names two and so none, t3 names none.
    assert [(row["trace_id"], row["account_id"]) for row in rows(select(logs, request))] == [("t1", "acct_1"), ("t2", None), ("t3", None)]


def test_a_vanished_file_is_a_problem_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"ts":"2026-03-10T02:00:01Z","msg":"x"}\n')
    logs = [LogFile(path=tmp_path / name, name=name, options=source()) for name in ("gone", "a")]
    result = select(logs, LogRequest(window=window(-10, 10)))
    assert result.problems == ("gone: No such file or directory",)
    assert result.table.num_rows == 1


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_blocks_cut_anywhere_give_the_same(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line_of("text", minute, "acct_1", minute % 6) + ("\n\tat x\n\n\tat y" if minute % 3 == 0 else "") for minute in range(-20, 20)]
    path = tmp_path / "a.log"
    path.write_text("\n".join(lines))
    log = LogFile(path=path, name="a.log", options=source(format="text", zone="UTC", year=2026))
    request = LogRequest(window=window(-5, 5))
    whole, narrow = read_all([log]), select([log], request)
    monkeypatch.setattr("bridge.logs.reading._READ", size)
    monkeypatch.setattr("bridge.logs.reading.blocks.__defaults__", (size,))
    assert rows(read_all([log])) == rows(whole)
    small = select([log], request)
    assert rows(small) == rows(narrow)
    assert small.counts == narrow.counts


def test_a_year_that_was_taken_from_the_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text("Dec 31 23:59:59 web1 app[7]: a\nJan  1 00:00:01 web1 app[7]: b\n", encoding="utf-8")
    new_year = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
    os.utime(path, (new_year, new_year))
    said = "messages: times have no year, taken as 2025, 2026 by the file's own time; declare `year`"
    log = LogFile(path=path, name="messages", options=source(format="syslog", zone="UTC"))
    result = read_all([log])
    assert [row["at"].isoformat() for row in rows(result)] == ["2025-12-31T23:59:59+00:00", "2026-01-01T00:00:01+00:00"]
    assert result.problems == (said,)
    assert ask([log], Question(grep=("b",))).problems() == [said]
    assert read_all([LogFile(path=path, name="messages", options=source(format="syslog", zone="UTC", year=2026))]).problems == ()
