"""Redshift through Amazon's connector. Not run here.

`SET readonly TO 1` and BEGIN READ ONLY refuse writes; statement_timeout ends a query on the server; EXPLAIN is the gate.
Documentation: docs.aws.amazon.com/redshift, configuration reference (statement_timeout), BEGIN, EXPLAIN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.adapters.databases.common import too_costly
from bridge.adapters.databases.unrun import CONNECT_SECONDS, Product, UnrunDatabase, database
from bridge.plugins import AdapterOptions
from bridge.ports import Limits

_COST = re.compile(r"cost=[\d.]+\.\.([\d.]+)")


def open_database(options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter; options: host, port, dbname, user, password."""
    return database(PRODUCT, options)


def session(_target: Mapping[str, str], limits: Limits) -> Sequence[str]:
    """Return the statements before the query; it runs in the transaction that BEGIN opens."""
    return (
        f"SET statement_timeout TO {max(1, int(limits.seconds * 1000))}",
        "SET timezone TO 'UTC'",
        "SET query_group TO 'ticket-bridge'",
        "BEGIN READ ONLY",
        "SELECT 1",
    )


def gate(cursor: Any, text: str, arguments: Any, limits: Limits, where: str) -> None:
    """Refuse a plan whose first line, the whole of it, costs more than the limit."""
    if limits.cost is None:
        return
    cursor.execute(f"EXPLAIN {text}", arguments or None)
    found = _COST.search(" ".join(str(row[0]) for row in cursor.fetchall()))
    if found and float(found.group(1)) > limits.cost:
        raise too_costly(float(found.group(1)), limits.cost, where=where)


def _connect(target: Mapping[str, str], seconds: float) -> Any:
    import redshift_connector

    redshift_connector.paramstyle = "pyformat"
    connection = redshift_connector.connect(
        host=target["host"],
        port=int(target.get("port", 5439)),
        database=target["dbname"],
        user=target["user"],
        password=target.get("password", ""),
        timeout=int(seconds) + CONNECT_SECONDS,
        application_name="ticket-bridge",
    )
    # BEGIN READ ONLY is sent by us: the driver's own BEGIN would come before it.
    connection.autocommit = True
    return connection


def grants(_target: Mapping[str, str]) -> str:
    """Return the statements for an administrator."""
    return (
        "CREATE USER bridge_reader PASSWORD '...' CONNECTION LIMIT 3;\n"
        "GRANT USAGE ON SCHEMA public TO bridge_reader;\n"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO bridge_reader;\n"
        "ALTER USER bridge_reader SET statement_timeout TO 60000;"
    )


FAULTS = """
SELECT 'be superuser' FROM pg_user WHERE usename = current_user AND usesuper
 UNION SELECT 'write ' || tablename FROM pg_tables
 WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'pg_internal')
   AND (has_table_privilege(schemaname || '.' || tablename, 'insert') OR has_table_privilege(schemaname || '.' || tablename, 'update')
        OR has_table_privilege(schemaname || '.' || tablename, 'delete'))
"""
PRODUCT = Product(
    name="redshift",
    title="Redshift",
    dialect="redshift",
    extra="redshift",
    style="pyformat",
    required=("host", "dbname", "user"),
    optional=("port", "password"),
    connect=_connect,
    session=session,
    grants=grants,
    faults=FAULTS,
    gate=gate,
    cancel=lambda connection, _cursor: connection.close(),
)
