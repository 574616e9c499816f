"""Tasks shared among processes: each is a fork of this one, takes the next task when it is free, and sends back what it made.

A fork costs some milliseconds, and what is imported and prepared here is there too: so a question of a second is worth it.
It is only safe while nothing else runs in this process, and only Linux does it cheaply; elsewhere one process does all.
`concurrent.futures` would cost 25 ms of imports.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bridge.errors import InputError, RetryLaterError
from bridge.logs.options import PROCESSES

_MOST: Final = 8
"""Each process holds some hundred MiB."""
_UNITS: Final = 8_192
"""Numbers of two bytes that surely fit a pipe."""
_LENGTH: Final = 8
_PIECE: Final = 1 << 20
_END: Final = -1


def processes(tasks: int) -> int:
    """Return how many processes there are for so many tasks: one for each core that is free, or as many as BRIDGE_PROCESSES says."""
    if tasks < 2 or sys.platform != "linux" or threading.active_count() > 1:  # noqa: PLR2004 - nothing to share
        return 1
    named = os.environ.get(PROCESSES)
    if named is not None:
        if not named.isdecimal() or not int(named):
            raise InputError(f"{PROCESSES}={named} is no number of processes", hint=f"{PROCESSES}=1 reads with one process")
        return min(int(named), tasks)
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores - _others(cores), tasks, _MOST))


def _others(cores: int) -> int:
    """Return how many others want a core: at this moment, or beyond what all cores did in the last minute.

    Where no core is free, a second process saves nothing and costs more.
    """
    try:
        minute, _, _, running, _ = Path("/proc/loadavg").read_text().split()
        return max(int(running.partition("/")[0]) - 1, int(float(minute)) - cores)
    except (OSError, ValueError):
        return 0


def share(count: int, tasks: int, work: Callable[[int], Any], last: Callable[[], Any] | None = None) -> Generator[tuple[int, Any]]:
    """Do tasks 0, 1, ... in so many processes; yield (task, what it made) as they get ready, then (-1, what `last` made) of each process.

    What is made has to be picklable. An error that `work` raises is raised here. RetryLaterError: a process was ended from outside.
    """
    step = -(-tasks // _UNITS)
    queue, fill = os.pipe()
    os.write(fill, b"".join(unit.to_bytes(2, "little") for unit in range(-(-tasks // step))))
    os.close(fill)
    gc.freeze()  # a look for cycles would copy the pages of everything
    running: dict[int, int] = {}
    try:
        for _ in range(count):
            ours, theirs = os.pipe()
            process = os.fork()
            if not process:
                for channel in (ours, *running):  # who writes to nobody has to notice
                    os.close(channel)
                _serve(theirs, queue, range(tasks), step, work, last)
            os.close(theirs)
            running[ours] = process
        yield from _gathered(running)
    finally:
        os.close(queue)
        for channel, process in running.items():
            os.close(channel)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        gc.unfreeze()


def _serve(channel: int, queue: int, tasks: range, step: int, work: Callable[[int], Any], last: Callable[[], Any] | None) -> None:
    """Be one of the processes; never returns. What the other one had printed and not flushed is not printed again."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the one that started us says what there is to say
        try:
            while unit := os.read(queue, 2):
                begin = int.from_bytes(unit, "little") * step
                for task in tasks[begin : begin + step]:
                    _send(channel, (task, work(task)))
            _send(channel, (_END, last() if last is not None else None))
        except Exception as error:  # noqa: BLE001 - it is raised where the tasks came from
            _send(channel, error)
    finally:
        os._exit(0)


def _send(channel: int, value: Any) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    left = memoryview(len(data).to_bytes(_LENGTH, "little") + data)
    while left:
        left = left[os.write(channel, left) :]


def _gathered(running: dict[int, int]) -> Iterator[tuple[int, Any]]:
    """Yield what comes back; a process that is done is taken out of `running`."""
    waiting = {channel: bytearray() for channel in running}
    ended: list[Any] = []
    while running:
        for channel in _ready(running):
            found = waiting[channel]
            piece = os.read(channel, _PIECE)
            if not piece:
                raise RetryLaterError(
                    f"a process that read logs was ended from outside{_how(running.pop(channel), channel)}; nothing was answered",
                    hint=f"too little memory ends processes, too: {PROCESSES}=1 reads with one process",
                )
            found += piece
            for value in _whole(found):
                if isinstance(value, Exception):
                    raise value
                if value[0] != _END:
                    yield value
                    continue
                ended.append(value)
                os.close(channel)
                os.waitpid(running.pop(channel), 0)
    yield from ended


def _ready(channels: Iterable[int]) -> list[int]:
    """Wait until there is something to read; `select` knows no more than 1,024 files."""
    waiting = select.poll()
    for channel in channels:
        waiting.register(channel, select.POLLIN)
    return [channel for channel, _ in waiting.poll()]


def _whole(found: bytearray) -> Iterator[Any]:
    """Yield the values that have arrived as a whole, and take them out."""
    while len(found) >= _LENGTH and len(found) >= (end := _LENGTH + int.from_bytes(found[:_LENGTH], "little")):
        value = pickle.loads(memoryview(found)[_LENGTH:end].tobytes())  # noqa: S301 - written by a fork of this process, to a pipe of its own
        del found[:end]
        yield value


def _how(process: int, channel: int) -> str:
    os.close(channel)
    status = os.waitpid(process, 0)[1]
    return f" by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
