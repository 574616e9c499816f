"""20 network and HTTP faults x every operation of both adapters: done, retry later, or needs a person; never a traceback.

Every cell is played over real sockets against the sandbox. A default run plays a part of the table;
BRIDGE_FAULT_TABLE=1 plays all of it (`make faults-long`) and prints the counts.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.adapters.tickets.zendesk import Zendesk
from bridge.adapters.trackers.jira import Jira
from bridge.errors import BridgeError, RetryLaterError, UnknownOutcomeError
from bridge.model.filing import Attachment, IssueDraft, IssueRef, RemoteLink
from bridge.model.ticket import Ticket
from bridge.model.window import Window
from bridge.sandbox.faults import Fault
from bridge.sandbox.server import RunningSandbox
from tests.adapters import running

pytestmark = pytest.mark.timeout(1800)  # for the long targets; a default run takes seconds
EVERYTHING = os.environ.get("BRIDGE_FAULT_TABLE") == "1"
LONGEST = 12.0
"""Seconds that any cell may take: patience 3, time limit 1, and a loaded machine."""
MARKER = "bridge-0123456789abcdef0123"
SOON = f"{datetime.now(UTC) + timedelta(seconds=1):%a, %d %b %Y %H:%M:%S} GMT"


@dataclass(frozen=True, slots=True)
class Site:
    jira: Jira
    desk: Zendesk
    issue: IssueRef
    other: IssueRef
    file: Path
    comment: str
    ticket: Ticket


def draft() -> IssueDraft:
    return IssueDraft(
        project="REP",
        issue_type="Bug",
        summary="Empty",
        description="d",
        labels=(MARKER,),
        fields={"customfield_10105": "S2"},
        marker=MARKER,
    )


LINK = RemoteLink(global_id="bridge:z:1", url="http://127.0.0.1/1", title="t", summary="s", relationship="reported by", resolved=False)
WINDOW = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 4, 1, tzinfo=UTC))
READS: dict[str, Callable[[Site], object]] = {
    "preflight": lambda s: s.jira.preflight(draft(), ()),
    "newest_key": lambda s: s.jira.newest_key("REP"),
    "find": lambda s: s.jira.find("REP", MARKER, "REP-1"),
    "get": lambda s: s.jira.get(s.issue.key),
    "states": lambda s: s.jira.states([s.issue.id]),
    "marked": lambda s: s.jira.marked("REP", MARKER),
    "texts": lambda s: s.jira.texts("REP", [MARKER], ["empty"]),
    "preflight of a join": lambda s: s.jira.preflight(draft(), (), s.issue),
    "comments of an issue": lambda s: s.jira.comments(s.issue),
    "fields": lambda s: s.jira.fields(),
    "attachments": lambda s: s.jira.attachments(s.issue),
    "remote_links": lambda s: s.jira.remote_links(s.issue),
    "queue": lambda s: s.desk.queue(),
    "ticket": lambda s: s.desk.get("ZD-1001"),
    "many": lambda s: s.desk.many(["ZD-1001", "ZD-1002"]),
    "of_accounts": lambda s: s.desk.of_accounts(["A-1"], WINDOW),
    "created": lambda s: s.desk.created(WINDOW),
    "comments of a ticket": lambda s: s.desk.comments("ZD-1001"),
    "links": lambda s: s.desk.links("ZD-1001"),
    "merged_into": lambda s: s.desk.merged_into(dataclasses.replace(s.ticket, tags=("closed_by_merge",))),
    "check of the tracker": lambda s: s.jira.check(),
    "check of the help desk": lambda s: s.desk.check(),
}
WRITES: dict[str, Callable[[Site], object]] = {
    "create": lambda s: s.jira.create(draft()),
    "attach": lambda s: s.jira.attach(s.issue, Attachment(name="a.csv", path=str(s.file), sha256="0" * 64, media_type="text/csv")),
    "put_remote_link": lambda s: s.jira.put_remote_link(s.issue, LINK),
    "add_comment": lambda s: s.jira.add_comment(s.issue, "text"),
    "update_comment": lambda s: s.jira.update_comment(s.issue, s.comment, "text"),
    "update_fields": lambda s: s.jira.update_fields(s.issue, {"customfield_10101": 3}),
    "add_labels": lambda s: s.jira.add_labels(s.issue, ["more"]),
    "link_duplicate": lambda s: s.jira.link_duplicate(s.other, s.issue),
    "move_to": lambda s: s.jira.move_to(s.issue, "indeterminate"),
    "add_internal_note": lambda s: s.desk.add_internal_note("ZD-1001", "note", as_read=s.desk.get("ZD-1001").updated_at),
    "reply": lambda s: s.desk.reply("ZD-1001", "answer", as_read=s.desk.get("ZD-1001").updated_at),
    "set_issue": lambda s: s.desk.set_issue("ZD-1001", s.issue),
    "register_link": lambda s: s.desk.register_link("ZD-1001", s.issue),
}
FAULTS: dict[str, Fault] = {
    "closed before": Fault(kind="close"),
    "closed after": Fault(kind="close", when="after"),
    "reset before": Fault(kind="reset"),
    "reset after": Fault(kind="reset", when="after"),
    "never answers": Fault(kind="hang", seconds=2),
    "answers too late": Fault(kind="hang", when="after", seconds=2),
    "drips": Fault(kind="drip", seconds=0.4),
    "cut body": Fault(kind="cut"),
    "empty body": Fault(kind="empty"),
    "login page with 200": Fault(kind="html"),
    "301": Fault(kind="status", status=301, headers={"Location": "http://127.0.0.1:1/login"}),
    "401": Fault(kind="status", status=401),
    "403": Fault(kind="status", status=403),
    "404": Fault(kind="status", status=404),
    "409": Fault(kind="status", status=409),
    "413": Fault(kind="status", status=413),
    "429 seconds": Fault(kind="status", status=429, retry_after="1"),
    "429 date": Fault(kind="status", status=429, retry_after=SOON),
    "429 nonsense": Fault(kind="status", status=429, retry_after="soon"),
    "500": Fault(kind="status", status=500),
    "502": Fault(kind="status", status=502, when="after"),
    "503": Fault(kind="status", status=503, retry_after="1", when="after"),
    "504": Fault(kind="status", status=504, when="after"),
    "latin-1 page": Fault(kind="status", status=400, body="<html>\xe9</html>", headers={"Content-Type": "text/html; charset=latin-1"}),
}


@contextmanager
def opened(sandbox: RunningSandbox, folder: Path) -> Iterator[Site]:
    file = folder / "a.csv"
    file.write_text("account_id\n", encoding="utf-8")
    with running.tracker(f"{sandbox.url}/jira", folder) as jira, running.desk(f"{sandbox.url}/zendesk", folder) as desk:
        jira.preflight(draft(), ())
        issue = jira.create(draft())
        yield Site(jira, desk, issue, jira.create(draft()), file, jira.add_comment(issue, "text"), desk.get("ZD-1001"))


def outcome(operation: Callable[[Site], object], site: Site) -> str:
    """Return done, or what the error asks for; anything else is a traceback, and fails."""
    try:
        operation(site)
    except UnknownOutcomeError:
        return "may have happened: settle"
    except RetryLaterError:
        return "retry later"
    except BridgeError:
        return "needs a person"
    return "done"


def test_the_table(tmp_path: Path) -> None:
    counted: Counter[str] = Counter()
    operations = {**READS, **WRITES}
    cells = [(fault, operation) for fault in FAULTS for operation in operations]
    chosen = cells if EVERYTHING else [cell for number, cell in enumerate(cells) if number % 17 == 0]
    with running.sandbox(tmp_path) as sandbox, opened(sandbox, tmp_path) as site:
        for fault, operation in chosen:
            method = "" if operation in READS else "POST|PUT"
            kind = FAULTS[fault]
            for verb in method.split("|"):
                sandbox.fault(Fault(**{**{name: getattr(kind, name) for name in kind.__slots__}, "method": verb, "path": "/(rest|api)/"}))
            before = len(sandbox.journal())
            began = time.monotonic()
            what = outcome(operations[operation], site)
            took = time.monotonic() - began
            sandbox.clear_faults()
            assert took < LONGEST, (fault, operation, took)
            if operation in READS:
                assert what != "may have happened: settle", (fault, operation)
                assert len(sandbox.journal()) == before or operation in READS
            if operation in {"create", "attach", "add_comment"} and FAULTS[fault].when == "after":
                assert what != "done", (fault, operation, "a lost answer passed for done")
            counted[what] += 1
    print(f"\n{len(chosen)} of {len(cells)} cells ({len(FAULTS)} faults x {len(operations)} operations): {dict(counted)}")
    assert sum(counted.values()) == len(chosen)
    assert set(counted) <= {"done", "retry later", "needs a person", "may have happened: settle"}
