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
_LARGE = 100_000
"""Rows from which on a table counts as large, and that are looked at in one go."""
_TIME = pa.timestamp("us", tz="UTC")

Array = Any
"""A numpy array; the element type stands in the field's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Account events in the window, sorted by at, account_id, key; all arrays have one entry a row."""

    table: pa.Table
    """Attributes of each event; key and trace_id only of failing ones."""
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
    part = table if not (lacking or outside) else table.filter(pc.fill_null(inside, False))
    owner = pc.cast(part["account_id"], pa.string())
    accounts, account = _codes(owner)
    at_all = _times(part, "at").cast(pa.int64()).to_numpy()
    key = pc.cast(part["key"], pa.string())
    failed_all = pc.fill_null(pc.cast(part["failed"], pa.bool_()), False)
    columns = {"at": at_all, "account": account, "key": key, "ok": pc.invert(failed_all)}
    order = pc.sort_indices(pa.table(columns), sort_keys=[(column, "ascending") for column in columns]).to_numpy()
    order, repeated = _without_repeats(order, at_all, account, key)
    if repeated:
        notes.append(f"{name}: {repeated} rows repeat another one's account, key and time, and count once")
    failed = failed_all.to_numpy().astype(bool)[order]
    return Events(
        table=_attributes(part, order, failed),
        accounts=accounts,
        account=account[order],
        at=at_all[order],
        failed=failed,
        pick=_hashes(owner, key, at_all, seed)[order],
        notes=tuple(notes),
    )


def _codes(owner: Any) -> tuple[tuple[str, ...], Array]:
    """Return the different accounts, sorted, and each row's place among them (int64)."""
    encoded = pc.dictionary_encode(owner.combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return tuple(names[i] for i in order), rank[codes] if len(names) else np.zeros(0, dtype=np.int64)


def _without_repeats(order: Array, at: Array, account: Array, key: Any) -> tuple[Array, int]:
    """Drop rows equal to the one before in account, time and key; rows without a key are never the same event."""
    near = np.flatnonzero((at[order[1:]] == at[order[:-1]]) & (account[order[1:]] == account[order[:-1]])) + 1
    same = pc.fill_null(pc.equal(key.take(pa.array(order[near])), key.take(pa.array(order[near - 1]))), False)
    repeats = near[same.to_numpy().astype(bool)]
    return (np.delete(order, repeats), len(repeats)) if len(repeats) else (order, 0)


def _attributes(part: pa.Table, order: Array, failed: Array) -> pa.Table:
    """Return what is known of each event; of millions of rows the texts are most of the memory, so few are kept twice."""
    rows, failing = pa.array(order), pa.array(order, mask=~failed)
    columns = {}
    for name in part.column_names:
        if name in {"key", "trace_id"}:
            columns[name] = part[name].take(failing)
        elif name not in {"account_id", "at", "failed"}:
            columns[name] = _slim(part[name]).take(rows)
    return pa.table(columns)


def _slim(values: Any) -> Any:
    """Return a text attribute of many rows as numbers and its few values."""
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if not text or len(values) < _LARGE or len(pc.unique(values[:_LARGE])) > _LARGE // 10:
        return values
    return pc.dictionary_encode(values)


def _hashes(accounts: Any, keys: Any, at: Array, seed: int) -> Array:
    """Return one well-mixed 64-bit hash a row (splitmix64 over CRC-32 and the time): the same in every process."""
    start = zlib.crc32(str(seed).encode())
    crc = np.empty(len(at), dtype=np.uint64)
    for place in range(0, len(at), _LARGE):  # in parts: Python's texts take much room
        part = slice(place, place + _LARGE)
        pairs = zip(accounts[part].to_pylist(), keys[part].to_pylist(), strict=True)
        crc[part] = [zlib.crc32(f"{account}\0{key}".encode(), start) for account, key in pairs]
    with np.errstate(over="ignore"):
        mixed = crc * np.uint64(0x9E3779B97F4A7C15) + at.astype(np.uint64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed


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
