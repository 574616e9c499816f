"""An issue as it is compared, read from JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from bridge.errors import InputError, Problem

_MONTHS: Final = {
    name: at for at, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[/ -]([A-Za-z]{3})[a-z]*[/ -](\d{2,4})(?: +(\d{1,2}):(\d{2})(?::(\d{2}))?(?: *([AaPp])[Mm])?)?\Z")
_MILLISECONDS: Final = 1e11
_SHOWN: Final = 20
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What is known of an issue."""

    id: str
    given: str | int
    """The id as it was given, for answers."""
    created: float | None
    """Seconds since 1970 UTC; None: unknown."""
    title: str
    body: str


def read(lines: Iterable[bytes], *, where: str) -> list[Issue]:
    """Read JSON lines `{"id", "created", "title", "body"}`; InputError lists the lines that are none. Blank lines are skipped."""
    issues: list[Issue] = []
    problems: list[Problem] = []
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        found = issue(raw)
        if isinstance(found, Issue):
            issues.append(found)
        else:
            problems.append(Problem(message=found, where=f"{where}:{number}"))
    if problems:
        raise InputError(
            f"{len(problems)} line(s) are no issues",
            where=where,
            hint='one JSON object a line: {"id": "REP-1", "created": "2026-03-11T02:00:00Z", "title": "...", "body": "..."}',
            problems=tuple(problems[:_SHOWN]),
        )
    return issues


def issue(raw: bytes) -> Issue | str:
    """Read one line; a text says what is wrong with it."""
    try:
        record = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return f"not JSON: {str(error)[:200]}"
    if not isinstance(record, dict):
        return "not an object"
    given = record.get("id")
    if not isinstance(given, str | int) or isinstance(given, bool):
        return f"'id' must be a text or a number, not {given!r}"
    title, body = record.get("title"), record.get("body")
    if not isinstance(title, str | None) or not isinstance(body, str | None) or title is body is None:
        return "'title' and 'body' must be texts, at least one of them"
    created = seconds(record.get("created"))
    if created is None and record.get("created") not in {None, ""}:
        return f"'created' is no time: {record.get('created')!r}"
    return Issue(id=str(given), given=given, created=created, title=title or "", body=body or "")


def seconds(value: object) -> float | None:
    """Return a time as seconds since 1970: ISO 8601, RFC 2822, `30/Sep/21 17:20`, or an epoch time; without a zone it is UTC."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) / 1000 if abs(value) >= _MILLISECONDS else float(value)
    if not isinstance(value, str):
        return None
    return _written(value.strip())


def _written(text: str) -> float | None:
    try:
        return _stamp(datetime.fromisoformat(text))
    except ValueError:
        pass  # another way of writing it, below
    found = _DAY_FIRST.match(text)
    try:
        if found and found[2].lower() in _MONTHS:
            year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)  # noqa: PLR2004  # two digits of this century
            hour = int(found[4] or 0) % (12 if found[7] else 24) + (12 if (found[7] or "").lower() == "p" else 0)
            return _stamp(
                datetime(year, _MONTHS[found[2].lower()], int(found[1]), hour, int(found[5] or 0), int(found[6] or 0), tzinfo=UTC)
            )
        return _stamp(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError):
        return None


def _stamp(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
