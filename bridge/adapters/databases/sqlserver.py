"""SQL Server through mssql-python. Not run here.

SQL Server has no read-only transaction: the account decides, and the session asks for a readable replica
(ApplicationIntent=ReadOnly). Every statement waits at most two seconds for a lock, and the transaction is rolled back.
Documentation: learn.microsoft.com, SET LOCK_TIMEOUT, SET QUERY_GOVERNOR_COST_LIMIT, ApplicationIntent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.adapters.databases.unrun import CONNECT_SECONDS, Product, UnrunDatabase, database
from bridge.plugins import AdapterOptions
from bridge.ports import Limits


def open_database(options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter; options: host, port, dbname, user, password, encrypt."""
    return database(PRODUCT, options)


def session(_target: Mapping[str, str], limits: Limits) -> Sequence[str]:
    """Return the statements before the query."""
    # The governor counts estimated seconds of the plan; it refuses before anything runs.
    governor = (f"SET QUERY_GOVERNOR_COST_LIMIT {max(1, int(limits.seconds))}",)
    return ("SET XACT_ABORT ON", "SET IMPLICIT_TRANSACTIONS OFF", "SET LOCK_TIMEOUT 2000", "SET QUOTED_IDENTIFIER ON", *governor)


def connection_string(target: Mapping[str, str]) -> str:
    """Return the address as the driver reads it; values in braces, so that none of them ends early."""
    parts = {
        "Server": f"{target['host']},{target.get('port', '1433')}",
        "Database": target["dbname"],
        "UID": target["user"],
        "PWD": target.get("password", ""),
        "Encrypt": target.get("encrypt", "yes"),
        "ApplicationIntent": "ReadOnly",
    }
    return ";".join(f"{key}={{{value.replace('}', '}}')}}}" for key, value in parts.items())


def _connect(target: Mapping[str, str], seconds: float) -> Any:
    import mssql_python

    connection = mssql_python.connect(connection_string(target), autocommit=False, timeout=CONNECT_SECONDS)
    connection.timeout = int(seconds) + 1
    return connection


def grants(target: Mapping[str, str]) -> str:
    """Return the statements for an administrator."""
    name = target["dbname"].replace("]", "]]")
    return (
        "CREATE LOGIN bridge_reader WITH PASSWORD = '...';\n"
        f"USE [{name}];\nCREATE USER bridge_reader FOR LOGIN bridge_reader;\n"
        "ALTER ROLE db_datareader ADD MEMBER bridge_reader;\nALTER ROLE db_denydatawriter ADD MEMBER bridge_reader;\n"
        "DENY EXECUTE TO bridge_reader;"
    )


FAULTS = """
SELECT permission_name FROM fn_my_permissions(NULL, 'DATABASE')
 WHERE permission_name IN ('INSERT', 'UPDATE', 'DELETE', 'EXECUTE', 'ALTER', 'CONTROL', 'CREATE TABLE', 'TAKE OWNERSHIP')
"""
PRODUCT = Product(
    name="sqlserver",
    title="SQL Server",
    dialect="tsql",
    extra="sqlserver",
    style="qmark",
    required=("host", "dbname", "user"),
    optional=("port", "password", "encrypt"),
    connect=_connect,
    session=session,
    grants=grants,
    faults=FAULTS,
)
