"""JSON lines in, spans out: one answer a line, whatever the line holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bridge.text.redact.redactor import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The JSON text of one line."""

    line: str
    failed: bool


def answers(lines: Iterable[bytes], redactor: Redactor) -> Iterator[Answer]:
    """Yield for each line `{"id", "text"}` its `{"id", "spans": [{"start", "end", "type"}]}`, or `{"id", "error"}`; same order.

    Positions count characters (code points) of the text.
    """
    for number, raw in enumerate(lines, 1):
        try:
            record = json.loads(raw.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            yield _failed(None, f"line {number} is not JSON: {_reason(error)}")
            continue
        if not isinstance(record, dict):
            yield _failed(None, f"line {number} is not an object")
            continue
        given, text = record.get("id"), record.get("text")
        if not isinstance(text, str):
            yield _failed(given, f"line {number}: 'text' is missing or no text")
            continue
        spans = [{"start": span.start, "end": span.end, "type": span.kind} for span in redactor.spans(text)]
        yield Answer(line=json.dumps({"id": given, "spans": spans}), failed=False)


def _failed(given: object, message: str) -> Answer:
    return Answer(line=json.dumps({"id": given, "error": message}), failed=True)


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
