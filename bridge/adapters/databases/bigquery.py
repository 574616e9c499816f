"""BigQuery through Google's client. Not run here.

A dry run, which is free, tells the bytes before anything runs; `maximum_bytes_billed` makes the server refuse more.
Only a statement that the dry run calls SELECT is run. `job_timeout_ms` ends a job on the server.
Documentation: cloud.google.com/bigquery, dry runs, QueryJobConfig (maximum_bytes_billed, job_timeout_ms), statement types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.adapters.databases.unrun import Product, UnrunDatabase, database
from bridge.errors import RefusedError
from bridge.plugins import AdapterOptions
from bridge.ports import Limits

BILLED = 100 * 1024**3
"""Bytes that one query may be billed for; `maximum_bytes_billed` in bridge.yaml sets another."""


def open_database(options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter; options: project, dataset, location, maximum_bytes_billed. Credentials are Google's own."""
    return database(PRODUCT, options)


def settings(target: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """Return the settings of every job, as the client's QueryJobConfig takes them."""
    return {
        "maximum_bytes_billed": int(target.get("maximum_bytes_billed", BILLED)),
        "job_timeout_ms": int(seconds * 1000),
        "use_legacy_sql": False,
        "use_query_cache": True,
        "labels": {"application": "ticket-bridge"},
        "default_dataset": f"{target['project']}.{target['dataset']}",
    }


def refuse(statement_type: str, scanned: int, billed: int, *, where: str) -> None:
    """Refuse by the answer of a dry run: what is no SELECT, and what reads more than may be billed."""
    if statement_type != "SELECT":
        raise RefusedError(f"refused before it ran: BigQuery reads it as {statement_type or 'no query'}", where=where)
    if scanned > billed:
        hint = "bound the partition's column, or raise maximum_bytes_billed of the database in bridge.yaml"
        raise RefusedError(f"refused before it ran: it reads {scanned:,} bytes, the limit is {billed:,}", where=where, hint=hint)


def _gate(cursor: Any, text: str, arguments: Any, limits: Limits, where: str) -> None:
    from google.cloud import bigquery
    from google.cloud.bigquery.dbapi import _helpers

    client, target = cursor.connection._client, cursor.bridge_target  # noqa: SLF001 - the client's own DB-API hides its client
    values = _helpers.to_query_parameters(arguments, {}) if arguments else []
    config = bigquery.QueryJobConfig(**settings(target, limits.seconds), dry_run=True, query_parameters=values)
    job = client.query(text % {name: f"@{name}" for name in arguments or {}}, job_config=config)
    refuse(
        job.statement_type or "", int(job.total_bytes_processed or 0), settings(target, limits.seconds)["maximum_bytes_billed"], where=where
    )


def _connect(target: Mapping[str, str], seconds: float) -> Any:
    from google.cloud import bigquery
    from google.cloud.bigquery import dbapi

    config = bigquery.QueryJobConfig(**settings(target, seconds))
    client = bigquery.Client(project=target["project"], location=target.get("location"), default_query_job_config=config)
    return _Connection(dbapi.connect(client=client), target)


class _Connection:
    """The client's own connection, whose cursors know the options: the gate needs them."""

    def __init__(self, connection: Any, target: Mapping[str, str]) -> None:
        self._connection = connection
        self._target = target

    def cursor(self) -> Any:
        """Return a cursor."""
        cursor = self._connection.cursor()
        cursor.bridge_target = self._target
        return cursor

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def session(_target: Mapping[str, str], _limits: Limits) -> Sequence[str]:
    """Return nothing: every limit is a setting of the job."""
    return ()


def grants(target: Mapping[str, str]) -> str:
    """Return what an administrator sets."""
    return (
        f"roles/bigquery.jobUser on project {target['project']}, roles/bigquery.dataViewer on dataset {target['dataset']}, "
        "for a service account of its own; a custom quota of bytes a day for it"
    )


PRODUCT = Product(
    name="bigquery",
    title="BigQuery",
    dialect="bigquery",
    extra="bigquery",
    style="pyformat",
    required=("project", "dataset"),
    optional=("location", "maximum_bytes_billed"),
    connect=_connect,
    session=session,
    grants=grants,
    gate=_gate,
    cancel=lambda _connection, cursor: cursor.query_job.cancel(),
)
