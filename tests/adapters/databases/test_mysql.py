"""MariaDB alone, no guard in front: what its session, its account and its limits hold."""

from __future__ import annotations

import signal
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.databases.mysql import MySQLDatabase, examined, faults_of, grants, open_mariadb, session
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RefusedError, RetryLaterError, TimedOutError
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Limits
from tests.adapters.databases import servers

LIMITS = Limits(rows=1000, seconds=20)


def opened(server: servers.MariaDB, **more: Any) -> MySQLDatabase:
    values = {"unix_socket": server.socket, "dbname": "app", "user": "reader", **more}
    return open_mariadb(
        AdapterOptions(
            name="app",
            values=values,
            root=Path("/"),
            where="bridge.yaml:7",
            secret=lambda key: f"resolved-{key}",
            now=lambda: datetime.now(UTC),
        )
    )


def unguarded(text: str) -> BoundQuery:
    return BoundQuery(text=text, dialect="mysql")


def test_types(mariadb_server: servers.MariaDB) -> None:
    text = """
        SELECT CAST(1.50 AS DECIMAL(10, 3)) AS n, CAST('2026-03-01' AS DATE) AS d, CAST('10:00' AS TIME) AS t, JSON_OBJECT('a', 1) AS j, x'78' AS b,
               SUM(arr) AS total, AVG(seats) AS mean, NULL AS nothing, 1.5e0 AS f, (1 = 0) AS failed, 'ä' AS u, COUNT(*) AS c FROM accounts
    """
    (row,) = opened(mariadb_server).run(unguarded(text), LIMITS).table.to_pylist()
    assert str(row.pop("d")) == "2026-03-01"
    assert row == {"n": Decimal("1.500"), "t": "10:00:00", "j": '{"a": 1}', "b": "78", "total": Decimal("129000.50"), "mean": Decimal("15.3333"),
                   "nothing": None, "f": 1.5, "failed": False, "u": "ä", "c": 3}  # fmt: skip


def test_a_value_that_is_no_truth_value_is_an_error(mariadb_server: servers.MariaDB) -> None:
    with pytest.raises(InputError, match="'failed' is a truth value and holds 40"):
        opened(mariadb_server).run(unguarded("SELECT seats AS failed FROM accounts"), LIMITS)


@pytest.mark.parametrize("user", ["reader", "root"])
@pytest.mark.parametrize(
    "text",
    ["DELETE FROM accounts", "INSERT INTO written VALUES (1)", "CREATE TABLE made (n INT)", "DROP TABLE written",
     "SELECT 1; DELETE FROM accounts", "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE written"],
)  # fmt: skip
def test_the_session_writes_nothing_whoever_it_is(mariadb_server: servers.MariaDB, user: str, text: str) -> None:
    # The adapter's own way from text to driver needs a query; here only the session is asked.
    with pytest.raises(BridgeError), opened(mariadb_server, user=user)._session(5, "here") as connection, connection.cursor() as cursor:
        cursor.execute(text)
    assert len(opened(mariadb_server).run(unguarded("SELECT account_id FROM accounts"), LIMITS).table) == 3


def test_the_session_refuses_writes_by_being_read_only_not_only_by_grants(mariadb_server: servers.MariaDB) -> None:
    root = opened(mariadb_server, user="root")
    with pytest.raises(RefusedError, match="read-only"), root._session(5, "here") as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts")


def test_a_table_without_a_grant_says_which_grant(mariadb_server: servers.MariaDB) -> None:
    with pytest.raises(AccessError) as caught:
        opened(mariadb_server).run(unguarded("SELECT * FROM hidden.secrets"), LIMITS)
    assert "GRANT SELECT, SHOW VIEW ON `app`.* TO bridge_reader;" in caught.value.hint


