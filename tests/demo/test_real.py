"""The workspace on real logs: found where they lie, never copied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.catalog import views
from bridge.catalog.standard_views import missing_columns
from bridge.config.workspace import load
from bridge.demo import real
from bridge.demo.embedded_postgres import running
from bridge.errors import NotFoundError
from bridge.logs.options import parse_sources
from bridge.sandbox.seed import from_json


def test_absent_logs_are_said_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_CORPORA", str(tmp_path))
    with pytest.raises(NotFoundError, match="08_58_log") as raised:
        real.logs_folder()
    assert str(tmp_path) in raised.value.message
    assert "BRIDGE_CORPORA" in raised.value.hint


@pytest.mark.corpora
@pytest.mark.postgres
def test_workspace(tmp_path: Path) -> None:
    import psycopg

    try:
        logs = real.logs_folder()
    except NotFoundError as absent:
        pytest.skip(absent.message)
    with running(tmp_path / "pg") as urls:
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
    [source] = parse_sources(settings.logs["app"].values, "bridge.yaml")
    assert [Path(path).parent for path in source.paths] == [logs] * 4
    assert not list(made.folder.rglob("*.gz"))


def test_nothing_names_the_service_at_fault() -> None:
    texts = [path.read_text() for path in Path(real.__file__).parent.glob("*.py")]
    assert len(texts) > 10
    assert not [text for text in texts if re.search(r"\bts-[a-z]+-|Contacts", text)]
