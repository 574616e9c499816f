"""From the tables of a case to everything that was found: pure, deterministic, in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.analysis.inputs import AnalysisInputs

if TYPE_CHECKING:
    from bridge.model.finding import Analysis

__all__ = ["ALGORITHM", "AnalysisInputs", "affected_accounts", "analyse"]

ALGORITHM = "analysis-2026-11"


def affected_accounts(inputs: AnalysisInputs) -> tuple[str, ...]:
    """Return the ids of the affected accounts, sorted: fetch their tickets, then call `analyse` with them.

    Empty when the investigation has no cohort rule.
    """
    raise NotImplementedError(inputs.case_id)


def analyse(inputs: AnalysisInputs) -> Analysis:
    """Return everything that was found; InputError when a table lacks a column that its kind promises (all at once)."""
    raise NotImplementedError(inputs.case_id)
