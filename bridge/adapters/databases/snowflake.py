"""Snowflake through its own connector. Not run here.

Snowflake has no read-only session: the role decides, and secondary roles are switched off so that only it counts.
STATEMENT_TIMEOUT_IN_SECONDS ends a query on the server, LOCK_TIMEOUT a wait. A resource monitor on the warehouse caps credits.
Documentation: docs.snowflake.com, parameters; Python connector, paramstyle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.adapters.databases.unrun import CONNECT_SECONDS, Product, UnrunDatabase, database
from bridge.plugins import AdapterOptions
from bridge.ports import Limits


def open_database(options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter; options: account, dbname, schema, warehouse, role, user, password."""
    return database(PRODUCT, options)


def session(_target: Mapping[str, str], limits: Limits) -> Sequence[str]:
    """Return the statements before the query."""
    return (
        f"ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {max(1, int(limits.seconds))}",
        "ALTER SESSION SET LOCK_TIMEOUT = 2",
        "ALTER SESSION SET TIMEZONE = 'UTC'",
        f"ALTER SESSION SET ROWS_PER_RESULTSET = {limits.rows + 1}",
        "ALTER SESSION SET MULTI_STATEMENT_COUNT = 1",
        "ALTER SESSION SET QUERY_TAG = 'ticket-bridge'",
        "USE SECONDARY ROLES NONE",
    )


def _connect(target: Mapping[str, str], seconds: float) -> Any:
    import snowflake.connector

    return snowflake.connector.connect(
        account=target["account"],
        user=target["user"],
        password=target.get("password"),
        database=target["dbname"],
        schema=target.get("schema"),
        warehouse=target["warehouse"],
        role=target["role"],
        login_timeout=CONNECT_SECONDS,
        network_timeout=int(seconds) + CONNECT_SECONDS,
        paramstyle="pyformat",
        interpolate_empty_sequences=True,  # else a % in a query without values would reach the server twice
        autocommit=False,
        application="ticket_bridge",
    )


def grants(target: Mapping[str, str]) -> str:
    """Return the statements for an administrator."""
    name = '"' + target["dbname"].replace('"', '""') + '"'
    return (
        "CREATE ROLE bridge_reader;\n"
        f"GRANT USAGE ON DATABASE {name} TO ROLE bridge_reader;\n"
        f"GRANT USAGE ON ALL SCHEMAS IN DATABASE {name} TO ROLE bridge_reader;\n"
        f"GRANT SELECT ON ALL TABLES IN DATABASE {name} TO ROLE bridge_reader;\n"
        f"GRANT SELECT ON ALL VIEWS IN DATABASE {name} TO ROLE bridge_reader;\n"
        "GRANT USAGE ON WAREHOUSE your_warehouse TO ROLE bridge_reader;"
    )


def _cancel(connection: Any, cursor: Any) -> None:
    # A second cursor, because the first one waits for its answer.
    connection.cursor().execute("SELECT SYSTEM$CANCEL_QUERY(%(id)s)", {"id": cursor.sfqid})


PRODUCT = Product(
    name="snowflake",
    title="Snowflake",
    dialect="snowflake",
    extra="snowflake",
    style="pyformat",
    required=("account", "dbname", "warehouse", "role", "user"),
    optional=("schema", "password"),
    connect=_connect,
    session=session,
    grants=grants,
    cancel=_cancel,
)
