"""Personal data of the views: collected as it is, masked in everything that is shown, unless somebody asks."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from bridge.analysis.analyse import affected_accounts
from bridge.analysis.inputs import AnalysisInputs
from bridge.catalog import views
from bridge.cli import compose
from bridge.cli.main import main
from bridge.errors import InputError
from bridge.model.case import Case
from bridge.model.window import Window
from bridge.sql.parameters import resolve
from bridge.workflow.collect import Collected, collect
from bridge.workflow.personal import masked

AT = datetime(2026, 3, 17, tzinfo=UTC)
WINDOW = Window(start=datetime(2026, 3, 3, tzinfo=UTC), end=AT)
NAMES = ("Anna Example", "Ben Sample")
SQL = """
CREATE TABLE customers (id VARCHAR, name VARCHAR, mail VARCHAR, plan VARCHAR);
INSERT INTO customers VALUES ('a-1', 'Anna Example', 'anna@mail.example.test', 'team'), ('a-2', 'Ben Sample', 'ben@mail.example.test', 'team');
CREATE TABLE first_rows AS SELECT id, mail FROM customers;
"""
ACCOUNTS = """-- personal: name, Mail
SELECT c.id AS account_id, c.name AS name, c.plan AS plan, 'UK' AS region, CAST(1 AS DECIMAL(18, 2)) AS arr, 1 AS seats,
       CAST(NULL AS timestamptz) AS created_at, c.mail AS mail FROM customers AS c
