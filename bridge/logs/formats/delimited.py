"""CSV with named columns; one of them may hold JSON. A quoted value may go over several lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

from bridge.logs.formats.json_lines import json_lines
from bridge.logs.records import HEADER, Format, Open, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, parse_text

_INNER: Final = json_lines().decode
_SHORT: Final = 100_000  # below the csv module's own limit for a field


def delimited(*, columns: Sequence[str], delimiter: str, json_column: str | None, clockwork: Clockwork) -> Format:
    """Return the format for one file: without `columns`, the first line names them."""
    names = list(columns)
    field = re.compile(rf'(?:"((?:[^"]++|"")*+)"|([^{re.escape(delimiter)}"]*))({re.escape(delimiter)}|$)')

    def decode(text: str) -> Outcome:
        if text.count('"') % 2:
            return Open("quote is not closed: the line is cut")
        values = _split(text, delimiter, field)
        if values is None:
            return Rejected("quotes inside a value are not doubled")
        if not names:
            names.extend(value.strip() for value in values)
            return HEADER
        if len(values) != len(names):
            return Rejected(f"{len(values)} columns instead of {len(names)}")
        return HEADER if values == names else _record(dict(zip(names, values, strict=True)), json_column)

    def restarts(line: str) -> bool:
        if line.count('"') % 2 or not names:
            return False
        values = _split(line, delimiter, field)
        return values is not None and len(values) == len(names) and any(_is_time(value, clockwork) for value in values)

    return Format(name="csv", decode=decode, restarts=restarts, spans=True)


def _record(record: Record, json_column: str | None) -> Record | Rejected:
    """Read the JSON inside a column, if one is named."""
    if json_column is None or json_column not in record:
        return record
    found = _INNER(record[json_column])
    if not isinstance(found, dict):
        why = found.reason if isinstance(found, Rejected | Open) else "no JSON object"
        return Rejected(f"column {json_column}: {why}")
    record[json_column] = {key: value.rstrip("\r\n") if isinstance(value, str) else value for key, value in found.items()}
    return record


def _split(text: str, delimiter: str, field: re.Pattern[str]) -> list[str] | None:
    if '"' not in text:
        return text.split(delimiter)
    if len(text) < _SHORT:
        try:
            return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
        except csv.Error:
            return None
    values = []
    position = 0
    while True:
        match = field.match(text, position)
        if match is None:
            return None
        values.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        if not match[3]:
            return values
        position = match.end()


def _is_time(text: str, clockwork: Clockwork) -> bool:
    if not text[:1].isdigit() or text.isdigit():
        return False
    try:
        parse_text(text, clockwork)
    except TimeError:
        return False
    return True