@pytest.mark.parametrize(("user", "word"), [("root", "administrator"), ("writer", "it may INSERT on `app`.`written`")])
def test_an_account_that_could_write_runs_nothing(mariadb_server: servers.MariaDB, user: str, word: str) -> None:
    checks = {check.what: check for check in opened(mariadb_server, user=user).check()}
    assert not checks["read only"].ok
    assert word in checks["read only"].detail
    assert "GRANT SELECT" in checks["read only"].hint
    with pytest.raises(RefusedError, match="can do more than read") as caught:
        opened(mariadb_server, user=user).run(unguarded("SELECT 1 AS one"), LIMITS)
    assert word in caught.value.message
    assert "GRANT SELECT" in caught.value.hint


def test_a_role_that_could_be_taken_counts(mariadb_server: servers.MariaDB) -> None:
    mariadb_server.execute("CREATE ROLE author", "GRANT DELETE ON app.* TO author", "CREATE USER two_faced", "GRANT author TO two_faced",
                           "GRANT SELECT ON app.* TO two_faced")  # fmt: skip
    try:
        checks = {check.what: check for check in opened(mariadb_server, user="two_faced").check()}
        assert "it may DELETE on `app`.*" in checks["read only"].detail
        with pytest.raises(RefusedError, match="it may DELETE"):
            opened(mariadb_server, user="two_faced").run(unguarded("SELECT 1 AS one"), LIMITS)
    finally:
        mariadb_server.execute("DROP USER two_faced", "DROP ROLE author")


def test_the_grants_that_doctor_prints_make_an_account_that_doctor_accepts(mariadb_server: servers.MariaDB) -> None:
    mariadb_server.execute(*grants("app", "mariadb").replace("'...'", "'of-no-use'").splitlines())
    try:
        database = opened(mariadb_server, user="bridge_reader", password="of-no-use")
        assert [check.ok for check in database.check()] == [True, True, True]
    finally:
        mariadb_server.execute("DROP USER bridge_reader")


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"unix_socket": "/nowhere"}, RetryLaterError, "can't be reached"),
        ({"dbname": "nope", "user": "root"}, NotFoundError, "no database 'nope'"),
        ({"password": "wrong"}, AccessError, "refuses the credentials"),
    ],
)
def test_ways_not_to_connect(mariadb_server: servers.MariaDB, change: dict[str, Any], kind: type[BridgeError], word: str) -> None:
    database = opened(mariadb_server, **change)
    with pytest.raises(kind, match=word) as caught:
        database.run(unguarded("SELECT 1 AS one"), LIMITS)
    assert caught.value.where == "bridge.yaml:7"
    assert not database.check()[0].ok
    assert "wrong" not in repr(database)


@pytest.mark.parametrize("kind", ["interrupt", "cancel"])
def test_stopping_ends_the_query_on_the_server(mariadb_server: servers.MariaDB, kind: str) -> None:
    database = opened(mariadb_server)
    main = threading.main_thread().ident or 0
    timer = threading.Timer(0.7, lambda: signal.pthread_kill(main, signal.SIGINT) if kind == "interrupt" else database.cancel())
    begun = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt if kind == "interrupt" else BridgeError):
        database.run(unguarded("SELECT COUNT(*) AS c FROM seq_1_to_100000000 a CROSS JOIN seq_1_to_1000000 b"), Limits(rows=10, seconds=60))
    timer.join()
    connection = mariadb_server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%seq_1_to_100000000%' AND info NOT LIKE '%processlist%'"
            )
            assert cursor.fetchone() == (0,)
    finally:
        connection.close()
    assert time.monotonic() - begun < 2.7


def test_leaving_a_stream_early_ends_it_on_the_server(mariadb_server: servers.MariaDB) -> None:
    begun = time.monotonic()
    result = opened(mariadb_server).run(unguarded("SELECT seq AS n FROM seq_1_to_500000000"), Limits(rows=100, seconds=60))
    assert (result.table.num_rows, result.cut) == (100, "rows")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("value", ["'", '"', "\\", "a'b\"c\\d", "\n\t\x01", "}]{[,", "\\u12", "ü%s%%", '", "rows": 1e9, "x": "'])
