from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bridge.cli.main import main
from bridge.logs.paths import matches, nothing, shown

LINE = b'{"ts":"2026-03-10T02:00:01Z","level":"ERROR","msg":"x"}\n'


def test_a_file_that_links_lead_to_again_and_again_is_named_once_by_its_shortest_name(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.log").write_bytes(LINE)
    (tmp_path / "d" / "loop").symlink_to(tmp_path / "d")
    (tmp_path / "b.log").symlink_to(tmp_path / "d" / "a.log")
    assert matches("d", tmp_path) == [tmp_path / "d" / "a.log"]
    assert matches("**/a.log", tmp_path) == [tmp_path / "d" / "a.log"]
    assert matches("**/*.log", tmp_path) == [tmp_path / "b.log"]


def test_a_name_that_is_no_utf8_is_shown_escaped(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.log"))
    path.write_bytes(LINE)
    assert matches("*.log", tmp_path) == [path]
    assert shown(path, tmp_path) == "odd\\xff.log"


@pytest.mark.parametrize(
    ("name", "why"),
    [("gone", "no file matches gone"), ("link", "a link to nothing"), ("empty", "holds no file"), ("self", "a link to nothing")],
)
def test_why_nothing_is_read(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "empty").mkdir()
    assert matches(name, tmp_path) == []
    assert why in nothing(name, tmp_path)


def test_a_named_pipe_is_read_like_stdin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(LINE * 3,))
    writer.start()
    code = main(["logs", "count", str(pipe), "--output", "json"])
    writer.join()
    assert code == 0
    assert '"parsed": 3' in capsys.readouterr().out
