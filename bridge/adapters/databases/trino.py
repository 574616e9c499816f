"""Trino through its own client. Not run here.

`START TRANSACTION READ ONLY` by the isolation of the client's transaction; session properties cap time and scanned bytes.
Documentation: trino.io, query management properties (query_max_run_time, query_max_scan_physical_bytes), EXPLAIN (TYPE VALIDATE).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.adapters.databases.unrun import CONNECT_SECONDS, Product, UnrunDatabase, database
from bridge.plugins import AdapterOptions
from bridge.ports import Limits

SCANNED = "100GB"
"""What one query may read; `scan_bytes` in bridge.yaml sets another."""


def open_database(options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter; options: host, port, catalog, schema, user, password, scan_bytes."""
    return database(PRODUCT, options)


def session(target: Mapping[str, str], limits: Limits) -> Sequence[str]:
    """Return the statements before the query."""
    scanned = target.get("scan_bytes", SCANNED).replace("'", "")
    return (
        f"SET SESSION query_max_run_time = '{max(1, int(limits.seconds))}s'",
        f"SET SESSION query_max_execution_time = '{max(1, int(limits.seconds))}s'",
        f"SET SESSION query_max_scan_physical_bytes = '{scanned}'",
        "SET TIME ZONE 'UTC'",
        "START TRANSACTION READ ONLY",
    )


def gate(cursor: Any, text: str, arguments: Any, _limits: Limits, _where: str) -> None:
    """Let the server validate the text as a query before it runs; its plan has no cost that can be compared."""
    cursor.execute(f"EXPLAIN (TYPE VALIDATE) {text}", arguments or None)
    cursor.fetchall()


def _connect(target: Mapping[str, str], seconds: float) -> Any:
    import trino

    password = target.get("password")
    return trino.dbapi.connect(
        host=target["host"],
        port=int(target.get("port", 443)),
        user=target["user"],
        catalog=target["catalog"],
        schema=target.get("schema"),
        http_scheme="https",
        auth=trino.auth.BasicAuthentication(target["user"], password) if password else None,
        source="ticket-bridge",
        request_timeout=min(seconds + CONNECT_SECONDS, 60),
    )


def grants(target: Mapping[str, str]) -> str:
    """Return the rule for an administrator: file-based access control, because Trino's roles depend on the catalogue."""
    return (
        'In the rules of access control: {"catalogs": [{"user": "bridge_reader", "catalog": "'
        + target["catalog"]
        + '", "allow": "read-only"}], "functions": [], "procedures": []}'
    )


PRODUCT = Product(
    name="trino",
    title="Trino",
    dialect="trino",
    extra="trino",
    style="qmark",
    required=("host", "catalog", "user"),
    optional=("port", "schema", "password", "scan_bytes"),
    connect=_connect,
    session=session,
    grants=grants,
    gate=gate,
)
