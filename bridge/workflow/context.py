"""What the steps work with: the workspace, its catalogue and cases, and the ports, opened when first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bridge.catalog.catalog import Catalog
from bridge.config.workspace import Workspace
from bridge.ports import Clock, Database, IssueTracker, LogSource, TicketSource
from bridge.workflow.case_store import CaseStore
from bridge.workflow.events import Emit


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The ports of a workspace by name; each is opened on first use and closed by whoever made this value."""

    tickets: Callable[[], TicketSource]
    tracker: Callable[[], IssueTracker]
    database: Callable[[str], Database]
    logs: Callable[[str], LogSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One run of one command."""

    workspace: Workspace
    catalog: Catalog
    cases: CaseStore
    views: Mapping[str, str]
    """The workspace's SQL behind each standard view."""
    connections: Connections
    clock: Clock
    emit: Emit
    ledger_at: Path | None = None
    """A copy of the ledger, for a dry run."""

    @property
    def now(self) -> datetime:
        """The workspace's now (as_of when it is set), for relative windows; never for the ledger."""
        return self.workspace.as_of or self.clock.now()

    @property
    def ledger_path(self) -> Path:
        """Where the record of outside writes lies."""
        return self.ledger_at or self.workspace.root / "ledger.sqlite"
