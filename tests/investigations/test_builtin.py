"""Every built-in investigation loads, passes the guard, has tests that pass, and says in its README what it does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge import resources
from bridge.catalog import permitted, verified
from bridge.catalog.catalog import Catalog
from bridge.catalog.queries import JOINS, bound
from bridge.catalog.standard_views import VIEWS
from bridge.catalog.testing import Engine, run_tests
from bridge.config import yaml_marks
from bridge.demo.engines import NAMES
from bridge.errors import InputError
from bridge.model.investigation import Investigation, SqlEvidence
from bridge.sql.guard import DIALECTS
from bridge.sql.parameters import resolve
from bridge.text.symptoms import matching_phrases
from bridge.workflow.catalog_pages import pages
from bridge.workflow.example import BEGIN, block, example

ROOT = Path(__file__).parents[2]
CATALOG = Catalog(builtin=resources.folder("investigations"), workspace=None)
IDS = [entry.id for entry in CATALOG.list()]
SYMPTOMS: dict[str, dict[str, list[str]]] = yaml_marks.read(ROOT / "tests" / "cases" / "investigations" / "symptoms.yaml").value


@pytest.fixture(params=IDS)
def investigation(request: pytest.FixtureRequest) -> Investigation:
    return CATALOG.get(request.param)


def test_there_are_some() -> None:
    assert len(IDS) >= 14
    assert all(not entry.problem for entry in CATALOG.list())


@pytest.mark.parametrize("name", NAMES)
def test_its_tests_pass_on_every_engine(investigation: Investigation, name: str, engine_of: Callable[[str], Engine]) -> None:
    results = run_tests(investigation, engine=engine_of(name))
    assert results
    assert {result.file: result.problems for result in results if not result.passed} == {}


def test_one_test_finds_something_and_one_nothing(investigation: Investigation) -> None:
    if investigation.cohort is None:
        return
    expected = [yaml_marks.read(path).value["expect"].get("affected") for path in Path(investigation.folder).glob(investigation.tests)]
    assert [] in expected
    assert any(expected)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_its_sql_passes_the_guard(investigation: Investigation, dialect: str) -> None:
    given = {p.name: "xx" for p in investigation.parameters if p.default is None}
    values = resolve(investigation.parameters, given, now=datetime(2026, 3, 17, tzinfo=UTC))
    for item in (*investigation.evidence, *permitted.queries(investigation)):
        if isinstance(item, SqlEvidence):
            at = JOINS if item.joins else dialect
            bound(item, dialect=at, views=dict.fromkeys(VIEWS, "SELECT 1 AS x"), values=values, declared=list(values))


def test_its_readme_says_what_it_does(investigation: Investigation) -> None:
    text = (Path(investigation.folder) / "README.md").read_text(encoding="utf-8")
    assert f"# {investigation.id}\n" in text
    assert f"**Question** {investigation.question}" in text
    for heading in ("Approach", "What it can't tell", "Parameters", "What it reads", "Example"):
        assert f"\n## {heading}\n" in text
    for parameter in investigation.parameters:
        default = parameter.default
        shown = "must be given" if default is None else ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
        assert re.search(rf"\| `{parameter.name}` \| {parameter.type}[^|]* \| {re.escape(shown)} \|", text, re.IGNORECASE), parameter.name
    for evidence in investigation.evidence:
        assert f"| `{evidence.name}` |" in text
    assert f"--with {investigation.id}" in text


def test_its_example_is_what_it_gives(investigation: Investigation) -> None:
    made = example(investigation)
    text = (Path(investigation.folder) / "README.md").read_text(encoding="utf-8")
    if made is None:
        assert BEGIN not in text
    else:
        assert block(made) in text, "run: bridge investigations docs"


def test_it_says_what_customers_say_in_english_and_german(investigation: Investigation) -> None:
    text = (Path(investigation.folder) / "investigation.yaml").read_text(encoding="utf-8")
    if investigation.symptoms:
        assert "# English" in text
        assert "# German" in text
        assert investigation.id in SYMPTOMS


def test_a_window_that_ends_before_it_starts_is_refused(investigation: Investigation) -> None:
    given = {p.name: "xx" for p in investigation.parameters if p.default is None}
    with pytest.raises(InputError) as caught:
        resolve(investigation.parameters, given | {"window": "2026-03-12..2026-03-10"}, now=datetime(2026, 3, 17, tzinfo=UTC))
    assert any("not after its start" in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, lists in SYMPTOMS.items() for text in lists["match"]])
def test_symptoms_match(name: str, text: str) -> None:
    assert matching_phrases(text, CATALOG.get(name).symptoms)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, lists in SYMPTOMS.items() for text in lists["ignore"]])
def test_symptoms_leave_other_tickets_alone(name: str, text: str) -> None:
    assert matching_phrases(text, CATALOG.get(name).symptoms) == ()


def test_what_is_verified_is_recorded_for_these_very_texts(investigation: Investigation) -> None:
    record = verified.read(CATALOG.builtin)[investigation.id]
    assert record.digest == verified.identity(investigation), "run: bridge investigations test --record"
    assert set(record.dialects) == {"duckdb", "sqlite", "postgres", "mysql", "clickhouse"}
    for dialect in record.dialects:
        asked = (*investigation.evidence, *permitted.queries(investigation))
        assert verified.doubts(investigation, {item.name: dialect for item in asked}) == ()


def test_nothing_else_is_recorded() -> None:
    assert set(verified.read(CATALOG.builtin)) == set(IDS)


def test_the_pages_are_up_to_date() -> None:
    old = [str(path) for path, text in pages(CATALOG).items() if path.read_text(encoding="utf-8") != text]
    assert old == [], "run: bridge investigations docs"


def test_every_query_bounds_what_the_server_reads(investigation: Investigation) -> None:
    queries = [item for item in investigation.evidence if isinstance(item, SqlEvidence) and item.view is None and not item.joins]
    unbounded = {f"{investigation.id}/{item.name}" for item in queries if ":window_" not in item.sql and ":account" not in item.sql}
    # What differs may have been written to the second store at any time: kinds and accounts narrow it, and its README says so.
    assert unbounded <= {"store-differences/second_rows"}
