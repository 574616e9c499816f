"""The rows that a scenario needs, from the application's database into data.sql: read only, people replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import InputError, NotFoundError
from bridge.ports import Limits
from bridge.reproduction.people import Pseudonyms, kind_of_column
from bridge.reproduction.rows import RowSlice, Table, collect, shrunk
from bridge.reproduction.rows_sql import Engine, name_of, script, statements, table_of
from bridge.sql.prepare import prepare
from bridge.workflow.data_schema import tables_of

if TYPE_CHECKING:
    from bridge.ports import Database
    from bridge.workflow.context import Context
    from bridge.workflow.reproduction_settings import DataSettings

_ACCOUNTS: Final = ("account", "customer", "tenant", "organization", "organisation", "client", "company", "workspace")
_TEXT: Final = {"postgres": "TEXT", "mysql": "CHAR", "duckdb": "VARCHAR", "sqlite": "TEXT"}
Load = Callable[[Sequence[str], Sequence[str]], None]
"""Empty these tables of a sandbox database (last first) and run these statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A slice, ready to be written or loaded."""

    schema: Mapping[str, Table]
    rows: RowSlice
    engine: Engine
    mask: Callable[[str, str, Any], Any]
    masked: tuple[str, ...]
    """Columns whose values are made up: `users.email`."""

    def script(self, title: str) -> str:
        """Return data.sql."""
        return script(self.rows, self.schema, self.engine, self.mask, title=title)

    def words(self) -> str:
        """Say what it is, in one sentence."""
        cut = f"; only a part of {', '.join(self.rows.cut)}" if self.rows.cut else ""
        people = f"; made up: {', '.join(self.masked)}" if self.masked else ""
        return (
            f"{len(self.rows.rows)} rows of {len(self.rows.tables)} tables ({', '.join(self.rows.tables)}) for {self.engine}{people}{cut}"
        )


def take(context: Context, settings: DataSettings, account: str, people: Pseudonyms) -> Data:
    """Read the rows of the exemplar's account and all that they need; InputError when its table is not known."""
    database = context.connections.database(settings.database)
    schema = tables_of(database, settings.leave_out)
    table, column = _accounts(schema, settings)
    tagged = [*settings.personal, *(name for text in context.views.values() for name in _tags(text))]
    rows = collect(schema, [(table.name, column, [account])], _fetch(database, start=(table.name, column)), most=settings.rows)
    if not rows.rows:
        raise NotFoundError(f"no row of {table.name} has {column} = {account}", hint="name the table: reproduction.data.accounts")
    kinds = {(t.name, c): kind for t in schema.values() for c in t.columns if (kind := kind_of_column(t.name, c, tagged))}
    pointing = {(t.name, c) for t in schema.values() for key in t.foreign for c in key.columns} | {
        (t.name, c) for t in schema.values() for c in t.key
    }

    def mask(where: str, name: str, value: Any) -> Any:
        if not isinstance(value, str) or not value:
            return None if value is not None and (where, name) in kinds and (where, name) not in pointing else value
        kind = kinds.get((where, name))
        return people.of(kind, value) if kind else people.document(value)

    shown = tuple(sorted(f"{where}.{name}" for where, name in kinds if where in rows.tables))
    engine: Engine = settings.engine or database.dialect  # type: ignore[assignment] # the schema and tables_of allow only these
    return Data(schema=schema, rows=rows, engine=engine, mask=mask, masked=shown)


def least(data: Data, load: Load, seen: Callable[[], bool]) -> tuple[Data, bool]:
    """Return the smallest part of the slice on which the scenario still shows the failure; False when the whole does not."""

    def fails(part: RowSlice) -> bool:
        load(data.rows.tables, statements(part, data.schema, data.engine, data.mask))
        return seen()

    if not fails(data.rows):
        return data, False
    small = shrunk(data.schema, data.rows, fails)
    return Data(schema=data.schema, rows=small, engine=data.engine, mask=data.mask, masked=data.masked), True


def _tags(text: str) -> list[str]:
    from bridge.catalog.views import tagged

    return list(tagged(text, "")[0])


def _accounts(schema: Mapping[str, Table], settings: DataSettings) -> tuple[Table, str]:
    if settings.accounts:
        name, _, column = settings.accounts.rpartition(".")
        if name in schema and column in schema[name].columns:
            return schema[name], column
        raise InputError(
            f"there is no {settings.accounts}", where="reproduction.data.accounts", hint=f"tables: {', '.join(sorted(schema)[:20])}"
        )
    for word in _ACCOUNTS:
        for table in schema.values():
            if table.name.rpartition(".")[2].lower() in {word, f"{word}s", word[:-1] + "ies"} and len(table.key) == 1:
                return table, table.key[0]
    raise InputError("which table holds the accounts is not known", hint="set reproduction.data.accounts: accounts.id")


def _fetch(database: Database, *, start: tuple[str, str]) -> Callable[[Table, str, Sequence[Any], int], Sequence[Mapping[str, Any]]]:
    """Return what reads rows; the account's id is text in recordings, whatever it is in the database."""
    dialect: Engine = database.dialect  # type: ignore[assignment] # tables_of allows only these
    first = True

    def fetch(table: Table, column: str, values: Sequence[Any], limit: int) -> Sequence[Mapping[str, Any]]:
        nonlocal first
        # Neutral names: an adapter may judge a column by its own.
        names = ", ".join(f"{_read(table, name, dialect)} AS c{number}" for number, name in enumerate(table.columns))
        wanted = f"t.{name_of(column, dialect)}"
        as_text = first and (table.name, column) == start
        first = False
        if as_text:
            wanted = f"CAST({wanted} AS {_TEXT[dialect]})"
        order = ", ".join(f"t.{name_of(name, dialect)}" for name in table.key or table.columns[:1])
        text = f"SELECT {names} FROM {table_of(table.name, dialect)} AS t WHERE {wanted} IN (:wanted) ORDER BY {order}"  # noqa: S608 - quoted, and checked by the guard
        query = prepare(
            text,
            dialect=dialect,
            views={},
            values={"wanted": list(values)},
            declared=("wanted",),
            where=table.name,
            comment="bridge reproduce",
        )
        result = database.run(query, Limits(rows=limit, seconds=30))
        return [
            {name: _bytes(value) if name in table.binary else value for name, value in zip(table.columns, row.values(), strict=True)}
            for row in result.table.to_pylist()
        ]

    return fetch


def _bytes(value: Any) -> Any:
    """Adapters give binary columns as hex digits."""
    return bytes.fromhex(value) if isinstance(value, str) else value


def _read(table: Table, column: str, dialect: Engine) -> str:
    quoted = f"t.{name_of(column, dialect)}"
    return f"CAST({quoted} AS {_TEXT[dialect]})" if column in table.texts else quoted
