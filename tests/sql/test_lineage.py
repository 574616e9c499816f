from __future__ import annotations

import pytest

from bridge.sql.lineage import personal_columns
from bridge.sql.prepare import prepare

TAGS = {"accounts": ["name", "Contact"], "logins": ["user_id"]}
VIEWS = {
    "accounts": "SELECT c.no AS account_id, c.title AS name, c.mail AS contact, c.plan AS plan, c.arr AS arr FROM customers AS c",
    "logins": "SELECT * FROM raw_logins AS l",
    "people": "SELECT a.contact AS address, a.plan AS plan FROM accounts AS a",
    "changes": "SELECT d.name AS name FROM deployments AS d",
}
CASES = [
    ("SELECT * FROM accounts AS a", {"name", "contact"}),
    ("SELECT a.* FROM accounts AS a JOIN changes AS c ON 1 = 1", {"name", "contact"}),
    ("SELECT c.* FROM accounts AS a JOIN changes AS c ON 1 = 1", set()),
    ("SELECT a.account_id, a.plan FROM accounts AS a WHERE a.name = 'x'", set()),
    ("SELECT UPPER(a.name) || '!' AS label, a.plan FROM accounts AS a", {"label"}),
    ("SELECT name FROM accounts", {"name"}),
    ("SELECT name AS n FROM changes", set()),
    ("SELECT c.name AS n FROM changes AS c JOIN accounts AS a ON 1 = 1", set()),
    ("SELECT name AS n FROM changes AS c JOIN accounts AS a ON 1 = 1", {"n"}),
    ("SELECT COUNT(DISTINCT a.name) AS many, MIN(a.name) AS one FROM accounts AS a", {"one"}),
    ("SELECT CASE WHEN a.name = 'x' THEN 1 ELSE 0 END AS is_x FROM accounts AS a", set()),
    ("SELECT CASE WHEN a.plan = 'x' THEN a.name ELSE '' END AS shown FROM accounts AS a", {"shown"}),
    ("SELECT COALESCE(a.name <> a.contact, FALSE) AS failed, NULLIF(a.name, a.plan) AS n FROM accounts AS a", {"n"}),
    ("SELECT EXISTS(SELECT 1 FROM accounts AS a WHERE a.name = 'x') AS there", set()),
    ("SELECT c.name AS n, (SELECT MAX(a.name) FROM accounts AS a) AS best FROM changes AS c", {"best"}),
    ("SELECT p.address, p.plan FROM people AS p", {"address"}),
    ("WITH x AS (SELECT a.name AS n, a.plan FROM accounts AS a) SELECT x.n AS m, x.plan FROM x", {"m"}),
    ("WITH x(p, q) AS (SELECT a.plan, a.name FROM accounts AS a) SELECT x.p, x.q FROM x", {"q"}),
    ("SELECT s.q FROM (SELECT a.name AS q FROM accounts AS a) AS s", {"q"}),
    ("SELECT s.b FROM (SELECT a.plan, a.name FROM accounts AS a) AS s(a, b)", {"b"}),
    ("SELECT a.plan AS x FROM accounts AS a UNION ALL SELECT a.name AS y FROM accounts AS a", {"x"}),
    ("SELECT c.name AS x FROM changes AS c UNION ALL SELECT * FROM (SELECT a.name FROM accounts AS a) AS s", {"x", "name"}),
    ("SELECT l.user_id AS u, l.login_id FROM logins AS l", {"u"}),
    ("SELECT ROW_NUMBER() OVER (ORDER BY a.plan) AS n, LEAD(a.name) OVER (ORDER BY a.plan) AS nxt FROM accounts AS a", {"nxt"}),
    (
        "SELECT x.n AS n FROM customers AS c JOIN LATERAL (SELECT a.name AS n FROM accounts AS a WHERE a.account_id = c.no) AS x ON TRUE",
        {"n"},
    ),
    (
        "WITH RECURSIVE r AS (SELECT a.name AS n FROM accounts AS a UNION ALL SELECT r.n FROM r WHERE r.n <> '') SELECT r.n AS z FROM r",
        {"z"},
    ),
    ("SELECT a AS whole FROM accounts AS a", {"whole"}),
    ("SELECT customers.name AS n FROM public.accounts AS customers", set()),
]


@pytest.mark.parametrize(("sql", "wanted"), CASES, ids=[sql[:60] for sql, _ in CASES])
@pytest.mark.parametrize("dialect", ["postgres", "duckdb"])
def test_tags_follow_the_columns(sql: str, wanted: set[str], dialect: str) -> None:
    query = prepare(sql, dialect=dialect, views=VIEWS, values={}, declared=(), where="x.sql")
    assert personal_columns(query.text, dialect, TAGS) == wanted


def test_placeholders_are_no_columns() -> None:
    query = prepare(
        "SELECT :request AS request, a.name FROM accounts AS a WHERE a.plan IN (:plans)",
        dialect="duckdb",
        views=VIEWS,
        values={"request": "r-1", "plans": ["team"]},
        declared=("request", "plans"),
        where="x.sql",
    )
    assert personal_columns(query.text, "duckdb", TAGS) == {"name"}


def test_no_tags_cost_nothing() -> None:
    assert personal_columns("SELECT 1 AS x", "duckdb", {}) == frozenset()
    assert personal_columns("SELECT 1 AS x", "duckdb", {"accounts": []}) == frozenset()
