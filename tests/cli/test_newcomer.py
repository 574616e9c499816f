"""What somebody new does wrong first, and the words that help: a driver that is not there, slips of the pen, a first workspace."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import pytest

from bridge.cli import output
from bridge.cli.main import main
from bridge.config.workspace import load

EMPTY = "format: 1\nlogs: {app: {product: files, sources: [{paths: [x.log]}]}}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "bridge.yaml").write_text(EMPTY, encoding="utf-8")
    (tmp_path / "x.log").write_text('{"ts": "2026-02-01T00:00:00Z", "level": "ERROR", "msg": "no"}\n', encoding="utf-8")
    return tmp_path


def test_a_driver_that_is_not_installed_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "bridge.adapters.databases.postgres", raising=False)
    (tmp_path / "bridge.yaml").write_text(
        "format: 1\ndatabases: {app: {product: postgres, host: localhost, dbname: x}}\n", encoding="utf-8"
    )
    assert main(["doctor", "--workspace", str(tmp_path), "--output", "json"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [check["hint"] for check in checks if check["connection"] == "database app"] == ["pip install 'ticket-bridge[postgres]'"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["trends", "--source", "ap"], "did you mean 'app'?"),
        (["logs", "search", "--level", "ERORR"], "did you mean ERROR?"),
        (["logs", "search", "--limit", "-4"], "from 1 up"),
        (["views", "check", "failed-webhooks"], "this workspace has no database"),
    ],
)
def test_a_slip_of_the_pen_is_told(words: list[str], hint: str, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "views").mkdir()
    (workspace / "views" / "accounts.sql").write_text("SELECT 1 AS account_id", encoding="utf-8")
    assert main([*words, "--workspace", str(workspace)]) in {1, 2}
    seen = capsys.readouterr()
    assert hint in seen.out + seen.err


def test_a_level_of_the_logs_own_is_taken(workspace: Path) -> None:
    assert main(["logs", "search", "--level", "audit", "--workspace", str(workspace)]) == 0


def test_a_workspace_made_from_a_file_names_that_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop's.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE customers (id VARCHAR, name VARCHAR, plan VARCHAR)")
    assert main(["init", str(tmp_path / "new"), "--from", str(file)]) == 0
    made = load(tmp_path / "new").database("app")
    assert (made.product, made.values["path"]) == ("duckdb", str(file))
    assert main(["views", "check", "--workspace", str(tmp_path / "new"), "--output", "json"]) == 1
    seen = capsys.readouterr().out
    assert '"accounts"' in seen


def test_a_proposal_takes_the_place_of_an_untouched_example(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE clients (id VARCHAR, name VARCHAR, plan VARCHAR)")
    assert main(["init", str(tmp_path / "new")]) == 0
    changes = tmp_path / "new" / "views" / "changes.sql"
    changes.write_text("-- mine\n" + changes.read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["init", str(tmp_path / "new"), "--from", str(file)]) == 0
    assert "FROM clients" in (tmp_path / "new" / "views" / "accounts.sql").read_text(encoding="utf-8")
    assert changes.read_text(encoding="utf-8").startswith("-- mine")


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_long_lines_hang_under_their_first_word(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = "word " * 60
    lines = output.hanging("  ● a head   ", text).splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(" ".join(lines).split()) == " ".join(f"● a head {text}".split())
