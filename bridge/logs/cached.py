"""Answers from the Parquet cache: one question of DuckDB over all files whose entries still hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bridge.logs import reading
from bridge.logs.cache import Entry, fresh
from bridge.logs.paths import LogFile
from bridge.logs.question import Question
from bridge.logs.records import Event
from bridge.logs.scan import FileReport

_BATCH: Final = 20_000
_COLUMNS: Final = 'epoch_us("at"), level, service, account_id, trace_id, message, "offset", filename'


def answer_from(
    files: Sequence[LogFile], question: Question, base: Path, answer: Any, keeper: Callable[[LogFile], Callable[[Event], bool]]
) -> list[LogFile]:
    """Add what the cache knows to the answer; return the files that have to be read.

    A plain file in a window is read: its window is entered directly, which is faster than any cache.
    """
    left: list[LogFile] = []
    held: list[tuple[LogFile, Entry]] = []
    for file in files:
        narrow = question.start is not None and question.end is not None and not reading.compressed(file.path)
        entry = None if narrow else fresh(file, base)
        if entry is None:
            left.append(file)
        else:
            held.append((file, entry))
    if held:
        _ask(held, question, base, answer, keeper)
    return left


def condition(question: Question) -> tuple[str, list[Any]]:
    """Return the question as SQL over the cached columns, in DuckDB's words, and its values."""
    words: list[str] = []
    values: list[Any] = []
    for bound, sign in ((question.start, ">="), (question.end, "<")):
        if bound is not None:
            words.append(f'"at" {sign} make_timestamptz(?)')
            values.append(bound)
    columns = (("level", question.levels), ("service", question.services), ("account_id", question.accounts), ("trace_id", question.traces))
    for name, wanted in columns:
        if wanted:
            words.append(f"{name} IN ({', '.join('?' * len(wanted))})")
            values.extend(sorted(wanted))
    for text in question.grep:
        words.append("contains(message, ?)")
        values.append(text)
    return " AND ".join(words) or "true", values


def _ask(
    held: Sequence[tuple[LogFile, Entry]], question: Question, base: Path, answer: Any, keeper: Callable[[LogFile], Callable[[Event], bool]]
) -> None:
    import duckdb

    places: dict[str, tuple[int, Callable[[Event], bool]]] = {}
    for file, entry in held:
        number = len(answer.rows.files)
        answer.rows.files.append(file.name)
        answer.reports.append(FileReport(name=file.name, format=entry.form, tally=entry.tally()))
        answer.size += entry.identity.size
        for part in entry.parts:
            places[part.file] = (number, keeper(file))
    where, values = condition(question)
    message = "message" if question.parts is None or "message" in question.needed() else "''"
    columns = _COLUMNS.replace("message", message)
    query = f"SELECT {columns} FROM read_parquet(?, filename=true) WHERE {where}"  # noqa: S608 - made of our own words; values are bound
    connection = duckdb.connect()
    try:
        result = connection.execute(query, [[str(base / name) for name in places], *values])
        while rows := result.fetchmany(_BATCH):
            for at, level, service, account_id, trace_id, text, offset, name in rows:
                number, keep = places[name.rpartition("/")[2]]
                event = Event(at, level, service, account_id, trace_id, text, "{}", offset)
                if keep(event):
                    answer.rows.add(event, number)
    finally:
        connection.close()
    answer.notes.append(f"{len(held)} files answered from the cache {base}")
