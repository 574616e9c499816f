"""What a standard view is: a name with promised columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["text", "integer", "decimal", "boolean", "time"]
"""time: timestamp with zone (or without: then it is UTC); decimal: money in the workspace's currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column that must be there; its values may be NULL where `optional` says so."""

    name: str
    type: ColumnType
    meaning: str
    optional: bool = False
    """True: values may be NULL. The column itself is always needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardView:
    """A view that the catalogue knows, or a kind of evidence with promised columns."""

    name: str
    rows: str
    """What one row is."""
    columns: tuple[Column, ...]
    further: str = ""
    """What further columns mean; empty: they are kept and not used."""


def column(name: str, kind: ColumnType, meaning: str, *, optional: bool = False) -> Column:
    """Return a column; `optional` means that its values may be NULL."""
    return Column(name=name, type=kind, meaning=meaning, optional=optional)
