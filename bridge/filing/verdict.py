"""What a reproduction came to on a later version, as a comment on the issue: one for each change of the verdict.

Comments of one target are numbered in the ledger. The newest one says the verdict as it was told last; the same
verdict again writes nothing. A comment whose answer was lost is looked for by its marker line, never repeated blindly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, UnknownOutcomeError
from bridge.filing.plan import digest
from bridge.filing.run import PENDING

if TYPE_CHECKING:
    from bridge.filing.ledger import Ledger
    from bridge.filing.run import Run
    from bridge.model.filing import IssueRef, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictNote:
    """What the issue is to say."""

    target: str
    """The test system's name: each has verdicts of its own."""
    told: tuple[str, ...]
    """What makes it another verdict: its word, and the version it was found on."""
    text: str


def is_told(ledger: Ledger, fingerprint: str, note: VerdictNote) -> bool:
    """Tell whether the newest comment of this target says just this; asks the ledger only."""
    last = _last(ledger, fingerprint, note.target)
    return last is not None and last.state == "done" and last.payload_digest == _digest(note)


def tell_verdict(run: Run, note: VerdictNote) -> bool:
    """Write the comment unless the newest one says the same; return whether one was written.

    BridgeError when nothing is filed, UnknownOutcomeError when an earlier one may be on its way.
    """
    known = run.ledger.issue(run.filing.fingerprint)
    if known is None:
        raise BridgeError(f"{run.filing.case_id} is not filed", hint=f"file it: bridge file {run.filing.case_id}")
    issue = run.tracker.get(known[0].id) or known[0]
    last = _last(run.ledger, run.filing.fingerprint, note.target)
    number = int(last.name.rpartition("|")[2]) if last is not None else 1
    if last is not None and last.state in PENDING:
        marker = _marker(run, last.payload_digest, number)
        if not run.settle("verdict", last.name, lambda: _there(run, issue, marker)) and not run.recreate:
            raise UnknownOutcomeError(
                f"a comment with an earlier verdict may have been added to {issue.key}; it is not among its comments",
                hint=f"run `bridge verify {run.filing.case_id}` again: it looks for it; --recreate writes a new one",
            )
        last = run.recorded("verdict", last.name)
    if last is not None and last.state == "done":
        if last.payload_digest == _digest(note):
            return False
        number += 1
    _send(run, issue, note, number)
    return True


def _send(run: Run, issue: IssueRef, note: VerdictNote, number: int) -> None:
    name = f"{note.target}|{number}"
    marker = _marker(run, _digest(note), number)
    text = f"{note.text}\n{marker}"
    try:
        run.send_once(
            "verdict", name, lambda leaving: run.tracker.add_comment(issue, text, leaving=leaving), target=issue.key, digest=_digest(note)
        )
    except UnknownOutcomeError:
        if not run.settle("verdict", name, lambda: _there(run, issue, marker), just_sent=True):
            raise
        run.writes += 1


def _last(ledger: Ledger, fingerprint: str, target: str) -> Write | None:
    found = [write for write in ledger.writes(fingerprint) if write.kind == "verdict" and write.name.rpartition("|")[0] == target]
    return max(found, key=lambda write: int(write.name.rpartition("|")[2]), default=None)


def _there(run: Run, issue: IssueRef, marker: str) -> str | None:
    for comment in run.tracker.comments(issue):
        if marker in (line.strip() for line in comment.body.splitlines()):
            return f" as comment {comment.id}"
    return None


def _marker(run: Run, said: str, number: int) -> str:
    return f"{run.filing.marker} verdict {number} {said[:8]}"


def _digest(note: VerdictNote) -> str:
    return digest([note.target, *note.told])
