"""One query outside a case, with its line in the audit, however it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.workflow import audit

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.ports import BoundQuery, Clock, Database, Limits, QueryResult


def run(
    database: Database, query: BoundQuery, limits: Limits, *, root: Path, clock: Clock, command: str, what: str, source: str
) -> QueryResult:
    """Run the query and append who asked what to the audit in `root`; the adapter's errors as they are."""
    started_at, begun = clock.now(), time.monotonic()
    outcome, rows, message = "failed", None, ""
    try:
        result = database.run(query, limits)
        rows = result.table.num_rows
        outcome = "cut-rows" if result.truncated else "complete" if rows else "empty"
    except BridgeError as error:
        outcome, message = audit.ending(error), str(error)
        raise
    finally:
        audit.write(
            root,
            audit.Run(
                at=started_at,
                case="",
                investigation=command,
                evidence=what,
                source=source,
                product=database.product,
                query=query.text,
                parameters={},
                took_seconds=round(time.monotonic() - begun, 3),
                outcome=outcome,
                rows=rows,
                message=message,
            ),
        )
    return result