def test_the_gate_reads_a_plan_whatever_values_stand_in_it(mariadb_server: servers.MariaDB, value: str) -> None:
    query = BoundQuery(text="SELECT name FROM accounts WHERE name = :name OR plan LIKE :name", dialect="mysql", values={"name": value})
    assert opened(mariadb_server).run(query, Limits(rows=10, seconds=5, cost=1000)).table.num_rows == 0


def test_the_server_sees_who_asks_and_the_values_that_were_bound(mariadb_server: servers.MariaDB) -> None:
    mariadb_server.execute("SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = ON")
    try:
        query = BoundQuery(
            text="SELECT name FROM accounts WHERE name = :name",
            dialect="mysql",
            values={"name": "x' OR '1'='1"},
            comment="bridge slow v2 BR-0007",
        )
        assert opened(mariadb_server).run(query, Limits(rows=10, seconds=5, cost=1e9)).table.num_rows == 0
    finally:
        mariadb_server.execute("SET GLOBAL general_log = OFF")
    connection = mariadb_server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CAST(argument AS CHAR) FROM mysql.general_log WHERE command_type = 'Query' ORDER BY event_time")
            told = [str(row[0]) for row in cursor.fetchall()]
    finally:
        connection.close()
    (asked,) = [text for text in told if text.startswith("/* bridge slow v2 BR-0007 */ SELECT")]
    assert "\\'1\\'=\\'1" in asked
    assert told.index("START TRANSACTION READ ONLY") < told.index("EXPLAIN FORMAT=TRADITIONAL " + asked) < told.index(asked)
    assert any(text.startswith("SET SESSION max_statement_time = 5") for text in told)


def test_a_locked_table_is_not_waited_for(mariadb_server: servers.MariaDB) -> None:
    connection = mariadb_server.connect(database="app")
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLES accounts WRITE")
        with pytest.raises(RetryLaterError, match="locked"):
            opened(mariadb_server).run(unguarded("SELECT * FROM accounts"), Limits(rows=10, seconds=30))
    finally:
        connection.close()


def test_the_gate_refuses_an_accidental_cross_join_before_it_runs(mariadb_server: servers.MariaDB) -> None:
    text = "SELECT COUNT(*) AS c FROM seq_1_to_1000000 a CROSS JOIN seq_1_to_1000000 b"
    with pytest.raises(RefusedError, match="refused before it ran"):
        opened(mariadb_server).run(unguarded(text), Limits(rows=10, seconds=5, cost=1e7))
    with pytest.raises(TimedOutError):
        opened(mariadb_server).run(unguarded(text), Limits(rows=10, seconds=0.3, cost=1e12))


def test_mysql_is_told_its_limits_in_its_own_words() -> None:
    assert "SET SESSION MAX_EXECUTION_TIME = 1500" in session("mysql", 1.5)
    assert "SET SESSION max_statement_time = 1.5" in session("mariadb", 1.5)
    assert session("mysql", 1.5)[-3:] == ("SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY", "SELECT 1")


def test_rights_are_read_from_grants() -> None:
    assert (
        faults_of(
            [
                "GRANT USAGE ON *.* TO `r`@`%`",
                "GRANT SELECT, SHOW VIEW ON `app`.* TO `r`@`%`",
                "GRANT SELECT (`a`, `b`) ON `x`.`y` TO `r`@`%`",
            ]
        )
        == []
    )
    assert faults_of(["GRANT SELECT, FILE ON *.* TO `r`@`%` WITH GRANT OPTION"]) == [
        "it may FILE on *.*",
        "it may hand on its rights on *.*",
    ]


def test_rows_to_be_examined_multiply_in_loops_and_add_up_elsewhere() -> None:
    assert examined([("1", "100"), ("1", "50")]) == 100 + 100 * 50
    assert examined([("1", "7"), ("2", "7"), (None, None)]) == 7 + 7 + 1
    assert examined([]) == 0
