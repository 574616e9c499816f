"""The reproduction in the case folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from bridge.errors import NotFoundError
from bridge.model.reproduction import Reproduction
from bridge.reproduction.scenario import Scenario
from bridge.reproduction.statistics import repeats, wilson
from bridge.workflow.codec import from_json
from bridge.workflow.reproduction_settings import TargetSettings

if TYPE_CHECKING:
    from bridge.ports import HttpTarget
    from bridge.workflow.context import Context

FOLDER: Final = "reproduction"
ATTACHED: Final = ("test_reproduction.py", "reproduce.sh", "data.sql")
"""What goes to the tracker."""
_PROOF: Final = 0.01
"""Doubt that is left after the clean runs that prove a fix."""
_FEWEST: Final = 3
OpenTarget = Callable[[TargetSettings, tuple[str, ...]], "HttpTarget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """scenario.json: what runs again later."""

    format: int
    case_id: str
    scenario: Scenario
    clocks: tuple[tuple[int, datetime], ...]
    hosts: tuple[str, ...]
    """The recording's: refused as targets for ever."""
    confirmed: tuple[str, ...]
    seen: int
    runs: int
    waits: tuple[tuple[int, float], ...] = ()
    """Seconds that must pass before a step."""


def load_verdict(context: Context, case_id: str) -> Reproduction | None:
    """Return the case's reproduction, None when there is none yet."""
    path = context.cases.folder(case_id) / FOLDER / "verdict.json"
    return from_json(path.read_text(encoding="utf-8"), Reproduction, where=str(path)) if path.is_file() else None


def load_scenario(context: Context, case_id: str, target_name: str) -> Stored:
    """Return what runs again; NotFoundError when nothing was reproduced yet."""
    path = context.cases.folder(case_id) / FOLDER / "scenario.json"
    if not path.is_file():
        raise NotFoundError(
            f"{case_id} has no reproduction", where=str(path), hint=f"make one: bridge reproduce {case_id} --target {target_name}"
        )
    return from_json(path.read_text(encoding="utf-8"), Stored, where=str(path))


def clean_runs_needed(seen: int, runs: int) -> int:
    """Return the clean runs that leave less than one percent of doubt at the lower end of the measured rate; at least three."""
    return max(_FEWEST, repeats(min(0.999, max(0.001, wilson(seen, runs)[0])), _PROOF))
