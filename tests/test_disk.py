"""A file is written whole or not at all, and a device stays a device."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bridge.disk import replacing, write_text
from bridge.errors import InputError


def test_what_stood_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    write_text(path, "old")
    with pytest.raises(InputError, match=r"can't write known\.json: No space"):
        _half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _half(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise OSError(28, "No space left on device")


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "all of it")
    reader.join(timeout=10)
    assert read == ["all of it"]
    assert pipe.is_fifo()


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        write_text(tmp_path, "")
