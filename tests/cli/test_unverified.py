"""A query that was never tested on a kind of database is refused, unless the analyst says so; and then the case says so too."""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import resources
from bridge.cli import compose
from bridge.errors import ExitCode, InputError, RefusedError
from bridge.sandbox.server import start
from bridge.workflow.investigate import Investigated, investigate

VIEWS = {
    "jobs": "SELECT 'j-1' AS job_id, 'a-1' AS account_id, 'sync' AS kind, 'q' AS queue, '2026-03-10T08:00:00Z' AS enqueued_at, NULL AS started_at, "
    "NULL AS finished_at, 'waiting' AS status, 1 AS attempts, '1' AS version, 't' AS trace_id",
    "accounts": "SELECT 'a-1' AS account_id, 'One' AS name, 'team' AS plan, 'UK' AS region, 10 AS arr, 1 AS seats, '2025-01-01T00:00:00Z' AS created_at",
    "changes": "SELECT '2026-03-09T00:00:00Z' AS \"at\", 'release' AS kind, 'app' AS name, '2' AS version",
    "exposures": "SELECT 'x-1' AS exposure_id, 'a-1' AS account_id, 'new_editor' AS flag, 'on' AS variant, '2026-03-09T00:00:00Z' AS \"at\", NULL AS reason",
    "requests": "SELECT 'r-1' AS request_id, 'a-1' AS account_id, '2026-03-10T00:00:00Z' AS \"at\", 'GET' AS method, '/a' AS endpoint, 500 AS status, "
    "1 AS duration_ms, '1' AS version, NULL AS trace_id",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A workspace on SQLite whose own copy of an investigation has a changed text: nobody has tested it there."""
    sqlite3.connect(tmp_path / "app.sqlite").close()
    (tmp_path / "bridge.yaml").write_text(
        "format: 1\nas_of: 2026-03-17T00:00:00Z\ndatabases:\n  app: {product: sqlite, path: app.sqlite}\nviews: {database: app, folder: views}\n"
        "tickets: {product: zendesk, url: URL, user: agent@example.test, token: file:desk}\n",
        encoding="utf-8",
    )
    (tmp_path / "desk").write_text("sandbox", encoding="utf-8")
    (tmp_path / "desk").chmod(0o600)
    (tmp_path / "views").mkdir()
    for name, text in VIEWS.items():
        (tmp_path / "views" / f"{name}.sql").write_text(text, encoding="utf-8")
    with start(tmp_path / "sandbox.sqlite") as sandbox:
        settings = tmp_path / "bridge.yaml"
        settings.write_text(settings.read_text(encoding="utf-8").replace("URL", sandbox.zendesk_url), encoding="utf-8")
        yield tmp_path


def changed(folder: Path, name: str) -> None:
    shutil.copytree(resources.folder("investigations") / name, folder / "investigations" / name)
    own = folder / "investigations" / name / "events.sql"
    own.write_text(f"-- ours\n{own.read_text(encoding='utf-8')}", encoding="utf-8")


def run(folder: Path, name: str, *, unverified: bool, **given: str) -> Investigated:
    with compose.context(argparse.Namespace(workspace=str(folder)), lambda _event: None) as context:
        return investigate(context, tickets=(), investigation_id=name, given={"minimum_events": "1", **given}, unverified=unverified)


def test_what_was_recorded_runs_without_a_word(folder: Path) -> None:
    assert run(folder, "stuck-jobs", unverified=False).case.problems == ()


def test_a_changed_text_is_refused_and_says_what_to_do(folder: Path) -> None:
    changed(folder, "stuck-jobs")
    with pytest.raises(RefusedError, match="not verified for this database") as caught:
        run(folder, "stuck-jobs", unverified=False)
    assert {problem.message for problem in caught.value.problems} == {
        "evidence 'events' was never tested on sqlite",
        "evidence 'still_open' was never tested on sqlite",
    }
    assert "--unverified" in caught.value.hint
    assert caught.value.exit_code == ExitCode.REFUSED
    # Nothing ran, and there is no case.
    assert not (folder / "audit.jsonl").exists()
    assert not list((folder / "cases").glob("BR-*"))


def test_asked_for_it_runs_and_the_case_says_so(folder: Path) -> None:
    changed(folder, "stuck-jobs")
    done = run(folder, "stuck-jobs", unverified=True)
    assert [account.account_id for account in done.analysis.cohort.affected] == ["a-1"] if done.analysis.cohort else False
    assert done.case.problems == (
        "evidence 'events' was never tested on sqlite: its figures are of a translated text",
        "evidence 'still_open' was never tested on sqlite: its figures are of a translated text",
    )
    kept = json.loads((folder / "cases" / done.case.id / "case.json").read_text(encoding="utf-8"))
    assert kept["problems"] == list(done.case.problems)


def test_a_value_that_the_database_does_not_have_is_refused_and_noted(folder: Path) -> None:
    with pytest.raises(InputError, match="the database has no 'new_editr'") as caught:
        run(folder, "flag-exposure", unverified=False, flag="new_editr")
    assert caught.value.hint == "did you mean 'new_editor'?"
    assert not list((folder / "cases").glob("BR-*"))
    (noted,) = map(json.loads, (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines())
    assert (noted["evidence"], noted["outcome"], noted["rows"]) == ("values of flag", "complete", 1)
    assert run(folder, "flag-exposure", unverified=False, flag="new_editor").case.problems == ()
