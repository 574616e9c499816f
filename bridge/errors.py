"""The errors that reach a person: what was wrong, where, and what to do next.

One base class; a child exists only where a caller (or the exit code) acts differently.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class ExitCode(IntEnum):
    """What the process answers; an API for scripts, also in `--output json`."""

    DONE = 0
    NO = 1
    """The answer is no: a check failed, not fixed, below a gate."""
    INPUT = 2
    """The caller has to fix something: an argument, a file, the configuration."""
    RETRY = 3
    """Nothing is wrong here; the other side was busy, slow or unreachable."""
    PERMISSION = 4
    REFUSED = 5
    """The remote side understood and refused."""
    PARTLY = 6
    """Some of it is done; running the same command again continues."""
    BUG = 70
    INTERRUPTED = 130


class Problem(NamedTuple):
    """One thing that is wrong with an input; loaders report all of them at once.

    A NamedTuple, not a dataclass: importing `dataclasses` costs a third of what `bridge --help` may.
    """

    message: str
    where: str = ""
    """file:line[:column], the request, or the query."""
    hint: str = ""
    """What to do next, as a command or a value where there is one."""


class BridgeError(Exception):
    """An error with a message, a place and a way out; never shown as a traceback."""

    exit_code: ExitCode = ExitCode.INPUT

    def __init__(self, message: str, *, where: str = "", hint: str = "", problems: tuple[Problem, ...] = ()) -> None:
        """`problems` lists every fault of one input; `message` then sums them up."""
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.problems = problems


class InputError(BridgeError):
    """The caller can fix this: the message shows the value and the known ones."""


class NotFoundError(InputError):
    """A named thing does not exist (any more): ticket, case, investigation, issue, file."""


class RetryLaterError(BridgeError):
    """The other side was unreachable, busy or too slow; nothing was written."""

    exit_code = ExitCode.RETRY

    def __init__(self, message: str, *, where: str = "", hint: str = "", after_seconds: float | None = None) -> None:
        """`after_seconds` is the wait the other side named (Retry-After), if it named one."""
        super().__init__(message, where=where, hint=hint)
        self.after_seconds = after_seconds


class TimedOutError(RetryLaterError):
    """A query was ended at its limit of seconds: nothing is known, which is not the same as no rows."""


class GateError(BridgeError):
    """The answer is no: something was checked before it may leave, and fails."""

    exit_code = ExitCode.NO


class UnknownOutcomeError(RetryLaterError):
    """A write was sent and its answer was lost: it may have happened. Settle it, never repeat it blindly."""


class AccessError(BridgeError):
    """The credentials are missing, wrong, or not allowed to do this."""

    exit_code = ExitCode.PERMISSION


class RefusedError(BridgeError):
    """The remote side (or the SQL guard) understood and refused; nothing was written."""

    exit_code = ExitCode.REFUSED


class ChangedMeanwhileError(RefusedError):
    """Somebody changed the thing since it was read; nothing was written. Read it again, then decide again."""


class PartlyDoneError(BridgeError):
    """Some writes happened and are recorded; the same command continues."""

    exit_code = ExitCode.PARTLY
