"""The reproduction in the case folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.model.reproduction import Reproduction
from bridge.workflow.codec import from_json

if TYPE_CHECKING:
    from bridge.workflow.context import Context

FOLDER: Final = "reproduction"
ATTACHED: Final = ("test_reproduction.py", "reproduce.sh")
"""What goes to the tracker."""


def load_verdict(context: Context, case_id: str) -> Reproduction | None:
    """Return the case's reproduction, None when there is none yet."""
    path = context.cases.folder(case_id) / FOLDER / "verdict.json"
    return from_json(path.read_text(encoding="utf-8"), Reproduction, where=str(path)) if path.is_file() else None
