"""A process of its own that files one plan against a sandbox, and may be killed at a point; see test_processes.py.

Lines on stdin are orders: `folder case point recreate`. Each is carried out by a child made by fork, so that a
hundred kills cost a hundred filings and not a hundred starts of Python. The answer is a line on stdout:
`killed`, or what the filing said. `point` counts commits and requests, before and after each; -1 kills never.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from bridge.adapters.transport import BoundedAdapter
from bridge.errors import BridgeError
from bridge.filing.file import file_case
from bridge.filing.ledger import Ledger
from bridge.filing.plan import FilingPlan, TicketPlan
from bridge.model.filing import Attachment, IssueDraft, RemoteLink
from tests.adapters import running
from tests.filing.world import FakeClock

if TYPE_CHECKING:
    import requests


TICKETS = 60
"""How many tickets the sandbox must have, from ZD-1001."""


class Points:
    """Counts points and kills this process at one of them."""

    def __init__(self, deadly: int) -> None:
        self._deadly = deadly
        self._passed = 0

    def reached(self) -> None:
        if self._passed == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self._passed += 1


class DeadlyLedger(Ledger):
    points: Points

    def _commit(self) -> None:
        self.points.reached()
        super()._commit()
        self.points.reached()


class DeadlyAdapter(BoundedAdapter):
    points: Points

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.points.reached()
        response = super().send(*args, **kwargs)
        self.points.reached()
        return response


class ShortClock(FakeClock):
    """Real enough for a ledger; waits cost nothing."""


def plan_of(case: str, folder: Path, *, tickets: int = 6) -> FilingPlan:
    """Make a plan whose marker and tickets follow from the case's number; 60 tickets are used in turn.

    Cases in a row have tickets of their own: a note waits while its ticket was changed within the same second.
    """
    number = int(case.rpartition("-")[2])
    marker = f"bridge-{number:020x}"
    file = folder / "affected.csv"
    ids = [1001 + ((number - 1) * 6 + item) % max(TICKETS, tickets) for item in range(tickets)]
    return FilingPlan(
        case_id=case,
        fingerprint=f"{number:020x}" + "0" * 44,
        draft=IssueDraft(
            project="REP",
            issue_type="Bug",
            summary=f"Exports are empty {number}",
            description="h2. Summary",
            labels=("from-support", marker),
            fields={"customfield_10105": "S2"},
            marker=marker,
        ),
        attachments=(Attachment(name="bridge-0123-affected.csv", path=str(file), sha256="0" * 64, media_type="text/csv"),),
        tickets=tuple(
            TicketPlan(
                ticket_id=f"ZD-{item}",
                link=RemoteLink(
                    global_id=f"bridge:zendesk:desk:{item}",
                    url=f"http://desk.example.test/{item}",
                    title=f"ZD-{item}",
                    summary="Account",
                    relationship="reported by",
                    resolved=False,
                ),
                account_name="Account",
                note=("Exports come out empty.",),
            )
            for item in ids
        ),
        settle_seconds=3.0,
    )


def file_one(url: str, folder: Path, case: str, point: int, *, recreate: bool) -> str:
    """File a case in this process; return what it said."""
    points = Points(point)
    DeadlyAdapter.points = DeadlyLedger.points = points
    clock = ShortClock()
    # Each run is later than the one before, as real ones are: a window that is over is not waited for again.
    clock.at += timedelta(seconds=os.getpid())
    with running.tracker(f"{url}/jira", folder) as tracker, running.desk(f"{url}/zendesk", folder) as desk:
        for session in (tracker._connected()._session, desk._session):
            for prefix in ("http://", "https://"):
                session.mount(prefix, DeadlyAdapter(30))
        ledger = DeadlyLedger(folder / f"{case}.sqlite", clock)
        try:
            result = file_case(plan_of(case, folder), ledger=ledger, tracker=tracker, tickets=desk, clock=clock, recreate=recreate)
        except BridgeError as error:
            return f"{type(error).__name__}: {error.message}"
        finally:
            ledger.close()
    return f"done {result.issue.key}" if result.error is None else f"partly {result.undone}"


def main() -> None:
    logger.remove()  # a line a request, of hundreds of filings
    url = sys.argv[1]
    for line in sys.stdin:
        folder, case, point, recreate = line.split()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, file_one(url, Path(folder), case, int(point), recreate=recreate == "yes").encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            said = answer.read().decode()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else said.replace("\n", " ") or f"died {status}", flush=True)


if __name__ == "__main__":
    main()
