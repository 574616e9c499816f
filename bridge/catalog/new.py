"""A new investigation: a folder that passes `check` from the first moment, to be changed into what is wanted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bridge.errors import InputError

_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST: Final = 60

_YAML: Final = """\
id: {id}
version: 1
question: Which accounts have requests that end in a server error?
approach: >
  Every request of the window is an event of its account. It fails when it is answered with 500 or more. An account with
  at least minimum_events of them is affected.
cannot_tell: What the product hides behind status 200.
subject: requests
fails: end in server errors
observed: The request is answered with a server error.
expected:
  statement: A valid request is answered.
  source: the accounts that are not affected
action: Send the request again
data_loss: false
parameters:
  window:
    type: window
    default: last 14 days
    description: requests that came in here
  minimum_events:
    type: integer
    default: 2
    minimum: 1
    description: failing requests an account must have to be affected
evidence:
  events: {{sql: events.sql, kind: account-events}}
  population: {{view: accounts}}
  changes: {{view: changes}}
cohort: {{from: events, failing: minimum_events}}
findings: [cohort, impact, onset, concentration, contrast, severity]
report: bug_report
symptoms:
  # Each word matches the beginning of a word, in any order and near the others.
  - server error
  - serverfehler
not_causes: [status]
tests: tests/*.yaml
"""
_SQL: Final = """\
-- One row a request. PostgreSQL's dialect; docs/dialects.md tells what stays portable.
SELECT
    r.account_id,
    r."at" AS "at",
    r.request_id AS "key",
    COALESCE(r.status >= 500, FALSE) AS failed,
    r.trace_id,
    r.endpoint
FROM requests AS r
WHERE r."at" >= :window_start
  AND r."at" < :window_end
"""
_README: Final = """\
# {id}

**Question** Which accounts have requests that end in a server error?

**Use it when** ...

## Approach

...

## What it can't tell

- What the product hides behind status 200.

## Parameters

| name | type | default | means |
|---|---|---|---|
| `window` | window | last 14 days | requests that came in here |
| `minimum_events` | integer, from 1 | 2 | failing requests an account must have to be affected |

## What it reads

| evidence | from |
|---|---|
| `events` | `events.sql` over the view requests |
| `population` | the view accounts, whole |
| `changes` | the view changes, whole |

## Example

```
bridge investigate TICKET --with {id}
```
"""
_TEST: Final = """\
about: Two server errors make an account affected, one does not.
now: 2026-03-17T00:00:00Z
views:
  requests:
    - {request_id: r-1, account_id: a-1, at: 2026-03-11T08:00:00Z, method: GET, endpoint: "/a", status: 500}
    - {request_id: r-2, account_id: a-1, at: 2026-03-11T08:01:00Z, method: GET, endpoint: "/a", status: 503}
    - {request_id: r-3, account_id: a-2, at: 2026-03-11T08:00:00Z, method: GET, endpoint: "/a", status: 500}
    - {request_id: r-4, account_id: a-2, at: 2026-03-11T08:01:00Z, method: GET, endpoint: "/a", status: 200}
expect:
  affected: [a-1]
  evidence:
    events:
      - {key: r-1, failed: true}
      - {key: r-2, failed: true}
      - {key: r-3, failed: true}
      - {key: r-4, failed: false}
"""
_NOTHING: Final = """\
about: No rows, nobody affected, and no errors.
views: {}
expect:
  affected: []
  evidence:
    events: []
"""


def new(folder: Path, name: str) -> tuple[Path, ...]:
    """Write the files of investigation `name` into `folder`/`name` and return them; InputError when something is in the way."""
    if not _ID.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(f"'{name}' can't be an investigation's name", hint="small letters, digits and -, for example: late-mails")
    target = folder / name
    if target.exists():
        raise InputError(f"{target} exists already", where=str(target), hint="choose another name, or change what is there")
    files = {
        "investigation.yaml": _YAML.format(id=name),
        "events.sql": _SQL,
        "README.md": _README.format(id=name),
        "tests/cohort.yaml": _TEST,
        "tests/nothing.yaml": _NOTHING,
    }
    made: list[Path] = []
    for relative, text in files.items():
        path = target / relative
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}", where=str(path)) from error
        made.append(path)
    return tuple(made)
