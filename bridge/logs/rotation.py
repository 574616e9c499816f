"""Rotated files: oldest first, an event that goes on in the next file whole, and files that are renamed while they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bridge.logs import reading, sniff
from bridge.logs.paths import LogFile, rotation
from bridge.logs.records import Joined
from bridge.logs.times import Clockwork, zone_of

_HEAD: Final = 64 * 1024
_TRIES: Final = 5
_UTC: Final = zone_of("UTC")


def listed(find: Callable[[], tuple[list[LogFile], list[str]]]) -> tuple[list[LogFile], list[str]]:
    """Return what `find` lists, as it stood at one moment: a rotation in between would show a file twice and hide another."""
    seen = _marked(find)
    for _ in range(_TRIES):
        again = _marked(find)
        if again == seen:
            break
        seen = again
    files, problems = seen
    return spliced(list({file.inode or file.path: file for file in files}.values())), problems


def _marked(find: Callable[[], tuple[list[LogFile], list[str]]]) -> tuple[list[LogFile], list[str]]:
    files, problems = find()
    return [replace(file, inode=_inode(file.path)) for file in files], problems


def spliced(files: Sequence[LogFile]) -> list[LogFile]:
    """Return the files; lines at the beginning of one that go on the event at the end of the one before are given to that.

    Only members of one rotated set are looked at: `app.log.2.gz`, `app.log.1`, `app.log`.
    """
    found = list(files)
    for place in range(1, len(found)):
        before, after = found[place - 1], found[place]
        (folder, stem, _), (next_folder, next_stem, _) = rotation(before.path), rotation(after.path)
        if (folder, stem) != (next_folder, next_stem) or before.options != after.options:
            continue
        tail = _orphans(after)
        if tail:
            found[place - 1] = replace(before, tail=tail, tail_name=after.name)
            found[place] = replace(after, lead=len(tail))
    return found


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _orphans(file: LogFile) -> bytes:
    """Return the lines at the beginning of a file that go on an event before it; none where no event follows them."""
    try:
        offset, head = next(reading.texts(file.path, _HEAD), (0, b""))
    except reading.ReadError:
        return b""
    if offset or not head:  # behind a byte order mark nothing goes on
        return b""
    kind = file.options.format or sniff.sniff(head).name
    form = sniff.make(
        kind, file.options, Clockwork(zone=file.options.zone or _UTC, year=file.options.year or 2000, date=file.options.date), head
    )
    if form.spans:
        return b""
    size = 0
    for line in head.splitlines(keepends=True):
        text = line.decode("utf-8", "replace").rstrip("\r\n").replace("\0", "")
        if text.strip() and not isinstance(form.decode(text), Joined):
            return head[:size] if head[:size].strip() else b""
        size += len(line)
    return b""
