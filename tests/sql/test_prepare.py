from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InputError, RefusedError
from bridge.model.window import Window
from bridge.ports import BoundQuery
from bridge.sql.guard import DIALECTS
from bridge.sql.parameters import Value
from bridge.sql.paramstyle import for_driver
from bridge.sql.prepare import display, placeholders, prepare, safe_comment, unused

WINDOW = Window(start=datetime(2026, 3, 3, tzinfo=UTC), end=datetime(2026, 3, 17, tzinfo=UTC))
VIEWS = {
    "accounts": "SELECT id AS account_id, name FROM app.customers",
    "exports": "SELECT e.id AS export_id, e.at, a.account_id FROM app.runs e JOIN accounts a ON a.account_id = e.customer -- who",
    "unrelated": "SELECT 1 AS x",
}


def make(sql: str, dialect: str = "duckdb", **more: Any) -> BoundQuery:
    values = more.pop("values", {"window": WINDOW, "minimum": 2, "plans": ["a", "b"]})
    return prepare(
        sql,
        dialect=dialect,
        views=more.pop("views", VIEWS),
        values=values,
        declared=more.pop("declared", list(values)),
        where="events.sql",
        **more,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_views_that_are_read_stand_in_front_each_after_what_it_reads(dialect: str) -> None:
    query = make(
        "WITH mine AS (SELECT * FROM exports WHERE at >= :window_start) SELECT * FROM mine WHERE at < :window_end /* ; */", dialect
    )
    text = query.text.replace('"', "").replace("`", "")
    assert text.startswith("WITH accounts AS (SELECT id AS account_id")
    assert text.index("accounts AS (") < text.index("exports AS (") < text.index("mine AS (")
    assert "unrelated" not in text
    assert "--" not in text
    assert "/*" not in text
    assert query.values == {"window_start": WINDOW.start, "window_end": WINDOW.end}
    assert ":window_start" in text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_view_is_a_query(dialect: str) -> None:
    assert make("SELECT * FROM accounts", dialect).text.replace('"', "").endswith("SELECT * FROM accounts")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_placeholder_may_stand_wherever_a_value_may(dialect: str) -> None:
    sql = "SELECT :minimum AS a, CASE WHEN x = :minimum THEN :minimum END FROM accounts WHERE y IN (:plans) AND z BETWEEN :minimum AND :minimum + 1"
    assert set(make(sql, dialect).values) == {"minimum", "plans"}


def test_every_wrong_placeholder_is_told_at_once() -> None:
    sql = "SELECT :windw_start,\n :window, :minimum, :plans\nFROM accounts WHERE x = ?"
    with pytest.raises(InputError) as caught:
        make(sql, "postgres", declared=["window", "minimum"])
    told = [(problem.message, problem.where, problem.hint) for problem in caught.value.problems]
    assert ("':windw_start' is not declared", "events.sql:1:8", "did you mean ':window_start'?") in told
    assert ("':window' is a window, which has two ends", "events.sql:2:2", ":window_start and :window_end") in told
    assert ("':plans' is not a parameter of this investigation", "events.sql:2:21", "declare it under parameters") in told


@pytest.mark.parametrize(
    ("views", "sql", "word"),
    [
        ({"a": "SELECT * FROM b", "b": "SELECT * FROM a"}, "SELECT * FROM a", "in a circle: a -> b -> a"),
        ({"a": "SELECT * FROM a"}, "SELECT * FROM a", "a table of its own name"),
        ({"a": "SELECT 1 AS x"}, "WITH a AS (SELECT 2 AS x) SELECT * FROM a", "has the name of a view"),
    ],
)
def test_views_that_can_t_be_composed(views: dict[str, str], sql: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        make(sql, views=views)


def test_a_view_is_guarded_like_a_query_and_only_when_read() -> None:
    views = {"bad": "DELETE FROM accounts", "sly": "SELECT pg_sleep(1)", "own": "SELECT * FROM main.own"}
    assert make("SELECT * FROM own", views=views).text.startswith('WITH "own" AS')
    for name in ("bad", "sly"):
        with pytest.raises(RefusedError) as caught:
            make(f"TABLE {name}", "postgres", views=views)
        assert caught.value.where.startswith(f"view '{name}'")


def test_reserved_words_are_quoted() -> None:
    assert '"at"' in make("SELECT at FROM exports").text


def test_unused_parameters() -> None:
    names = [*placeholders("SELECT :window_start FROM t WHERE a = :b", "duckdb", where="x"), "minimum"]
    assert unused(["window", "minimum", "b", "plan", "baseline"], names) == ("plan", "baseline")


def test_a_comment_can_t_leave_its_comment() -> None:
    assert "*/" not in safe_comment("a */ DROP TABLE x; /* %s ü\n--")
    text, _ = for_driver(make("SELECT 1 AS x", comment="bridge empty-exports v3 BR-0007"), "pyformat")
    assert text.startswith("/* bridge empty-exports v3 BR-0007 */ SELECT")


def test_styles() -> None:
    query = make(
        "SELECT '50%' AS p, '%(x)s :y ? $z' AS q, 7 % 4 AS r FROM accounts WHERE a = :minimum AND b IN (:plans) AND c = :minimum",
        "postgres",
    )
    text, arguments = for_driver(query, "pyformat")
    assert "'50%%'" in text
    assert "'%%(x)s :y ? $z'" in text
    assert "7 %% 4" in text
    assert "IN (%(plans_0)s, %(plans_1)s)" in text
    assert arguments == {"minimum": 2, "plans_0": "a", "plans_1": "b"}
    text, arguments = for_driver(query, "qmark")
    assert text.count("?") == 5
    assert arguments == [2, "a", "b", 2]
    assert "$plans_1" in for_driver(query, "named-dollar")[0]
    assert "@minimum" in for_driver(query, "named-at")[0]


def test_a_list_stands_only_in_in() -> None:
    for sql in ("SELECT * FROM accounts WHERE a = :plans", "SELECT * FROM accounts WHERE a IN (1, :plans)"):
        with pytest.raises(InputError, match="the list ':plans'"):
            for_driver(make(sql), "named-dollar")
    with pytest.raises(InputError, match="needs the name"):
        for_driver(make("SELECT * FROM t WHERE a IN (:x) AND b = :x_0", values={"x": ["a"], "x_0": 1}), "qmark")


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.one_of(st.text(), st.integers(), st.booleans(), st.dates(), st.decimals(allow_nan=False), st.lists(st.text(), max_size=3)),
        min_size=3,
        max_size=3,
    ),
    st.sampled_from(["postgres", "duckdb", "sqlite", "mysql", "tsql"]),
)
def test_no_value_ever_reaches_the_text(values: dict[str, Value], dialect: str) -> None:
    sql = "SELECT 1 AS one FROM t WHERE x IN (:a) AND x IN (:b) AND x IN (:c)"
    query = prepare(sql, dialect=dialect, views={}, values=values, declared=list(values), where="x")
    assert set(query.values) == set(values)
    text, arguments = for_driver(query, "qmark")
    expanded = [item for name in "abc" for item in _items(values[name])]
    assert arguments == expanded
    assert text.count("?") == len(expanded)


def _items(value: Value) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_display_is_laid_out_and_still_the_same_query() -> None:
    shown = display(make("SELECT a, b FROM accounts WHERE c = :minimum AND d = '--'"))
    assert "\nWHERE\n" in shown
    assert ":minimum" in shown
    assert make(shown, views={}, values={"minimum": 2}).values == {"minimum": 2}
