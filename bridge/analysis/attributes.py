"""Attributes of accounts and events as yes/no items: `plan = enterprise`, `seats >= 120`, `migrated_at is set`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.model.finding import Condition

if TYPE_CHECKING:
    from collections.abc import Collection

FEWEST_UNITS = 3
"""A value that fewer units carry is not tried."""
_CATEGORIES = 12
"""Numbers with at most so many different values are categories."""
_MANY = 50
_MANY_SHARE = 0.5
"""A text with more different values than both is an id or free text, not an attribute."""
_ITEMS = 1500
_QUARTILES = (0.25, 0.5, 0.75)
NOT_SET = "not set"

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Items by unit."""

    conditions: tuple[Condition, ...]
    matrix: Array
    """bool, items x units."""
    skipped: tuple[str, ...]
    """Attributes that were not searched, and why."""


def items_of(table: pa.Table, exclude: Collection[str]) -> Items:
    """Return the items of every column that is not excluded; the table has one row a unit."""
    conditions: list[Condition] = []
    masks: list[Array] = []
    skipped: list[str] = []
    for name in table.column_names:
        if name in exclude:
            continue
        try_column = _numbers if _is_number(table[name].type) else _values
        found, why = try_column(name, table[name].combine_chunks(), table.num_rows)
        if why:
            skipped.append(f"{name} ({why})")
        for value, mask in found:
            if FEWEST_UNITS <= int(mask.sum()) < len(mask):
                conditions.append(Condition(attribute=name, value=value))
                masks.append(mask)
    if len(masks) > _ITEMS:
        order = sorted(range(len(masks)), key=lambda i: -int(masks[i].sum()))[:_ITEMS]
        skipped.append(f"{len(masks) - _ITEMS} of the rarest values")
        conditions, masks = [conditions[i] for i in sorted(order)], [masks[i] for i in sorted(order)]
    matrix = np.array(masks, dtype=bool) if masks else np.zeros((0, table.num_rows), dtype=bool)
    return Items(conditions=tuple(conditions), matrix=matrix, skipped=tuple(skipped))


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_timestamp(kind) or types.is_date(kind)
    )


def _values(name: str, column: pa.Array, units: int) -> tuple[list[tuple[str, Array]], str]:
    """Return an item a value, and one for `not set`."""
    del name
    text = pc.cast(column, pa.string()) if not pa.types.is_nested(column.type) else None
    if text is None:
        return [], "nested"
    encoded = pc.dictionary_encode(text)
    values = encoded.dictionary.to_pylist()
    if len(values) > _MANY and len(values) > _MANY_SHARE * units:
        return [], f"{len(values)} different values"
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    found = [(str(value), codes == code) for code, value in sorted(enumerate(values), key=lambda pair: str(pair[1]))]
    if (codes < 0).any():
        found.append((NOT_SET, codes < 0))
    return found, ""


def _numbers(name: str, column: pa.Array, units: int) -> tuple[list[tuple[str, Array]], str]:
    """Return items below and from each quartile on, or categories where there are few different values."""
    kind = column.type
    is_time = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    if not is_time and len(pc.unique(column)) <= _CATEGORIES:
        return _values(name, column, units)
    numbers = pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64()) if is_time else pc.cast(column, pa.float64())
    known = np.asarray(pc.is_valid(numbers).to_numpy(zero_copy_only=False))
    plain = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
    found: list[tuple[str, Array]] = []
    if known.any():
        for edge in sorted({*np.quantile(plain[known], _QUARTILES, method="higher").tolist()}):
            label = str(np.datetime64(int(edge), "us").astype("datetime64[D]")) if is_time else f"{edge:g}"
            mark = np.datetime64(label, "D").astype("datetime64[us]").astype(np.int64) if is_time else edge
            found += [(f"< {label}", known & (plain < mark)), (f">= {label}", known & (plain >= mark))]
    if not known.all():
        found.append((NOT_SET, ~known))
    return found, ""
