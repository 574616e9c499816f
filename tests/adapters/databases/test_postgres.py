from __future__ import annotations

import _thread
import dataclasses
import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from bridge.adapters.databases import postgres_columns, postgres_fast
from bridge.adapters.databases.common import Capped
from bridge.adapters.databases.postgres import PostgresDatabase, grants, open_database
from bridge.adapters.databases.role import Role
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RefusedError, RetryLaterError, TimedOutError
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

pytestmark = pytest.mark.postgres
LIMITS = Limits(rows=1000, seconds=20)


def opened(server_host: str, **more: Any) -> PostgresDatabase:
    values = {"host": server_host, "dbname": "postgres", "user": "reader", **more}
    return open_database(
        AdapterOptions(
            name="app",
            values=values,
            root=Path("/"),
            where="bridge.yaml:7",
            secret=lambda key: f"resolved-{key}",
            now=lambda: datetime.now(UTC),
        )
    )


@pytest.fixture
def host(server: Any) -> str:
    return str(server.host)


@pytest.fixture
def admin(host: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    import psycopg

    with psycopg.connect(host=host, dbname="postgres", user="postgres", autocommit=True) as connection:
        yield connection


def unguarded(text: str) -> BoundQuery:
    """A query that no guard has seen: what the belts behind it must hold."""
    return BoundQuery(text=text, dialect="postgres")


def test_types_that_arrow_has_no_word_for(host: str) -> None:
    text = """
        SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u, '{"b": 1, "a": [2]}'::jsonb AS j, ARRAY[1, 2] AS l, INTERVAL '90 minutes' AS i,
               TIME '10:00' AS t, DATE '2026-03-01' AS d, sum(arr) AS total, avg(arr) AS mean, 1.50::numeric(10,3) AS n, NULL AS nothing,
               ARRAY[1.5::numeric] AS m, 'x'::bytea AS b, row(1, 'a') AS r, '192.168.0.1'::inet AS ip FROM accounts
    """
    (row,) = opened(host).run(unguarded(text), LIMITS).table.to_pylist()
    assert row == {
        "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "j": '{"a": [2], "b": 1}', "l": "[1,2]", "i": "01:30:00", "t": "10:00:00",
        "d": row["d"], "total": Decimal("129000.50"), "mean": row["mean"], "n": Decimal("1.500"), "nothing": None, "m": '["1.5"]',
        "b": "78", "r": row["r"], "ip": "192.168.0.1",
    }  # fmt: skip
    assert str(row["d"]) == "2026-03-01"
    assert round(row["mean"], 2) == Decimal("43000.17")


@pytest.mark.parametrize("value", ["'NaN'::numeric", "1e50::numeric", "'infinity'::timestamptz"])
def test_a_value_that_can_t_be_kept_is_an_error_and_never_changed(host: str, value: str) -> None:
    with pytest.raises(BridgeError):
        opened(host).run(unguarded(f"SELECT {value} AS v"), LIMITS)


def without_role_belt(host: str, user: str) -> PostgresDatabase:
    return dataclasses.replace(opened(host, user=user), role=Role(faults=()))


@pytest.mark.parametrize("role", ["reader", "postgres"])
@pytest.mark.parametrize("text", ["SELECT nextval('numbers')", "SELECT * FROM accounts FOR UPDATE", "SELECT lo_create(0)"])
def test_the_session_alone_writes_nothing_whoever_it_is(host: str, role: str, text: str) -> None:
    with pytest.raises((RefusedError, AccessError)):
        without_role_belt(host, role).run(unguarded(text), LIMITS)


def test_the_session_cannot_be_set_back_to_writing(host: str, admin: psycopg.Connection[tuple[Any, ...]]) -> None:
    database = without_role_belt(host, "postgres")
    with pytest.raises((BridgeError, InputError)):
        database.run(unguarded("SELECT set_config('transaction_read_only', 'off', false), nextval('numbers')"), LIMITS)
    assert admin.execute("SELECT is_called FROM numbers").fetchone() == (False,)


def test_a_table_without_a_grant_says_which_grant(host: str) -> None:
    with pytest.raises(AccessError) as caught:
        opened(host).run(unguarded("SELECT * FROM secrets"), LIMITS)
    assert "secrets" in caught.value.message
    assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "public" TO bridge_reader;' in caught.value.hint


BEYOND = {
    "administrator": ("CREATE ROLE beyond LOGIN CREATEROLE", "create roles"),
    "owner": ("CREATE ROLE beyond LOGIN; CREATE TABLE beyond_t (n int); ALTER TABLE beyond_t OWNER TO beyond", "owns 1 tables"),
    "updates one column": ("CREATE ROLE beyond LOGIN; GRANT UPDATE (name) ON accounts TO beyond", "can write 1 tables"),
    "creates tables": (
        "CREATE ROLE beyond LOGIN; GRANT CREATE ON SCHEMA public TO beyond",
        'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC, "beyond"',
    ),
    "takes numbers": ("CREATE ROLE beyond LOGIN; GRANT USAGE ON SEQUENCE numbers TO beyond", "numbers of 1 sequences"),
    "could become a writer": ("CREATE ROLE beyond LOGIN NOINHERIT; GRANT writer TO beyond", "can write 1 tables"),
    "runs programs": ("CREATE ROLE beyond LOGIN; GRANT pg_execute_server_program TO beyond", "member of pg_execute_server_program"),
    "writes all": ("CREATE ROLE beyond LOGIN; GRANT pg_write_all_data TO beyond", "pg_write_all_data"),
}


def refused_role(database: PostgresDatabase, words: str) -> None:
    checks = {check.what: check for check in database.check()}
    assert not checks["read only"].ok
    assert words in checks["read only"].detail
    assert "GRANT SELECT" in checks["read only"].hint
    with pytest.raises(RefusedError, match="refused before it ran: the account can do more than read") as caught:
        database.run(unguarded("SELECT 1 AS one"), LIMITS)
    assert words in caught.value.message
    assert "GRANT SELECT ON ALL TABLES" in caught.value.hint


@pytest.mark.parametrize(("role", "words"), [("postgres", "superuser"), ("writer", "can write 1 tables")])
def test_a_role_that_could_write_runs_nothing(host: str, role: str, words: str) -> None:
    refused_role(opened(host, user=role), words)


@pytest.mark.parametrize("case", BEYOND)
def test_every_way_to_be_more_than_a_reader_is_seen(host: str, admin: psycopg.Connection[tuple[Any, ...]], case: str) -> None:
    made, words = BEYOND[case]
    admin.execute(made.encode())
    try:
        refused_role(opened(host, user="beyond"), words)
    finally:
        admin.execute("DROP OWNED BY beyond; DROP ROLE beyond")


def test_the_role_is_asked_once_for_a_run(host: str) -> None:
    database = opened(host)
    before = database.role.faults
    database.run(unguarded("SELECT 1 AS one"), LIMITS)
    assert (before, database.role.faults) == (None, ())
    database.role.faults = ("it changed",)
    with pytest.raises(RefusedError, match="it changed"):
        database.run(unguarded("SELECT 1 AS one"), LIMITS)


def test_the_grants_that_doctor_prints_make_a_role_that_doctor_accepts(host: str, admin: psycopg.Connection[tuple[Any, ...]]) -> None:
    for statement in grants("postgres", ["public"]).splitlines():
        admin.execute(statement.encode())
    try:
        assert [check.ok for check in opened(host, user="bridge_reader").check()] == [True, True, True]
    finally:
        admin.execute("DROP OWNED BY bridge_reader; DROP ROLE bridge_reader")


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"host": "127.0.0.1", "port": 1}, RetryLaterError, "can't be reached"),
        ({"dbname": "nope"}, NotFoundError, "no database 'nope'"),
        ({"user": "nobody"}, AccessError, "no role 'nobody'"),
    ],
)
def test_ways_not_to_connect(host: str, change: dict[str, Any], kind: type[BridgeError], word: str) -> None:
    database = opened(host, **change)
    with pytest.raises(kind, match=word) as caught:
        database.run(unguarded("SELECT 1 AS one"), LIMITS)
    assert caught.value.where == "bridge.yaml:7"
    assert caught.value.hint
    (check,) = database.check()
    assert not check.ok


