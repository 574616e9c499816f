"""The same text, written for PostgreSQL, on five engines over the same rows: the same answer, or refused before it runs.

tests/cases/investigations/translations.jsonl holds one text a line: `rows` is PostgreSQL's answer, `refused` the engines for
which it has no translation, `fails_on` those that answer with an error (loud, so nobody is misled), `differs` what is
known to be different and told in docs/dialects.md: text in MariaDB is equal by its collation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bridge.catalog.testing import Engine, Run
from bridge.demo.engines import NAMES
from bridge.errors import BridgeError, RefusedError
from bridge.model.window import Window
from bridge.sql.parameters import Value
from bridge.sql.prepare import prepare
from bridge.sql.translate import translated

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "cases" / "investigations" / "translations.jsonl").read_text(encoding="utf-8").splitlines()
]
COLUMNS = {
    "things": {
        "id": "integer",
        "n": "integer",
        "m": "integer",
        "word": "text",
        "other": "text",
        "at": "time",
        "later_at": "time",
        "money": "decimal",
        "flag": "boolean",
    }
}
ARROW = {
    "integer": pa.int64(),
    "text": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "decimal": pa.decimal128(18, 2),
    "boolean": pa.bool_(),
}
THINGS: tuple[tuple[Any, ...], ...] = (
    (1, 7, 2, "Apple", "x", "2026-03-10T08:00:00.250+00:00", "2026-03-10T08:01:01.100+00:00", "10.00", True),
    (2, -7, 2, "apple", None, "2026-03-10T23:59:59+00:00", None, "0.10", False),
    (3, None, 0, "", "y", "2026-03-11T00:00:00+00:00", "2026-03-11T00:00:00.500+00:00", None, None),
    (4, 3, None, "b%_c", "x", "2026-02-28T12:30:45+00:00", "2026-03-01T00:00:00+00:00", "1234567.89", True),
    (5, 3, 4, "Äpfel ", " x ", "2026-03-15T12:30:45+00:00", "2026-03-16T00:00:00+00:00", "2.50", False),
)
VALUES: dict[str, Value] = {
    "window": Window(start=datetime(2026, 3, 10, tzinfo=UTC), end=datetime(2026, 3, 11, tzinfo=UTC)),
    "since": datetime(2026, 3, 10, 8, 0, 0, 250_000, tzinfo=UTC),
    "k": 2,
    "words": ["Apple", "x"],
    "none": [],
    "d": Decimal("0.25"),
    "b": True,
    "w": "Apple",
}


def things() -> pa.Table:
    def value(given: Any, kind: str) -> Any:
        return (
            None if given is None else datetime.fromisoformat(given) if kind == "time" else Decimal(given) if kind == "decimal" else given
        )

    kinds = COLUMNS["things"]
    rows = [{name: value(part, kinds[name]) for name, part in zip(kinds, row, strict=True)} for row in THINGS]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, ARROW[kind]) for name, kind in kinds.items()]))


def plain(value: object) -> str | None:
    """Return a value as the file has it: numbers to six places, truth as 1 and 0, times in UTC."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        # `+ 0` makes -0 a 0.
        return str(round(number, 6).normalize() + 0) if number.is_finite() else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else None if value is None else str(value)


def answer(run: Run, engine: Engine, sql: str) -> Any:
    try:
        text = translated(sql, "postgres", engine.dialect, columns=COLUMNS, where="things.sql")
    except RefusedError:
        return "refused"
    views = {"things": "SELECT * FROM given_things"}
    query = prepare(text, dialect=engine.dialect, views=views, values=VALUES, declared=list(VALUES), where="things.sql")
    try:
        table = run(query)
    except BridgeError:
        return "fails"
    return {"columns": table.column_names, "rows": [[plain(value) for value in row.values()] for row in table.to_pylist()]}


def wanted(case: dict[str, Any], name: str) -> Any:
    if name in case.get("refused", ()):
        return "refused"
    if case.get("fails") or name in case.get("fails_on", ()):
        return "fails"
    return {"columns": case["columns"], "rows": case.get("differs", {}).get(name, case["rows"])}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_text_gives_the_same_rows_or_is_refused(name: str, engine_of: Callable[[str], Engine]) -> None:
    engine = engine_of(name)
    with engine.open({"given_things": things()}) as run:
        got = {case["sql"]: answer(run, engine, case["sql"]) for case in CASES}
    assert {sql: one for sql, one in got.items() if one != wanted(next(c for c in CASES if c["sql"] == sql), name)} == {}


def test_only_text_in_mariadb_is_known_to_differ() -> None:
    differing = [case for case in CASES if "differs" in case]
    assert {name for case in differing for name in case["differs"]} == {"mariadb"}
    assert all("word" in case["sql"] for case in differing)
    assert len(CASES) > 150
