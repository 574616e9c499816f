"""What an analysis is computed from: the investigation, its tables, and the tickets. Nothing else decides a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.analysis.severity import GITLAB_2026_11, Policy

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.evidence import Scalar
    from bridge.model.investigation import Investigation
    from bridge.model.ticket import Ticket
    from bridge.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisInputs:
    """All that an analysis reads; the same values give the same `Analysis`, field by field."""

    investigation: Investigation
    window: Window
    """The case's window; events outside of it are ignored."""
    parameters: Mapping[str, Scalar | list[Scalar] | Window]
    """Resolved values by name, as in case.json."""
    tables: Mapping[str, pa.Table]
    """By the evidence's name: `events`, `population`, `changes`, `logs`, ... Missing ones are simply not searched."""
    evidence_ids: Mapping[str, str]
    """E1, E2, ... by the evidence's name: what findings cite."""
    tickets: Sequence[Ticket]
    """The case's tickets."""
    candidate_tickets: Sequence[Ticket] = field(default=())
    """Other tickets of affected accounts; empty when they were not fetched (yet)."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The text of each template id in the log tables. Tables with other ids, or none, are mined."""
    policy: Policy = GITLAB_2026_11
    """Of severity."""
    currency: str = "EUR"
    seed: int = 0
    """For the replicates of the scans; take it from the case, so that a second run gives the same bytes."""
    case_id: str = ""
    """For the commands in `Finding.check`."""