"""
CHANGES = "SELECT CAST('2026-03-05' AS timestamptz) AS \"at\", 'release' AS kind, 'app' AS name, '1' AS version"
FIRST = """-- personal: fingerprint
SELECT f.id AS account_id, 'person' AS kind, f.id AS record_id, CAST('2026-03-16' AS timestamptz) AS changed_at, f.mail AS fingerprint
FROM customers AS f
"""
SECOND = "SELECT s.id AS account_id, 'person' AS kind, s.id AS record_id, NULL AS changed_at, 'other' AS fingerprint FROM customers AS s"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("app", "second"):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as connection:
            connection.execute(SQL)
    (tmp_path / "bridge.yaml").write_text(
        "format: 1\ndatabases:\n  app: {product: duckdb, path: app.duckdb}\n  second: {product: duckdb, path: second.duckdb}\n"
        "views: {database: app, folder: views}\n",
        encoding="utf-8",
    )
    (tmp_path / "views").mkdir()
    for name, text in {"accounts": ACCOUNTS, "changes": CHANGES, "first_records": FIRST, "second_records": SECOND}.items():
        (tmp_path / "views" / f"{name}.sql").write_text(text, encoding="utf-8")
    return tmp_path


def collected(folder: Path) -> tuple[Case, Collected, AnalysisInputs]:
    with compose.context(argparse.Namespace(workspace=str(folder)), lambda _event: None) as context:
        investigation = context.catalog.get("store-differences")
        values = resolve(investigation.parameters, {"window": "last 14 days"}, now=AT)
        case = context.cases.create(
            Case(
                id="",
                format=1,
                created_at=AT,
                as_of=AT,
                state="open",
                tickets=(),
                requested=(),
                investigation=investigation.id,
                investigation_version=1,
                investigation_digest=investigation.digest,
                given={},
                parameters={"window": WINDOW, "minimum_events": 1},
                window=WINDOW,
                bridge_version="0",
            )
        )
        found = collect(context, case, investigation, values, refresh=False)
        inputs = AnalysisInputs(
            investigation=investigation,
            window=WINDOW,
            parameters=case.parameters,
            tables=found.tables,
            evidence_ids={},
            tickets=(),
            currency="EUR",
            seed=1,
            case_id=case.id,
        )
    return case, found, inputs


def test_two_stores_meet_and_findings_see_no_personal_value(folder: Path) -> None:
    _, found, inputs = collected(folder)
    assert affected_accounts(inputs) == ("a-1", "a-2")
    population = found.tables["population"]
    assert "mail" not in population.column_names
    assert set(population["name"].to_pylist()) == {"[personal 1]", "[personal 2]"}
    assert population["account_id"].to_pylist() == ["a-1", "a-2"]
    everything = "".join(str(table.to_pylist()) for table in found.tables.values())
    assert not any(name in everything for name in NAMES)
    assert "@" not in str(found.tables["population"].to_pylist())


def test_rows_are_shown_masked_and_asking_is_noted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case, _, _ = collected(folder)
    show = ["show", case.id, "--evidence", "population", "--workspace", str(folder)]
    for form in ("text", "json", "jsonl"):
        assert main([*show, "--output", form]) == 0
        out = capsys.readouterr().out
        assert "[personal" in out
        assert not any(name in out for name in (*NAMES, "anna@mail"))
    assert shown_lines(folder) == []
    assert main([*show, "--output", "json", "--show-personal"]) == 0
    assert all(name in capsys.readouterr().out for name in NAMES[:1])
    (noted,) = shown_lines(folder)
    assert noted["who"]
    assert (noted["case"], noted["evidence"], noted["columns"], noted["rows"]) == (case.id, "population", ["name", "mail"], 2)


def shown_lines(folder: Path) -> list[dict[str, object]]:
    lines = map(json.loads, (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["what"] != "query"]


def test_asking_where_nothing_is_personal_notes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case, _, _ = collected(folder)
    assert main(["show", case.id, "--evidence", "changes", "--show-personal", "--workspace", str(folder)]) == 0
    capsys.readouterr()
    assert shown_lines(folder) == []


def test_a_later_tag_protects_an_older_case(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case, _, _ = collected(folder)
    view = folder / "views" / "accounts.sql"
    view.write_text(ACCOUNTS.replace("-- personal: name, Mail", "-- personal: plan"), encoding="utf-8")
    assert main(["show", case.id, "--evidence", "population", "--output", "json", "--workspace", str(folder)]) == 0
    (first, _) = json.loads(capsys.readouterr().out)["rows"]
    assert first["plan"] == "[personal 1]"


def test_a_comparison_of_personal_values_is_not_personal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case, _, _ = collected(folder)
    assert main(["show", case.id, "--evidence", "first_rows", "--workspace", str(folder)]) == 0
    assert "masked in fingerprint" in capsys.readouterr().out
    # Whether two fingerprints differ is not the fingerprint.
    assert main(["show", case.id, "--evidence", "events", "--workspace", str(folder)]) == 0
    assert "masked in" not in capsys.readouterr().out


def test_tags_that_would_break_the_counting_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = folder / "views" / "accounts.sql"
    view.write_text("-- personal: account_id, full name\n" + ACCOUNTS, encoding="utf-8")
    assert main(["views", "check", "--workspace", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "'account_id' can't be tagged" in said
    assert "'full name' is not a column's name" in said
    view.write_text(ACCOUNTS.replace("name, Mail", "e_mail"), encoding="utf-8")
    assert main(["views", "check", "store-differences", "--workspace", str(folder)]) == 1
    assert "tags 'e_mail' as personal data and has no such column" in capsys.readouterr().out


def test_masks_tell_values_apart_and_nothing_else() -> None:
    table = pa.table({"name": ["b", "a", None, "b"], "n": [1, 2, 3, 4]})
    shown = masked(table, {"name", "other"})
    first, second, none, third = shown["name"].to_pylist()
    assert first == third != second
    assert none is None
    assert shown["n"].to_pylist() == [1, 2, 3, 4]
    assert masked(pa.table({"n": [7, 8]}), {"n"})["n"].to_pylist() != [7, 8]


def test_tags_are_read_from_anywhere_in_the_file() -> None:
    assert views.personal({"a": "SELECT 1 AS x", "b": '--personal:x\nSELECT 1 AS x -- not personal: y\n  -- Personal: "z"'}) == {
        "b": ("x", "z")
    }


def test_a_query_that_counts_by_personal_data_is_refused(folder: Path) -> None:
    (folder / "views" / "first_records.sql").write_text("-- personal: changed_at\n" + FIRST, encoding="utf-8")
    with pytest.raises(InputError, match="evidence 'events' makes at of columns that are tagged as personal data"):
        collected(folder)
