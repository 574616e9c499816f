"""The workspace of `bridge demo`: bridge.yaml, views, database and logs of the demo company, and its truth beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bridge.demo import files
from bridge.demo.company import build
from bridge.demo.embedded_postgres import PostgresUrls
from bridge.demo.exports import FAILING, microseconds
from bridge.demo.logs import write_logs
from bridge.demo.session import write_session
from bridge.demo.tables import export_numbers, tables
from bridge.demo.tickets import FIRST_TICKET, demo_tickets, seed
from bridge.demo.truth import Truth, to_builtins
from bridge.demo.writers import write_duckdb, write_postgres, write_sqlite
from bridge.errors import InputError

DatabaseKind = Literal["duckdb", "postgres", "sqlite"]

_TITLE = "The workspace of `bridge demo`: a made-up company."
SANDBOX_TOKEN = "sandbox"  # noqa: S105  the sandbox's own well-known word, no secret
ASIDE = ".demo"
"""Folder inside the workspace that bridge never reads: truth.json for tests, seed.json for the sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorkspace:
    """What was written, and how the main job is run on it."""

    folder: Path
    seed: dict[str, Any]
    """For the sandbox's help desk: `bridge.sandbox.seed.from_json` takes it."""
    investigation: str
    parameters: dict[str, str]
    """By name, as they stand after `-p`."""
    tickets: tuple[str, ...]
    """A handful of escalated tickets to start from: ZD-1004."""
    log_lines: int


def write_workspace(
    folder: Path,
    truth: Truth,
    *,
    sandbox_url: str,
    database: DatabaseKind = "duckdb",
    postgres: PostgresUrls | None = None,
    log_megabytes: float = 60.0,
) -> DemoWorkspace:
    """Write the whole workspace; takes a few seconds. The same arguments give the same bytes (but for the DuckDB file's).

    Args:
        folder: made if it is not there; files of an earlier demo are replaced, cases and ledger stay.
        truth: what to plant.
        sandbox_url: `http://127.0.0.1:8765`, without a slash at the end.
        database: where the application's data goes.
        postgres: the server's addresses, for database="postgres" (and only then); its database must be empty.
        log_megabytes: size of the logs before compression.

    Raises:
        InputError: `postgres` is missing, or given and not wanted.
    """
    if (database == "postgres") != (postgres is not None):
        raise InputError(
            f"database={database!r} with postgres={postgres!r}", hint="give the addresses exactly when the database is postgres"
        )
    made = tables(truth)
    if postgres is not None:
        write_postgres(postgres.owner, made)
        setting = f'{{product: postgres, url: "{postgres.reader}"}}'
    elif database == "sqlite":
        write_sqlite(folder / "data" / "app.sqlite", made)
        setting = "{product: sqlite, path: data/app.sqlite}"
    else:
        write_duckdb(folder / "data" / "app.duckdb", made)
        setting = "{product: duckdb, path: data/app.duckdb}"
    write_settings(
        folder,
        files.BRIDGE_YAML.format(
            severity=files.DEMO_SEVERITY,
            title=_TITLE,
            as_of=zulu(truth.as_of),
            sandbox=sandbox_url,
            database=setting,
            sources=files.DEMO_SOURCES,
        )
        + files.REPRODUCTION.format(sandbox=sandbox_url, host=sandbox_url.partition("://")[2]),
        files.DEMO_VIEWS,
    )
    write_session(folder, truth)
    lines = write_logs(folder / "logs", truth, megabytes=log_megabytes)
    desk = seed(truth)
    write_json(folder / ASIDE / "truth.json", {**to_builtins(truth), "planted": planted(truth)})
    write_json(folder / ASIDE / "seed.json", desk)
    about = [ticket_id(index) for index, ticket in enumerate(demo_tickets(truth)) if ticket.about == "defect"]
    return DemoWorkspace(
        folder=folder,
        seed=desk,
        investigation="empty-exports",
        parameters={},
        tickets=tuple(about[:3]),
        log_lines=sum(lines.values()),
    )


def planted(truth: Truth) -> dict[str, Any]:
    """Return who plays which part, by ids, as JSON-able values: what an investigation has to find."""
    company = build(truth)
    roles, exports = company.roles, company.exports

    def ids(indices: tuple[int, ...]) -> list[str]:
        return [company.accounts[index].id for index in indices]

    affected = np.array(roles.affected)
    failing = (exports.kind == FAILING) & np.isin(exports.account, affected)
    starts = exports.start[failing]
    numbers = export_numbers(exports)
    tickets = [
        {"id": ticket_id(index), "account": company.accounts[ticket.account].id, "about": ticket.about, "at": ticket.at.isoformat()}
        for index, ticket in enumerate(demo_tickets(truth))
    ]
    return {
        "affected": ids(roles.affected),
        "wrote": ids(roles.writers),
        "silent": ids(tuple(sorted(set(roles.affected) - set(roles.writers)))),
        "once": ids(roles.once),
        "empty_filter": ids(roles.empty_filter),
        "expired": ids(roles.expired),
        "in_window_without_cause": ids(roles.in_window),
        "cause_outside_window": ids(roles.spare),
        "arr": str(sum(company.accounts[index].arr for index in roles.affected)),
        "failing_exports": [numbers[index] for index in np.nonzero(failing)[0].tolist()],
        "first_failure": _moment(int(starts.min())),
        "last_failure": _moment(int(starts.max())),
        "exports": len(exports),
        "exports_before_release": int((exports.start < microseconds(truth.released_at)).sum()),
        "tickets": tickets,
    }


def ticket_id(index: int) -> str:
    """Return the id, as bridge writes it, of the n-th ticket (from 0)."""
    return f"ZD-{FIRST_TICKET + index}"


def write_settings(folder: Path, settings: str, views: dict[str, str]) -> None:
    """Write bridge.yaml and views/*.sql."""
    (folder / "views").mkdir(parents=True, exist_ok=True)
    (folder / "bridge.yaml").write_text(settings, encoding="utf-8")
    write_token(folder / "sandbox-token")
    for name, sql in views.items():
        (folder / "views" / f"{name}.sql").write_text(sql, encoding="utf-8")


def write_token(path: Path) -> None:
    """Write the sandbox's well-known word where bridge.yaml points to, for the owner's eyes only as a real one would be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(SANDBOX_TOKEN + "\n", encoding="utf-8")


def write_json(path: Path, values: Any) -> None:
    """Write indented JSON, UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def zulu(at: datetime) -> str:
    """Return `2026-03-17T06:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(micros: int) -> str:
    return (datetime.fromtimestamp(micros // 1_000_000, tz=UTC).replace(microsecond=micros % 1_000_000)).isoformat()
