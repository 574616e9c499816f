"""The workspace's own SQL behind the standard views: one file a view, the file's name is the view's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bridge.catalog.placeholders import placeholders
from bridge.catalog.standard_views import VIEWS, missing_view
from bridge.config.problems import failure
from bridge.errors import InputError, NotFoundError, Problem
from bridge.model.investigation import Investigation, SqlEvidence

MAX_BYTES: Final = 100_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NOT_CODE = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_TABLE = re.compile(r"\b(?:from|join)\s+([a-z_][a-z0-9_]*)\b(?!\s*[.(])", re.IGNORECASE)
_PERSONAL = re.compile(r"^[ \t]*--[ \t]*personal[ \t]*:(?P<columns>[^\n]*)$", re.IGNORECASE | re.MULTILINE)
_COLUMN = re.compile(r"[A-Za-z_]\w{0,62}")
NEVER_PERSONAL: Final = frozenset({"account_id", "at", "failed", "worked", "arr", "seats"})
"""Columns that findings are counted, joined and summed by: a mask there would change them."""
_WITH_PART = re.compile(r"\b([a-z_][a-z0-9_]*)\s+as\s*\(", re.IGNORECASE)


def load(folder: Path) -> dict[str, str]:
    """Return the SQL of each view by name; no folder, no views. InputError lists every file that can't be one.

    Only the form is checked here; the guard (`bridge.sql`) decides what may run.
    """
    found: list[Problem] = []
    texts: dict[str, str] = {}
    paths = sorted(folder.glob("*.sql")) if folder.is_dir() else []
    for path in paths:
        shown = f"{folder.name}/{path.name}"
        if not _NAME.fullmatch(path.stem):
            hint = "small letters, digits and _, beginning with a letter: views/accounts.sql"
            found.append(Problem(message=f"'{path.stem}' can't be a view's name", where=shown, hint=hint))
            continue
        try:
            texts[path.stem] = read_sql(path, shown)
        except InputError as error:
            found.append(Problem(message=error.message, where=error.where, hint=error.hint))
            continue
        found.extend(
            Problem(
                message=f"a view takes no parameters, this one has :{name}",
                where=f"{shown}:{line}",
                hint="parameters belong into investigations",
            )
            for name, line in placeholders(texts[path.stem]).items()
        )
        _, wrong = tagged(texts[path.stem], shown)
        found.extend(wrong)
    if found:
        raise failure(f"{folder.name}/", found)
    return texts


def personal(views: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the columns that each view tags as personal data, by view; views without tags are left out.

    A tag is a line `-- personal: name, email` anywhere in the view's file.
    """
    tags = {name: tagged(text, name)[0] for name, text in views.items()}
    return {name: columns for name, columns in tags.items() if columns}


def tagged(text: str, shown: str) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the tagged columns of a view's text, and what is wrong with the tags; `shown` is the file for messages."""
    columns: dict[str, None] = {}
    wrong: list[Problem] = []
    for match in _PERSONAL.finditer(text):
        where = f"{shown}:{text.count(chr(10), 0, match.start()) + 1}"
        for column in (part.strip().strip('"') for part in match["columns"].split(",")):
            if not _COLUMN.fullmatch(column):
                hint = "column names with commas between them: -- personal: name, email"
                wrong.append(Problem(message=f"'{column}' is not a column's name", where=where, hint=hint))
            elif column.lower() in NEVER_PERSONAL:
                hint = "let the view give an id that means nothing outside, and tag what tells who it is"
                wrong.append(
                    Problem(
                        message=f"'{column}' can't be tagged as personal: everything is counted or joined by it", where=where, hint=hint
                    )
                )
            else:
                columns[column.lower()] = None
    return tuple(columns), wrong


def require(names: Iterable[str], views: Mapping[str, str], folder: Path) -> None:
    """Raise NotFoundError that lists every view of `names` without a file, each with the SELECT to write."""
    missing = [missing_view(name, folder) for name in dict.fromkeys(names) if name not in views]
    if len(missing) == 1:
        raise NotFoundError(missing[0].message, where=missing[0].where, hint=missing[0].hint, problems=tuple(missing))
    if missing:
        raise NotFoundError(
            f"this workspace lacks {len(missing)} views", where=str(folder), hint="see docs/standard-views.md", problems=tuple(missing)
        )


def needed(investigation: Investigation) -> tuple[str, ...]:
    """Return the standard views that an investigation reads: whole, or in the FROM and JOIN of its queries."""
    asked = [
        *(item for item in investigation.evidence if isinstance(item, SqlEvidence)),
        *(p.values for p in investigation.parameters if p.values),
    ]
    found = [name for item in asked for name in read_by(item)]
    return tuple(dict.fromkeys(found))


def read_by(item: SqlEvidence) -> tuple[str, ...]:
    """Return the standard views that one piece of evidence reads."""
    bare = _NOT_CODE.sub(" ", item.sql)
    parts = {match[1].lower() for match in _WITH_PART.finditer(bare)}
    tables = dict.fromkeys(match[1].lower() for match in _TABLE.finditer(bare))
    whole = () if item.view is None else (item.view,)
    return tuple(dict.fromkeys((*whole, *(name for name in tables if name in VIEWS and name not in parts))))


def read_sql(path: Path, shown: str) -> str:
    """Return the text of a .sql file without a final semicolon; InputError when it is missing, empty, too big or not UTF-8."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {shown}", where=shown) from error
    except OSError as error:
        raise InputError(f"cannot read {shown}: {error.strerror or error}", where=shown) from error
    if not data and path.stat().st_size > MAX_BYTES:
        raise InputError(f"{shown} is larger than {MAX_BYTES:,} bytes", where=shown)
    try:
        text = data.decode("utf-8-sig").rstrip().removesuffix(";").rstrip()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{shown} is not UTF-8", where=f"{shown}:{line}", hint="save it as UTF-8") from error
    if not text.strip():
        raise InputError(f"{shown} is empty", where=shown, hint="write one SELECT")
    return text
