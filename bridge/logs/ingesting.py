"""Several files into the cache at once: a process for every core, where there is enough to do for the processes to pay."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bridge.logs import cache, reading
from bridge.logs.options import PROCESSES
from bridge.logs.paths import LogFile
from bridge.logs.workers import processes, share

_WORTH: Final = 30_000_000
"""Bytes of all files from which on more than one process is used; each of them takes some 200 MiB."""

Outcome = tuple[cache.Entry, int] | OSError | reading.ReadError


def ingest_all(files: Sequence[LogFile], base: Path) -> Iterator[Outcome]:
    """Yield what became of each file, in order: its entry and the bytes read, or why it can't be read."""
    sizes = [_size(file) for file in files]
    count = processes(len(files)) if sum(sizes) >= _WORTH or PROCESSES in os.environ else 1
    if count == 1:
        yield from (_one(file, base) for file in files)
        return
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401 - what they all need is there before the processes are

    order = sorted(range(len(files)), key=lambda number: -sizes[number])  # the largest first: none is waited for at the end
    done: dict[int, Outcome] = {}
    place = 0
    for task, outcome in share(count, len(files), lambda task: _one(files[order[task]], base)):
        if task >= 0:
            done[order[task]] = outcome
        while place in done:
            yield done.pop(place)
            place += 1


def _one(file: LogFile, base: Path) -> Outcome:
    try:
        return cache.ingest(file, base)
    except (OSError, reading.ReadError) as error:
        return error


def _size(file: LogFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError:
        return 0
