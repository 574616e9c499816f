"""The commands that write outside, as they are called: what a dry run says follows, twice is once, and trouble is told."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.filing import store
from bridge.filing.plan import CUT
from bridge.sandbox.faults import Fault
from tests.road.test_life_of_a_case import MAIL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.sandbox.journal import JournalEntry
    from tests.road.kit import Workspace

KINDS = [
    ("POST", r"/rest/api/[23]/issue$", "issue"),
    ("POST", r"/issue/\d+/attachments$", "attachment"),
    ("POST", r"/issue/\d+/remotelink$", "remote-link"),
    ("POST|PUT", r"/issue/\d+/comment(/\d+)?$", "summary"),
    ("PUT", r"/rest/api/[23]/issue/\d+$", "fields"),
    ("POST", r"/issueLink$", "issue-link"),
    ("POST", r"/issue/\d+/transitions$", "transition"),
    ("POST", r"/jira/links$", "ticket-link"),
]


def kind(entry: JournalEntry) -> str:
    """Name a request that was written as the ledger names the write."""
    body = json.loads(entry.body or "{}")
    if re.search(r"/tickets/\d+$", entry.path):
        comment = body["ticket"].get("comment")
        return "ticket-issue" if comment is None else "reply" if comment["public"] else "note"
    if "update" in body:
        return "labels"
    found = (name for method, path, name in KINDS if entry.method in method.split("|") and re.search(path, entry.path))
    return next(found, f"{entry.method} {entry.path}")


def tracker(place: Workspace, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = requests.request(method, f"{place.sandbox.jira_url}/rest/api/2/{path}", json=body, auth=(MAIL, "sandbox"), timeout=10)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def twice(place: Workspace, *words: str, counted: bool = True) -> list[str]:
    """Rehearse a command, give it, and give it again; return what it wrote."""
    before = len(place.sandbox.journal())
    said = place.run(*words, "--dry-run", "--output", "json")
    assert said.code in {0, 1}, (words, said.out)
    planned = [item["kind"] for item in said.json["writes"]]
    assert len(place.sandbox.journal()) == before, "a dry run wrote"
    ledger = place.folder / "ledger.sqlite"
    held = ledger.read_bytes() if ledger.exists() else None
    if words[0] == "file":  # and for people
        assert "write(s): 1 issue" in place.run(*words, "--dry-run").out
    assert (ledger.read_bytes() if ledger.exists() else None) == held
    done = place.run(*words, "--output", "json")
    assert done.code == 0, (words, done.out)
    written = [kind(entry) for entry in place.sandbox.journal()[before:] if entry.status is not None and entry.status < 300]
    assert written == planned, words
    if counted:
        told = done.json.get("writes", sum(item["writes"] for item in done.json.get("followed", [])))
        assert told == len(written), words
    after = len(place.sandbox.journal())
    again = place.run(*words, "--output", "json")
    assert again.code == 0, again.out
    assert len(place.sandbox.journal()) == after, (words, "a second run wrote")
    assert place.run(*words, "--dry-run", "--output", "json").json["writes"] == []
    return written


def test_what_a_dry_run_says_is_what_follows_and_twice_is_once(case: Workspace) -> None:
    filed = twice(case, "file", "BR-0001", "--yes")
    assert (filed[0], filed.count("note"), filed.count("ticket-issue"), filed.count("remote-link")) == ("issue", 2, 2, 2)
    assert twice(case, "follow") == []
    tracker(case, "POST", "issue/REP-1/transitions", {"transition": {"id": "11"}})
    assert twice(case, "follow") == ["note", "note"]
    added = twice(case, "add", "BR-0001", "ZD-1006")
    assert sorted(added) == ["note", "remote-link", "summary", "ticket-issue", "ticket-link"]
    link = tracker(case, "GET", "issue/REP-1/remotelink")[0]
    tracker(case, "DELETE", f"issue/REP-1/remotelink/{link['id']}")
    requests.put(
        f"{case.sandbox.zendesk_url}/api/v2/tickets/1003",
        json={"ticket": {"tags": ["billing"], "custom_fields": [{"id": 360001, "value": "REP-999"}]}},
        auth=(f"{MAIL}/token", "sandbox"),
        timeout=10,
    ).raise_for_status()
    assert "is gone from REP-1" in case.run("follow").out
    assert twice(case, "reconcile", "--repair", counted=False) == ["remote-link", "ticket-issue"]
    tracker(case, "POST", "issue/REP-1/transitions", {"transition": {"id": "31"}, "fields": {"resolution": {"name": "Done"}}})
    assert twice(case, "follow") == ["note"] * 3
    draft = str(case.run("follow", "--drafts", "--output", "json").json["drafts"][0]["id"])
    assert twice(case, "follow", "--send", draft, counted=False) == ["reply"]


COMMANDS = [["file", "BR-0001", "--yes"], ["add", "BR-0001", "ZD-1006"], ["follow"], ["reconcile", "--repair"]]


@contextmanager
def limited(statement: str) -> Iterator[None]:
    """Open every ledger under a limit of SQLite's: a full disk or a read-only file, also for root."""

    def connect(path: Path) -> sqlite3.Connection:
        db = store.connect(path)
        db.execute(statement.format(db.execute("PRAGMA page_count").fetchone()[0]))
        return db

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.filing.ledger.connect", connect)
        yield


