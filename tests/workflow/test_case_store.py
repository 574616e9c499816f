from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.errors import BridgeError, InputError, NotFoundError
from bridge.model.case import Case
from bridge.model.finding import AffectedAccount, Analysis, Cohort, Effect, Finding, Interval
from bridge.model.ticket import Comment, Ticket
from bridge.model.window import Window
from bridge.workflow.case_store import CaseStore
from bridge.workflow.codec import from_json, to_json

AT = datetime(2026, 3, 10, 2, 5, 0, 123456, tzinfo=UTC)
WINDOW = Window(start=AT - timedelta(days=7), end=AT)


def a_case(**changes: object) -> Case:
    ticket = Ticket(
        id="ZD-1001",
        system="zendesk",
        native_id="1001",
        url="http://127.0.0.1/1001",
        subject='<b>"leer" \x1b[31m',
        body="Zeile 1\nZeile 2 \u2028 ü",
        requester_name="A",
        requester_email="a@example.test",
        account_id="acc-1",
        account_name="Ä GmbH",
        status="open",
        priority=None,
        created_at=AT,
        updated_at=AT,
        tags=("a", "b"),
        comments=(Comment(id="1", author="x", body="y", public=False, created_at=AT),),
    )
    case = Case(
        id="",
        format=1,
        created_at=AT,
        as_of=AT,
        state="open",
        tickets=(ticket,),
        requested=("ZD-1001",),
        investigation="empty-exports",
        investigation_version=3,
        investigation_digest="0" * 64,
        given={"window": "last 7 days"},
        parameters={"window": WINDOW, "minimum": 2, "names": ["a", "b"], "share": 0.5, "on": True, "none": None},
        window=WINDOW,
        bridge_version="0",
    )
    return replace(case, **changes)  # type: ignore[arg-type]


def an_analysis() -> Analysis:
    account = AffectedAccount(
        account_id="a",
        name="n",
        plan="p",
        region="r",
        arr=Decimal("1234567.89"),
        seats=3,
        failures=2,
        events=9,
        first_failure=AT,
        last_failure=AT,
    )
    return Analysis(
        cohort=Cohort(rule="two", affected=(account,), left_out=(), population=9, exposed=8, control=7),
        impact=None,
        onset=None,
        concentrations=(),
        contrasts=(),
        novelties=(),
        excerpts=(),
        severity=None,
        workaround=None,
        findings=(
            Finding(
                id="F1",
                kind="impact",
                level="finding",
                statement="s",
                effect=Effect(name="e", value=None, interval=Interval(low=0.1, high=None)),
            ),
        ),
    )


def test_a_case_comes_back_as_it_was_written(tmp_path: Path) -> None:
    store = CaseStore(tmp_path / "cases")
    made = store.create(a_case())
    assert made.id == "BR-0001"
    assert store.load("BR-0001") == made


def test_writing_the_same_case_again_gives_the_same_bytes(tmp_path: Path) -> None:
    store = CaseStore(tmp_path / "cases")
    made = store.create(a_case())
    path = store.folder(made.id) / "case.json"
    first = path.read_bytes()
    store.save(store.load(made.id))
    assert path.read_bytes() == first


def test_findings_come_back_with_exact_money_and_times(tmp_path: Path) -> None:
    store = CaseStore(tmp_path / "cases")
    made = store.create(a_case())
    store.save_analysis(made.id, an_analysis())
    assert store.load_analysis(made.id) == an_analysis()


def test_times_are_utc_with_a_z() -> None:
    assert '"2026-03-10T02:05:00.123456Z"' in to_json(a_case())


def test_many_runs_at_once_get_different_ids(tmp_path: Path) -> None:
    store = CaseStore(tmp_path / "cases")
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _n: store.create(a_case()).id, range(24)))
    assert sorted(ids) == [f"BR-{n:04d}" for n in range(1, 25)] == store.ids()


def test_an_unknown_case_answers_with_the_nearest(tmp_path: Path) -> None:
    store = CaseStore(tmp_path / "cases")
    store.create(a_case())
    with pytest.raises(NotFoundError, match="BR-0002") as caught:
        store.load("BR-0002")
    assert "BR-0001" in caught.value.hint


@pytest.mark.parametrize("name", ["../BR-0001", "BR-0001/..", "", "/etc", "br-0001", "BR-1"])
def test_an_id_can_not_leave_the_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError):
        CaseStore(tmp_path / "cases").folder(name)


def test_findings_that_are_not_there_yet_say_how_to_get_them(tmp_path: Path) -> None:
    store = CaseStore(tmp_path / "cases")
    made = store.create(a_case())
    with pytest.raises(NotFoundError) as caught:
        store.load_analysis(made.id)
    assert caught.value.hint == "continue it: bridge investigate ZD-1001 --with empty-exports"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"id": 1}', "\x00"])
def test_a_damaged_file_is_named(text: str) -> None:
    with pytest.raises(InputError) as caught:
        from_json(text, Case, where="cases/BR-0001/case.json")
    assert caught.value.where == "cases/BR-0001/case.json"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders; the full disk below is tested for root too")
def test_a_read_only_folder_is_a_clear_message(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="can't write"):
        CaseStore(tmp_path / "cases").create(a_case())


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    import resource
    import subprocess
    import sys

    store = CaseStore(tmp_path / "cases")
    made = store.create(a_case())
    path = store.folder(made.id) / "case.json"
    before = path.read_bytes()
    # A limit on file size fails the write the way a full disk does: an OSError in the middle of it.
    script = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
from pathlib import Path
from bridge.errors import InputError
from bridge.disk import write_text
try:
    write_text(Path({str(path)!r}), "x" * 10000)
except InputError as error:
    sys.stdout.write(error.message + "|" + error.hint)
    sys.exit(int(error.exit_code))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith("can't write case.json: File too large|everything written before is kept")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["case.json"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100


def test_bridge_errors_are_the_only_ones_that_reach_a_person() -> None:
    assert issubclass(InputError, BridgeError)
