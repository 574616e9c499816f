from __future__ import annotations

from pathlib import Path

import pytest

from bridge import resources
from bridge.catalog import standard_views, views
from bridge.catalog.catalog import Catalog
from bridge.errors import InputError, NotFoundError

PAGE = Path(__file__).parents[2] / "docs" / "standard-views.md"


def test_views_are_files(tmp_path: Path) -> None:
    (tmp_path / "accounts.sql").write_bytes(b"\xef\xbb\xbf-- ours\nSELECT 1 AS account_id;\n")
    (tmp_path / "notes.txt").write_text("words", encoding="utf-8")
    assert views.load(tmp_path) == {"accounts": "-- ours\nSELECT 1 AS account_id"}
    assert views.load(tmp_path / "none") == {}


def test_every_bad_view_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "views"
    folder.mkdir()
    (folder / "Accounts.sql").write_text("SELECT 1", encoding="utf-8")
    (folder / "empty.sql").write_text(" \n", encoding="utf-8")
    (folder / "latin.sql").write_bytes(b"SELECT 1\n-- \xe9")
    (folder / "wants.sql").write_text("SELECT *\nFROM t WHERE a > :window_start", encoding="utf-8")
    with pytest.raises(InputError, match="views/ has 4 problems") as caught:
        views.load(folder)
    assert [problem.where for problem in caught.value.problems] == [
        "views/Accounts.sql",
        "views/empty.sql",
        "views/latin.sql:2",
        "views/wants.sql:2",
    ]


def test_missing_views_say_what_to_write(tmp_path: Path) -> None:
    views.require(["accounts"], {"accounts": "SELECT 1"}, tmp_path)
    with pytest.raises(NotFoundError, match="no view 'changes'") as caught:
        views.require(["accounts", "changes"], {"accounts": "SELECT 1"}, tmp_path)
    assert caught.value.where == str(tmp_path / "changes.sql")
    assert 'SELECT ... AS "at", ... AS kind, ... AS name, ... AS version FROM ...' in caught.value.hint
    with pytest.raises(NotFoundError, match="lacks 2 views") as both:
        views.require(["accounts", "mails"], {}, tmp_path)
    assert "standard views: accounts, changes, exports" in both.value.problems[1].hint


def test_missing_columns_name_file_and_what_to_write() -> None:
    all_columns = [column.name for column in standard_views.VIEWS["changes"].columns]
    assert standard_views.missing_columns("changes", [*all_columns, "author"]) == ()
    at, version = standard_views.missing_columns("changes", ["kind", "name", "versions"])
    assert at.message == "changes lacks the column at (time: when it took effect)"
    assert (at.where, at.hint) == ("views/changes.sql", 'select `... AS "at"`')
    assert version.hint == "select `versions AS version` (NULL where unknown)"
    assert [p.where for p in standard_views.missing_columns("account-events", ["account_id", "at", "key"], where="events.sql")] == [
        "events.sql"
    ]
    assert standard_views.missing_columns("table", []) == ()


@pytest.mark.parametrize("view", [*standard_views.VIEWS.values(), *standard_views.KINDS.values()], ids=lambda view: view.name)
def test_every_column_is_documented(view: standard_views.StandardView) -> None:
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {view.name}\n")[1].split("\n#")[0]
    for column in view.columns:
        assert f"| `{column.name}` | {column.type} |" in section
        assert f"| {column.meaning} |" in section


def test_views_that_an_investigation_needs() -> None:
    catalog = Catalog(builtin=resources.folder("investigations"), workspace=None)
    assert set(views.needed(catalog.get("empty-exports"))) == {"exports", "accounts", "changes"}
    assert views.needed(catalog.get("new-errors")) == ("accounts",)