@contextmanager
def content(path: Path, change: Callable[[Path], object]) -> Iterator[None]:
    """Change the ledger's file, and put it back."""
    before = path.read_bytes() if path.exists() else None
    change(path)
    changed = path.read_bytes()
    yield
    assert path.read_bytes() == changed, "a ledger that can't be used was changed"
    path.unlink()
    if before is not None:
        path.write_bytes(before)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA application_id = {store.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 7")
        db.execute("CREATE TABLE theirs (a)")


def troubles(path: Path) -> list[tuple[AbstractContextManager[None], str, str]]:
    """Return what may be wrong with the ledger, what is said, and what to do."""
    return [
        (limited("PRAGMA query_only = ON"), "may not be written", "writable"),
        (content(path, lambda file: file.write_bytes(b"no database " * 999)), "the ledger is damaged", ".recover"),
        (content(path, newer), "has format 99, this bridge knows up to 3", "newer bridge"),
        (content(path, foreign), "of another program", "move it away"),
    ]


def check_nothing_twice(place: Workspace, *, tickets: int) -> None:
    written = Counter(kind(entry) for entry in place.sandbox.journal() if entry.status is not None and entry.status < 300)
    assert written["issue"] == 1
    for number in (1003, 1004, 1006)[:tickets]:
        url = f"{place.sandbox.zendesk_url}/api/v2/tickets/{number}/comments"
        bodies = [row["plain_body"] for row in requests.get(url, auth=(f"{MAIL}/token", "sandbox"), timeout=10).json()["comments"]]
        assert sum(body.startswith("Filed as REP-1") for body in bodies) == 1, bodies


def refused(place: Workspace, words: list[str], says: str, do: str) -> None:
    before = len(place.sandbox.journal())
    done = place.run(*words)
    told = done.out + done.err
    assert done.code in {2, 6}, (words, done.code, told)
    assert says in told, (words, told)
    if done.code != 6:
        assert do in told, (words, told)
    assert "Traceback" not in told
    assert len(place.sandbox.journal()) == before, (words, says, "it wrote without its ledger")


def test_a_ledger_that_can_not_be_used(case: Workspace) -> None:
    ledger = case.folder / "ledger.sqlite"
    for trouble, says, do in troubles(ledger):
        with trouble:
            refused(case, COMMANDS[0], says, do)
        for path in case.folder.glob("ledger.sqlite*"):
            path.unlink()
    assert case.run(*COMMANDS[0]).code == 0
    tracker(case, "POST", "issue/REP-1/transitions", {"transition": {"id": "11"}})
    link = tracker(case, "GET", "issue/REP-1/remotelink")[0]
    tracker(case, "DELETE", f"issue/REP-1/remotelink/{link['id']}")
    for trouble, says, do in troubles(ledger):
        with trouble:
            for words in COMMANDS[1:]:
                refused(case, words, says, do)
    for words in COMMANDS:
        assert case.run(*words).code == 0, words
    check_nothing_twice(case, tickets=3)
    assert case.run("reconcile").code == 0
    assert len(tracker(case, "GET", "issue/REP-1/remotelink")) == 3


def test_more_tickets_for_a_case_that_is_not_filed_are_kept_for_its_filing(case: Workspace) -> None:
    """Nothing is made by the way: which issue a case goes to is asked by `bridge file`."""
    rehearsed = case.run("add", "BR-0001", "ZD-1006", "--dry-run")
    assert "BR-0001 would keep ZD-1006" in rehearsed.out
    assert "ZD-1006" not in case.case_file("case.json").read_text()
    added = case.run("add", "BR-0001", "ZD-1006")
    assert added.code == 0, added.err
    assert [line.strip() for line in added.out.splitlines()] == [
        "BR-0001 keeps ZD-1006",
        "BR-0001 is not filed: nothing is linked and nobody was told",
        "",
        "Next: bridge report BR-0001      then, for the issue and all links: bridge file BR-0001 --dry-run",
    ]
    again = case.run("add", "BR-0001", "ZD-1006", "--output", "json").json
    assert (again["new"], again["known"], again["issue"], again["writes"]) == ([], ["ZD-1006"], None, 0)
    assert not [entry for entry in case.sandbox.journal() if entry.method != "GET"]
    assert case.run("report", "BR-0001").code == 0
    filed = case.run("file", "BR-0001", "--yes", "--output", "json")
    assert (filed.code, filed.json["linked"], filed.json["tickets"]) == (0, 3, 3), filed.err


def test_a_report_that_is_held_back_holds_further_tickets_back_and_the_case_keeps_none(case: Workspace) -> None:
    assert case.run("file", "BR-0001", "--yes").code == 0
    settings = case.folder / "bridge.yaml"
    before = settings.read_text()
    settings.write_text(before + "\nfiling: {minimum_score: 95}\n")
    assert case.run("report", "BR-0001").code == 0
    held = case.run("add", "BR-0001", "ZD-1006")
    assert held.code == 1
    assert "nothing was linked, and BR-0001 keeps none of these tickets" in held.err
    assert "77 of the 100 points" in held.err
    assert "ZD-1006" not in case.case_file("case.json").read_text()
    settings.write_text(before)
    assert case.run("report", "BR-0001").code == 0
    with limited("PRAGMA query_only = ON"):
        kept = case.run("add", "BR-0001", "ZD-1006")
    assert kept.code == 2
    assert "ZD-1006: kept in BR-0001, not linked yet; the same command goes on" in kept.err
    assert "3 of 3 tickets linked" in case.run("add", "BR-0001", "ZD-1006").out


def test_a_disk_that_is_full_on_the_way(case: Workspace) -> None:
    """What was recorded is kept, so that the same command completes it once there is room."""
    told = []
    for words in COMMANDS:
        with limited("PRAGMA max_page_count = {}"):
            done = case.run(*words)
            assert done.code in {0, 2, 6}, (words, done.err)
            assert (done.code != 0) == ("the disk is full" in done.out + done.err), (words, done.err)
            told.append(done.code)
        assert case.run(*words).code == 0
        if words[0] == "add":
            tracker(case, "POST", "issue/REP-1/transitions", {"transition": {"id": "11"}})
    assert told[0] == 6  # the issue stood already
    check_nothing_twice(case, tickets=3)


def test_a_clock_that_jumps(case: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = [timedelta(0), timedelta(days=400), timedelta(days=-800), timedelta(0)]
    for number, jump in enumerate(jumps):
        monkeypatch.setattr("bridge.workflow.clock.SystemClock.now", lambda _, jump=jump: datetime.now(UTC) + jump)
        for words in COMMANDS[: 1 if number == 0 else 4]:
            done = case.run(*words)
            assert done.code == 0, (jump, words, done.err)
        if number == 0:
            tracker(case, "POST", "issue/REP-1/transitions", {"transition": {"id": "11"}})
    check_nothing_twice(case, tickets=3)
    notes = [entry for entry in case.sandbox.journal() if kind(entry) == "note"]
    assert len(notes) == 3 + 3  # filed, and in progress


def test_every_n_minutes(case: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that fails is told and does not end it; Ctrl-C does, in words."""
    assert case.run("follow", "BR-0404", "--every", "5").code == 2  # what can't be done later either ends at once
    assert case.run(*COMMANDS[0]).code == 0
    rounds: list[float] = []

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 1:
            case.sandbox.fault(Fault(kind="status", path="/jira/", status=401, count=0))
        elif len(rounds) == 2:
            case.sandbox.clear_faults()
            tracker(case, "POST", "issue/REP-1/transitions", {"transition": {"id": "11"}})
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr("bridge.cli.commands.follow.time.sleep", sleep)
    done = case.run("follow", "--every", "5")
    assert (done.code, rounds) == (130, [300, 300, 300])
    assert [line for line in done.out.splitlines() if "REP-1" in line] == [
        "  BR-0001  REP-1  waiting",
        "  BR-0001  REP-1  in progress   2 ticket(s) told",
    ]
    assert "refused the credentials" in done.out + done.err
    assert "stopped" in done.err


def test_a_real_ctrl_c_ends_the_rounds(case: Workspace) -> None:
    assert case.run(*COMMANDS[0]).code == 0
    bridge = str(Path(sys.executable).with_name("bridge"))
    command = [bridge, "follow", "--every", "1", "--workspace", str(case.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "REP-1" in process.stdout.readline()  # shown at once, also through a pipe
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err


def test_a_report_that_is_too_long_is_cut_and_attached_whole(case: Workspace) -> None:
    case.case_file("report/report.wiki").write_text("h2. Findings\n" + "A line of the report.\n" * 4000, encoding="utf-8")
    assert case.run("file", "BR-0001", "--yes").code == 0
    fields = tracker(case, "GET", "issue/REP-1")["fields"]
    assert 30_000 < len(fields["description"]) <= 32_767
    assert fields["description"].endswith(CUT)
    names = [row["filename"] for row in fields["attachment"]]
    assert any(name.endswith("-report.html") for name in names)
    for row in fields["attachment"]:  # by what is in them
        content = requests.get(row["content"], auth=(MAIL, "sandbox"), timeout=10).content
        assert hashlib.sha256(content).hexdigest()[:12] == row["filename"].split("-")[1]
    assert len(names) == len(set(names))


def test_what_waits_for_somebody(case: Workspace) -> None:
    assert case.run("stuck").code == 0
    long_ago = time.time() - 20 * 86_400
    for name in ("case.json", "findings.json", "report/report.md"):
        os.utime(case.case_file(name), (long_ago, long_ago))
    waiting = case.run("stuck", "--output", "json")
    assert waiting.code == 1
    (item,) = waiting.json["stuck"]
    assert item["what"].startswith("reported, and nothing has happened for 20 days (")
    assert item["next"] == "bridge file BR-0001 --dry-run"
    assert case.run(*COMMANDS[0]).code == 0
    assert case.run("stuck").code == 0
    link = tracker(case, "GET", "issue/REP-1/remotelink")[0]
    tracker(case, "DELETE", f"issue/REP-1/remotelink/{link['id']}")
    assert case.run("follow").code == 0
    (item,) = case.run("stuck", "--output", "json").json["stuck"]
    assert (item["what"], item["next"]) == ("REP-1: the link to ZD-1003 is gone from REP-1", "bridge reconcile BR-0001")
    assert case.run("reconcile", "--repair").code == 0
    assert case.run("follow").code == 0
    assert case.run("stuck").code == 0
    for step, fields in (("11", {}), ("31", {"resolution": {"name": "Won't Do"}})):
        tracker(case, "POST", "issue/REP-1/transitions", {"transition": {"id": step}, **({"fields": fields} if fields else {})})
    assert case.run("follow").code == 0
    found = case.run("stuck", "--output", "json").json["stuck"]
    assert [item["what"] for item in found] == [
        "REP-1 is won't fix, and the customer of ZD-1003 was not told",
        "REP-1 is won't fix, and the customer of ZD-1004 was not told",
    ]
    assert case.run("follow", "--send", found[0]["next"].split()[-1]).code == 0
    assert case.run("follow", "--drop", found[1]["next"].split()[-1]).code == 0
    assert case.run("stuck").code == 0


def test_issues_that_may_be_the_same_are_proposed_with_the_reason(case: Workspace) -> None:
    """Exact signals first: the same stack, then the same endpoint and status, then texts as `bridge similar` ranks them."""
    report = case.case_file("report/report.md")
    stack = "".join(
        f'  File "/app/{name}.py", line {at}, in {name}\n' for at, name in enumerate(["main", "route", "jobs", "export", "rows"])
    )
    report.write_text(f"Traceback:\n{stack}\nPOST /reports/17/exports answered 502 for affected accounts.\n{report.read_text()}")
    assert case.run("file", "BR-0001", "--dry-run", "--output", "json").json["candidates"] == []
    others = [
        ("Login page is slow", "It takes 10 seconds.", None),
        ("Scheduled exports come out empty", "Customers get empty exports from scheduled reports.", None),
        ("Gateway trouble", "We saw POST /reports/4711/exports answered 502 in staging.", None),
        ("Something else in exports", stack, None),
        ("The same in exports, not to be fixed", stack, "Won't Do"),
    ]
    for summary, text, resolution in others:
        fields = {"project": {"key": "REP"}, "issuetype": {"name": "Task"}, "summary": summary, "description": text}
        made = tracker(case, "POST", "issue", {"fields": fields})
        if resolution:
            tracker(case, "POST", f"issue/{made['key']}/transitions", {"transition": {"id": "11"}})
            body = {"transition": {"id": "31"}, "fields": {"resolution": {"name": resolution}}}
            tracker(case, "POST", f"issue/{made['key']}/transitions", body)
    found = case.run("file", "BR-0001", "--dry-run", "--output", "json").json["candidates"]
    why = {item["issue"]["ref"]["key"]: item["why"] for item in found}
    assert [*why][:4] in (["REP-4", "REP-5", "REP-3", "REP-2"], ["REP-5", "REP-4", "REP-3", "REP-2"])
    assert {item["issue"]["ref"]["key"] for item in found if item["exact"]} == {"REP-4"}
    assert why["REP-4"].startswith("the same stack frames (")
    assert why["REP-3"].startswith("the same endpoint and status (POST /reports/{id}/exports 502)")
    assert "words in common" in why["REP-2"]
    assert "REP-1" not in why
    writes = len(case.sandbox.journal())
    asked = case.run("file", "BR-0001", "--yes")
    assert (asked.code, len(case.sandbox.journal())) == (2, writes)
    assert "--join REP-4" in asked.err
    assert "--anew" in asked.err
