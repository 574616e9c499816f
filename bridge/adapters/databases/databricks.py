"""Spark SQL on Databricks through its SQL connector. Not run here.

There is no read-only session: the principal decides (SELECT on the schema only). STATEMENT_TIMEOUT ends a query on the server.
Documentation: docs.databricks.com, SQL connector for Python (parameters, cancel), configuration parameters STATEMENT_TIMEOUT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.adapters.databases.unrun import CONNECT_SECONDS, Product, UnrunDatabase, database
from bridge.plugins import AdapterOptions
from bridge.ports import Limits


def open_database(options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter; options: host, http_path, catalog, schema, token."""
    return database(PRODUCT, options)


def session(_target: Mapping[str, str], limits: Limits) -> Sequence[str]:
    """Return the statements before the query."""
    return (f"SET STATEMENT_TIMEOUT = {max(1, int(limits.seconds))}", "SET TIME ZONE 'UTC'", "SET ANSI_MODE = true")


def gate(cursor: Any, text: str, arguments: Any, _limits: Limits, _where: str) -> None:
    """Let the server plan the text before it runs: an unknown name ends it here. Its plan has no cost that can be compared."""
    cursor.execute(f"EXPLAIN {text}", arguments or None)
    cursor.fetchall()


def _connect(target: Mapping[str, str], seconds: float) -> Any:
    from databricks import sql

    return sql.connect(
        server_hostname=target["host"],
        http_path=target["http_path"],
        access_token=target.get("token"),
        catalog=target.get("catalog"),
        schema=target.get("schema"),
        _socket_timeout=int(seconds) + CONNECT_SECONDS,
        user_agent_entry="ticket-bridge",
    )


def grants(target: Mapping[str, str]) -> str:
    """Return the statements for an administrator."""
    place = ".".join("`" + part.replace("`", "``") + "`" for part in (target.get("catalog", "main"), target.get("schema", "default")))
    return (
        f"GRANT USE CATALOG ON CATALOG `{target.get('catalog', 'main')}` TO `bridge_reader`;\n"
        f"GRANT USE SCHEMA ON SCHEMA {place} TO `bridge_reader`;\nGRANT SELECT ON SCHEMA {place} TO `bridge_reader`;"
    )


PRODUCT = Product(
    name="databricks",
    title="Databricks SQL",
    dialect="spark",
    extra="databricks",
    style="named-colon",
    required=("host", "http_path"),
    optional=("catalog", "schema", "token"),
    connect=_connect,
    session=session,
    grants=grants,
    gate=gate,
)
