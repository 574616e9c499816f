"""Tests of an investigation: rows given for the views, affected accounts and rows expected (docs/investigations.md).

The SQL goes through the same guard and binding as on a real database, and runs on an in-memory DuckDB, or on another
engine that a caller brings. Who is affected is the cohort rule, counted; everything statistical belongs to the analysis
and is tested there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow as pa

from bridge import resources
from bridge.catalog import permitted
from bridge.catalog.queries import JOINS, bound
from bridge.catalog.standard_views import VIEWS, ColumnType, missing_columns
from bridge.config import validate, yaml_marks
from bridge.config.durations import moment
from bridge.config.problems import failure
from bridge.errors import BridgeError, InputError, Problem
from bridge.model.investigation import Investigation, SqlEvidence
from bridge.ports import BoundQuery
from bridge.sql.parameters import Value, resolve
from bridge.sql.paramstyle import for_driver

if TYPE_CHECKING:
    from bridge.config.yaml_marks import Document

NOW: Final = datetime(2026, 3, 17, tzinfo=UTC)
_ARROW: Final[dict[ColumnType, pa.DataType]] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.decimal128(18, 2),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
}
GIVEN: Final = "given_"
"""Prefix of the tables behind the views: a view must not read a table of its own name."""

Run = Callable[[BoundQuery], pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Where the SQL of tests runs."""

    name: str
    """The product: mariadb."""
    dialect: str
    open: Callable[[Mapping[str, pa.Table]], AbstractContextManager[Run]]
    """Takes tables by name, gives what runs a query over them; InputError when the query does not run."""
    booleans: bool = True
    """False: the product has no truth values, so that 0 and 1 stand for them outside of the promised columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """How one test file ended."""

    __test__ = False  # for pytest: not a class of tests

    file: str
    about: str
    """Empty when the file could not be read."""
    problems: tuple[Problem, ...]

    @property
    def passed(self) -> bool:
        """Tell whether everything came out as expected."""
        return not self.problems


@contextmanager
def _duckdb(tables: Mapping[str, pa.Table]) -> Iterator[Run]:
    with duckdb.connect(config={"enable_external_access": "false", "autoload_known_extensions": "false"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in tables.items():
            connection.register("incoming", table)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')  # noqa: S608 - the schema holds names to [a-z0-9_]
            connection.unregister("incoming")

        def run(query: BoundQuery) -> pa.Table:
            text, arguments = for_driver(query, "named-dollar")
            try:
                return connection.sql(text, params=arguments).to_arrow_table()
            except duckdb.Error as error:
                raise InputError(f"the query does not run on DuckDB: {str(error).splitlines()[0]}") from error

        yield run


DUCKDB: Final = Engine(name="duckdb", dialect="duckdb", open=_duckdb)


def run_tests(investigation: Investigation, *, engine: Engine = DUCKDB) -> tuple[TestResult, ...]:
    """Run every test file of an investigation; faults of a file or of the SQL are results too, not errors."""
    folder = Path(investigation.folder)
    return tuple(run_test(investigation, path, engine=engine) for path in sorted(folder.glob(investigation.tests)))


def run_test(investigation: Investigation, path: Path, *, engine: Engine = DUCKDB) -> TestResult:
    """Run one test file."""
    about = ""
    try:
        document = yaml_marks.read(path)
        validate.check(document, resources.schema("investigation_test"))
        about = document.value["about"]
        problems = _run(investigation, document, engine)
    except BridgeError as error:
        problems = error.problems or (Problem(message=error.message, where=error.where or str(path), hint=error.hint),)
    return TestResult(file=str(path), about=about, problems=problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRows:
    """What a test's rows lead to, on DuckDB."""

    about: str
    values: dict[str, Value]
    evidence: dict[str, pa.Table]
    affected: bool
    """Whether the test expects somebody to be affected."""


def given_rows(investigation: Investigation, path: Path) -> GivenRows | None:
    """Return the evidence of one test; None for a test of refused parameters. Raises what the test's faults raise."""
    document = yaml_marks.read(path)
    validate.check(document, resources.schema("investigation_test"))
    test: dict[str, Any] = document.value
    if "refused" in test["expect"]:
        return None
    now = moment(test["now"]) if "now" in test else NOW
    values = resolve(investigation.parameters, _texts(test.get("parameters", {})), now=now)
    evidence = evidence_of(investigation, _tables(document, investigation), values)
    return GivenRows(about=test["about"], values=values, evidence=evidence, affected=bool(test["expect"].get("affected")))


