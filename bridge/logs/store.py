"""The events table and the rejects table: their columns, how rows are gathered, and how DuckDB gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from bridge.logs.records import Event

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from bridge.logs.miner import Mined
    from bridge.logs.template_store import KnownTemplates

TEMPLATE_ID: Final = "template_id"
METADATA: Final = "bridge.templates"
"""Key of a Parquet file's metadata: the algorithm of its template ids."""


def events_schema() -> pa.Schema:
    """Return the schema of log events; times are UTC, `offset` counts (uncompressed) bytes of `file`.

    Kept events have `template_id` besides: see `with_templates`. A source can't tell, because other logs decide, too.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("level", pa.string(), nullable=False),
            pa.field("service", pa.string(), nullable=False),
            pa.field("account_id", pa.string()),
            pa.field("trace_id", pa.string()),
            pa.field("message", pa.string(), nullable=False),
            pa.field("attributes", pa.string(), nullable=False),
            pa.field("file", pa.string(), nullable=False),
            pa.field("offset", pa.int64(), nullable=False),
        ]
    )


def rejects_schema() -> pa.Schema:
    """Return the schema of rejected lines: where each stood, why it is no event, and how it begins."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("file", pa.string(), nullable=False),
            pa.field("offset", pa.int64(), nullable=False),
            pa.field("length", pa.int64(), nullable=False),
            pa.field("reason", pa.string(), nullable=False),
            pa.field("raw", pa.string(), nullable=False),
        ]
    )


_REJECTED: Final = ("file", "offset", "length", "reason", "raw")
_COLUMNS: Final = ("at", "level", "service", "account_id", "trace_id", "message", "attributes", "file", "offset")


@dataclass(slots=True, kw_only=True)
class Rows:
    """Events being gathered, column by column; the one mutable thing a scan writes to."""

    files: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    level: list[str] = field(default_factory=list)
    service: list[str] = field(default_factory=list)
    account_id: list[str | None] = field(default_factory=list)
    trace_id: list[str | None] = field(default_factory=list)
    message: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    file: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)

    def add(self, event: Event, file: int) -> None:
        """Add one event of the file with that index in `files`."""
        self.at.append(event.at)
        self.level.append(event.level)
        self.service.append(event.service)
        self.account_id.append(event.account_id)
        self.trace_id.append(event.trace_id)
        self.message.append(event.message)
        self.attributes.append(event.attributes)
        self.file.append(file)
        self.offset.append(event.offset)

    def keep_first(self, count: int) -> None:
        """Forget all but the first events in time order, equal times by file and offset."""
        self.keep(sorted(range(len(self.at)), key=lambda number: (self.at[number], self.file[number], self.offset[number]))[:count])

    def keep(self, numbers: Sequence[int]) -> None:
        """Forget all rows but these, in this order."""
        for name in _COLUMNS:
            column = getattr(self, name)
            column[:] = [column[number] for number in numbers]

    def extend(self, other: Rows, shift: int) -> None:
        """Add the rows of another one; the numbers of its files grow by `shift`."""
        other.file = [shift + number for number in other.file]
        for name in _COLUMNS:
            getattr(self, name).extend(getattr(other, name))

    def forget(self, rows: int, files: int) -> None:
        """Forget all that came after the first `rows` and `files`."""
        for name in _COLUMNS:
            del getattr(self, name)[rows:]
        del self.files[files:]

    def order(self) -> Any:
        """Return the row numbers in time order, equal times by file and offset."""
        import numpy as np

        return np.lexsort((np.array(self.offset, dtype=np.int64), np.array(self.file, dtype=np.int64), np.array(self.at, dtype=np.int64)))


@dataclass(slots=True, kw_only=True)
class Rejects:
    """Rejected lines being gathered."""

    file: list[str] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)

    def extend(self, other: Rejects) -> None:
        """Add the lines of another one."""
        for name in _REJECTED:
            getattr(self, name).extend(getattr(other, name))

    def forget(self, lines: int) -> None:
        """Forget all that came after the first `lines`."""
        for name in _REJECTED:
            del getattr(self, name)[lines:]

    def in_order(self, begin: int) -> None:
        """Put the lines from `begin` on, all of one file, in its order: single lines are decoded later than those around them."""
        numbers = sorted(range(begin, len(self.offset)), key=self.offset.__getitem__)
        for name in _REJECTED:
            column = getattr(self, name)
            column[begin:] = [column[number] for number in numbers]

    def table(self) -> pa.Table:
        """Return them in the order in which they were read."""
        import pyarrow as pa

        return pa.table({name: getattr(self, name) for name in _REJECTED}, schema=rejects_schema())


def events_table(rows: Rows, numbers: Sequence[int]) -> pa.Table:
    """Return these rows as a table of events."""
    import pyarrow as pa

    return pa.table(
        {
            "at": pa.array([rows.at[number] for number in numbers], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "level": [rows.level[number] for number in numbers],
            "service": [rows.service[number] for number in numbers],
            "account_id": pa.array([rows.account_id[number] for number in numbers], pa.string()),
            "trace_id": pa.array([rows.trace_id[number] for number in numbers], pa.string()),
            "message": [rows.message[number] for number in numbers],
            "attributes": [rows.attributes[number] for number in numbers],
            "file": [rows.files[rows.file[number]] for number in numbers],
            "offset": [rows.offset[number] for number in numbers],
        },
        schema=events_schema(),
    )


def with_templates(tables: Sequence[pa.Table], known: KnownTemplates | None = None) -> tuple[list[pa.Table], Mined]:
    """Mine the messages of these tables together, and return them with `template_id` behind `message`.

    What decides is the set of messages of all tables and what is known; the order of tables and rows changes nothing. A
    column `template_id` that is there is replaced.
    """
    import pyarrow as pa

    from bridge.logs.miner import Miner

    miner = Miner() if known is None else Miner(known=known)
    for table in tables:
        for chunk in table["message"].chunks:
            miner.add([message or "" for message in chunk.to_pylist()])
    found = miner.finish()
    ids = pa.array(found.ids, pa.string())
    made = []
    begin = 0
    for table in tables:
        own = ids.take(pa.Array.from_buffers(pa.int32(), table.num_rows, [None, pa.py_buffer(found.numbers)], offset=begin))
        begin += table.num_rows
        rest = table.drop_columns([TEMPLATE_ID]) if TEMPLATE_ID in table.column_names else table
        place = rest.column_names.index("message") + 1
        made.append(rest.add_column(place, pa.field(TEMPLATE_ID, pa.string(), nullable=False), own))
    return made, found


def write_parquet(rows: Rows, numbers: Sequence[int], stream: IO[bytes], known: KnownTemplates | None = None) -> None:
    """Write these rows as Parquet (zstd) to a stream; its metadata name the algorithm of their templates."""
    import pyarrow.parquet as pq

    from bridge.logs.miner import ALGORITHM

    (table,), _ = with_templates([events_table(rows, numbers)], known)
    pq.write_table(table.replace_schema_metadata({METADATA: ALGORITHM}), stream, compression="zstd")


def load(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Create the table `name` in DuckDB from a table, so that evidence can be joined with SQL."""
    quoted = '"' + name.replace('"', '""') + '"'
    view = f"arrow_{abs(hash(name)):x}"
    connection.register(view, table)
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {quoted} AS SELECT * FROM {view}")  # noqa: S608 - both names are ours or quoted
    finally:
        connection.unregister(view)
