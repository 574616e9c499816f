"""The demo company's application database, in its own names, as Arrow tables. The standard views map them (`workspace.py`)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from bridge.demo.accounts import FLAGS
from bridge.demo.company import Company, build
from bridge.demo.exports import FORMATS, NONE, Exports, microseconds
from bridge.demo.truth import Truth

TIME = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 2)


def tables(truth: Truth) -> dict[str, pa.Table]:
    """Return the tables by name: customers, contracts, feature_flags, report_exports, and five of changes."""
    company = build(truth)
    return {
        "customers": _customers(company),
        "contracts": _contracts(company),
        "feature_flags": _feature_flags(company),
        "report_exports": _report_exports(company),
        "deployments": _changes(company, "release", ("service", "version")),
        "flag_changes": _changes(company, "flag", ("flag", "new_value")),
        "setting_changes": _changes(company, "config", ("setting", "new_value")),
        "migrations": _changes(company, "migration", ("migration", None)),
        "job_runs": _job_runs(company),
    }


def digest(made: Mapping[str, pa.Table]) -> str:
    """Return the sha256 of all tables' contents, independent of their chunking."""
    total = hashlib.sha256()
    for name in sorted(made):
        sink = pa.BufferOutputStream()
        whole = made[name].combine_chunks()
        with pa.ipc.new_stream(sink, whole.schema) as stream:
            stream.write_table(whole)
        total.update(name.encode())
        total.update(sink.getvalue())
    return total.hexdigest()


def export_numbers(exports: Exports) -> list[str]:
    """Return the export ids: `ex-100001` and up, in order of the start."""
    return [f"ex-{100_001 + index}" for index in range(len(exports))]


def _rows(rows: Iterable[Mapping[str, Any]], schema: list[tuple[str, pa.DataType]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=pa.schema(schema))


def _customers(company: Company) -> pa.Table:
    columns = {
        "industry": "industry",
        "locale": "locale",
        "file_target": "storage_provider",
        "hosting_site": "data_center",
        "api_library": "api_client",
        "sign_in": "sso",
        "acquired_through": "onboarded_by",
    }
    texts = ("customer_no", "company_name", "mail_domain", "sales_region", *columns)
    rows = (
        {
            "customer_no": account.id,
            "company_name": account.name,
            "mail_domain": account.domain,
            "sales_region": account.region,
            "signed_up_at": account.created_at,
            **{own: account.attributes[ours] for own, ours in columns.items()},
        }
        for account in company.accounts
    )
    return _rows(rows, [*((name, pa.string()) for name in texts), ("signed_up_at", TIME)])


def _contracts(company: Company) -> pa.Table:
    """One running contract for each customer, and an ended one for every fourth or so: the view has to choose."""
    draw = random.Random(f"contracts {company.truth.seed}")
    rows = []
    for index, account in enumerate(company.accounts):
        renewed = draw.random() < 0.25
        since = account.created_at + timedelta(days=30) if renewed else account.created_at
        row = {
            "contract_no": f"C{2 * index + 1:05d}",
            "customer_no": account.id,
            "plan_code": account.plan,
            "annual_value": account.arr,
            "seat_count": account.seats,
            "billed": account.attributes["billing_cycle"],
            "valid_from": since,
        }
        if renewed:
            ended = {**row, "contract_no": f"C{2 * index:05d}", "plan_code": "starter", "valid_from": account.created_at, "valid_to": since}
            rows.append(ended)
        rows.append({**row, "valid_to": None})
    texts = ("contract_no", "customer_no", "plan_code", "billed")
    return _rows(
        rows,
        [
            *((name, pa.string()) for name in texts),
            ("annual_value", MONEY),
            ("seat_count", pa.int32()),
            ("valid_from", TIME),
            ("valid_to", TIME),
        ],
    )


def _feature_flags(company: Company) -> pa.Table:
    draw = random.Random(f"flags {company.truth.seed}")
    rows = [
        {
            "customer_no": account.id,
            "flag": flag,
            "enabled": account.attributes[flag] == "true",
            "set_at": company.truth.start - timedelta(days=draw.randint(20, 39)),
        }
        for account in company.accounts
        for flag in FLAGS
        # Off is the default: half of the accounts without a flag have no row for it at all.
        if account.attributes[flag] == "true" or draw.random() < 0.5
    ]
    return _rows(rows, [("customer_no", pa.string()), ("flag", pa.string()), ("enabled", pa.bool_()), ("set_at", TIME)])


def _report_exports(company: Company) -> pa.Table:
    exports, truth = company.exports, company.truth
    numbers = np.array(export_numbers(exports))
    customers = np.array([account.id for account in company.accounts])[exports.account]
    reports = [f"rp-{account:03d}{report:02d}" for account, report in zip(exports.account.tolist(), exports.report.tolist(), strict=True)]
    released = exports.start >= microseconds(truth.released_at)

    def times(values: Any) -> pa.Array:
        return pa.array(values, mask=values == NONE).cast(TIME)

    return pa.table(
        {
            "export_no": pa.array(numbers),
            "customer_no": pa.array(customers),
            "report_no": pa.array(reports),
            "started_by": pa.array(np.where(exports.manual, "user", "scheduler")),
            "file_format": pa.array(np.array(FORMATS)[exports.format]),
            "due_at": times(exports.due),
            "began_at": times(exports.start),
            "ended_at": times(exports.end),
            "state": pa.array(np.where(exports.ok, "OK", "ERR")),
            "rows_in_source": pa.array(exports.source_rows),
            "rows_in_file": pa.array(exports.rows),
            "app_version": pa.array(np.where(released, truth.release_version, truth.version_before)),
            "request_id": pa.array(exports.trace),
            "repeats_export_no": pa.array(numbers[exports.rerun_of], mask=exports.rerun_of == NONE),
        }
    )


def _changes(company: Company, kind: str, names: tuple[str, str | None]) -> pa.Table:
    first, second = names
    texts = [name for name in names if name is not None]
    rows = [
        {first: change.name, **({second: change.version} if second else {}), "applied_at": change.at}
        for change in company.changes
        if change.kind == kind
    ]
    return _rows(rows, [*((name, pa.string()) for name in texts), ("applied_at", TIME)])


def _job_runs(company: Company) -> pa.Table:
    rows = ({"job": run.job, "began_at": run.started_at, "ended_at": run.finished_at, "outcome": "done"} for run in company.jobs)
    return _rows(rows, [("job", pa.string()), ("began_at", TIME), ("ended_at", TIME), ("outcome", pa.string())])