def test_secrets_are_resolved_and_never_shown(host: str) -> None:
    database = opened(host, password="env:BRIDGE_DB_PASSWORD")
    assert database.target["password"] == "resolved-password"
    assert "resolved-password" not in repr(database)
    with pytest.raises(InputError) as caught:
        opened(host, url="postgresql://reader:word@[broken")
    assert "word" not in str(caught.value)


def test_a_url_is_enough(host: str) -> None:
    database = open_from_url(host)
    assert database.run(unguarded("SELECT current_user AS u"), LIMITS).table.to_pylist() == [{"u": "reader"}]


def open_from_url(host: str) -> PostgresDatabase:
    values = {"url": f"postgresql://reader@/postgres?host={host}", "search_path": ["public", "pg_catalog"]}
    return open_database(
        AdapterOptions(name="app", values=values, root=Path("/"), where="bridge.yaml:7", secret=str, now=lambda: datetime.now(UTC))
    )


def test_ctrl_c_ends_the_query_on_the_server(host: str, admin: psycopg.Connection[tuple[Any, ...]]) -> None:
    timer = threading.Timer(0.5, _thread.interrupt_main)
    begun = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        opened(host).run(unguarded("SELECT count(*) AS c FROM generate_series(1, 100000000000) AS g(i)"), Limits(rows=10, seconds=60))
    timer.join()
    assert time.monotonic() - begun < 2.5
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ticket-bridge' AND state = 'active' AND query LIKE '%100000000000%'"
    assert admin.execute(count).fetchone() == (0,)


