"""What the steps of one filing run share: the ports, the ledger, the counters, and how a write is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from bridge.errors import BridgeError, RetryLaterError, UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.filing.ledger import Filing, Ledger
    from bridge.model.filing import Write, WriteKind, WriteState
    from bridge.ports import Clock, IssueTracker, Leaving, TicketSource

PENDING = frozenset({"sent", "unknown"})
"""States of a write that may have happened."""
BEGUN = PENDING | {"intent"}
"""States of a write whose end is not recorded."""

T = TypeVar("T")
Step = Literal["preflight", "issue", "attachment", "remote-link", "ticket", "figures"]
EventState = Literal["started", "done", "already", "failed", "unknown", "waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingEvent:
    """Progress of a filing, for whoever shows it."""

    step: Step
    target: str
    """Issue key, attachment name or ticket id."""
    state: EventState
    detail: str = ""
    number: int = 0
    """Which of `of`, from 1; 0 where there is only one."""
    of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """One write that did not happen, or may have happened."""

    kind: WriteKind
    target: str
    """Attachment name or ticket id."""
    state: WriteState
    """refused: certainly not written; unknown: it may have happened; intent: not tried in this run."""
    why: str
    hint: str = ""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run; the counters are the only part that changes."""

    ledger: Ledger
    filing: Filing
    tracker: IssueTracker
    tickets: TicketSource
    clock: Clock
    emit: Callable[[FilingEvent], None]
    recreate: bool
    """A person's word that writes which were looked for and not found may be sent again."""
    settle_seconds: float = 120.0
    """How long a write whose answer was lost is looked for."""
    writes: int = 0
    """Writes that left in this run and happened."""
    undone: list[Undone] = field(default_factory=list)

    def recorded(self, kind: WriteKind, name: str) -> Write | None:
        """Return what the ledger knows of a write."""
        return self.ledger.write(self.filing.fingerprint, kind, name)

    def is_done(self, kind: WriteKind, name: str, digest: str = "") -> bool:
        """Tell whether it happened; with `digest`, with this very content."""
        write = self.recorded(kind, name)
        return write is not None and write.state == "done" and (not digest or write.payload_digest == digest)

    def adopt(self, kind: WriteKind, name: str, *, target: str, digest: str, answer: str) -> None:
        """Record something that is there already, so that it need not be looked for again."""
        write = self.ledger.intend(self.filing, kind, name, target=target, digest=digest)
        self.ledger.outcome(self.filing, write, "done", answer)

    def send(
        self,
        kind: WriteKind,
        name: str,
        call: Callable[[], T],
        *,
        target: str,
        digest: str = "",
        guard: str = "",
        answer: Callable[[T], str] = str,
    ) -> T:
        """Commit the intent, make the call, commit its outcome; errors pass on after they are recorded.

        A call that answers False or 0 found that there was nothing to write.
        """
        return self.send_once(kind, name, lambda _: call(), target=target, digest=digest, guard=guard, answer=answer)

    def send_once(
        self,
        kind: WriteKind,
        name: str,
        call: Callable[[Leaving], T],
        *,
        target: str,
        digest: str = "",
        guard: str = "",
        answer: Callable[[T], str] = str,
    ) -> T:
        """Do the same with a call that must not be repeated: it tells when it leaves, which is committed too."""
        write = self.ledger.intend(self.filing, kind, name, target=target, digest=digest, guard=guard)
        try:
            result = call(self.leaving(write))
        except UnknownOutcomeError as error:
            self.ledger.outcome(self.filing, write, "unknown", error.message)
            raise
        except BridgeError as error:
            self.ledger.outcome(self.filing, write, "refused", _reason(error))
            raise
        self.writes += int(result) if isinstance(result, int) else 1
        self.ledger.outcome(self.filing, write, "done", answer(result))
        return result

    def leaving(self, write: Write) -> Leaving:
        """Return what commits that a write leaves now, or is held back and was not taken."""

        def told(leaves: bool, /) -> None:  # noqa: FBT001 - see bridge.ports.Leaving
            self.ledger.outcome(self.filing, write, "sent" if leaves else "intent", "")

        return told

    def settle(self, kind: WriteKind, name: str, is_there: Callable[[], str | None], *, just_sent: bool = False) -> bool:
        """Look for a write whose answer was lost; `is_there` says where it was found. Commits what came out."""
        write = self.recorded(kind, name)
        if write is None:
            return False
        for _ in self.looks(write, just_sent=just_sent):
            try:
                found = is_there()
            except RetryLaterError:
                continue  # a look that fails says nothing
            if found is not None:
                self.ledger.outcome(self.filing, write, "done", f"found after a lost answer{found}")
                return True
        self.ledger.outcome(self.filing, write, "unknown", "sent, answer lost, not found")
        return False

    def leave(self, kind: WriteKind, target: str, error: BridgeError, *, name: str = "") -> None:
        """Remember what was not done, and why, and go on; `name` is the write's, where it is not the target."""
        write = self.recorded(kind, name or target)
        pending = write is not None and write.state in PENDING
        state: WriteState = "unknown" if pending or isinstance(error, UnknownOutcomeError) else "refused"
        self.undone.append(Undone(kind=kind, target=target, state=state, why=_reason(error), hint=error.hint))

    def looks(self, write: Write, *, just_sent: bool = False) -> Iterator[None]:
        """Yield once for each look for a write whose answer was lost, with growing waits, until the window ends.

        The window counts from the sending (`just_sent`: from now, the call itself may have waited long), so a
        later run looks once and does not wait again. A clock that was set back does not make it longer.
        """
        window = self.settle_seconds
        age = 0.0 if just_sent else (self.clock.now().astimezone(UTC) - write.at) / timedelta(seconds=1)
        left = min(window, window - age)
        wait = 1.0
        yield
        while left > 0:
            pause = min(wait, left)
            self.emit(FilingEvent(step=_step(write.kind), target=write.target or write.name, state="waiting", detail=f"{left:.0f} s left"))
            self.clock.sleep(pause)
            left -= pause
            wait *= 2
            yield


_STEPS: dict[WriteKind, Step] = {
    "issue": "issue",
    "issue-link": "issue",
    "transition": "issue",
    "attachment": "attachment",
    "remote-link": "remote-link",
    "fields": "figures",
    "labels": "figures",
    "summary": "figures",
    "verdict": "issue",
}


def _step(kind: WriteKind) -> Step:
    return _STEPS.get(kind, "ticket")


def _reason(error: BridgeError) -> str:
    details = "; ".join(problem.message for problem in error.problems)
    return f"{error.message}: {details}" if details else error.message
