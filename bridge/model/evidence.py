"""Evidence: an immutable table and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Scalar = str | int | float | bool | None
Outcome = Literal["complete", "empty", "cut-rows", "cut-bytes", "timed-out"]
"""How asking ended. `empty`: asked to the end, and there are no rows; `timed-out`: nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a table came from, enough to run it again; stored beside it as NN-name.json."""

    id: str
    """E1, E2, ...: what findings and reports cite."""
    name: str
    """The name in the investigation: `events`."""
    kind: str
    """account-events, log-events, view, table."""
    source: str
    """The workspace's name of the database or log source: `app`."""
    product: str
    """duckdb, postgres, files, ..."""
    dialect: str
    """SQL dialect, or `logs`."""
    query: str
    """The exact text that ran (regenerated from the checked tree), or the log selection in words."""
    parameters: dict[str, Scalar | list[Scalar]]
    """Bound values by name, times as ISO 8601 UTC."""
    started_at: datetime
    took_seconds: float
    rows: int
    truncated: bool
    """True when the row cap cut the result: never read as complete."""
    digest: str
    """sha256 of the Parquet file's bytes, hex."""
    file: str
    """Path relative to the case folder."""
    counts: dict[str, int] = field(default_factory=dict)
    """For logs: lines read, parsed, joined, rejected."""
    outcome: Outcome = "complete"
    """How asking ended: all rows, no rows, cut at a cap, or timed out."""
    templates: str = ""
    """For logs: the dated algorithm of their template ids. Empty: other evidence, or ids of masks alone (before)."""
