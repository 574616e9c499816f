"""Which files a path, folder or glob means, and how they are named in answers."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.logs.options import SourceOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file of a source."""

    path: Path
    name: str
    """As it is shown: relative to the workspace where it lies in it."""
    options: SourceOptions
    inode: int | None = None
    """When it was listed: tells that it was rotated since."""
    lead: int = 0
    """Bytes at its beginning that belong to the file before it."""
    tail: bytes = b""
    """Lines of the next file that belong to its last event."""
    tail_name: str = ""


_ROTATED: Final = re.compile(
    r"(?P<stem>.+?)(?:[.-](?:(?P<date>\d{4}-?\d\d-?\d\d(?:[-_T.]?\d{1,6})?)|(?P<number>\d{1,5})))?(?P<packed>\.(?:gz|bz2|xz|zst))?$"
)


def rotation(path: Path) -> tuple[str, str, tuple[int, str, int]]:
    """Return folder, name of the rotated set and a key that puts its oldest file first: numbers fall, dates rise, the live file is last."""
    match = _ROTATED.fullmatch(path.name)
    if match is None:
        return str(path.parent), path.name, (2, "", 0)
    date, number = match["date"], match["number"]
    return str(path.parent), match["stem"], (0, "", -int(number)) if number else (1, date, 0) if date else (2, "", 0)


def matches(pattern: str, root: Path, problems: list[str] | None = None) -> list[Path]:
    """Return the files of a path, folder or glob, sorted, rotated ones from the oldest on; relative ones start at `root`.

    A file that links lead to in several ways is named once, by the shortest. Folders that can't be listed go to `problems`.
    """
    told = problems if problems is not None else []
    expanded = Path(pattern).expanduser()
    literal = root / expanded
    found = [literal] if _there(literal) else [root / name for name in _glob(str(expanded), root)]
    files: list[Path] = []
    for path in sorted(found, key=rotation):
        if path.is_dir():
            inside = (inner for inner in _walked(path, told) if inner.is_file() and not inner.name.startswith("."))
            files.extend(sorted(inside, key=rotation))
        elif path.is_file():
            files.append(path)
    shortest: dict[Path, Path] = {}
    for path in files:
        own = path.resolve()
        if own not in shortest or len(path.parts) < len(shortest[own].parts):
            shortest[own] = path
    return list(shortest.values())


def nothing(pattern: str, root: Path) -> str:
    """Return why a path, folder or glob means no file."""
    path = root / Path(pattern).expanduser()
    try:
        if path.is_symlink() and not path.exists():
            return f"{pattern} is a link to nothing (in {root})"
        if path.is_dir():
            return f"{pattern} holds no file that can be seen (in {root})"
        if path.exists():
            return f"{pattern} is neither a file nor a folder (in {root})"
    except OSError as error:
        return f"{pattern}: {error.strerror}"
    return f"no file matches {pattern} (in {root})"


def is_pipe(path: Path) -> bool:
    """Tell whether this is a named pipe."""
    try:
        return path.is_fifo()
    except OSError:
        return False


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _walked(folder: Path, problems: list[str]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        problems.append(f"{error.filename}: {error.strerror}")

    for here, _, names in os.walk(folder, onerror=refused):
        yield from (Path(here) / name for name in names)


def shown(path: Path, root: Path) -> str:
    """Return the name of a file in evidence: relative to the workspace where it lies below it; bytes that are no UTF-8 are escaped."""
    try:
        name = path.relative_to(root).as_posix()
    except ValueError:
        name = Path(os.path.normpath(path)).as_posix()
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def of_sources(sources: tuple[SourceOptions, ...], root: Path, label: str) -> tuple[list[LogFile], list[str]]:
    """Return the files of all sources, each once (the first source that names it has it), and what matched nothing."""
    seen: set[Path] = set()
    files: list[LogFile] = []
    problems: list[str] = []
    for source in sources:
        for pattern in source.paths:
            refused: list[str] = []
            paths = matches(pattern, root, refused)
            problems.extend(f"{label}: {text}" for text in refused)
            if not paths:
                problems.append(f"{label}: {nothing(pattern, root)}")
            for path in paths:
                identity = path.resolve()
                if identity not in seen:
                    seen.add(identity)
                    files.append(LogFile(path=path, name=shown(path, root), options=source))
    return files, problems


def _glob(pattern: str, root: Path) -> list[str]:
    return glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
