"""Logs in a table of a database: ClickHouse, Trino, Spark, BigQuery, Snowflake, DuckDB.

The questions are written once (`bridge.logs.sql`), put into the database's dialect (`bridge.sql.clusters`) and run by its
adapter, read only, with its limits. Where: `table`, and `columns`, our names to the table's:

    logs: {app: {product: clickhouse, host: ..., dbname: logs, table: logs.events, columns: {at: ts, message: msg, ...}}}

Further columns (`region: region`) are fields for --where, --per and the attributes of events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import InputError, Problem
from bridge.logs import sql
from bridge.logs.counting import Counting
from bridge.logs.names import level_of, words_of
from bridge.logs.question import CORE, EVER, Question, as_text
from bridge.logs.remote import MOST_EVENTS, MOST_GROUPS, Around, Found, Texts, event_of, select_from
from bridge.logs.steps_sql import POSITIONS
from bridge.logs.steps_there import HIDDEN, events_of, field_of, name_of, type_of, without_pod
from bridge.logs.times import EPOCH
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions, load
from bridge.ports import BoundValue, Database, Limits, LogRequest, LogResult
from bridge.sql.clusters import for_cluster

if TYPE_CHECKING:
    from bridge.logs.records import Event
    from bridge.logs.steps import Steps

_NAME: Final = re.compile(r"[A-Za-z0-9_$-]+")
_PARTS: Final = 3
_REQUIRED: Final = ("at", "message")
_MINUTE: Final = 60_000_000
_SECONDS: Final = 300.0
_BYTES: Final = 1_073_741_824


def open_source(options: AdapterOptions, *, product: str) -> SqlLogs:
    """Return the source; nothing is opened yet. InputError lists all wrong and missing keys of our part, then of the database's."""
    values = dict(options.values)
    table, columns = values.pop("table", None), values.pop("columns", None)
    problems = _problems(options.name, table, columns)
    if problems:
        found = tuple(Problem(message=message, where=options.where, hint=hint) for message, hint in problems)
        raise InputError(found[0].message, where=options.where, hint=found[0].hint, problems=found)
    database = load("databases", product)(replace(options, values=values))
    return SqlLogs(name=options.name, product=product, database=database, table=str(table), columns=dict(columns or {}))


clickhouse = partial(open_source, product="clickhouse")
trino = partial(open_source, product="trino")
spark = partial(open_source, product="spark")
databricks = partial(open_source, product="databricks")
bigquery = partial(open_source, product="bigquery")
snowflake = partial(open_source, product="snowflake")
duckdb = partial(open_source, product="duckdb")


