"""Evidence on disk: NN-name.parquet with the rows, NN-name.json with where they came from.

The same rows give the same bytes: rows are sorted by every column, Parquet is written with fixed settings,
and a table that is already there with the same digest keeps its provenance.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.disk import write_bytes, write_text
from bridge.errors import InputError, NotFoundError
from bridge.model.evidence import Provenance, Scalar
from bridge.workflow.codec import from_json, to_json

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bridge.ports import Cut, Keep


_ROW_GROUP = 128 * 1024
_STREAMED_GROUP = 32 * 1024


def inputs_digest(source: str, query: str, parameters: dict[str, Scalar | list[Scalar]]) -> str:
    """Return the identity of a piece of evidence before it is collected: source, exact query, values."""
    text = json.dumps([source, query, parameters], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sorted_rows(table: pa.Table) -> pa.Table:
    """Sort by every column, so that a database's row order never changes the bytes; log events keep theirs."""
    import pyarrow as pa

    keys = [name for name in table.column_names if not pa.types.is_nested(table.schema.field(name).type)]
    return table.sort_by([(name, "ascending") for name in keys]) if keys else table


def parquet_bytes(table: pa.Table) -> bytes:
    """Return the table as Parquet: zstd, no dictionary of ours, same bytes for the same rows and version of pyarrow."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table.combine_chunks(), buffer, compression="zstd", version="2.6", store_schema=False, row_group_size=_ROW_GROUP)
    return buffer.getvalue()


class _Written:
    """A Parquet file that is written in a thread beside: Arrow compresses without holding the interpreter."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._side = ThreadPoolExecutor(1)
        self._writer: pq.ParquetWriter | None = None
        self._last: Future[None] | None = None

    def add(self, parts: Sequence[pa.Table]) -> None:
        """Write one row group; the first one decides the types. Returns while it is written, after the group before it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            # Without dictionaries: half the time to write, and zstd finds the repetitions of a large result itself. Without the least
            # and greatest value of each group: rows come in no order, and a reader takes all of them.
            self._writer = pq.ParquetWriter(
                self._path,
                parts[0].schema,
                compression="zstd",
                version="2.6",
                store_schema=False,
                use_dictionary=False,
                write_statistics=False,
                write_batch_size=_STREAMED_GROUP,
            )
        try:
            table = pa.concat_tables([part.cast(self._writer.schema) for part in parts]).combine_chunks()
        except (pa.ArrowInvalid, ValueError) as error:
            raise InputError(f"a later row does not fit the first ones: {error}", hint="cast the column in the view") from error
        self.settle()
        self._last = self._side.submit(self._writer.write_table, table, row_group_size=_STREAMED_GROUP)

    @property
    def empty(self) -> bool:
        """Tell whether nothing was added."""
        return self._writer is None

    def settle(self) -> None:
        """Wait for what is being written; its error, if it has one."""
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """End the file."""
        self._side.shutdown()
        if self._writer is not None:
            self._writer.close()


def stream_parquet(path: Path, stream: Callable[[Keep], Cut]) -> tuple[int, Cut]:
    """Write rows into `path` as they come, and return their number and which cap cut them.

    Memory holds two row groups, whatever the size of the result: one is written while the next is read. Rows keep the
    order in which they came: the bytes are the same again only where the query has ORDER BY. The file is there when all
    rows are in it, or not at all.
    """
    begun = path.with_name(f".{path.name}.part")
    waiting: list[pa.Table] = []
    rows = 0
    file = _Written(begun)

    def keep(part: pa.Table) -> None:
        nonlocal rows
        rows += part.num_rows
        # Rows decide the types: the empty part that some products begin with has none to tell.
        if waiting and not waiting[0].num_rows:
            waiting.clear()
        if part.num_rows or (not waiting and file.empty):
            waiting.append(part)
        if sum(each.num_rows for each in waiting) >= _STREAMED_GROUP:
            file.add(waiting)
            waiting.clear()

    try:
        cut = stream(keep)
        if waiting:
            file.add(waiting)
        file.settle()
        file.close()
        begun.replace(path)
    finally:
        file.close()
        begun.unlink(missing_ok=True)
    return rows, cut


@dataclass(frozen=True, slots=True)
class EvidenceStore:
    """The evidence folder of one case."""

    case_folder: Path

    @property
    def folder(self) -> Path:
        """Where the tables lie."""
        return self.case_folder / "evidence"

    def provenances(self) -> list[Provenance]:
        """Return the provenance of every table, in order."""
        paths = sorted(self.folder.glob("[0-9][0-9]-*.json"))
        return [from_json(path.read_text(encoding="utf-8"), Provenance, where=str(path)) for path in paths]

    def existing(self, name: str) -> Provenance | None:
        """Return the provenance of a table whose rows are intact on disk, else None."""
        for provenance in self.provenances():
            path = self.case_folder / provenance.file
            # What timed out is asked again.
            asked = provenance.name == name and provenance.outcome != "timed-out"
            if asked and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == provenance.digest:
                return provenance
        return None

    def read(self, provenance: Provenance, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows, whole or only these columns; InputError when the file no longer has the recorded digest."""
        import pyarrow.parquet as pq

        return pq.read_table(io.BytesIO(self._intact(provenance)), columns=columns)

    def count(self, provenance: Provenance) -> int:
        """Return how many rows there are without making them; InputError as `read` raises it."""
        import pyarrow.parquet as pq

        return int(pq.read_metadata(io.BytesIO(self._intact(provenance))).num_rows)

    def _intact(self, provenance: Provenance) -> bytes:
        path = self.case_folder / provenance.file
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"evidence {provenance.id} ({provenance.name}) is gone", where=str(path), hint="collect it again: --refresh"
            ) from error
        if hashlib.sha256(data).hexdigest() != provenance.digest:
            raise InputError(
                f"evidence {provenance.id} ({provenance.name}) was changed since it was collected",
                where=str(path),
                hint="collect it again: --refresh",
            )
        return data

    def table(self, name: str) -> tuple[Provenance, pa.Table]:
        """Return one table by its name in the investigation or its id."""
        known = self.provenances()
        for provenance in known:
            if name in {provenance.name, provenance.id}:
                return provenance, self.read(provenance)
        raise NotFoundError(
            f"no evidence '{name}'", where=str(self.folder), hint=f"there is: {', '.join(p.name for p in known) or 'none yet'}"
        )

    def write(self, provenance: Provenance, data: bytes) -> Provenance:
        """Write rows and provenance; rows that are already there unchanged keep their provenance and bytes."""
        old = self.existing(provenance.name)
        same = old is not None and _identity(old) == _identity(provenance)
        if old is not None and same:
            return old
        write_bytes(self.case_folder / provenance.file, data)
        write_text((self.case_folder / provenance.file).with_suffix(".json"), to_json(provenance))
        return provenance


def _identity(provenance: Provenance) -> Sequence[object]:
    return (
        provenance.source,
        provenance.query,
        provenance.parameters,
        provenance.digest,
        provenance.truncated,
        provenance.file,
        provenance.templates,
    )
