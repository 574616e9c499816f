"""Answers from the Parquet cache: one question of DuckDB over all files whose entries still hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge.logs import reading, sql
from bridge.logs.cache import Entry, fresh
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from bridge.logs.records import Event
from bridge.logs.scan import FileReport

if TYPE_CHECKING:
    import duckdb

    from bridge.logs.counting import Counting

_BATCH: Final = 20_000
_COLUMNS: Final = 'epoch_us("at"), level, service, account_id, trace_id, message, "offset", filename'


def answer_from(
    files: Sequence[LogFile],
    question: Question,
    base: Path,
    answer: Any,
    keeper: Callable[[LogFile], Callable[[Event], bool]],
    counting: Counting | None = None,
) -> list[LogFile]:
    """Add what the cache knows to the answer; return the files that have to be read.

    A plain file in a window is read: its window is entered directly, which is faster than any cache.
    """
    left: list[LogFile] = []
    held: list[tuple[LogFile, Entry]] = []
    for file in files:
        narrow = question.start is not None and question.end is not None and not reading.compressed(file.path)
        entry = None if narrow or file.lead or file.tail else fresh(file, base)
        if entry is None:
            left.append(file)
        else:
            held.append((file, entry))
    if held:
        _ask(held, question, base, answer, keeper, counting)
    return left


def _ask(
    held: Sequence[tuple[LogFile, Entry]],
    question: Question,
    base: Path,
    answer: Any,
    keeper: Callable[[LogFile], Callable[[Event], bool]],
    counting: Counting | None,
) -> None:
    import duckdb

    places: dict[str, tuple[int, Callable[[Event], bool]]] = {}
    names: dict[str, str] = {}
    for file, entry in held:
        number = len(answer.rows.files)
        answer.rows.files.append(file.name)
        answer.reports.append(FileReport(name=file.name, format=entry.form, tally=entry.tally()))
        answer.size += entry.identity.size
        for part in entry.parts:
            places[part.file] = (number, keeper(file))
            names[part.file] = file.name
    connection = duckdb.connect()
    try:
        if counting is not None and counting.takes_columns(question):
            _count(connection, {str(base / name): file for name, file in names.items()}, question, counting)
        else:
            _rows(connection, {str(base / name): place for name, place in places.items()}, question, answer)
    finally:
        connection.close()
    answer.notes.append(f"{len(held)} files answered from the cache {base}")


def _source(paths: Iterable[str]) -> str:
    return f"read_parquet([{', '.join(map(sql.text, paths))}], filename=true)"


def _rows(
    connection: duckdb.DuckDBPyConnection, places: dict[str, tuple[int, Callable[[Event], bool]]], question: Question, answer: Any
) -> None:
    values = sql.Values(place="${}".format)
    where = sql.condition(question, values, "make_timestamptz({})".format)
    message = "message" if question.parts is None or "message" in question.needed() else "''"
    columns = _COLUMNS.replace("message", message)
    query = f"SELECT {columns} FROM {_source(places)} WHERE {where}"  # noqa: S608 - made of our own words; values are bound
    result = connection.execute(query, values.found)
    while rows := result.fetchmany(_BATCH):
        for at, level, service, account_id, trace_id, text, offset, name in rows:
            number, keep = places[name]
            event = Event(at, level, service, account_id, trace_id, text, "{}", offset)
            if keep(event):
                answer.rows.add(event, number)


def _count(connection: duckdb.DuckDBPyConnection, names: dict[str, str], question: Question, counting: Counting) -> None:
    """Let DuckDB count: only groups come back."""
    values = sql.Values(place="${}".format)
    where = sql.condition(question, values, "make_timestamptz({})".format)
    fields = [name for name in counting.fields if name != "template"]
    every = counting.every
    bucket = f'epoch_us("at") // {every} * {every}' if every else None
    columns = ["filename" if name == "file" else name for name in fields]
    query = sql.counts(_source(names), where, bucket, columns, template="template" in counting.fields)
    result = connection.execute(query, values.found)
    while rows := result.fetchmany(_BATCH):
        counting.add_groups(_group(row, fields, names, timed=bucket is not None) for row in rows)


def _group(row: tuple[Any, ...], fields: Sequence[str], names: dict[str, str], *, timed: bool) -> tuple[Any, ...]:
    """Return a row with its bucket first (0 without) and the names of files as they were asked for."""
    at, rest = (row[0], row[1:]) if timed else (0, row)
    values = [names[value] if name == "file" else value for name, value in zip(fields, rest, strict=False)]
    return (at, *values, *rest[len(fields) :])