def test_a_locked_table_is_not_waited_for(host: str, admin: psycopg.Connection[tuple[Any, ...]]) -> None:
    with admin.transaction():
        admin.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(RetryLaterError, match="locked"):
            opened(host).run(unguarded("SELECT * FROM accounts"), Limits(rows=10, seconds=30))


def test_the_gate_refuses_an_accidental_cross_join_before_it_runs(host: str) -> None:
    text = "SELECT count(*) AS c FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b"
    with pytest.raises(RefusedError, match="refused before it ran: the server's plan costs"):
        opened(host).run(unguarded(text), Limits(rows=10, seconds=5, cost=1e6))
    with pytest.raises(TimedOutError):
        opened(host).run(unguarded(text), Limits(rows=10, seconds=0.3, cost=1e15))


@pytest.fixture
def many(admin: psycopg.Connection[tuple[Any, ...]]) -> Iterator[int]:
    for statement in (
        b"CREATE TABLE many AS SELECT i AS id, 'x' || i AS name, i % 2 = 0 AS failed, timestamptz '2026-03-01Z' + i * interval '1 s' AS at, (i / 7.0)::numeric(18, 2) AS arr, i::numeric / 8 AS loose, i * 1.5::float8 AS score, date '2026-03-01' + i % 9 AS day, NULLIF(i % 3, 0)::int2 AS small FROM generate_series(1, 60000) AS i",
        b"CREATE TYPE colour AS ENUM ('red', 'blue')",
        b"CREATE TABLE coloured AS SELECT i AS id, 'red'::colour AS colour, 'it''s  ' AS word, 'ab'::char(4) AS padded, date '2026-03-01' AS day, timestamptz '2026-03-01Z' AS at FROM generate_series(1, 60000) AS i",
        b"GRANT SELECT ON many, coloured TO reader",
        b"ANALYZE many, coloured",
    ):
        admin.execute(statement)
    yield 60_000
    admin.execute("DROP TABLE many, coloured; DROP TYPE colour")


