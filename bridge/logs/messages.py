"""The message of every line of a file, in order and one each: for questions that count lines, not events.

Plain text: the line. JSON lines: a field of the object, the line where the object has none. CSV: a column, one message
a row. Nothing is left out, so that the answer's n-th message is the file's n-th line.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from bridge.errors import InputError, NotFoundError
from bridge.logs import reading

USUAL: Final = ("message", "msg", "event", "log", "text", "body")
"""Fields that are looked for where none is named, in this order."""
_BLOCK: Final = 8 * 1024 * 1024
_ROWS: Final = 100_000


def messages(
    path: Path | None, *, fields: Sequence[str] = (), column: str | None = None, stdin: IO[bytes] | None = None
) -> Iterator[list[str]]:
    """Yield the messages of a file (compressed or not) in batches; `path` None reads `stdin`.

    NotFoundError: no such file; InputError: no such column, or the file is damaged.
    """
    if path is not None and not path.is_file():
        raise NotFoundError(f"there is no file {path}", hint="bridge logs templates FILE...   (- reads stdin)")
    try:
        blocks = (block for _, block in reading.texts(path, _BLOCK)) if path is not None else _stream(stdin)
        if column is not None:
            yield from _column(blocks, column, str(path or "stdin"))
        else:
            decoder = _decoder(fields or USUAL)
            for block in blocks:
                yield decoder.block(block)
    except reading.ReadError as error:
        raise InputError(f"{path} {error}", where=str(path)) from error


def _stream(stdin: IO[bytes] | None) -> Iterator[bytes]:
    rest = b""
    while stdin is not None and (piece := stdin.read(_BLOCK)):
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield rest + piece[:cut]
            rest = piece[cut:]
        else:
            rest += piece
    if rest:
        yield rest


def _lines(block: bytes) -> list[bytes]:
    return block.removesuffix(b"\n").split(b"\n")


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoder:
    """From a block of lines to their messages; JSON is decoded to the wanted fields only."""

    names: tuple[str, ...]
    all_lines: Callable[[bytes], list[Any]]
    one_line: Callable[[bytes], Any]

    def block(self, block: bytes) -> list[str]:
        if block[:1] != b"{" and b"\n{" not in block and b"\r" not in block:
            return block.removesuffix(b"\n").decode("utf-8", "replace").split("\n")
        lines = _lines(block)
        try:
            records = self.all_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError):
            records = []
        # The decoder leaves out blank lines and takes two objects on a line for two: only together they could add up.
        if len(records) != len(lines) or any(map(bytes.isspace, lines)) or not all(lines):
            return [self.line(line) for line in lines]
        return [text if (text := self.message(record)) is not None else _text(line) for record, line in zip(records, lines, strict=True)]

    def line(self, line: bytes) -> str:
        found = None
        if line.lstrip()[:1] == b"{":
            try:
                found = self.message(self.one_line(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                return _text(line)
        return _text(line) if found is None else found

    def message(self, record: Any) -> str | None:
        for name in self.names:
            value = getattr(record, name)
            if type(value) is str:
                return value
            if value is not msgspec.UNSET and value is not None:
                return msgspec.json.encode(value).decode()
        return None


def _decoder(fields: Sequence[str]) -> _Decoder:
    names = tuple(f"f{number}" for number in range(len(fields)))
    record = msgspec.defstruct(
        "Record", [(name, Any, msgspec.UNSET) for name in names], rename=dict(zip(names, fields, strict=True)), gc=False
    )
    decoder = msgspec.json.Decoder(record)
    return _Decoder(names=names, all_lines=decoder.decode_lines, one_line=decoder.decode)


def _column(blocks: Iterable[bytes], column: str, where: str) -> Iterator[list[str]]:
    rows = csv.reader(f"{_text(line)}\n" for block in blocks for line in _lines(block))
    header = [name.removeprefix("\ufeff") for name in next(rows, [])]
    if column not in header:
        raise InputError(f"{where} has no column '{column}'", where=f"{where}:1", hint=f"its columns: {', '.join(header)}")
    place = header.index(column)
    batch: list[str] = []
    try:
        for row in rows:
            if row:
                batch.append(row[place] if place < len(row) else "")
            if len(batch) == _ROWS:
                yield batch
                batch = []
    except csv.Error as error:
        raise InputError(f"{where} is no CSV: {error}", where=f"{where}:{rows.line_num}") from error
    if batch:
        yield batch
