"""Workaround: how often it worked among those who tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from bridge.analysis.events import require
from bridge.model.finding import Workaround

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from bridge.model.investigation import Investigation


def workaround(investigation: Investigation, tables: Mapping[str, pa.Table], evidence_ids: Mapping[str, str]) -> Workaround | None:
    """Return the investigation's workaround with its counts; rows (account_id, at, key, worked) that repeat a key count once."""
    check = investigation.workaround
    if check is None:
        return None
    table = tables.get(check.evidence) if check.evidence else None
    if table is None or check.evidence is None:
        return Workaround(statement=check.statement, worked=0, tried=0, evidence=None)
    require(table, ("account_id", "at", "key", "worked"), check.evidence)
    worked: dict[tuple[object, object, object], bool] = {}
    values = (table[column].to_pylist() for column in ("account_id", "at", "key"))
    known = pc.fill_null(pc.cast(table["worked"], "bool"), False).to_pylist()
    for account, at, key, good in zip(*values, known, strict=True):
        worked[account, at, key] = worked.get((account, at, key), False) or bool(good)
    return Workaround(
        statement=check.statement,
        worked=sum(worked.values()),
        tried=len(worked),
        evidence=evidence_ids.get(check.evidence, check.evidence),
    )