def test_large_results_come_the_fast_way_and_are_the_same(host: str, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("adbc_driver_postgresql")
    used = []
    real = postgres_fast.stream

    def counted(*args: Any, **more: Any) -> None:
        used.append(1)
        real(*args, **more)

    monkeypatch.setattr(postgres_fast, "stream", counted)
    values: dict[str, Any] = {"name": "none", "at": datetime(2026, 1, 1, tzinfo=UTC)}
    query = BoundQuery(
        text="SELECT * FROM many WHERE name <> :name AND name NOT LIKE '%y%' AND at >= :at", dialect="postgres", values=values
    )
    fast = opened(host).run(query, Limits(rows=100_000, seconds=20, cost=1e7))
    assert used == [1]
    slow = opened(host).run(query, Limits(rows=100_000, seconds=20))
    assert used == [1]
    assert fast.table.schema == slow.table.schema
    assert fast.table.sort_by("id").equals(slow.table.sort_by("id"))
    assert fast.table.num_rows == many
    cut = opened(host).run(query, Limits(rows=55_000, seconds=20, cost=1e7))
    assert (cut.table.num_rows, cut.cut, len(used)) == (55_000, "rows", 2)


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM written",
        "SELECT 1; DELETE FROM written",
        "WITH d AS (DELETE FROM written RETURNING 1) SELECT * FROM d",
        "SELECT nextval('numbers')",
        "SELECT 1) TO PROGRAM 'touch {left}' --",
        "SELECT 1) TO '{left}' WITH (FORMAT text) --",
    ],
)
def test_the_fast_way_is_read_only_too_and_takes_one_select(host: str, tmp_path: Path, text: str) -> None:
    adbc = pytest.importorskip("adbc_driver_postgresql.dbapi")
    database = opened(host, user="postgres")
    session = postgres_fast.Session(
        conninfo=f"host={host} dbname=postgres user=postgres", settings=database._settings(5), seconds=5, running=database.running
    )
    columns = postgres_columns.Columns(names=("a",), types=(None,), ids=(1700,))
    asked = postgres_fast.Question(text=text.format(left=tmp_path / "left"), values=[], columns=columns)
    with pytest.raises(postgres_fast.NotThisWay) as caught:
        postgres_fast.stream(session, asked, Capped(limits=LIMITS, keep=lambda _part: None), where="here")
    assert isinstance(caught.value.__cause__, adbc.Error | OSError | pa.ArrowException)
    assert not (tmp_path / "left").exists()


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("colour = :value", "red"), ("id <> :value", "0"), ("word = :value", "it's  "), ("word LIKE :value", "it%"), ("word <> :value", "$1 %(a)s"),
        ("padded = :value", "ab  "), ("id > :value", Decimal("0.5")), ("id > :value", -5), ("(id > 0) = :value", True), ("day = :value", date(2026, 3, 1)),
        ("at >= :value", datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))), ("day + :value > day", 1), ("COALESCE(:value, word) = word", None),
        ("word || :value <> :value", "ü\n"), ("id IN (:value, :value + 1) OR id > 0", 7),
    ],
)  # fmt: skip
def test_the_fast_way_binds_values_with_the_types_that_the_server_gives_them(host: str, many: int, condition: str, value: Any) -> None:
    query = BoundQuery(text=f"SELECT id FROM coloured WHERE {condition}", dialect="postgres", values={"value": value})  # noqa: S608 - the table above
    fast = opened(host).run(query, Limits(rows=100_000, seconds=20, cost=1e7))
    slow = opened(host).run(query, Limits(rows=100_000, seconds=20))
    assert fast.table.schema == slow.table.schema
    assert fast.table.num_rows == many
    assert fast.table.sort_by("id").equals(slow.table.sort_by("id"))


