"""What `bridge init` writes: a commented bridge.yaml, example views, and the folders with a word on each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bridge.config import yaml_marks
from bridge.errors import InputError, Problem

_BRIDGE_YAML: Final = """\
# A workspace: where tickets, databases, logs and issues are. Every key: docs/workspace.md.
# Editors complete this file after:  bridge schema workspace > workspace.schema.json
# yaml-language-server: $schema=workspace.schema.json
format: 1
currency: EUR               # of all money in views/accounts.sql
# as_of: 2026-03-17T06:00:00Z   # only for recorded data: the workspace's now

# The help desk. Secrets are references, never values: env:NAME, file:path or keyring:service/user.
tickets:
  product: zendesk
  url: https://your-company.zendesk.com
  user: agent@your-company.example
  token: env:BRIDGE_TICKETS_TOKEN

# The issue tracker.
tracker:
  product: jira
  url: https://your-company.atlassian.net
  user: agent@your-company.example
  token: env:BRIDGE_TRACKER_TOKEN
  project: SUP
  issue_type: Bug
  labels: [from-support]

# Databases, each by a name of your choice. Use a role that can only SELECT; `bridge doctor` checks it.
databases:
  app:
    product: postgres
    host: localhost
    dbname: app
    user: bridge_reader
    password: env:BRIDGE_DATABASE_PASSWORD

# Logs, each by a name of your choice; the built-in investigations read `app`.
logs:
  app:
    product: files
    sources:
      - {paths: [logs/api/*], format: json, service: api}

# Your SQL behind the standard views that investigations are written against: views/accounts.sql and so on.
views: {database: app, folder: views}

# What one query may cost.
limits: {rows: 1000000, seconds: 60}
"""

_DATABASE: Final = _BRIDGE_YAML[_BRIDGE_YAML.index("    product: postgres") : _BRIDGE_YAML.index("\n# Logs, each")]
"""The lines of the example's database, which `init --from FILE` writes for that file instead."""

_ACCOUNTS: Final = """\
-- The standard view accounts: one row an account, all of them. Further columns are attributes of the account;
-- findings look for those that affected accounts share. All columns: docs/standard-views.md.
SELECT
    c.id AS account_id,
    c.name AS name,
    c.plan AS plan,
    c.country AS region,
    c.revenue_a_year AS arr,
    c.seats AS seats,
    c.created_at AS created_at,
    c.industry AS industry
FROM customers AS c
"""

_CHANGES: Final = """\
-- The standard view changes: what may have caused a defect, at the moment it took effect.
-- kind is release, flag, migration, job (one run of a scheduled job) or config.
SELECT
    d.finished_at AS "at",
    'release' AS kind,
    d.service AS name,
    d.version AS version
FROM deployments AS d
UNION ALL
SELECT
    f.changed_at AS "at",
    'flag' AS kind,
    f.flag AS name,
    f.new_value AS version
FROM flag_changes AS f
"""

_INVESTIGATIONS: Final = """\
# Your own investigations

One folder each: investigation.yaml, its .sql files, a README and tests. A folder of the same name as a built-in one
takes its place. `bridge investigations list` shows all, `bridge investigations check` checks them.
"""

_TEMPLATES: Final = """\
# Your own report templates

Markdown templates that take the place of the built-in ones of the same name.
"""

# Cases hold customers' words and data: they don't belong into version control unless you decide so.
_IGNORE: Final = """\
cases/
log-templates*.json
ledger.sqlite*
audit.jsonl
*.schema.json
sandbox.sqlite*
"""

FILES: Final[dict[str, str]] = {
    "bridge.yaml": _BRIDGE_YAML,
    "views/accounts.sql": _ACCOUNTS,
    "views/changes.sql": _CHANGES,
    "investigations/README.md": _INVESTIGATIONS,
    "templates/README.md": _TEMPLATES,
    ".gitignore": _IGNORE,
}


def scaffold(folder: Path, *, views: bool = True, database: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Write a new workspace into `folder` (made if missing) and return the files; InputError when one exists already.

    Nothing is overwritten, and nothing is written when anything is in the way. Without `views`, no example views.
    `database` has the keys of the database to name in bridge.yaml, without secrets; left out: an example.
    """
    files = {name: text for name, text in FILES.items() if views or not name.startswith("views/")}
    if database:
        lines = "".join(f"    {key}: {yaml_marks.quoted(value)}\n" for key, value in database.items())
        files["bridge.yaml"] = _BRIDGE_YAML.replace(_DATABASE, lines)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", where=str(folder), hint="name a folder: bridge init my-workspace")
    there = [name for name in files if (folder / name).exists()]
    if there:
        problems = tuple(Problem(message="exists already", where=str(folder / name)) for name in there)
        hint = (
            "it is a workspace already: bridge doctor"
            if "bridge.yaml" in there
            else "move it away, or choose another folder: bridge init my-workspace"
        )
        raise InputError(f"nothing written: {len(there)} of the files exist already", where=str(folder), hint=hint, problems=problems)
    made: list[Path] = []
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # `x`: another run may have made it since the look above.
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise InputError(
                f"cannot write {path}: {error.strerror or error}", where=str(path), hint="check the folder's permissions and space"
            ) from error
        made.append(path)
    return tuple(made)
