"""The written workspace: loads, maps the standard views, and keeps the truth out of bridge's sight."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from bridge import plugins, resources
from bridge.catalog import views
from bridge.catalog.load import load as load_investigation
from bridge.catalog.standard_views import VIEWS, missing_columns
from bridge.config.workspace import load
from bridge.demo.embedded_postgres import PostgresUrls, running
from bridge.demo.truth import DEFAULT_TRUTH, random_truth
from bridge.demo.workspace import DatabaseKind, DemoWorkspace, planted, write_workspace
from bridge.errors import InputError
from bridge.filing.settings import read_settings
from bridge.model.investigation import SqlEvidence
from bridge.plugins import AdapterOptions
from bridge.ports import Limits
from bridge.sandbox.seed import from_json
from bridge.sql.parameters import resolve
from bridge.sql.prepare import prepare

SANDBOX = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoWorkspace:
    return write_workspace(tmp_path_factory.mktemp("demo") / "ws", DEFAULT_TRUTH, sandbox_url=SANDBOX, log_megabytes=1)


def test_settings_load(demo: DemoWorkspace) -> None:
    settings = load(demo.folder)
    assert settings.as_of == DEFAULT_TRUTH.as_of
    assert set(settings.databases) == {"app"} == set(settings.logs)
    assert settings.tickets is not None
    assert settings.tickets.values["token"] == "file:sandbox-token"
    assert settings.tracker is not None
    filing = read_settings(settings.tracker.values, settings.filing, where="bridge.yaml")
    assert (filing.project, filing.issue_type) == ("REP", "Bug")
    known = {field.id for field in from_json(demo.seed).project.fields}
    assert set(filing.fields) == known


def test_views_have_the_standard_columns(demo: DemoWorkspace) -> None:
    texts = views.load(demo.folder / "views")
    assert {"accounts", "changes", "exports"} == set(texts) <= set(VIEWS)
    with duckdb.connect(str(demo.folder / "data" / "app.duckdb"), read_only=True) as connection:
        for name, sql in texts.items():
            columns = connection.sql(sql).columns
            assert missing_columns(name, columns) == ()
        attributes = set(connection.sql(texts["accounts"]).columns) - {column.name for column in VIEWS["accounts"].columns}
    assert len(attributes) >= 10
    assert "snapshot_cache_v2" in attributes


def test_log_sources_match_every_file(demo: DemoWorkspace) -> None:
    sources = load(demo.folder).logs["app"].values["sources"]
    found = {path for source in sources for pattern in source["paths"] for path in demo.folder.glob(pattern)}
    assert found == {path for path in (demo.folder / "logs").rglob("*") if path.is_file()}
    assert len(found) == 70


def test_how_to_run_it(demo: DemoWorkspace) -> None:
    truth = json.loads((demo.folder / ".demo" / "truth.json").read_text())
    about = {ticket["id"]: ticket for ticket in truth["planted"]["tickets"]}
    assert [about[ticket]["about"] for ticket in demo.tickets] == ["defect"] * 3
    assert demo.investigation == "empty-exports"
    assert json.loads((demo.folder / ".demo" / "seed.json").read_text()) == demo.seed
    assert truth["cause"] == [{"attribute": "snapshot_cache_v2", "value": "true"}]


def test_nothing_but_the_aside_tells_the_truth(demo: DemoWorkspace) -> None:
    for path in [demo.folder / "bridge.yaml", *(demo.folder / "views").iterdir()]:
        text = path.read_text()
        assert "4.18.0" not in text
        assert ".demo" not in text


def test_sqlite_and_wrong_arguments(tmp_path: Path) -> None:
    made = write_workspace(tmp_path / "ws", random_truth(2), sandbox_url=SANDBOX, database="sqlite", log_megabytes=0.1)
    assert load(made.folder).databases["app"].product == "sqlite"
    with pytest.raises(InputError, match="postgres"):
        write_workspace(tmp_path / "other", DEFAULT_TRUTH, sandbox_url=SANDBOX, database="postgres")


@pytest.mark.parametrize("product", ["duckdb", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_the_investigation_runs_on_it(tmp_path: Path, server_folder: Callable[[str], Path], product: DatabaseKind) -> None:
    """Guard, views and adapter together count what the truth says, on every database that the demo can be put into."""
    with server(server_folder("workspace"), product) as postgres:
        made = write_workspace(tmp_path / "ws", DEFAULT_TRUTH, sandbox_url=SANDBOX, database=product, postgres=postgres, log_megabytes=0.1)
        settings = load(made.folder)
        config = settings.databases["app"]
        options = AdapterOptions(
            name="app", values=config.values, root=made.folder, where=config.where, secret=lambda key: key, now=lambda: DEFAULT_TRUTH.as_of
        )
        opened = plugins.load("databases", product)(options)
        try:
            investigation = load_investigation(resources.folder("investigations") / "empty-exports", database="app")
            [events] = [item for item in investigation.evidence if isinstance(item, SqlEvidence) and item.name == "events"]
            values = resolve(investigation.parameters, {}, now=DEFAULT_TRUTH.as_of)
            query = prepare(
                events.sql,
                dialect=opened.dialect,
                views=views.load(made.folder / "views"),
                values=values,
                declared=tuple(values),
                where=events.file,
            )
            result = opened.run(query, Limits())
        finally:
            opened.close()
    failures = Counter(row["account_id"] for row in result.table.select(["account_id", "failed"]).to_pylist() if row["failed"])
    affected = {account for account, count in failures.items() if count >= 2}
    assert affected == set(planted(DEFAULT_TRUTH)["affected"])
    assert (len(failures), sum(failures.values()), result.truncated) == (47, 168, False)


@contextmanager
def server(folder: Path, product: str) -> Iterator[PostgresUrls | None]:
    if product != "postgres":
        yield None
        return
    with running(folder) as urls:
        yield urls