def _run(investigation: Investigation, document: Document, engine: Engine) -> tuple[Problem, ...]:
    test: dict[str, Any] = document.value
    now = moment(test["now"]) if "now" in test else NOW
    given = _texts(test.get("parameters", {}))
    if "refused" in test["expect"]:
        return _refused(investigation, document, given, now, engine)
    values = resolve(investigation.parameters, given, now=now)
    tables = _tables(document, investigation)
    _check_values(investigation, tables, values, engine)
    expected = test["expect"].get("evidence", {})
    queries = {item.name: item for item in investigation.evidence if isinstance(item, SqlEvidence)}
    problems = [
        Problem(
            message=f"no sql evidence '{name}'{validate.nearest(name, queries)}",
            where=document.where(("expect", "evidence", name), key=True),
            hint=f"there is: {', '.join(queries)}",
        )
        for name in expected
        if name not in queries
    ]
    results = evidence_of(investigation, tables, values, engine=engine)
    for name, rows in expected.items():
        if name in results:
            problems += _compare(document, name, rows, results[name].to_pylist(), booleans=engine.booleans or queries[name].joins != ())
    if "affected" in test["expect"]:
        problems += _affected(investigation, document, results, values)
    return tuple(problems)


def _texts(given: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """Return YAML values as the texts that a command line has."""

    def text(value: object) -> str:
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    return {name: [text(item) for item in value] if isinstance(value, list) else text(value) for name, value in given.items()}


def _tables(document: Document, investigation: Investigation) -> dict[str, pa.Table]:
    """Return the given rows as tables, standard views that are read and not given as empty ones; all bad values at once."""
    problems: list[Problem] = []
    asked = [*(item for item in investigation.evidence if isinstance(item, SqlEvidence)), *permitted.queries(investigation)]
    texts = " ".join(text for item in asked for text in (item.sql, *(native.sql for native in item.natives)))
    read = set(re.findall(r"\w+", texts.lower()))
    given: dict[str, Any] = document.value["views"]
    tables: dict[str, pa.Table] = {}
    for name in [*(view for view in VIEWS if view in given or view in read), *(name for name in given if name not in VIEWS)]:
        content = given.get(name, [])
        rows = content if isinstance(content, list) else content["rows"]
        types: dict[str, ColumnType] = {column.name: column.type for column in VIEWS[name].columns} if name in VIEWS else {}
        types |= content["columns"] if isinstance(content, dict) else {}
        for index, row in enumerate(rows):
            path = ("views", name, index) if isinstance(content, list) else ("views", name, "rows", index)
            for column in row:
                # A further column of a standard view: its first value tells the type.
                types.setdefault(column, _type_of(row[column]))
                try:
                    row[column] = _value(row[column], types[column])
                except InputError as error:
                    problems.append(Problem(message=f"{column}: {error.message}", where=document.where((*path, column)), hint=error.hint))
        if not problems:
            schema = pa.schema([(column, _ARROW[kind]) for column, kind in types.items()])
            tables[name] = pa.Table.from_pylist(rows, schema=schema)
    if problems:
        raise InputError("rows that do not fit their columns", problems=tuple(problems))
    return tables


def _type_of(value: object) -> ColumnType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "decimal" if isinstance(value, float) else "text"


def _value(value: Any, kind: ColumnType) -> Any:
    """Return a YAML value as its column's type has it."""
    if value is None:
        return None
    if kind == "time" and isinstance(value, str):
        return moment(value)
    if kind == "decimal" and not isinstance(value, bool):
        try:
            return Decimal(str(value)).quantize(Decimal("0.01"))
        except InvalidOperation as error:
            raise InputError(f"{validate.show(value)} is not a number") from error
    fits = {
        "text": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
    }
    if not fits.get(kind, False):
        raise InputError(f"{validate.show(value)} is not of type {kind}", hint="write ids in quotes" if kind == "text" else "")
    return value


def evidence_of(
    investigation: Investigation, tables: Mapping[str, pa.Table], values: Mapping[str, Value], *, engine: Engine = DUCKDB
) -> dict[str, pa.Table]:
    """Return the rows of every piece of sql evidence over the given views; joined evidence runs in DuckDB, as in a case."""
    queries = [item for item in investigation.evidence if isinstance(item, SqlEvidence)]
    views = _views(tables)
    results: dict[str, pa.Table] = {}
    with engine.open({f"{GIVEN}{name}": table for name, table in tables.items()}) as run:
        for item in queries:
            if not item.joins:
                results[item.name] = _query(run, engine.dialect, item, investigation, values, views)
    for item in queries:
        if item.joins:
            with DUCKDB.open({name: results[name] for name in item.joins}) as run:
                results[item.name] = _query(run, JOINS, item, investigation, values, {})
    return {item.name: results[item.name] for item in queries}


def _views(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    return {name: f'SELECT * FROM "{GIVEN}{name}"' for name in tables}  # noqa: S608 - checked names, and the guard reads the text


def _query(
    run: Run,
    dialect: str,
    item: SqlEvidence,
    investigation: Investigation,
    values: Mapping[str, Value],
    views: Mapping[str, str],
) -> pa.Table:
    declared = [parameter.name for parameter in investigation.parameters]
    query = bound(item, dialect=dialect, views=views, values=values, declared=declared)
    try:
        table = run(query)
    except InputError as error:
        hint = error.hint or f"views of this test: {', '.join(views) or ', '.join(item.joins)}"
        raise InputError(error.message, where=item.file, hint=hint) from error
    missing = missing_columns(item.kind, table.column_names, where=item.file)
    if missing:
        raise failure(item.file, missing)
    return table


def _check_values(investigation: Investigation, tables: Mapping[str, pa.Table], values: Mapping[str, Value], engine: Engine) -> None:
    if permitted.queries(investigation):
        with engine.open({f"{GIVEN}{name}": table for name, table in tables.items()}) as run:
            permitted.check(investigation, values, lambda item: _query(run, engine.dialect, item, investigation, values, _views(tables)))


def _refused(
    investigation: Investigation, document: Document, given: Mapping[str, str | Sequence[str]], now: datetime, engine: Engine
) -> tuple[Problem, ...]:
    """The parameters must be refused with the expected words."""
    where = document.where(("expect", "refused"))
    words: str = document.value["expect"]["refused"]
    try:
        values = resolve(investigation.parameters, given, now=now)
        _check_values(investigation, _tables(document, investigation), values, engine)
    except InputError as error:
        said = [error.message, *(problem.message for problem in error.problems)]
        if any(words in message for message in said):
            return ()
        return (Problem(message=f"refused, with other words: {said[-1]}", where=where),)
    return (Problem(message="the parameters are not refused", where=where),)


def _affected(
    investigation: Investigation, document: Document, results: Mapping[str, pa.Table], values: Mapping[str, Value]
) -> list[Problem]:
    where = document.where(("expect", "affected"), key=True)
    rule = investigation.cohort
    if rule is None:
        return [Problem(message="this investigation has no cohort, so nobody is affected", where=where, hint="remove expect.affected")]
    counts = Counter(row["account_id"] for row in results[rule.source].select(["account_id", "failed"]).to_pylist() if row["failed"])
    least = values[rule.failing]
    found = {account for account, count in counts.items() if isinstance(least, int) and count >= least}
    expected = set(document.value["expect"]["affected"])
    problems = []
    if expected - found:
        problems.append(Problem(message=f"not affected, and should be: {', '.join(sorted(expected - found))}", where=where))
    if found - expected:
        problems.append(Problem(message=f"affected, and should not be: {', '.join(sorted(found - expected))}", where=where))
    return problems


def _compare(
    document: Document, name: str, expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], *, booleans: bool
) -> list[Problem]:
    """Match each expected row with one found row that agrees on the given columns; name what is left on either side."""
    left = list(found)
    problems: list[Problem] = []
    for index, row in enumerate(expected):
        match = next(
            (at for at, other in enumerate(left) if all(_same(row[key], other.get(key, _ABSENT), booleans=booleans) for key in row)), None
        )
        if match is None:
            where = document.where(("expect", "evidence", name, index))
            problems.append(Problem(message=f"{name}: no such row: {_shown(row)}", where=where))
        else:
            del left[match]
    keys = list(dict.fromkeys(key for row in expected for key in row))
    where = document.where(("expect", "evidence", name), key=True)
    problems += [
        Problem(
            message=f"{name}: a row that is not expected: {_shown({k: v for k, v in row.items() if not keys or k in keys})}", where=where
        )
        for row in left
    ]
    return problems


_ABSENT: Final = object()


def _same(expected: Any, found: Any, *, booleans: bool) -> bool:
    if isinstance(found, datetime) and isinstance(expected, str):
        return found == moment(expected)
    if isinstance(found, Decimal | float) and isinstance(expected, int | float | str) and not isinstance(expected, bool):
        return Decimal(str(found)) == Decimal(str(expected))
    if isinstance(expected, bool) and not booleans and type(found) is int:
        return found == int(expected)
    return type(expected) is type(found) and bool(expected == found)


def _shown(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value.isoformat() if isinstance(value, datetime) else value}" for key, value in row.items())[:300]
