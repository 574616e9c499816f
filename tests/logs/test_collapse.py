from __future__ import annotations

import re
from collections import Counter

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.logs.collapse import LONGEST, collapse, shrunk
from bridge.logs.miner import Miner, mined
from bridge.logs.sql import VALUE

PATTERN = re.compile(VALUE)
MESSAGES = st.lists(st.text(alphabet="0159abfgxzé -.\r\u2028😀", max_size=20) | st.text(alphabet="0abf", max_size=60), max_size=30)


@settings(deadline=None)
@given(MESSAGES)
def test_it_is_what_the_expression_says(messages: list[str]) -> None:
    texts, numbers = collapse(messages)
    assert len(set(texts)) == len(texts), "short texts are distinct"
    assert [texts[number] for number in numbers.tolist()] == [PATTERN.sub("0", message) for message in messages] == shrunk(messages)


@settings(deadline=None, max_examples=25)
@given(MESSAGES)
def test_a_store_does_the_same(messages: list[str]) -> None:
    query = "SELECT regexp_replace(unnest($texts::VARCHAR[]), $pattern, '0', 'g')"
    with duckdb.connect() as connection:
        found = [row[0] for row in connection.execute(query, {"texts": messages, "pattern": VALUE}).fetchall()]
    texts, numbers = collapse(messages)
    assert found == [texts[number] for number in numbers.tolist()]
    miner = Miner()
    miner.add_counted(Counter(found), collapsed=True)
    miner.add_counted(Counter(messages))
    ours, right = miner.finish(), mined([*messages, *messages])
    assert (ours.ids, ours.texts, ours.lines) == (right.ids, right.texts, right.lines)


def test_first_lines_exceptions_and_length() -> None:
    messages = [
        "job 17 failed\njava.io.IOException: no\n\tat a.B.c(B.java:1)",
        "x" * (LONGEST + 5),
        "x" * (LONGEST + 9),
        "",
        "job 4 failed",
    ]
    texts, numbers = collapse(messages)
    assert [texts[number] for number in numbers.tolist()] == [
        "job 0 failed | java.io.IOException",
        "x" * LONGEST,
        "x" * LONGEST,
        "",
        "job 0 failed",
    ]


def test_nothing() -> None:
    assert collapse([])[0] == []
