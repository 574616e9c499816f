from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.errors import BridgeError, InputError, RetryLaterError
from bridge.filing import memory
from bridge.filing.holder import Holder, is_alive, this_process
from bridge.filing.ledger import LEASE_SECONDS, Filing, Ledger
from bridge.filing.status import status
from bridge.filing.store import _UPGRADES, APPLICATION_ID, SCHEMA_VERSION
from bridge.model.filing import IssueRef
from tests.filing.world import START, FakeClock

FILING = Filing(fingerprint="f" * 64, marker="bridge-" + "f" * 20, project="REP", case_id="BR-0001")
ISSUE = IssueRef(id="10001", key="REP-1", url="http://x/browse/REP-1")


def holder(run: str, *, pid: int = 1, host: str = "here", boot: str = "1") -> Holder:
    return Holder(host=host, boot=boot, pid=pid, started="1", run_id=run, who="sam")


@contextmanager
def ledger(path: Path, clock: FakeClock, run: str = "run-1", *, alive: bool | None = True) -> Iterator[Ledger]:
    with closing(Ledger(path, clock, holder=holder(run), alive=lambda _: alive)) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_is_for_its_owner_only(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, made.hold(FILING):
        made.intend(FILING, "issue", "", digest="d", guard="")
        assert {found.name: found.stat().st_mode & 0o077 for found in path.parent.iterdir()} == {
            path.name + end: 0 for end in ("", "-wal", "-shm")
        }


def test_a_write_and_its_audit(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, made.hold(FILING):
        write = made.intend(FILING, "issue", "", digest="d", guard="REP-0")
        assert (write.state, write.guard, write.at, write.who) == ("intent", "REP-0", START, "sam")
        clock.sleep(5)
        made.outcome(FILING, write, "unknown", "no answer")
        done = made.outcome(FILING, write, "done", "found as REP-1", issue=ISSUE)
        assert (done.state, done.target) == ("done", "REP-1")
    with ledger(path, clock, "run-2") as again:
        assert again.issue(FILING.fingerprint) == (ISSUE, START + timedelta(seconds=5))
        assert again.fingerprint_of("BR-0001") == FILING.fingerprint
        assert again.filing_of("BR-0002") is None
        assert [(line.number, line.state, line.answer) for line in again.audit("BR-0001")] == [
            (1, "intent", ""),
            (2, "unknown", "no answer"),
            (3, "done", "found as REP-1"),
        ]
        assert again.audit() == again.audit("BR-0001")
        assert again.audit("BR-0002") == ()
        found = status("BR-0001", again)
        assert found.sentence == "filed as REP-1, 0 ticket(s) linked"
        assert status("BR-0002", again).sentence == "not filed"


def test_the_audit_can_not_be_changed(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, made.hold(FILING):
        made.intend(FILING, "issue", "")
    with closing(sqlite3.connect(path)) as db:
        for statement in ("DELETE FROM audit", "UPDATE audit SET state = 'done'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)


def test_the_same_write_again_replaces_the_refused_one(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, made.hold(FILING):
        first = made.intend(FILING, "note", "ZD-1", digest="a")
        made.outcome(FILING, first, "refused", "422")
        second = made.intend(FILING, "note", "ZD-1", digest="b")
        assert [(write.name, write.state, write.payload_digest) for write in made.writes(FILING.fingerprint)] == [("ZD-1", "intent", "b")]
        assert second.answer == ""
        assert len(made.audit()) == 3


def test_a_second_run_is_told_who_holds_it(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as one, ledger(path, clock, "run-2") as two, one.hold(FILING):
        with pytest.raises(RetryLaterError, match="process 1 of sam on here"), two.hold(FILING):
            raise AssertionError
        other = Filing(fingerprint="e" * 64, marker="m", project="REP", case_id="BR-0002")
        with two.hold(other):
            two.intend(other, "issue", "")


def test_a_dead_process_is_taken_over_and_can_not_go_on(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as one, ledger(path, clock, "run-2", alive=False) as two:
        holding = one.hold(FILING)
        holding.__enter__()
        write = one.intend(FILING, "issue", "")
        with two.hold(FILING):
            found = two.write(FILING.fingerprint, "issue", "")
            assert found is not None
            assert found.state == "intent"
            with pytest.raises(RetryLaterError, match="took over"):
                one.outcome(FILING, write, "done", "REP-1", issue=ISSUE)
            with pytest.raises(RetryLaterError, match="took over"):
                one.intend(FILING, "note", "ZD-1")
        assert two.issue(FILING.fingerprint) is None
        holding.__exit__(None, None, None)


@pytest.mark.parametrize(("seconds", "free"), [(1.0, False), (LEASE_SECONDS - 1, False), (LEASE_SECONDS, True), (-LEASE_SECONDS, True)])
def test_a_lease_of_another_machine_ends_with_time(path: Path, clock: FakeClock, seconds: float, free: bool) -> None:  # noqa: FBT001 - pytest's parameter
    with ledger(path, clock) as one, ledger(path, clock, "run-2", alive=None) as two, one.hold(FILING):
        clock.sleep(seconds)
        if free:
            with two.hold(FILING):
                assert two.fingerprint_of("BR-0001") == FILING.fingerprint
        else:
            with pytest.raises(RetryLaterError), two.hold(FILING):
                raise AssertionError


def test_two_cases_of_one_defect_share_the_filing(path: Path, clock: FakeClock) -> None:
    second = Filing(fingerprint=FILING.fingerprint, marker=FILING.marker, project="REP", case_id="BR-0002")
    with ledger(path, clock) as made:
        with made.hold(FILING):
            made.outcome(FILING, made.intend(FILING, "issue", ""), "done", "", issue=ISSUE)
        with made.hold(second):
            assert made.filing_of("BR-0002") == second
        found = status("BR-0002", made)
        assert found.issue == ISSUE


def test_maybe_filed_is_shown(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, made.hold(FILING):
        write = made.intend(FILING, "issue", "")
        assert status("BR-0001", made).sentence == "not filed, 1 not done"  # it never left
        made.outcome(FILING, write, "sent", "")
        assert status("BR-0001", made).sentence.startswith("maybe filed at 2026-03-17 09:00:00 UTC: run `bridge file BR-0001`")


# Files that are not as they should be


def test_a_file_of_something_else_is_left_alone(path: Path, clock: FakeClock) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE mine (a)")
    before = path.read_bytes()
    with pytest.raises(InputError, match="no ledger"):
        Ledger(path, clock)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("mine",)]
        db.execute("PRAGMA application_id = 7")
    assert before
    with pytest.raises(InputError, match="another program"):
        Ledger(path, clock)


def test_a_newer_format_is_left_alone(path: Path, clock: FakeClock) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="format 99, this bridge knows up to 3"):
        Ledger(path, clock)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_format_is_brought_up_to_date(path: Path, clock: FakeClock, version: int) -> None:
    """What an older bridge meant to send may have left: it did not note the moment."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript("".join(_UPGRADES[:version]))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("INSERT INTO filing (fingerprint, marker, project, created_at) VALUES (?, ?, 'REP', '2026-03-01T00:00:00+00:00')",
                   (FILING.fingerprint, FILING.marker))  # fmt: skip
        db.execute("INSERT INTO filing_case VALUES ('BR-0001', ?)", (FILING.fingerprint,))
        for kind, state in (("issue", "intent"), ("note", "done")):
            db.execute("INSERT INTO write VALUES (?, ?, 'BR-0001', ?, '', '', ?, '2026-03-01T00:00:00+00:00', '', '', 'REP-0', 'r', 'sam')",
                       (kind, FILING.fingerprint, kind, state))  # fmt: skip
        if version == 2:
            db.execute("INSERT INTO followed VALUES (?, '2026-03-01T00:00:00+00:00', '2026-03-01T00:00:00+00:00', 'waiting', '', 'To Do',"
                       " 0, '', 'deleted or hidden')", (FILING.fingerprint,))  # fmt: skip
        db.commit()
    for _ in range(2):  # once is enough
        with ledger(path, clock) as made:
            assert [(write.kind, write.state) for write in made.writes(FILING.fingerprint)[:2]] == [("issue", "unknown"), ("note", "done")]
            assert status("BR-0001", made).maybe_filed_at is not None
            seen = memory.seen(made, FILING.fingerprint)
            assert (seen.trouble, seen.noticed) == (("deleted or hidden",), ()) if seen else version == 1
            with made.hold(FILING):
                made.intend(FILING, "note", "ZD-1")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_damage_is_told_and_nothing_is_changed(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, made.hold(FILING):
        for number in range(200):
            made.intend(FILING, "note", f"ZD-{number}")
    content = bytearray(path.read_bytes())
    content[4096:12288] = os.urandom(8192)
    path.write_bytes(content)
    with pytest.raises(BridgeError, match="damaged") as raised:
        Ledger(path, clock)
    assert ".recover" in raised.value.hint
    assert path.read_bytes() == bytes(content)
    path.write_bytes(b"not a database at all" * 400)
    with pytest.raises(BridgeError, match="damaged"):
        Ledger(path, clock)


def test_no_folder(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(BridgeError, match="can't be opened"):
        Ledger(tmp_path / "nowhere" / "ledger.sqlite", clock)


def fill(made: Ledger) -> None:
    for number in range(1000):
        made.intend(FILING, "note", f"ZD-{number}", digest="x" * 200)


def test_a_full_disk(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, made.hold(FILING):
        write = made.intend(FILING, "issue", "", guard="REP-0")
        pages = made._db.execute("PRAGMA page_count").fetchone()[0]
        made._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(BridgeError, match="disk is full") as raised:
            fill(made)
        assert "free some space" in raised.value.hint
        made._db.execute("PRAGMA max_page_count = 100000")
        assert made.write(FILING.fingerprint, "issue", "") == write
        made.outcome(FILING, write, "done", "", issue=ISSUE)


def test_a_read_only_file(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock):
        pass
    # Root may write anything, so the connection itself is made read-only.
    with ledger(path, clock) as made:
        made._db.execute("PRAGMA query_only = ON")
        with pytest.raises(BridgeError, match="may not be written"), made.hold(FILING):
            raise AssertionError


def test_a_locked_file(path: Path, clock: FakeClock) -> None:
    with ledger(path, clock) as made, closing(sqlite3.connect(path, isolation_level=None)) as other:
        made._db.execute("PRAGMA busy_timeout = 50")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryLaterError, match="locked"), made.hold(FILING):
            raise AssertionError
        other.execute("ROLLBACK")


# Processes


def test_this_process_is_alive_and_others_are_told_apart() -> None:
    me = this_process("run")
    assert me.pid == os.getpid()
    assert me.who
    assert is_alive(me) is True
    assert is_alive(Holder(host=me.host, boot=me.boot, pid=me.pid, started="another start", run_id="r", who="w")) is False
    if me.boot:
        assert is_alive(Holder(host=me.host, boot="another boot", pid=me.pid, started=me.started, run_id="r", who="w")) is False
    assert is_alive(Holder(host="elsewhere", boot=me.boot, pid=me.pid, started=me.started, run_id="r", who="w")) is None


def test_an_ended_process_is_dead() -> None:
    program = (
        "import os\nfrom bridge.filing.holder import this_process as t\nme = t('run')\nprint(me.host, me.boot, me.pid, me.started, sep='|')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    host, boot, pid, started = ended.stdout.strip().split("|")
    assert is_alive(Holder(host=host, boot=boot, pid=int(pid), started=started, run_id="run", who="w")) is False
