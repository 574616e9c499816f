"""Real processes over real sockets: killed at many points, and two at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.filing.store import connect
from bridge.model.filing import IssueRef
from bridge.sandbox.server import RunningSandbox
from tests.adapters import running
from tests.filing.process import TICKETS, plan_of

pytestmark = pytest.mark.timeout(1800)  # for the long targets; a default run takes seconds
STRIDE = int(os.environ.get("BRIDGE_KILL_STRIDE", "29"))
"""One in this many points is killed in every test run; BRIDGE_KILL_STRIDE=1 kills at all of them."""


@contextmanager
def filer(url: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.filing.process", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        if process.stdin is not None:
            process.stdin.close()


def order(process: subprocess.Popen[str], folder: Path, case: str, *, point: int = -1, recreate: bool = False) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{folder} {case} {point} {'yes' if recreate else 'no'}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    (tmp_path / "affected.csv").write_text("account_id\n", encoding="utf-8")
    with running.sandbox(tmp_path, start=running.seed(tickets=TICKETS)) as made:
        yield made


def check(sandbox: RunningSandbox, folder: Path, case: str) -> None:
    """Exactly one of everything."""
    plan = plan_of(case, folder)
    with running.tracker(sandbox.jira_url, folder) as tracker, running.desk(sandbox.zendesk_url, folder) as desk:
        hits = tracker._search(f'labels = "{plan.marker}" ORDER BY key ASC', "labels", 10)
        assert len(hits) == 1, case
        issue = IssueRef(id=str(hits[0]["id"]), key=str(hits[0]["key"]), url="")
        assert list(tracker.attachments(issue)) == [item.name for item in plan.attachments], case
        assert sorted(link.global_id for link in tracker.remote_links(issue)) == [item.link.global_id for item in plan.tickets], case
        for item in plan.tickets:
            comments = desk.comments(item.ticket_id)
            assert sum(plan.marker in comment.body for comment in comments) == 1, case
            assert not any(comment.public for comment in comments if "bridge-" in comment.body), case
            assert desk.get(item.ticket_id).issue_key == issue.key, case
    links = [entry.body for entry in sandbox.journal() if entry.path.endswith("/jira/links") and issue.key in (entry.body or "")]
    assert max(Counter(links).values()) == 1, case


def test_a_killed_process_leaves_what_the_next_run_completes(sandbox: RunningSandbox, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    with filer(sandbox.url) as process:
        for number, point in enumerate(range(0, 10_000, STRIDE), 1):
            case = f"BR-{number}"
            said = order(process, tmp_path, case, point=point)
            if said.startswith("done"):
                break
            assert said == "killed", (point, said)
            said = order(process, tmp_path, case)
            outcomes[said.split(" ")[0]] += 1
            if not said.startswith("done"):
                # Killed between the intent and the answer, and nothing was found: only a person's word sends it again.
                assert "may have been" in said, (point, said)
                said = order(process, tmp_path, case, recreate=True)
            assert said.startswith("done"), (point, said)
            check(sandbox, tmp_path, case)
    print(f"\nkilled at {sum(outcomes.values())} points: {dict(outcomes)}")
    assert sum(outcomes.values()) >= 200 // STRIDE
    assert outcomes["done"] >= 0.9 * sum(outcomes.values())


def test_two_processes_at_once_file_one_issue(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with filer(sandbox.url) as one, filer(sandbox.url) as two, ThreadPoolExecutor(2) as pool:
        for number in range(1, 4):
            case = f"BR-{number}"
            both = [pool.submit(order, process, tmp_path, case) for process in (one, two)]
            said = sorted(item.result() for item in both)
            assert any(item.startswith("done") for item in said), said
            assert all(item.startswith("done") or "is being filed right now" in item for item in said), said
            check(sandbox, tmp_path, case)


def test_a_ledger_that_another_makes_right_now_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")  # as the one that makes the tables does; it may end a moment later
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(lambda: connect(path).close())
            with pytest.raises(TimeoutError):
                made.result(timeout=0.3)
            other.execute("COMMIT")
            made.result(timeout=5)
    finally:
        other.close()
