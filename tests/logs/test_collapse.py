from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.logs.collapse import LONGEST, collapse

PATTERN = re.compile(r"[0-9](?:[0-9]|[a-f]{1,16}(?=[0-9])|[a-f]{1,16})*")


@settings(deadline=None)
@given(st.lists(st.text(alphabet="0159abfgxzé -.\r\u2028😀", max_size=20), max_size=30))
def test_it_is_what_the_expression_says(messages: list[str]) -> None:
    texts, numbers = collapse(messages)
    assert len(set(texts)) == len(texts), "short texts are distinct"
    assert [texts[number] for number in numbers.tolist()] == [PATTERN.sub("0", message) for message in messages]


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
