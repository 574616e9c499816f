"""JSON lines: one object a line, mostly. What else happens is read too, or rejected with a reason."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from bridge.logs.formats.exports import contained, exported
from bridge.logs.names import TIMES
from bridge.logs.records import HEADER, JOINED, Format, Open, Outcome, Parsed, Record, Rejected

_DECODER: Final = msgspec.json.Decoder()
# NaN and infinities are no JSON: they become texts. strict=False: control characters inside strings.
_LENIENT: Final = json.JSONDecoder(strict=False, parse_constant=str)
CONTINUATION: Final = re.compile(
    r"\s+\S|Caused by:|Traceback |at \S+\(|\.\.\. \d+ |Suppressed:|Wrapped by:|During handling |The above exception |goroutine \d|panic:"
    r"|(?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable)\b|[A-Z]\w*(?:Exception|Error)(?::|$)"
)
"""Lines of a stack trace between structured lines."""


EXPORTS: Final = ("resourceLogs", "scopeLogs", "logEvents", "stream", "insertId", "ingestionTime", "@message", "__REALTIME_TIMESTAMP")
"""Keys of objects around events: `exported` looks closer at what has one."""
_NO_END: Final = "an object of the document has no end"
_CONTAINER: Final = re.compile(r'\s*\{\s*"(?:events|logEvents|entries|resourceLogs)"\s*:\s*\[\s*$', re.MULTILINE)
_INSIDE: Final = re.compile(r'\s*"(?:events|logEvents|entries|resourceLogs)"\s*:\s*\[\s*')
_CLOSING: Final = re.compile(r'\s*(?:[\]}]+,?|"(?:searchedLogStreams|next\w*Token|NextToken)"\s*:.*)\s*')


def json_lines(*, document: bool = False) -> Format:
    """Return the format; `document`: the file is one document, see `is_document`."""
    if document:
        return Format(name="json document", decode=_decode_part, restarts=lambda line: line.startswith("{"), spans=True, open_lines=10_000)
    return Format(name="json", decode=_decode, restarts=lambda line: line.startswith("{"))


def is_document(head: str) -> bool:
    """Tell whether a file is one JSON document over many lines: an array, or the object of an export around one."""
    start = head.lstrip()[:2_000]
    if start.startswith("["):
        return start[1:].lstrip()[:1] == "{"
    return _CONTAINER.match(start) is not None


def _decode_part(text: str) -> Outcome:
    """Read a line of a document, or the lines of one of its objects so far."""
    body = text.strip()
    if "\n" not in body:
        return _part_line(body)
    if _INSIDE.fullmatch(body[1:]):
        return HEADER  # the export's own opening
    last = text[text.rfind("\n") + 1 :].rstrip().removesuffix(",")
    if last.lstrip() != "}" or len(last) != len(text[: text.index("\n")].rstrip()):
        return Open(_NO_END)  # an object ends with the indent that it began with
    return _whole(body.removesuffix(","))


def _part_line(body: str) -> Outcome:
    if body == "[" or _CLOSING.fullmatch(body) or _INSIDE.fullmatch(body):
        return HEADER
    if body == "{":
        return Open(_NO_END)
    if body.startswith("[{") and body.endswith("}]"):
        return _decode(body)
    return _decode(body.removeprefix("[").removesuffix("]").strip().removesuffix(","))


def _whole(text: str) -> Outcome:
    outcome = _wrapped(text)
    return exported(outcome) if isinstance(outcome, dict) and not outcome.keys().isdisjoint(EXPORTS) else outcome


def _decode(text: str) -> Outcome:
    try:
        value = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _repair(text)
    if type(value) is dict:
        if not value.keys().isdisjoint(EXPORTS):
            return exported(value)
        return value if not value.keys().isdisjoint(TIMES) else contained(value) or value
    if type(value) is list and value and all(type(item) is dict for item in value):
        return Parsed(tuple(record for item in value for record in _records(item)), repaired=False)
    return Rejected("JSON, but no object")


def _records(value: Record) -> tuple[Record, ...]:
    outcome = exported(value)
    return outcome.records if isinstance(outcome, Parsed) else (outcome,) if isinstance(outcome, dict) else ()


def _repair(text: str) -> Outcome:
    """Read what a strict decoder refuses: two objects on a line, NaN, control characters, lone surrogates."""
    body = text.strip()
    if not body.startswith("{"):
        return JOINED if CONTINUATION.match(text) else Rejected("no JSON object")
    if text.rstrip() == "{" or "\n" in text:
        return _wrapped(text)
    records: list[Record] = []
    position = 0
    try:
        while position < len(body) and body[position] == "{":
            value, position = _LENIENT.raw_decode(body, position)
            records.append(_clean(value))
            while position < len(body) and body[position] in " \t\r,":
                position += 1
    except ValueError as error:
        if not records:
            return Rejected(f"cut or broken JSON: {_where(error)}")
    except RecursionError:
        return Rejected("JSON nested too deeply")
    if len(records) == 1 and position >= len(body):
        return records[0]
    return Parsed(tuple(records), body[position:])


def _wrapped(text: str) -> Outcome:
    """Read an object that was printed over several lines."""
    try:
        value = _LENIENT.decode(text.strip())
    except ValueError as error:
        return Open(f"cut or broken JSON: {_where(error)}")
    except RecursionError:
        return Rejected("JSON nested too deeply")
    return _clean(value) if isinstance(value, dict) else Rejected("JSON, but no object")


def _where(error: ValueError) -> str:
    if "integer string conversion" in str(error):
        return "a number of more than 4,300 digits"
    return f"{error.msg.removesuffix(' at')} in column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _clean(value: Any) -> Any:
    """Replace lone surrogates, which no UTF-8 can hold, and floats out of range."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
