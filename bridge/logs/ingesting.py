"""Several files into the cache at once: a process for every second core, where there is enough to do for the processes to pay.

With two processes on two shared cores the same work took 15 % more CPU seconds (5.4 against 4.7) and 2.9 s instead of 4.6 on
a quiet machine, 5.5 instead of 4.9 on a busy one: so half of the cores.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from bridge.logs import cache, reading
from bridge.logs.paths import LogFile

_WORTH: Final = 100_000_000
"""Bytes of all files from which on more than one process is used; each of them takes some 200 MiB."""

Outcome = tuple[cache.Entry, int] | OSError | reading.ReadError


def ingest_all(files: Sequence[LogFile], base: Path, workers: int | None = None) -> Iterator[Outcome]:
    """Yield what became of each file, in order: its entry and the bytes read, or why it can't be read."""
    count = min(len(files), workers or (os.cpu_count() or 1) // 2)
    if count < 2 or (workers is None and sum(map(_size, files)) < _WORTH):  # noqa: PLR2004 - one process is this one
        yield from (_one(file, base) for file in files)
        return
    # A fork is cheap, but only safe while nothing else runs here; other systems start anew.
    kind = "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context(kind)) as pool:
        waiting = [_given(pool, file, base) for file in sorted(files, key=_size, reverse=True)]
        by_file = dict(waiting)
        for file in files:
            try:
                yield by_file[file.path].result()
            except BrokenProcessPool as error:
                yield OSError(0, f"its reading ended: {error}")


def _given(pool: Executor, file: LogFile, base: Path) -> tuple[Path, Future[Outcome]]:
    return file.path, pool.submit(_one, file, base)


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
