from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.scaffold import FILES, scaffold
from bridge.config.workspace import load
from bridge.errors import InputError


def test_what_init_writes_is_a_workspace(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "workspace"
    assert [str(path.relative_to(folder)) for path in scaffold(folder)] == list(FILES)
    loaded = load(folder)
    assert loaded.tickets_config().product == "zendesk"
    assert loaded.views.database == "app"
    assert loaded.warnings() == ()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n", encoding="utf-8")
    with pytest.raises(InputError, match="nothing written: 1 of the files exist"):
        scaffold(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".gitignore"]
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"


def test_a_second_init_says_so(tmp_path: Path) -> None:
    scaffold(tmp_path)
    with pytest.raises(InputError) as caught:
        scaffold(tmp_path)
    assert "bridge doctor" in caught.value.hint


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="is a file"):
        scaffold(tmp_path / "taken")