def _problems(name: str, table: Any, columns: Any) -> list[tuple[str, str]]:
    found = []
    parts = table.split(".") if isinstance(table, str) else []
    if not 1 <= len(parts) <= _PARTS or not all(_NAME.fullmatch(part) for part in parts):
        found.append((f"logs {name}: table must be a name, not {table!r}", "table: logs.events"))
    if not isinstance(columns, Mapping) or not all(
        isinstance(key, str) and isinstance(value, str) and _NAME.fullmatch(key) and _NAME.fullmatch(value)
        for key, value in columns.items()
    ):
        found.append((f"logs {name}: columns must map our names to the table's, not {columns!r}", "columns: {at: ts, message: msg}"))
    else:
        found += [
            (f"logs {name}: columns has no '{key}'", f"columns: {{{key}: name of the table's column}}")
            for key in _REQUIRED
            if key not in columns
        ]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlLogs:
    """One table of logs behind `LogSource` and `RemoteLogs`."""

    name: str
    product: str
    database: Database
    table: str
    columns: Mapping[str, str]
    """Our name to the table's."""
    caps: tuple[int, int] = field(default=(MOST_EVENTS, MOST_GROUPS))
    """Events and groups that one answer may have."""

    def select(self, request: LogRequest) -> LogResult:
        """Return the wanted events of an investigation."""
        return select_from(self, request)

    def check(self) -> Sequence[Check]:
        """Tell whether the database answers, and the span of time in the table."""
        found = list(self.database.check())
        if all(check.ok for check in found[:1]):
            text = f'SELECT min("at") AS "first", max("at") AS "last", count(*) AS "events" FROM {self._source()}'  # noqa: S608 - names are checked and quoted
            row = self._run(text, {}, 1)[0][0]
            detail = f"{row['events']:,} events, {row['first']} to {row['last']}"
            found.append(Check(connection=f"logs {self.name}", what=f"table {self.table}", ok=bool(row["events"]), detail=detail))
        return found

    def close(self) -> None:
        """Release the connection."""
        self.database.close()

    def events(self, question: Question, limit: int, around: Around | None = None) -> Found:
        """Return the first events in time order: filtered, ordered and cut by the database."""
        most = min(limit, self.caps[0])
        where, values = self._where(question, around)
        wanted = question.needs_attributes()
        names = [*self._core(), *(self._extra() if wanted else ())]
        columns = ", ".join(f'"{name}"' for name in names)
        rows, _ = self._run(
            f'SELECT {columns} FROM {self._source()} WHERE {where} ORDER BY "at", "message" LIMIT {most + 1}',  # noqa: S608 - made of our own words; values are bound
            values,
            most + 1,
        )
        found = Found(cut=len(rows) > most)
        for row in rows[:most]:
            event = self._event(row)
            if question.fits(event):
                found.events.append(event)
        found.events.sort(key=lambda event: (event.at, event.message))
        if found.cut and most < limit:
            found.problems.append(f"{self.name}: cut at the cap of {most:,} events")
        return found

    def count(self, question: Question, counting: Counting) -> list[str]:
        """Let the database count: groups come back, of messages what is left once their values have shrunk."""
        fields = [name for name in counting.fields if name not in {"template", "file"}]
        for name in fields:
            self._known(name)
        unit = None if counting.every is None else "minute" if counting.every % _MINUTE == 0 else "second"
        bucket = f"date_trunc('{unit}', \"at\")" if unit else None
        where, values = self._where(question, None)
        template = "template" in counting.fields
        text = sql.counts(self._source(), where, bucket, fields, template=template)
        rows, cut = self._run(text, values, self.caps[1])
        counting.add_groups(self._group(row, counting, unit) for row in rows if row["events"])  # without groups there is always one row
        if not cut:
            return []
        return [f"{self.name}: cut at the cap of {self.caps[1]:,} groups: the counts are too low; narrow the question"]

    def texts(self, question: Question) -> Texts:
        """Let the database shrink the values of the messages, and group: the different texts come back with their counts."""
        where, values = self._where(question, None)
        rows, cut = self._run(sql.texts(self._source(), where), values, self.caps[1])
        found = Texts()
        for row in rows:
            kept = found.collapsed if row["whole"] is None else found.whole
            message = event_of(0, {"message": row["part"] if row["whole"] is None else row["whole"]}).message
            kept[message] = kept.get(message, 0) + row["events"]
        if cut:
            found.problems.append(f"{self.name}: cut at the cap of {self.caps[1]:,} texts: templates are missing; narrow the question")
        return found

    def steps(self, question: Question, by: str, windows: Sequence[tuple[int, int]] = ()) -> Steps:
        """Let the database count what happened when: nothing is asked yet."""
        from bridge.logs.steps import Steps

        if by not in {"level", "service", "account_id", "trace_id", *self._extra()}:
            raise self._unknown(by)
        where, values = self._where(question, None, windows)
        extra = self._extra()
        columns = [f'"{name}"' for name in ("at", *CORE)] + [f'"{name}" AS "{HIDDEN}{number}"' for number, name in enumerate(extra)]
        plain = f"SELECT {', '.join(columns)} FROM {self._source()} WHERE {where}"  # noqa: S608 - made of our own words; values are bound
        events = events_of(plain, by, extra)
        return Steps(
            name=self.name,
            run=self._table,
            events=events,
            order="line",
            fields=cache(partial(self._fields, plain, events, values)),
            fetch=partial(self._lines, question, by, windows),
            bound=values,
            most=self.caps[1],
        )

    def _fields(self, plain: str, events: str, values: Mapping[str, BoundValue]) -> tuple[str, str]:
        """Return the queries of words and of numbers: of which type a column is tells a value of it."""
        queries: tuple[list[str], list[str]] = ([], [])
        for number, name in enumerate(self._extra()):
            column = f'"{HIDDEN}{number}"'
            if name in POSITIONS:
                continue
            one, _ = self._table(f'SELECT {column} AS "value" FROM ({plain}) AS "plain" WHERE {column} IS NOT NULL LIMIT 1', values, 1)  # noqa: S608 - as above
            kind = type_of(one.schema.field(0).type) if one.num_rows else None
            if kind is not None:
                queries[kind == "DOUBLE"].append(field_of(events, name, number, kind))
        words, numbers = (" UNION ALL ".join(own) for own in queries)
        return words, numbers

    def _lines(
        self, question: Question, by: str, windows: Sequence[tuple[int, int]], times: Collection[int], traces: Collection[str]
    ) -> Any:
        """Return the events of these times and traces as a table."""
        from bridge.logs.store import Rows, events_table

        where, values = self._where(question, None, windows)
        places = []
        for number, at in enumerate(sorted(times)):
            values[f"at{number}"] = EPOCH + timedelta(microseconds=at)
            places.append(f":at{number}")
        wanted = [f'"at" IN ({", ".join(places)})'] if places else []
        for number, trace in enumerate(sorted(traces)):
            values[f"trace{number}"] = trace
        wanted += [f"{name_of('trace_id')} IN ({', '.join(f':trace{number}' for number in range(len(traces)))})"] if traces else []
        rows = Rows(files=[self.name])
        found: list[dict[str, Any]] = []
        if wanted:
            names = ", ".join(f'"{name}"' for name in [*self._core(), *self._extra()])
            text = f'SELECT {names} FROM {self._source()} WHERE {where} AND ({" OR ".join(wanted)}) ORDER BY "at", "message"'  # noqa: S608 - as above
            found, _ = self._run(text, values, self.caps[1])
        for row in found:
            event = self._event(row)
            group = as_text(row[by]) if by in self._extra() else getattr(event, by)
            rows.add(event._replace(service=without_pod(group or "")), 0)
        numbers = sorted(range(len(rows.at)), key=lambda row: (rows.at[row], rows.message[row], rows.service[row]))
        return events_table(rows, numbers)

    def _event(self, row: Mapping[str, Any]) -> Event:
        attributes = {name: row[name] for name in self._extra() if row.get(name) is not None}
        return event_of(
            (row["at"] - EPOCH) // timedelta(microseconds=1),
            dict(row),
            json.dumps(attributes, default=str, ensure_ascii=False, separators=(",", ":")),
        )

    def _group(self, row: Mapping[str, Any], counting: Counting, unit: str | None) -> tuple[Any, ...]:
        at = 0
        if unit is not None and counting.every is not None:
            at = (row["bucket"] - EPOCH) // timedelta(microseconds=1)
            at -= at % counting.every
        values = [self.name if name == "file" else self._value(name, row[name]) for name in counting.fields if name != "template"]
        template = [row["whole"], row["part"]] if "template" in counting.fields else []
        return (at, *values, *template, row["events"])

    @staticmethod
    def _value(name: str, value: Any) -> str | None:
        if name in CORE:
            found: str | None = getattr(event_of(0, {name: value}), name)
            return found
        return as_text(value)

    def _core(self) -> list[str]:
        return ["at", *(name for name in CORE if name in self.columns)]

    def _extra(self) -> list[str]:
        return [name for name in self.columns if name not in {"at", *CORE}]

    def _known(self, name: str) -> str:
        if name in {"at", *CORE} or name in self.columns:
            return name
        raise self._unknown(name)

    def _unknown(self, name: str) -> InputError:
        return InputError(
            f"logs {self.name} has no column for the field '{name}'",
            where=f"logs.{self.name}.columns",
            hint=f"known: {', '.join(self.columns)}; add {name}: its column",
        )

    def _source(self) -> str:
        """Return the table with our names; a column it lacks is NULL."""
        columns = [f'{_quoted(self.columns["at"])} AS "at"']
        columns += [
            f'{f"CAST({_quoted(self.columns[name])} AS VARCHAR)" if name in self.columns else "CAST(NULL AS VARCHAR)"} AS "{name}"'
            for name in CORE
        ]
        columns += [f'{_quoted(self.columns[name])} AS "{name}"' for name in self._extra()]
        table = ".".join(_quoted(part) for part in self.table.split("."))
        return f'(SELECT {", ".join(columns)} FROM {table}) AS "logs"'  # noqa: S608 - names are checked and quoted

    def _where(
        self, question: Question, around: Around | None, windows: Sequence[tuple[int, int]] = ()
    ) -> tuple[str, dict[str, BoundValue]]:
        values = sql.Values(place=":{}".format)
        words = [
            f'"at" {sign} {values.add(EPOCH + timedelta(microseconds=bound))}'
            for bound, sign in ((question.start, ">="), (question.end, "<"))
            if bound is not None
        ]
        if question.levels:
            words.append(sql.one_of('upper(trim("level"))', words_of(question.levels), values))
        words += sql.members(question, values)
        for key, value in question.where:
            if key == "level":
                words.append(sql.one_of('upper(trim("level"))', words_of({level_of(value)}), values))
            else:
                words.append(f'CAST("{self._known(key)}" AS VARCHAR) = {values.add(value)}')
        if windows:
            inside = (
                " AND ".join(
                    f'"at" {sign} {values.add(EPOCH + timedelta(microseconds=bound))}'
                    for bound, sign in ((start, ">="), (end, "<"))
                    if abs(bound) < EVER
                )
                for start, end in windows
            )
            words.append(f"({' OR '.join(f'({part})' for part in inside if part) or '1 = 1'})")
        if around is not None:
            who = ['"account_id" IS NULL', "trim(\"account_id\") IN ('', '-')"]
            who += [sql.one_of('"account_id"', around.accounts, values)] if around.accounts else []
            who += [sql.one_of('"trace_id"', around.traces, values)] if around.traces else []
            words.append(f"({' OR '.join(who)})")
        return " AND ".join(words) or "1 = 1", values.found

    def _run(self, text: str, values: Mapping[str, BoundValue], most: int) -> tuple[list[dict[str, Any]], bool]:
        table, cut = self._table(text, values, most)
        return table.to_pylist(), cut

    def _table(self, text: str, values: Mapping[str, BoundValue], most: int) -> tuple[Any, bool]:
        where = f"logs {self.name}"
        query = for_cluster(text, self.database.dialect, values, where=where, comment="bridge logs")
        result = self.database.run(query, Limits(rows=most, seconds=_SECONDS, bytes=_BYTES))
        return result.table, result.truncated


def _quoted(name: str) -> str:
    return f'"{name}"'
