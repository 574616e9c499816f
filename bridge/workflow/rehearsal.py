"""A dry run of any command that writes: the same steps, on a copy of the ledger, with ports that note instead of sending."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bridge.filing.rehearsal import Noted, RehearsedDesk, RehearsedTracker
from bridge.filing.store import connect, explained
from bridge.workflow.case_store import CaseStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bridge.model.case import Case
    from bridge.model.finding import Analysis
    from bridge.ports import Clock
    from bridge.workflow.context import Context


@dataclass(frozen=True, slots=True)
class _Cases(CaseStore):
    """The workspace's cases; what is saved is kept in memory."""

    kept: dict[str, Case] = field(default_factory=dict)
    found: dict[str, Analysis] = field(default_factory=dict)

    def save(self, case: Case) -> None:
        """Keep it in memory."""
        self.kept[case.id] = case

    def load(self, case_id: str) -> Case:
        """Return what was kept, or read it."""
        return self.kept[case_id] if case_id in self.kept else CaseStore.load(self, case_id)

    def save_analysis(self, case_id: str, analysis: Analysis) -> None:
        """Keep it in memory."""
        self.found[case_id] = analysis

    def load_analysis(self, case_id: str) -> Analysis:
        """Return what was kept, or read it."""
        return self.found[case_id] if case_id in self.found else CaseStore.load_analysis(self, case_id)


@dataclass(frozen=True, slots=True)
class _Clock:
    """Real time, without waiting: what may have happened is looked for once."""

    real: Clock

    def now(self) -> datetime:
        """Return the real time."""
        return self.real.now()

    def sleep(self, seconds: float) -> None:
        """Go on at once."""


@contextmanager
def rehearsal(context: Context) -> Iterator[tuple[Context, list[Noted]]]:
    """Give a context in which nothing is written, and the list that what would be written is noted in."""
    notes: list[Noted] = []
    connections = replace(
        context.connections,
        tracker=lambda: RehearsedTracker(context.connections.tracker(), notes),
        tickets=lambda: RehearsedDesk(context.connections.tickets(), notes),
    )
    with TemporaryDirectory(prefix="bridge-") as folder:
        copy = Path(folder) / context.ledger_path.name
        if context.ledger_path.exists():
            _copy(context.ledger_path, copy)
        yield (
            replace(
                context,
                connections=connections,
                cases=_Cases(context.cases.root, context.cases.prefix),
                clock=_Clock(context.clock),
                ledger_at=copy,
            ),
            notes,
        )


def _copy(path: Path, to: Path) -> None:
    """Copy a ledger; the original is opened for reading only, so that not even its format is brought up to date."""
    with (
        explained(path),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as original,
        closing(sqlite3.connect(to)) as copy,
    ):
        original.backup(copy)
    connect(to).close()
