"""How far the filing of a case is, from the ledger alone: nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.filing.run import PENDING

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.filing.ledger import Ledger
    from bridge.model.filing import IssueRef, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingStatus:
    """What is done, refused and unknown."""

    case_id: str
    issue: IssueRef | None
    filed_at: datetime | None
    maybe_filed_at: datetime | None
    """When a create left whose answer was never settled; None otherwise."""
    done: tuple[Write, ...]
    refused: tuple[Write, ...]
    """Certainly not written (refused, or broken off before it left), or harmless to repeat. The next run tries again."""
    unknown: tuple[Write, ...]
    """May have happened; the next run looks for them."""
    linked: tuple[str, ...]
    """Tickets that carry the issue's key, sorted."""

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        if self.issue is not None:
            parts = [f"filed as {self.issue.key}", f"{len(self.linked)} ticket(s) linked"]
        elif self.maybe_filed_at is not None:
            parts = [f"maybe filed at {self.maybe_filed_at:%Y-%m-%d %H:%M:%S} UTC: run `bridge file {self.case_id}` to look for it"]
        else:
            parts = ["not filed"]
        if self.refused:
            parts.append(f"{len(self.refused)} not done")
        if self.unknown:
            parts.append(f"{len(self.unknown)} unknown")
        return ", ".join(parts)


def status(case_id: str, ledger: Ledger) -> FilingStatus:
    """Return how far a case is; one that was never filed has nothing."""
    filing = ledger.filing_of(case_id)
    writes = ledger.writes(filing.fingerprint) if filing else ()
    known = ledger.issue(filing.fingerprint) if filing else None
    unknown = tuple(write for write in writes if write.state in PENDING)
    return FilingStatus(
        case_id=case_id,
        issue=known[0] if known else None,
        filed_at=known[1] if known else None,
        maybe_filed_at=next((write.at for write in unknown if write.kind == "issue"), None),
        done=tuple(write for write in writes if write.state == "done"),
        refused=tuple(write for write in writes if write.state in {"refused", "intent"}),
        unknown=unknown,
        linked=tuple(sorted(write.target for write in writes if write.kind == "ticket-issue" and write.state == "done")),
    )
