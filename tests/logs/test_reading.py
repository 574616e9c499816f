from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from bridge.logs import reading
from bridge.logs.ask import ask
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
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


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_is_read_with_the_offsets_of_the_file(tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\ufeff2026-03-10T02:00:01Z INFO x\u0a0a\r\n\ttail\n\n2026-03-10T02:00:02Z ERROR \U0001f600\nlast"
    path = tmp_path / "a.log"
    path.write_bytes(text.encode(encoding))
    options = parse_sources({"sources": [{"paths": ["x"]}]}, "")[0]
    for size in (1, 3, 7, 256 * 1024):
        monkeypatch.setattr(reading, "_READ", size)
        result = read_all([LogFile(path=path, name="a.log", options=options)])
        assert result.table["message"].to_pylist() == ["x\u0a0a\n\ttail", "\U0001f600\nlast"]
        assert result.table["offset"].to_pylist() == [2, len(text.partition("\n\n")[0].encode(encoding)) + 4]
        assert result.counts["lines"] == 5


def cut(data: bytes) -> Iterator[bytes]:
    yield from (data[:size] for size in (8, len(data) // 2, len(data) - 3))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_a_cut_archive_gives_what_stands_before_the_cut_and_says_so(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    noise = b"".join(b'{"ts":"2026-03-10T02:00:01Z","msg":"%s"}\n' % hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(3_000))
    file = LogFile(path=tmp_path / "a", name="a", options=parse_sources({"sources": [{"paths": ["x"], "format": "json"}]}, "")[0])
    for part in cut(pack(noise)):
        file.path.write_bytes(part)
        result = read_all([file])
        assert any("ends early" in problem for problem in result.problems), (len(part), result.problems)
        found = result.table.num_rows
        assert result.counts["lines"] - found <= 1
        answer = ask([file], Question(grep=("0",)))
        assert len(answer.rows.at) == sum("0" in text for text in result.table["message"].to_pylist())
        assert answer.problems()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_archives_of_several_members_are_one_text(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a"
    path.write_bytes(pack(LINES[:100]) + pack(b"") + pack(LINES[100:]))
    assert b"".join(block for _, block in reading.texts(path, 64)) == LINES


def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(LINES * 100)
    monkeypatch.setattr(reading, "_READ", 4_096)
    found = []
    with pytest.raises(reading.ReadError, match="got shorter while it was read"):  # noqa: PT012 - it is cut in between
        for _, block in reading.blocks(path, 100):
            found.append(block)
            path.write_bytes(LINES[:41])  # as copytruncate does
    assert (LINES * 100).startswith(b"".join(found))


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


LONG = {
    "text": "2026-03-10T02:00:01Z INFO %s",
    "logfmt": 'ts=2026-03-10T02:00:01Z msg="%s"',
    "nginx": '10.0.0.1 - - [10/Mar/2026:02:00:01 +0000] "%s" 200 1',
    "syslog": '<11>1 2026-03-10T02:00:01Z h a 1 - [x y="%s"] done',
    "csv": 'ts,level,msg\n2026-03-10T02:00:01Z,INFO,"%s"',
    "w3c": '#Fields: date time x\n2026-03-10 02:00:01 "%s"',
    "docker": '{"log":"%s\\n","stream":"stdout","time":"2026-03-10T02:00:01Z"}',
    "cri": "2026-03-10T02:00:01Z stdout F %s",
    "json": '{"ts":"2026-03-10T02:00:01Z","msg":"%s"}',
}


@pytest.mark.parametrize("kind", LONG)
def test_a_long_line_takes_memory_by_its_length(tmp_path: Path, kind: str) -> None:
    size = 1_000_000
    path = tmp_path / "a.log"
    path.write_text(LONG[kind] % ("x y=1 " * (size // 6)) + "\n", encoding="utf-8")
    file = LogFile(path=path, name="a.log", options=parse_sources({"sources": [{"paths": ["x"], "format": kind}]}, "")[0])
    read_all([file])  # what is imported and compiled is not counted
    tracemalloc.start()
    try:
        result = read_all([file])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.counts["rejected"] == 0
    assert result.table.num_rows == 1
    assert peak < 25 * size


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04rest\n", "a zip archive"),
        (gzip.compress(b"a" + b"\0" * 256 + b"ustar" + b"\0" * 300 + LINES), "a tar archive"),
        (b"PAR1\0\n", "Parquet"),
    ],
)
def test_what_is_no_log_is_not_read_as_one(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(data)
    file = LogFile(path=path, name="a.log", options=parse_sources({"sources": [{"paths": ["x"]}]}, "")[0])
    assert why in read_all([file]).problems[0]
    answer = ask([file], Question(grep=("x",)))
    assert why in answer.problems()[0]
    assert answer.reports[0].unread
