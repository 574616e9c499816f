"""Ask a database which values may be given for a parameter: one query, capped, cancelled on Ctrl-C, noted in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.catalog.permitted import MOST
from bridge.catalog.queries import bound
from bridge.ports import Limits
from bridge.workflow import audit
from bridge.workflow.collect import plain
from bridge.workflow.side_by_side import Question, asked

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.investigation import Investigation, SqlEvidence
    from bridge.sql.parameters import Value
    from bridge.workflow.context import Context


def values_of(context: Context, investigation: Investigation, item: SqlEvidence, values: Mapping[str, Value]) -> pa.Table:
    """Return the rows of a query for values, at most MOST and one more; the adapter's errors as they are."""
    source = context.workspace.database(item.database).name
    database = context.connections.database(source)
    query = bound(
        item,
        dialect=database.dialect,
        views=context.views,
        values=values,
        declared=[parameter.name for parameter in investigation.parameters],
        comment=f"bridge {investigation.id} v{investigation.version} {item.name}",
    )
    settings = context.workspace.limits
    limits = Limits(rows=MOST + 1, seconds=settings.seconds, bytes=settings.bytes, cost=settings.cost)
    question = Question(source=source, database=database, query=query)
    with asked({item.name: question}, limits, concurrent=1, clock=context.clock) as answers:
        answer = answers[item.name].result()
    error = answer.error
    audit.write(
        context.workspace.root,
        audit.Run(
            at=answer.started_at,
            case="",
            investigation=f"{investigation.id} v{investigation.version}",
            evidence=item.name,
            source=source,
            product=database.product,
            query=query.text,
            parameters={name: plain(value) for name, value in sorted(query.values.items())},
            took_seconds=round(answer.took_seconds, 3),
            outcome=audit.ending(error) if answer.result is None else "complete" if answer.result.table.num_rows else "empty",
            rows=None if answer.result is None else answer.result.table.num_rows,
            message="" if error is None else str(error),
        ),
    )
    if answer.result is None:
        raise error if error is not None else RuntimeError("a query was not asked")
    return answer.result.table
