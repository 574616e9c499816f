"""The model's dataclasses as JSON and back: stable bytes, UTC times with Z, decimals as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from bridge.errors import InputError

T = TypeVar("T")


def _plain(value: object) -> Any:
    import msgspec

    return json.loads(msgspec.json.encode(value, order="deterministic"))


def to_json(value: object) -> str:
    """Return `value` (a dataclass of the model, or JSON-able data) as indented JSON with a final newline."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def to_plain(value: object) -> Any:
    """Return `value` as dicts, lists and scalars, as they stand in the JSON."""
    return _plain(value)


def from_json(text: str, kind: type[T], *, where: str) -> T:
    """Read `text` as a `kind`; InputError names the file and the field that does not fit."""
    import msgspec

    try:
        value: T = msgspec.json.decode(text.encode(), type=kind)
    except msgspec.DecodeError as error:
        raise InputError(
            f"not a valid {kind.__name__}: {error}", where=where, hint="the file was changed by hand or by another version"
        ) from error
    return value


def iso(at: datetime) -> str:
    """Return a time as ISO 8601 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
