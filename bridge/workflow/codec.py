"""The model's dataclasses as JSON and back: stable bytes, UTC times with Z, decimals as text."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bridge.errors import BridgeError, InputError

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


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename; a full disk leaves the old one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> BridgeError:
    """Say in words why a file could not be written, and what was kept."""
    reason = error.strerror or str(error)
    return InputError(
        f"can't write {path.name}: {reason}",
        where=str(path),
        hint="everything written before is kept; free some space or fix the permissions, then run the same command again",
    )


def iso(at: datetime) -> str:
    """Return a time as ISO 8601 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
