from __future__ import annotations

import io
import json
import os
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InputError, RefusedError
from bridge.sql.advice import advice
from bridge.sql.check import check_lines
from bridge.sql.guard import DIALECTS, Verdict, checked, regenerate, verdict

ROOT = Path(__file__).parent.parent
CASES = ROOT / "cases" / "sql"
CORPUS = Path(os.environ.get("BRIDGE_CORPORA", ROOT.parent.parent / "shared" / "corpora")) / "sql-guard.jsonl"


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_honest_queries_run_and_so_does_the_text_made_from_them(dialect: str) -> None:
    rows = [row for row in _rows(CASES / "honest.jsonl") if row["dialect"] == dialect]
    assert len(rows) >= 10
    for row in rows:
        assert verdict(row["sql"], dialect) == Verdict(allowed=True), row["sql"]
        text = regenerate(checked(row["sql"], dialect, where="x"), dialect)
        assert verdict(text, dialect) == Verdict(allowed=True), text
        assert "--" not in text.replace("; --", "")
        assert "/*" not in text or "/*+" in text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_but_a_query_runs(dialect: str) -> None:
    for row in _rows(CASES / "refused.jsonl"):
        if row["dialect"] == dialect:
            outcome = verdict(row["sql"], dialect)
            assert not outcome.allowed, row
            assert outcome.rule, row
            assert outcome.message, row
            if row["rule"]:
                assert outcome.rule == row["rule"], (row, outcome)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_size_and_depth_are_bounded_before_the_parser(dialect: str) -> None:
    deep = [
        "SELECT " + "(" * 30_000 + "1" + ")" * 30_000,
        "SELECT * FROM " + "(SELECT * FROM " * 4_000 + "t" + ")" * 4_000,
        "SELECT " + "NOT " * 10_000 + "1",
        "SELECT " + "CASE WHEN 1 = 1 THEN " * 2_000 + "1" + " END" * 2_000,
        "SELECT " + "- " * 20_000 + "1",
    ]
    for sql in deep:
        outcome = verdict(sql, dialect)
        assert outcome.rule in {"nesting", "size"}, (sql[:40], outcome)
    assert verdict("SELECT '" + "x" * 70_000 + "'", dialect).rule == "size"
    assert verdict("SELECT " + ", ".join(str(number) for number in range(8_000)), dialect).allowed


def test_a_refusal_says_where() -> None:
    assert verdict("SELECT 1,\n  pg_sleep(5)", "postgres") == Verdict(
        allowed=False,
        rule="function",
        message="pg_sleep() is not on the list of postgres functions that only compute from their arguments",
        line=2,
        column=3,
    )
    with pytest.raises(RefusedError) as caught:
        checked("SELECT * FROM pg_authid", "postgres", where="events.sql")
    assert caught.value.where == "events.sql:1:15"


def test_an_unknown_dialect_is_the_caller_s_mistake() -> None:
    with pytest.raises(InputError, match="unknown SQL dialect 'mongo'"):
        verdict("SELECT 1", "mongo")


@given(st.text(max_size=200), st.sampled_from(DIALECTS))
def test_any_text_has_a_verdict(text: str, dialect: str) -> None:
    outcome = verdict(text, dialect)
    assert outcome.allowed == (outcome.rule == "")


def test_a_process_with_many_open_files_is_answered_too() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2_000:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_000), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    try:
        out = io.StringIO()
        assert check_lines(['{"id": 1, "dialect": "postgres", "sql": "SELECT 1"}'], out) == 0
        assert json.loads(out.getvalue())["verdict"] == "allow"
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_lines_are_answered_in_order_and_hostile_ones_kill_nothing() -> None:
    lines = [
        "no json",
        "[1]",
        '{"id": 1}',
        '{"id": 2, "dialect": "trino", "sql": "SELECT ' + "ROW(" * 100 + "1" + ")" * 100 + '"}',
        '{"id": 3, "dialect": "tsql", "sql": "SELECT ' + "FROM " * 12_000 + '"}',
        '{"id": 4, "dialect": "mariadb", "sql": "SELECT \\ud800"}',
        "",
        '{"id": "five", "dialect": "postgresql", "sql": "SELECT 1"}',
        '{"id": 6, "dialect": "postgres", "sql": 5}',
    ]
    out = io.StringIO()
    assert check_lines(lines, out, seconds=1.0) == 7
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["id"] for answer in answers] == [None, None, 1, 2, 3, 4, "five", 6]
    assert [answer["verdict"] for answer in answers] == ["reject"] * 6 + ["allow", "reject"]


def test_what_is_no_number_and_no_name_is_answered_with_json_that_anyone_reads() -> None:
    lines = ['{"id": NaN, "dialect": "postgres", "sql": "SELECT 1"}', '{"id": 1e999, "dialect": "POSTGRES", "sql": "SELECT 1"}', "[" * 100_000,
             '{"id": ' + "9" * 5_000 + "}", '{"id": "\\ud800", "dialect": {}, "sql": "SELECT 1"}', '{"id": 3, "dialect": "postgres", "sql": "SELECT \\u0000"}']  # fmt: skip
    out = io.StringIO()
    assert check_lines(lines, out) == 5

    def refuse(name: str) -> None:
        raise AssertionError(name)

    answers = [json.loads(line, parse_constant=refuse) for line in out.getvalue().splitlines()]
    assert [(answer["id"], answer["verdict"]) for answer in answers] == [
        (None, "reject"), (None, "allow"), (None, "reject"), (None, "reject"), ("\ud800", "reject"), (3, "reject"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "spot", "instead"),
    [
        ("SELECT lenght(name) FROM accounts", (1, 8), "did you mean length()?"),
        ("SELECT 1;\nSELECT 2", (1, 9), "write one query"),
        ("\n DELETE FROM accounts", (2, 2), "write one query"),
        ("SELECT a\nFROM accounts\nFOR UPDATE", (3, 1), "leave the FOR clause out"),
        ("SELECT a INTO b FROM accounts", (1, 10), "leave INTO out"),
        ("SELECT * FROM pg_shadow", (1, 15), "information_schema"),
        ("SELECT repeat('a', 100000000)", (1, 8), "smaller counts"),
        ("SELECT (1", (1, 9), "check the place"),
    ],
)
def test_a_person_is_told_where_and_what_to_write_instead(sql: str, spot: tuple[int, int], instead: str) -> None:
    outcome = verdict(sql, "postgres")
    assert (outcome.line, outcome.column) == spot
    assert instead in advice(outcome.rule, outcome.message, "postgres")


@pytest.mark.corpora
def test_the_public_corpus(record_property: Any) -> None:
    if not CORPUS.is_file():
        pytest.skip(f"{CORPUS} is not here: set BRIDGE_CORPORA")
    rows = _rows(CORPUS)
    for dialect in DIALECTS:
        verdict("SELECT 1", dialect)
    took = []
    wrong = []
    for row in rows:
        begun = time.perf_counter()
        outcome = verdict(row["sql"], row["dialect"])
        took.append((time.perf_counter() - begun) * 1000)
        if outcome.allowed != (row["expect"] == "allow"):
            wrong.append((row["id"], outcome))
    assert len(rows) == 401
    assert wrong == []
    assert statistics.median(took) < 1
    assert sorted(took)[int(len(took) * 0.99)] < 50
