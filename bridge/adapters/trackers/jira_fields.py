"""Jira's create metadata, and our values in the shape that each kind of field wants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.filing import JsonValue

_BY_VALUE = frozenset({"option"})
_BY_NAME = frozenset({"priority", "component", "version", "resolution", "securitylevel", "group"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMeta:
    """One field of the create screen."""

    id: str
    name: str
    required: bool
    """Required and without a default."""
    type: str
    """number, string, option, array, datetime, ..."""
    items: str
    """Type of an array's items."""
    allowed: tuple[str, ...]
    """Names or values that may be chosen; empty: anything."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> FieldMeta:
        """Read one entry, tolerant of missing keys."""
        schema = row.get("schema") or {}
        identifier = str(row.get("fieldId") or row.get("key") or row.get("id"))
        allowed = [
            str(item.get("value") or item.get("name") or item.get("id"))
            for item in row.get("allowedValues") or ()
            if isinstance(item, dict)
        ]
        return cls(
            id=identifier,
            name=str(row.get("name") or identifier),
            required=bool(row.get("required")) and not row.get("hasDefaultValue"),
            type=str(schema.get("type") or ""),
            items=str(schema.get("items") or ""),
            allowed=tuple(allowed),
        )


def shaped(meta: FieldMeta, value: JsonValue) -> JsonValue:
    """Return a plain value as this field wants it; an object is passed on as it was written in bridge.yaml."""
    if value is None or isinstance(value, dict):
        return value
    if meta.type == "array":
        items = value if isinstance(value, list) else [value]
        return [_one(meta.items, item) for item in items]
    return _one(meta.type, value)


def _one(kind: str, value: JsonValue) -> JsonValue:
    if isinstance(value, dict | list) or value is None:
        return value
    if kind in _BY_VALUE:
        return {"value": str(value)}
    if kind in _BY_NAME:
        return {"name": str(value)}
    if kind == "string":
        return str(value)
    if kind in {"datetime", "date"} and isinstance(value, str):
        return _time(kind, value)
    return value


def _time(kind: str, value: str) -> str:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    if at.tzinfo is None:
        return value
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d}" if kind == "date" else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def chosen(value: JsonValue) -> list[str]:
    """Return the words that a value chooses from the allowed ones."""
    items = value if isinstance(value, list) else [value]
    return [str(item.get("value") or item.get("name") or item.get("id")) if isinstance(item, dict) else str(item) for item in items]
