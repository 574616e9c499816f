from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bridge import resources
from bridge.catalog import verified
from bridge.catalog.load import load
from bridge.catalog.new import new
from bridge.catalog.testing import run_tests
from bridge.errors import InputError
from bridge.model.investigation import Investigation, SqlEvidence


@pytest.fixture
def entry(tmp_path: Path) -> Investigation:
    shutil.copytree(resources.folder("investigations") / "stuck-jobs", tmp_path / "stuck-jobs")
    return load(tmp_path / "stuck-jobs")


def wanted(entry: Investigation, dialect: str) -> dict[str, str]:
    return {item.name: dialect for item in entry.evidence if isinstance(item, SqlEvidence) and item.view is None}


def test_unverified_is_refused_with_every_query_and_a_way_out(entry: Investigation) -> None:
    problems = verified.doubts(entry, wanted(entry, "mysql"))
    assert [problem.message for problem in problems] == [
        "evidence 'events' was never tested on mysql",
        "evidence 'still_open' was never tested on mysql",
    ]
    error = verified.refusal(entry, problems)
    assert "not verified" in error.message
    assert "--unverified" in error.hint


def test_what_is_written_in_the_dialect_runs(entry: Investigation) -> None:
    assert verified.doubts(entry, wanted(entry, "postgres")) == ()
    assert verified.standing(events(entry), "postgres", ()) == "native"
    assert verified.standing(events(entry), "postgres", ("postgres",)) == "verified"


def test_duckdb_is_verified_on_the_spot(entry: Investigation) -> None:
    assert verified.doubts(entry, wanted(entry, "duckdb")) == ()
    shutil.rmtree(Path(entry.folder) / "tests")
    assert verified.doubts(entry, wanted(entry, "duckdb"))


def test_a_record_counts_for_the_texts_it_was_made_of(entry: Investigation) -> None:
    folder = Path(entry.folder)
    record = verified.updated(None, entry, passed=["mysql", "duckdb"], failed=["sqlite"])
    (folder.parent / verified.FILE).write_text(verified.text({entry.id: record}), encoding="utf-8")
    assert verified.doubts(entry, wanted(entry, "mysql")) == ()
    assert verified.dialects(entry) == {"mysql", "duckdb"}
    assert verified.updated(record, entry, passed=["sqlite"], failed=["mysql"]).dialects == ("duckdb", "sqlite")
    test = folder / "tests" / "window.yaml"
    test.write_text(test.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert verified.dialects(entry) == {"duckdb"}
    assert verified.updated(record, entry, passed=[], failed=[]).dialects == ()


def test_a_text_of_its_own_is_native(entry: Investigation) -> None:
    folder = Path(entry.folder)
    for name in ("events", "still_open"):
        shutil.copy(folder / f"{name}.sql", folder / f"{name}.mysql.sql")
    file = folder / "investigation.yaml"
    text = file.read_text(encoding="utf-8")
    for name in ("events", "still_open"):
        text = text.replace(f"sql: {name}.sql", f"sql: {{default: {name}.sql, mysql: {name}.mysql.sql}}")
    file.write_text(text, encoding="utf-8")
    own = load(folder)
    assert verified.doubts(own, wanted(own, "mysql")) == ()
    assert verified.standing(events(own), "mysql", ()) == "native"
    assert verified.standing(events(own), "sqlite", ()) == "unverified"


def test_a_broken_record_is_named(entry: Investigation) -> None:
    (Path(entry.folder).parent / verified.FILE).write_text('{"format": 1, "entries": []}', encoding="utf-8")
    with pytest.raises(InputError, match=r"verified\.json can't be read"):
        verified.dialects(entry)


def test_a_new_one_is_well_from_the_first_moment(tmp_path: Path) -> None:
    made = new(tmp_path, "late-mails")
    assert {path.name for path in made} == {"investigation.yaml", "events.sql", "README.md", "cohort.yaml", "nothing.yaml"}
    assert all(result.passed for result in run_tests(load(tmp_path / "late-mails")))
    with pytest.raises(InputError, match="exists already"):
        new(tmp_path, "late-mails")
    for bad in ("Late", "../x", "a_b", "", "x" * 61):
        with pytest.raises(InputError, match="can't be an investigation's name"):
            new(tmp_path, bad)


def events(entry: Investigation) -> SqlEvidence:
    return next(item for item in entry.evidence if isinstance(item, SqlEvidence) and item.name == "events")
