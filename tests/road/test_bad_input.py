"""Bad input gets one clear message, the right exit code, and loses nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from bridge.cli.main import main
from tests.road.kit import Workspace

WITH = ("--with", "empty-exports")


def clear(err: str) -> None:
    """A message for people: it says error, what to do, and never shows a traceback."""
    assert err.lstrip().startswith(("error:", "✓", "!")) or "\nerror:" in err, err
    assert "Traceback" not in err
    assert "a bug in bridge" not in err


def test_no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["cases"]) == 2
    err = capfd.readouterr().err
    clear(err)
    assert "bridge init" in err


def test_unknown_ticket_names_it_and_makes_no_case(workspace: Workspace) -> None:
    done = workspace.run("investigate", "ZD-9999", "ZD-8888", workspace.made.tickets[0], *WITH)
    assert done.code == 2
    clear(done.err)
    assert "ZD-9999" in done.err
    assert "ZD-8888" in done.err
    assert "bridge tickets" in done.err
    assert not (workspace.folder / "cases").exists() or not any((workspace.folder / "cases").iterdir())


def test_unknown_investigation_names_the_nearest(workspace: Workspace) -> None:
    done = workspace.run("investigate", workspace.made.tickets[0], "--with", "empty-export")
    assert done.code == 2
    clear(done.err)
    assert "did you mean empty-exports?" in done.err


def test_all_wrong_parameters_at_once(workspace: Workspace) -> None:
    done = workspace.run("investigate", workspace.made.tickets[0], *WITH, "-p", "windw=last 3 days", "-p", "minimum_events=many", "-p", "x")
    assert done.code == 2
    clear(done.err)
    assert "'x' is not NAME=VALUE" in done.err
    done = workspace.run("investigate", workspace.made.tickets[0], *WITH, "-p", "windw=last 3 days", "-p", "minimum_events=many")
    assert done.code == 2
    assert "windw" in done.err
    assert "window" in done.err
    assert "many" in done.err


def test_errors_are_data_for_programs(workspace: Workspace) -> None:
    done = workspace.run("investigate", "ZD-9999", *WITH, "--output", "json")
    assert done.code == 2
    assert done.json["error"]["exit_code"] == 2
    assert "ZD-9999" in json.dumps(done.json)
    assert not done.err


def test_a_missing_view_is_named_with_what_to_write(workspace: Workspace) -> None:
    (workspace.folder / "views" / "exports.sql").unlink()
    done = workspace.run("investigate", workspace.made.tickets[0], *WITH)
    assert done.code == 2
    clear(done.err)
    assert "exports" in done.err
    assert "views" in done.err


def test_a_view_that_lacks_a_column_is_named(workspace: Workspace) -> None:
    path = workspace.folder / "views" / "accounts.sql"
    path.write_text('SELECT customer_no AS account_id, company_name AS "name" FROM customers')
    done = workspace.run("investigate", workspace.made.tickets[0], *WITH)
    assert done.code == 2
    clear(done.err)
    assert "arr" in done.err
    assert "accounts" in done.err


def test_an_unreachable_database_keeps_the_case_and_resumes(workspace: Workspace) -> None:
    database = workspace.folder / "data" / "app.duckdb"
    away = database.with_suffix(".away")
    database.rename(away)
    done = workspace.run("investigate", *workspace.made.tickets, *WITH)
    assert done.code in {2, 3}
    clear(done.err)
    assert "app" in done.err
    away.rename(database)
    done = workspace.run("investigate", *workspace.made.tickets, *WITH)
    assert done.code == 0, done.err
    assert [p.name for p in (workspace.folder / "cases").iterdir()] == ["BR-0001"]


def test_an_unreachable_help_desk_says_when_to_try_again(workspace: Workspace) -> None:
    workspace.sandbox.stop()
    done = workspace.run("investigate", *workspace.made.tickets, *WITH)
    assert done.code == 3
    clear(done.err)
    assert "127.0.0.1" in done.err


def test_an_unreachable_tracker_keeps_everything(workspace: Workspace) -> None:
    assert workspace.run("investigate", *workspace.made.tickets, *WITH).code == 0
    assert workspace.run("report", "BR-0001").code == 0
    settings = workspace.folder / "bridge.yaml"
    text = settings.read_text()
    settings.write_text(text.replace(f"{workspace.sandbox.url}/jira", "http://127.0.0.1:1/jira"))
    done = workspace.run("file", "BR-0001", "--yes")
    assert done.code == 3
    clear(done.err)
    settings.write_text(text)
    done = workspace.run("file", "BR-0001", "--yes")
    assert done.code == 0, done.err
    assert "REP-1" in done.out


def test_a_ticket_deleted_meanwhile_does_not_stop_the_others(workspace: Workspace) -> None:
    assert workspace.run("investigate", *workspace.made.tickets, *WITH).code == 0
    assert workspace.run("report", "BR-0001").code == 0
    gone = workspace.made.tickets[1]
    auth = ("agent@example.test/token", "sandbox")
    deleted = requests.delete(f"{workspace.sandbox.zendesk_url}/api/v2/tickets/{gone[3:]}.json", auth=auth, timeout=10)
    assert deleted.status_code in {200, 204}
    done = workspace.run("file", "BR-0001", "--yes")
    assert done.code == 6
    clear(done.err)
    assert gone in done.err
    assert "bridge file BR-0001" in done.err
    writes = len(workspace.sandbox.journal())
    again = workspace.run("file", "BR-0001", "--yes")
    assert again.code == 6
    assert len(workspace.sandbox.journal()) == writes
    # The case goes on from what was read, deleted ticket or not.
    assert workspace.run("investigate", *workspace.made.tickets, *WITH).code == 0


def test_log_files_that_vanish_are_told_and_cost_only_themselves(workspace: Workspace) -> None:
    shutil.rmtree(workspace.folder / "logs" / "worker")
    done = workspace.run("investigate", *workspace.made.tickets, *WITH)
    assert done.code == 0, done.err
    assert "worker" in done.err
    case = json.loads(workspace.case_file("case.json").read_text())
    assert any("worker" in problem for problem in case["problems"])
    assert len(json.loads(workspace.case_file("findings.json").read_text())["cohort"]["affected"]) == 38


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("format: 1\nticktes: {}\n", "tickets"),
        ("format: 1\ndatabases:\n  app: {product: duckdbb, path: x}\n", "duckdb"),
        ("format: [\n", "bridge.yaml"),
        ("", "bridge.yaml"),
    ],
)
def test_a_broken_bridge_yaml_is_explained_with_its_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    (tmp_path / "bridge.yaml").write_text(text)
    assert main(["doctor", "--workspace", str(tmp_path)]) in {1, 2}
    seen = capfd.readouterr()
    assert "Traceback" not in seen.err
    assert expected in seen.err + seen.out


def test_a_full_disk_says_so_and_the_next_run_continues(workspace: Workspace) -> None:
    # A limit on the size of files fails a write in its middle, as a full disk does.
    words = ["investigate", *workspace.made.tickets, *WITH, "--workspace", str(workspace.folder)]
    script = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
from bridge.cli.main import main
sys.exit(main({words!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2, done.stderr
    clear(done.stderr)
    assert "can't write" in done.stderr
    assert "kept" in done.stderr
    assert workspace.run(*words[:-2]).code == 0
    assert [p.name for p in (workspace.folder / "cases").iterdir()] == ["BR-0001"]
    assert not list(workspace.folder.rglob("*.tmp"))


@pytest.mark.parametrize("command", ["follow", "reconcile", "add"])
def test_a_case_that_is_not_there_is_told_as_such(command: str, workspace: Workspace) -> None:
    done = workspace.run(command, "BR-0044", *(["ZD-1003"] if command == "add" else []))
    assert done.code == 2
    assert "no case 'BR-0044'" in done.err
    assert not workspace.sandbox.journal()
