from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InputError
from bridge.model.investigation import Parameter
from bridge.model.window import Window
from bridge.sql.parameters import parse_window, recorded, resolve

NOW = datetime(2026, 3, 17, 6, 30, 15, tzinfo=UTC)
CASES = Path(__file__).parent.parent / "cases" / "sql"


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text(encoding="utf-8").splitlines() if line]


def _parameter(declared: dict[str, Any]) -> Parameter:
    fields = dict(declared)
    for key in ("choices", "default"):
        if isinstance(fields.get(key), list):
            fields[key] = tuple(fields[key])
    return Parameter(name="p", **fields)


@pytest.mark.parametrize("row", _rows("parameters.jsonl"), ids=lambda row: f"{row['declared']['type']}-{row.get('given')}"[:60])
def test_a_text_becomes_the_value_of_its_type(row: dict[str, Any]) -> None:
    given_texts = {} if row.get("given") is None else {"p": row["given"]}
    if "error" in row:
        with pytest.raises(InputError) as caught:
            resolve([_parameter(row["declared"])], given_texts, now=NOW)
        assert row["error"] in f"{caught.value.message} {caught.value.where} {caught.value.hint}"
        return
    values = resolve([_parameter(row["declared"])], given_texts, now=NOW)
    assert recorded(values) == row["recorded"]


def test_every_fault_is_told_at_once() -> None:
    parameters = [
        Parameter(name="window", type="window", default="last 14 days"),
        Parameter(name="minimum_events", type="integer", minimum=1),
        Parameter(name="plan", type="enum", choices=("free", "enterprise")),
        Parameter(name="account", type="account"),
    ]
    with pytest.raises(InputError) as caught:
        resolve(parameters, {"windw": "x", "minimum_events": "0", "plan": "enterprize"}, now=NOW)
    messages = [f"{problem.message} / {problem.hint}" for problem in caught.value.problems]
    assert len(messages) == 4
    assert any("windw" in text and "'window'" in text for text in messages)
    assert any("0 is out of range / at least 1" in text for text in messages)
    assert any("did you mean 'enterprise'" in text for text in messages)
    assert any("'account': missing" in text for text in messages)


def test_python_types_of_the_values() -> None:
    parameters = [
        Parameter(name="n", type="integer", default=2),
        Parameter(name="share", type="decimal", default=0.5),
        Parameter(name="on", type="date", default="2026-03-01"),
        Parameter(name="flag", type="boolean", default=True),
        Parameter(name="ids", type="list", items="integer", default=(1, 2)),
    ]
    values = resolve(parameters, {}, now=NOW)
    assert values == {"n": 2, "share": Decimal("0.5"), "on": date(2026, 3, 1), "flag": True, "ids": [1, 2]}
    assert list(values) == ["n", "share", "on", "flag", "ids"]


def test_a_baseline_stands_before_the_window_whatever_the_order() -> None:
    parameters = [
        Parameter(name="baseline", type="window", default="7 days before window"),
        Parameter(name="window", type="window", default="last 1 day"),
    ]
    values = resolve(parameters, {"window": "2026-03-10..2026-03-11"}, now=NOW)
    assert values["baseline"] == Window(start=datetime(2026, 3, 3, tzinfo=UTC), end=datetime(2026, 3, 10, tzinfo=UTC))
    values = resolve(parameters, {"baseline": "before window"}, now=NOW)
    assert values["baseline"] == Window(start=NOW - timedelta(days=2), end=NOW - timedelta(days=1))


def test_a_naive_clock_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        resolve([], {}, now=datetime(2026, 3, 17))  # noqa: DTZ001 - the fault under test


@given(st.text(max_size=40))
def test_any_text_is_a_window_or_one_clear_error(text: str) -> None:
    try:
        window = parse_window(text, now=NOW)
    except InputError as error:
        assert error.message  # noqa: PT017 - the law is about both outcomes
    else:
        assert window.start < window.end
        assert window.start.tzinfo is UTC


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.text(max_size=20)))
def test_any_texts_are_values_or_problems_for_each_fault(texts: dict[str, str]) -> None:
    parameters = [
        Parameter(name="a", type="integer", default=1),
        Parameter(name="b", type="list", items="date", default="2026-01-01"),
        Parameter(name="c", type="datetime", default="now"),
    ]
    try:
        values = resolve(parameters, texts, now=NOW)
    except InputError as error:
        assert 1 <= len(error.problems) <= 4  # noqa: PT017 - the law is about both outcomes
    else:
        assert set(values) == {"a", "b", "c"}


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r\x00", exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_a_repeated_option_keeps_quoted_commas(items: list[str]) -> None:
    parameter = Parameter(name="p", type="list")
    quoted = ['"' + item.strip().replace('"', '""') + '"' for item in items]
    assert resolve([parameter], {"p": quoted}, now=NOW)["p"] == [item.strip() for item in items]
