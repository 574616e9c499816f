"""Oracle through python-oracledb in its thin mode. Not run here.

SET TRANSACTION READ ONLY gives one consistent view and refuses writes; `call_timeout` ends a call on the server.
Documentation: python-oracledb, Connection.call_timeout and Connection.cancel; Oracle SQL reference, SET TRANSACTION.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.adapters.databases.unrun import CONNECT_SECONDS, Product, UnrunDatabase, database
from bridge.plugins import AdapterOptions
from bridge.ports import Limits


def open_database(options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter; options: host, port, service, user, password, schema."""
    return database(PRODUCT, options)


def session(target: Mapping[str, str], _limits: Limits) -> Sequence[str]:
    """Return the statements before the query; the transaction's mode stands last, because it must open the transaction."""
    schema = target.get("schema", "").replace('"', "")
    own = (f'ALTER SESSION SET CURRENT_SCHEMA = "{schema}"',) if schema else ()
    return ("ALTER SESSION SET TIME_ZONE = 'UTC'", "ALTER SESSION SET DDL_LOCK_TIMEOUT = 2", *own, "SET TRANSACTION READ ONLY")


def _connect(target: Mapping[str, str], seconds: float) -> Any:
    import oracledb

    oracledb.defaults.fetch_decimals = True
    connection = oracledb.connect(
        user=target["user"],
        password=target.get("password"),
        host=target["host"],
        port=int(target.get("port", 1521)),
        service_name=target["service"],
        tcp_connect_timeout=CONNECT_SECONDS,
        program="ticket-bridge",
    )
    connection.call_timeout = int(seconds * 1000)
    return connection


def grants(_target: Mapping[str, str]) -> str:
    """Return the statements for an administrator; READ, unlike SELECT, does not allow FOR UPDATE."""
    return (
        "CREATE PROFILE bridge_reading LIMIT SESSIONS_PER_USER 3 IDLE_TIME 5;\n"
        'CREATE USER bridge_reader IDENTIFIED BY "..." PROFILE bridge_reading;\n'
        "GRANT CREATE SESSION TO bridge_reader;\n"
        "GRANT READ ON your_schema.your_table TO bridge_reader;  -- one line a table or view"
    )


FAULTS = """
SELECT privilege FROM session_privs WHERE privilege NOT IN ('CREATE SESSION', 'READ ANY TABLE')
 UNION SELECT privilege FROM user_tab_privs WHERE grantee = USER AND privilege NOT IN ('READ', 'SELECT')
"""
PRODUCT = Product(
    name="oracle",
    title="Oracle",
    dialect="oracle",
    extra="oracle",
    style="named-colon",
    required=("host", "service", "user"),
    optional=("port", "password", "schema"),
    connect=_connect,
    session=session,
    grants=grants,
    faults=FAULTS,
    cancel=lambda connection, _cursor: connection.cancel(),
)
