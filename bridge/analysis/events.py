"""Evidence tables as arrays: checked, in the window, without rows that a join repeated."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import InputError, Problem
from bridge.model.change import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.model.window import Window

MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS
_TIME = pa.timestamp("us", tz="UTC")

Array = Any
"""A numpy array; the element type stands in the field's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Account events in the window, sorted by at, account_id, key; all arrays have one entry a row."""

    table: pa.Table
    accounts: tuple[str, ...]
    """Exposed accounts, sorted; `account` indexes into them."""
    account: Array
    """int64."""
    at: Array
    """int64: microseconds since 1970 UTC."""
    failed: Array
    """bool."""
    pick: Array
    """uint64: a hash of account, key and time. The smallest of a group is its random but repeatable representative."""
    notes: tuple[str, ...] = field(default=())

    def per_account(self, rows: Array | None = None) -> Array:
        """Count rows by account: int64, one entry an exposed account; `rows` is a boolean mask."""
        codes = self.account if rows is None else self.account[rows]
        return np.bincount(codes, minlength=len(self.accounts))


def moment(value: int) -> datetime:
    """Return microseconds since 1970 as an aware datetime, without a detour over floats."""
    seconds, rest = divmod(int(value), MICROSECONDS)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=rest)


def micros(value: datetime) -> int:
    """Return an aware datetime as microseconds since 1970."""
    delta = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * MICROSECONDS + delta.microseconds


def require(table: pa.Table, columns: Sequence[str], name: str) -> None:
    """Raise InputError that names every missing column of evidence `name` at once."""
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        problems = tuple(
            Problem(message=f"no column '{column}'", where=f"evidence {name}", hint=f"it has: {', '.join(table.column_names)}")
            for column in missing
        )
        raise InputError(
            f"evidence '{name}' lacks {', '.join(missing)}", where=f"evidence {name}", hint="name them in its SQL", problems=problems
        )


def account_events(table: pa.Table, window: Window, name: str, seed: int) -> Events:
    """Read account-events evidence: account_id, at, key, failed, and any attributes.

    Rows outside the window or without account or time are left out, and a row that repeats account, key and
    time counts once (it failed if one of the copies did): a join that fans out must not change a finding.
    """
    require(table, ("account_id", "at", "key", "failed"), name)
    notes: list[str] = []
    at = _times(table, "at")
    low, high = pa.scalar(window.start, type=_TIME), pa.scalar(window.end, type=_TIME)
    usable = pc.and_(pc.is_valid(at), pc.is_valid(table["account_id"]))
    inside = pc.and_(usable, pc.and_(pc.greater_equal(at, low), pc.less(at, high)))
    lacking = table.num_rows - int(pc.sum(usable).as_py() or 0)
    outside = table.num_rows - lacking - int(pc.sum(pc.fill_null(inside, False)).as_py() or 0)
    if lacking:
        notes.append(f"{name}: {lacking} rows without account or time were left out")
    if outside:
        notes.append(f"{name}: {outside} rows lie outside the window")
    columns = {
        "account_id": pc.cast(table["account_id"], pa.string()),
        "at": at,
        "key": pc.cast(table["key"], pa.string()),
        "failed": pc.fill_null(pc.cast(table["failed"], pa.bool_()), False),
    }
    rest = [column for column in table.column_names if column not in columns]
    kept = pa.table({**columns, **{column: table[column] for column in rest}}).filter(pc.fill_null(inside, False))
    kept = kept.add_column(0, "_ok", pc.invert(kept["failed"]))
    kept = kept.take(pc.sort_indices(kept, sort_keys=[(c, "ascending") for c in ("at", "account_id", "key", "_ok")])).drop_columns("_ok")
    kept, repeated = _without_repeats(kept)
    if repeated:
        notes.append(f"{name}: {repeated} rows repeat another one's account, key and time, and count once")
    return _arrays(kept, seed, tuple(notes))


def _arrays(table: pa.Table, seed: int, notes: tuple[str, ...]) -> Events:
    encoded = pc.dictionary_encode(table["account_id"].combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    at = table["at"].cast(pa.int64()).to_numpy()
    return Events(
        table=table,
        accounts=tuple(names[i] for i in order),
        account=rank[codes] if len(names) else np.zeros(0, dtype=np.int64),
        at=at,
        failed=table["failed"].to_numpy().astype(bool),
        pick=_hashes(table["key"].to_pylist(), table["account_id"].to_pylist(), at, seed),
        notes=notes,
    )


def _hashes(keys: list[str | None], accounts: list[str], at: Array, seed: int) -> Array:
    """Return one well-mixed 64-bit hash a row (splitmix64 over CRC-32 and the time): the same in every process."""
    start = zlib.crc32(str(seed).encode())
    crc = np.fromiter(
        (zlib.crc32(f"{account}\0{key}".encode(), start) for account, key in zip(accounts, keys, strict=True)),
        dtype=np.uint64,
        count=len(keys),
    )
    with np.errstate(over="ignore"):
        mixed = crc * np.uint64(0x9E3779B97F4A7C15) + at.astype(np.uint64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed


def _without_repeats(table: pa.Table) -> tuple[pa.Table, int]:
    """Drop rows equal to the one before in account, time and key; rows without a key are never the same event."""
    if table.num_rows < 2:  # noqa: PLR2004  one row repeats nothing
        return table, 0
    same: Array = np.ones(table.num_rows - 1, dtype=bool)
    for column in ("at", "account_id", "key"):
        values = table[column].combine_chunks()
        same &= pc.fill_null(pc.equal(values[1:], values[:-1]), False).to_numpy(zero_copy_only=False)
    repeats = np.concatenate([[False], same])
    count = int(np.count_nonzero(repeats))
    return (table.filter(pa.array(~repeats)), count) if count else (table, 0)


def changes_of(table: pa.Table | None, name: str = "changes") -> tuple[Change, ...]:
    """Read the changes view: at, kind, name, version; sorted by time, kind, name."""
    if table is None:
        return ()
    require(table, ("at", "kind", "name"), name)
    times = _times(table, "at").to_pylist()
    versions = table["version"].to_pylist() if "version" in table.column_names else [None] * table.num_rows
    rows = zip(times, table["kind"].to_pylist(), table["name"].to_pylist(), versions, strict=True)
    found = {
        Change(at=at.astimezone(UTC), kind=str(kind or ""), name=str(what or ""), version=None if version is None else str(version))
        for at, kind, what, version in rows
        if at is not None
    }
    return tuple(sorted(found, key=lambda change: (change.at, change.kind, change.name, change.version or "")))


def _times(table: pa.Table, column: str) -> Any:
    """Return a column as timestamp[us, UTC]; a column without a zone is refused, because guessing shifts evidence."""
    values = table[column]
    kind = values.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pc.cast(values, _TIME, safe=False)
    if table.num_rows == values.null_count:
        return pa.nulls(table.num_rows, type=_TIME)
    raise InputError(f"column '{column}' is {kind}, not a time with a zone", hint="cast it to timestamptz, UTC, in the evidence's SQL")
