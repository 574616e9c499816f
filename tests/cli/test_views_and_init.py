"""`bridge init --from` and `bridge views check`, on real database files."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import duckdb
import pytest

from bridge.cli.main import main

CREATE = """
CREATE TABLE customers (customer_no VARCHAR, company_name VARCHAR, plan VARCHAR, region VARCHAR, annual_revenue DECIMAL(18,2),
                        seat_count INTEGER, signed_up_at TIMESTAMPTZ, industry VARCHAR);
CREATE TABLE report_exports (export_no VARCHAR, customer_no VARCHAR, report_no VARCHAR, "trigger" VARCHAR, began_at TIMESTAMPTZ, state VARCHAR);
INSERT INTO customers VALUES ('c-1', 'One Ltd', 'team', 'UK', 100, 5, '2025-01-01 00:00:00+00', 'retail');
INSERT INTO report_exports VALUES ('e-1', 'c-1', 'r-1', 'schedule', '2026-03-01 00:00:00+00', 'success');
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(CREATE)
    return path


def checked(capsys: pytest.CaptureFixture[str], workspace: Path, *names: str) -> tuple[int, dict[str, dict[str, object]]]:
    capsys.readouterr()
    code = main(["views", "check", *names, "--workspace", str(workspace), "--output", "json"])
    return code, {view["name"]: view for view in json.loads(capsys.readouterr().out)["views"]}


def workspace(tmp_path: Path, app: Path) -> Path:
    folder = tmp_path / "ws"
    assert main(["init", str(folder), "--from", str(app)]) == 0
    (folder / "bridge.yaml").write_text(
        f"format: 1\ndatabases: {{app: {{product: duckdb, path: {app}}}}}\nviews: {{database: app, folder: views}}\n", encoding="utf-8"
    )
    return folder


def test_proposed_views_run_and_lack_what_was_said(tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path, app)
    said = capsys.readouterr().out
    assert "views/accounts.sql from customers" in said
    (line,) = [json.loads(text) for text in (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (line["investigation"], line["evidence"], line["outcome"]) == ("init", "the database's own catalog", "complete")
    assert "information_schema" in line["query"]
    assert "views/exports.sql from report_exports" in said
    code, views = checked(capsys, folder, "empty-exports")
    assert code == 1
    assert (views["accounts"]["state"], views["exports"]["state"], views["changes"]["state"]) == ("well", "well", "missing")
    (folder / "views" / "changes.sql").write_text(
        "SELECT CAST('2026-03-01' AS timestamptz) AS \"at\", 'release' AS kind, 'app' AS name, NULL AS version", encoding="utf-8"
    )
    code, views = checked(capsys, folder, "empty-exports")
    assert code == 0


def test_views_are_never_overwritten(tmp_path: Path, app: Path) -> None:
    folder = workspace(tmp_path, app)
    own = folder / "views" / "accounts.sql"
    own.write_text("SELECT 1 AS account_id", encoding="utf-8")
    (folder / "views" / "exports.sql").unlink()
    assert main(["init", str(folder), "--from", "app"]) == 0
    assert own.read_text(encoding="utf-8") == "SELECT 1 AS account_id"
    assert (folder / "views" / "exports.sql").exists()


def test_wrong_types_and_missing_columns_say_what_to_write(tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path, app)
    (folder / "views" / "accounts.sql").write_text(
        "SELECT 7 AS account_id, c.company_name AS name, NULL AS plan, NULL AS region, 'much' AS arr, c.signed_up_at AS created_at\n"
        "FROM customers AS c",
        encoding="utf-8",
    )
    code, views = checked(capsys, folder, "empty-exports")
    assert code == 1
    problems = views["accounts"]["problems"]
    assert isinstance(problems, list)
    told = [" | ".join(str(part) for part in problem) for problem in problems]
    assert len(told) == 3, told
    assert "accounts lacks the column seats" in told[0]
    assert "accounts.account_id is integer, it must be text" in told[1]
    assert "CAST(... AS text) AS account_id" in told[1]
    assert "accounts.arr is text, it must be decimal" in told[2]


def test_a_view_that_does_not_run_and_a_database_that_is_not_there(tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path, app)
    (folder / "views" / "exports.sql").write_text("SELECT nothing FROM nowhere", encoding="utf-8")
    (folder / "views" / "second_records.sql").write_text("SELECT 1 AS x", encoding="utf-8")
    code, views = checked(capsys, folder)
    assert code == 1
    assert views["exports"]["state"] == "fails"
    assert views["second_records"]["state"] == "fails"
    assert "second" in str(views["second_records"]["problems"])
    assert main(["views", "check", "--workspace", str(folder)]) == 1
    text = capsys.readouterr().out
    assert "views are well" in text


def test_from_a_sqlite_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER, customer_id TEXT, issued_on TEXT, due_date TEXT, total NUMERIC, state TEXT)")
    connection.close()
    assert main(["init", str(tmp_path / "ws"), "--from", str(path)]) == 0
    assert "views/invoices.sql from invoices" in capsys.readouterr().out


def test_an_empty_database_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    assert main(["init", str(tmp_path / "ws"), "--from", str(path)]) == 2
    assert "shows no table" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "ws").iterdir()] == ["audit.jsonl"], "a query ran, and nothing was made"


def test_a_new_investigation_is_well(tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path, app)
    assert main(["investigations", "new", "late-mails", "--workspace", str(folder)]) == 0
    assert main(["investigations", "check", "late-mails", "--workspace", str(folder)]) == 0
    assert main(["investigations", "test", "late-mails", "--engine", "duckdb", "--record", "--workspace", str(folder)]) == 0
    assert json.loads((folder / "investigations" / "verified.json").read_text(encoding="utf-8"))["entries"]["late-mails"]["dialects"] == [
        "duckdb"
    ]
    assert main(["investigations", "docs", "--workspace", str(folder)]) == 0
    assert "late-mails" in (folder / "investigations" / "investigations-index.md").read_text(encoding="utf-8")
    assert "```text" in (folder / "investigations" / "late-mails" / "README.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["investigations", "docs", "--workspace", str(folder)]) == 0
    assert "up to date" in capsys.readouterr().out
