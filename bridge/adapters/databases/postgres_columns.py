"""From PostgreSQL's values to Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bridge.adapters.databases.common import MOMENT, to_json
from bridge.errors import InputError

if TYPE_CHECKING:
    import psycopg

_NUMERIC = 1700
_WIDEST = 38
_TYPES = {
    16: pa.bool_(), 21: pa.int64(), 23: pa.int64(), 20: pa.int64(), 26: pa.int64(), 700: pa.float64(), 701: pa.float64(),
    1082: pa.date32(), 1184: MOMENT, 1114: pa.timestamp("us"), 17: pa.binary(),
}  # fmt: skip
"""Arrow types by type id; everything else but numeric and arrays is text as PostgreSQL writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names and types of a result, as its description gives them."""

    names: tuple[str, ...]
    types: tuple[pa.DataType | None, ...]
    """None: a numeric without declared scale, decided by the values."""
    ids: tuple[int, ...]
    """PostgreSQL's type ids."""

    @classmethod
    def of(cls, description: Sequence[psycopg.Column]) -> Columns:
        """Read a cursor's description."""
        return cls(
            names=tuple(column.name for column in description),
            types=tuple(_type(column) for column in description),
            ids=tuple(column.type_code for column in description),
        )

    def table(self, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
        """Return rows as a table; a value that its type can't hold (a numeric NaN, a far date) is an InputError that names the column."""
        values = zip(*rows, strict=True) if rows else ([] for _ in self.names)
        arrays = [self._array(name, kind, column) for name, kind, column in zip(self.names, self.types, values, strict=True)]
        return pa.Table.from_arrays(arrays, names=list(self.names))

    @staticmethod
    def _array(name: str, kind: pa.DataType | None, values: Sequence[Any]) -> pa.Array:
        if kind is None:
            return _decimals(name, values)
        try:
            return pa.array(_plain(values) if kind == pa.string() else values, type=kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
            raise unkeepable(name, error) from error


def unkeepable(name: str, error: Exception) -> InputError:
    """Return the error for a value that its column's type can't hold."""
    return InputError(f"column '{name}' holds a value that can't be kept: {error}", hint="cast it in the view")


def _type(column: psycopg.Column) -> pa.DataType | None:
    if column.type_code != _NUMERIC:
        return _TYPES.get(column.type_code, pa.string())
    if column.precision is None or column.scale is None or not 0 <= column.scale <= column.precision <= _WIDEST:
        return None
    return pa.decimal128(column.precision, column.scale)


def _decimals(name: str, values: Sequence[Any]) -> pa.Array:
    """Numeric without declared scale (sum, avg): the widest scale that occurs."""
    given = [value for value in values if value is not None]
    if any(not value.is_finite() for value in given):
        raise InputError(f"column '{name}' holds NaN or infinity", hint="turn it into NULL in the view: NULLIF(x, 'NaN')")
    scale = max((-int(value.as_tuple().exponent) for value in given), default=0)
    try:
        return pa.array(values, type=pa.decimal128(_WIDEST, min(_WIDEST, max(0, scale))))
    except pa.ArrowInvalid as error:
        raise InputError(f"column '{name}' holds numbers of more than {_WIDEST} digits", hint="round() it in the view") from error


def _plain(values: Sequence[Any]) -> list[str | None]:
    return [value if value is None or isinstance(value, str) else to_json(value) for value in values]