def test_the_fast_way_reads_a_value_once_only_where_the_plan_stays(
    host: str, admin: psycopg.Connection[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("adbc_driver_postgresql")
    asked: list[str] = []
    real = postgres_fast.stream

    def noted(session: Any, ask: postgres_fast.Question, *args: Any, **more: Any) -> None:
        asked.append(ask.text)
        real(session, ask, *args, **more)

    monkeypatch.setattr(postgres_fast, "stream", noted)
    for statement in (
        b"CREATE TABLE skewed AS SELECT i AS id, CASE WHEN i <= 58000 THEN 'common' ELSE 'rare ' || i END AS word FROM generate_series(1, 60000) AS i",
        b"CREATE INDEX ON skewed (word)",
        b"GRANT SELECT ON skewed TO reader",
        b"ANALYZE skewed",
    ):
        admin.execute(statement)
    try:
        for condition, value in (("id > :value", 0), ("word = :value", "common")):
            query = BoundQuery(text=f"SELECT id FROM skewed WHERE {condition}", dialect="postgres", values={"value": value})  # noqa: S608 - the table above
            assert opened(host).run(query, Limits(rows=100_000, seconds=20, cost=1e7)).table.num_rows in {60_000, 58_000}
    finally:
        admin.execute("DROP TABLE skewed")
    # By a value that it does not know the server would take the index for 58,000 of 60,000 rows.
    assert asked[0].endswith("WHERE \"id\" > (SELECT (current_setting('bridge.v1')::smallint))")
    assert asked[1].endswith("WHERE \"word\" = (current_setting('bridge.v1')::text)")


def test_the_fast_way_times_out_and_is_cancelled(host: str, many: int, admin: psycopg.Connection[tuple[Any, ...]]) -> None:
    pytest.importorskip("adbc_driver_postgresql")
    assert many
    slow = dataclasses.replace(unguarded("SELECT a.id, pg_sleep(0.01) IS NULL AS s FROM many a"), comment="bridge slow v2 BR-0007")
    with pytest.raises(TimedOutError):
        opened(host).run(slow, Limits(rows=100_000, seconds=0.5, cost=1e9))
    database = opened(host)
    active = "SELECT query FROM pg_stat_activity WHERE application_name = 'ticket-bridge' AND state = 'active'"
    seen: list[str] = []

    def look_and_cancel() -> None:
        seen.extend(row[0] for row in admin.execute(active).fetchall())
        database.cancel()

    timer = threading.Timer(0.7, look_and_cancel)
    begun = time.monotonic()
    timer.start()
    with pytest.raises(BridgeError):
        database.run(slow, Limits(rows=100_000, seconds=60, cost=1e9))
    timer.join()
    assert time.monotonic() - begun < 2.7
    assert seen[0].startswith("COPY (/* bridge slow v2 BR-0007 */ SELECT"), "what the DBA sees"
    assert admin.execute(active).fetchall() == []


def test_rows_go_to_a_file_as_they_come(host: str, many: int, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from bridge.workflow.evidence_store import stream_parquet

    path = tmp_path / "rows.parquet"
    query = unguarded("SELECT id, name, arr FROM many ORDER BY id")
    limits = Limits(rows=100_000, seconds=20, cost=1e7)
    assert stream_parquet(path, lambda keep: opened(host).stream(query, limits, keep)) == (many, "")
    assert pq.read_table(path).equals(opened(host).run(query, Limits(rows=100_000, seconds=20)).table)
    first = path.read_bytes()
    stream_parquet(path, lambda keep: opened(host).stream(query, limits, keep))
    assert path.read_bytes() == first
    with pytest.raises(BridgeError):
        stream_parquet(tmp_path / "none.parquet", lambda keep: opened(host).stream(unguarded("SELECT 1 / 0 AS a"), LIMITS, keep))
    assert [each.name for each in tmp_path.iterdir()] == ["rows.parquet"]
