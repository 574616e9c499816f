"""The case: our unit of work, one suspected defect from one or more tickets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bridge.model.evidence import Scalar
from bridge.model.ticket import Ticket
from bridge.model.window import Window

CaseState = Literal["open", "investigated", "reported", "filed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """case.json: what was asked, of what, when."""

    id: str
    """BR-0007: unique in the workspace."""
    format: int
    """Version of the folder's format."""
    created_at: datetime
    as_of: datetime
    """The one clock reading that relative times were resolved against."""
    state: CaseState
    tickets: tuple[Ticket, ...]
    """As they were read when the case was opened or last refreshed."""
    requested: tuple[str, ...]
    """Ticket ids the analyst named; the rest was found."""
    investigation: str
    investigation_version: int
    investigation_digest: str
    given: dict[str, str]
    """Parameters as the analyst gave them: the same again continues this case."""
    parameters: dict[str, Scalar | list[Scalar] | Window]
    """Resolved values; windows are absolute."""
    window: Window
    bridge_version: str
    added: tuple[str, ...] = ()
    """Tickets that an analyst linked after the investigation, by `bridge add`."""
    problems: tuple[str, ...] = field(default=())
    """What went wrong without stopping the case: a deleted ticket, a vanished log file."""
