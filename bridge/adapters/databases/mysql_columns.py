"""From the text rows of MariaDB and MySQL to Arrow columns, by the types that the server declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.constants import FIELD_TYPE as KIND
from pymysql.constants import FLAG

from bridge.adapters.databases.common import BOOLEANS, MOMENT
from bridge.errors import InputError

_WIDEST = 38
_BINARY = 63
"""The character set that means: no characters."""
_INTEGERS = frozenset({KIND.TINY, KIND.SHORT, KIND.INT24, KIND.LONG, KIND.LONGLONG, KIND.YEAR})
_DECIMALS = frozenset({KIND.DECIMAL, KIND.NEWDECIMAL})
_FLOATS = frozenset({KIND.FLOAT, KIND.DOUBLE})
_DATES = frozenset({KIND.DATE, KIND.NEWDATE})
_BYTES = frozenset({KIND.STRING, KIND.VAR_STRING, KIND.VARCHAR, KIND.BLOB, KIND.TINY_BLOB, KIND.MEDIUM_BLOB, KIND.LONG_BLOB, KIND.GEOMETRY})


def table_of(fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows as a table. TIMESTAMP is UTC (the session says so), DATETIME has no zone, TINYINT(1) is a truth value."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    arrays = [_array(field, values) for field, values in zip(fields, columns, strict=True)]
    return pa.Table.from_arrays(arrays, names=[field.name for field in fields])


def _array(field: Any, values: Sequence[Any]) -> pa.Array:
    kind = field.type_code
    try:
        if kind == KIND.BIT:
            numbers = [None if value is None else int.from_bytes(value, "big") for value in values]
            return pa.array(numbers, type=pa.bool_() if field.length == 1 else pa.int64())
        if kind in _BYTES and field.charsetnr == _BINARY:
            return pa.array([value.encode() if isinstance(value, str) else value for value in values], type=pa.binary())
        text = pa.array([value.decode() if isinstance(value, bytes) else value for value in values], type=pa.string())
        if kind in _INTEGERS:
            return _whole(field, text)
        return text.cast(_type(field)) if kind != KIND.TIMESTAMP else text.cast(pa.timestamp("us")).cast(MOMENT)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeDecodeError) as error:
        raise InputError(f"column '{field.name}' holds a value that can't be kept: {error}", hint="cast it in the view") from error


def _whole(field: Any, text: pa.Array) -> pa.Array:
    numbers = text.cast(pa.int64())
    boolean = (field.type_code == KIND.TINY and field.length == 1) or field.name in BOOLEANS
    if not boolean:
        return numbers
    if len(numbers) and not pc.all(pc.fill_null(pc.is_in(numbers, pa.array([0, 1])), True)).as_py():
        ends = pc.min_max(numbers).as_py()
        if ends["min"] is not None and not 0 <= ends["min"] <= ends["max"] <= 1:
            message = f"column '{field.name}' is a truth value and holds {ends['max'] if ends['max'] > 1 else ends['min']}"
            raise InputError(message, hint=f"CAST({field.name} AS SIGNED) in the view")
    return numbers.cast(pa.bool_())


def _type(field: Any) -> pa.DataType:
    kind = field.type_code
    if kind in _DECIMALS:
        digits = field.length - (1 if field.scale else 0) - (0 if field.flags & FLAG.UNSIGNED else 1)
        return pa.decimal128(min(_WIDEST, max(digits, field.scale, 1)), min(field.scale, _WIDEST))
    if kind in _FLOATS:
        return pa.float64()
    if kind in _DATES:
        return pa.date32()
    return pa.timestamp("us") if kind == KIND.DATETIME else pa.string()
