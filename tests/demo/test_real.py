"""The workspace on real logs: found where they lie, never copied."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.adapters.log_sources.files import FileLogs, open_source
from bridge.catalog import views
from bridge.catalog.standard_views import missing_columns
from bridge.config.workspace import load
from bridge.demo import real
from bridge.demo.embedded_postgres import running
from bridge.errors import NotFoundError
from bridge.filing.settings import read_settings
from bridge.logs.options import parse_sources
from bridge.logs.store import with_templates
from bridge.model.window import Window
from bridge.plugins import AdapterOptions
from bridge.ports import LogRequest
from bridge.sandbox.seed import from_json


def test_absent_logs_are_said_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_CORPORA", str(tmp_path))
    with pytest.raises(NotFoundError, match="08_58_log") as raised:
        real.logs_folder()
    assert str(tmp_path) in raised.value.message
    assert "BRIDGE_CORPORA" in raised.value.hint


@pytest.mark.corpora
@pytest.mark.postgres
def test_workspace(tmp_path: Path, server_folder: Callable[[str], Path]) -> None:
    import psycopg

    try:
        logs = real.logs_folder()
    except NotFoundError as absent:
        pytest.skip(absent.message)
    with running(server_folder("real")) as urls:
        made = real.write_real_workspace(tmp_path / "ws", postgres=urls, sandbox_url="http://127.0.0.1:8765")
        with psycopg.connect(urls.reader) as connection:
            for name, sql in views.load(made.folder / "views").items():
                found = connection.execute(sql.encode())
                assert missing_columns(name, [column.name for column in found.description or ()]) == ()
            accounts = [row[0] for row in connection.execute("SELECT client_id FROM clients").fetchall()]
    assert len(accounts) == len(set(accounts)) == real.ACCOUNTS
    desk = from_json(made.seed)
    assert len(desk.tickets) == len(made.tickets) == 4
    assert all(real.WINDOW.start < ticket.created_at < real.AS_OF for ticket in desk.tickets)
    settings = load(made.folder)
    assert settings.as_of == real.AS_OF
    assert settings.tracker is not None
    filing = read_settings(settings.tracker.values, settings.filing, where="bridge.yaml")
    required = {name for kind in desk.project.issue_types for name in kind.required}
    assert {name for name in required if filing.fields[name].constant == "S2"} == required
    [source] = parse_sources(settings.logs["app"].values, "bridge.yaml")
    assert [Path(path).parent for path in source.paths] == [logs] * 4
    assert not list(made.folder.rglob("*.gz"))
    config = settings.logs["app"]
    options = AdapterOptions(
        name="app", values=config.values, root=made.folder, where=config.where, secret=lambda key: key, now=lambda: real.AS_OF
    )
    before, after = errors(open_source(options), real.BASELINE, real.WINDOW)
    new = {key: count for key, count in after.items() if key not in before}
    assert new
    assert max(new, key=lambda key: new[key]) == max(after, key=lambda key: after[key])


def errors(source: FileLogs, *windows: Window) -> list[dict[tuple[str, str], int]]:
    """Traces with each error template, by service and template; every line of the recording has to be understood."""
    results = [source.select(LogRequest(window=window)) for window in windows]
    assert [result.counts["rejected"] for result in results] == [0, 0]
    assert min(result.table.num_rows for result in results) > 2000
    counts = []
    for table in with_templates([result.table for result in results])[0]:
        traces: dict[tuple[str, str], set[str]] = {}
        for row in table.to_pylist():
            if row["level"] == "ERROR":
                traces.setdefault((row["service"], row["template_id"]), set()).add(row["trace_id"])
        counts.append({key: len(found) for key, found in traces.items()})
    return counts


def test_nothing_names_the_service_at_fault() -> None:
    texts = [path.read_text() for path in Path(real.__file__).parent.glob("*.py")]
    assert len(texts) > 10
    assert not [text for text in texts if re.search(r"\bts-[a-z]+-|Contacts", text)]
