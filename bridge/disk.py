"""Writing files: each is there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bridge.errors import BridgeError, InputError


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write anew: temporary file, fsync, rename. A full disk leaves the old one; InputError says so.

    What is no plain file (`/dev/stdout`, a named pipe) is written to: a rename would put a file in its place, for everybody.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def disk_error(error: OSError, path: Path) -> BridgeError:
    """Say in words why a file could not be written, and what was kept."""
    reason = error.strerror or str(error)
    return InputError(
        f"can't write {path.name}: {reason}",
        where=str(path),
        hint="everything written before is kept; free some space or fix the permissions, then run the same command again",
    )
