from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.logs import reading
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.selection import read_all

LINES = b"".join(b'{"ts":"2026-03-10T02:00:%02dZ","msg":"x"}\n' % second for second in range(60))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_told_by_content(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "app.log.1"
    path.write_bytes(pack(LINES))
    assert b"".join(block for _, block in reading.blocks(path, 100)) == LINES
    assert next(offset for offset, _ in reading.blocks(path, 100)) == 0


def test_a_damaged_file_gives_the_lines_before_the_damage(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LINES * 200))
    packed[-8] ^= 0xFF  # the checksum
    path = tmp_path / "app.log.gz"
    path.write_bytes(packed)
    found: list[bytes] = []
    with pytest.raises(reading.ReadError, match="damaged"):
        found.extend(block for _, block in reading.blocks(path))
    assert b"".join(found) == LINES * 200


def test_wide_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes("2026-03-10 02:00:01 INFO x\n".encode("utf-16"))
    options = parse_sources({"sources": [{"paths": ["x"]}]}, "")[0]
    assert read_all([LogFile(path=tmp_path / "a.log", name="a.log", options=options)]).problems == (
        "a.log: is UTF-16: convert it to UTF-8",
    )


def test_a_line_of_20_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"ts":"2026-03-10T02:00:01Z","msg":"a"}\n{"ts":"2026-03-10T02:00:02Z","msg":"' + b"x" * 20_000_000 + b'"}\n' + LINES[:40]
    )
    options = parse_sources({"sources": [{"paths": ["x"]}]}, "")[0]
    result = read_all([LogFile(path=path, name="a.jsonl", options=options)])
    assert result.counts["lines"] == result.counts["parsed"] == 3
    messages = result.table["message"].to_pylist()
    assert messages[2].endswith(" ... 19934464 more characters in the file")
