"""Changes: what may have caused a defect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A deployment, flag, migration or one run of a scheduled job."""

    at: datetime
    kind: str
    """release, flag, migration, job, config."""
    name: str
    """What changed: `reporting`, `snapshot_cache_v2`, `cache-refresh`."""
    version: str | None = None
