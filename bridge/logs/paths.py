"""Which files a path, folder or glob means, and how they are named in answers."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from bridge.logs.options import SourceOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file of a source."""

    path: Path
    name: str
    """As it is shown: relative to the workspace where it lies in it."""
    options: SourceOptions


def matches(pattern: str, root: Path) -> list[Path]:
    """Return the files of a path, folder or glob, sorted; relative ones start at `root`."""
    expanded = Path(pattern).expanduser()
    literal = root / expanded
    found = [literal] if literal.exists() else [root / name for name in _glob(str(expanded), root)]
    files: list[Path] = []
    for path in sorted(found):
        if path.is_dir():
            files.extend(sorted(inner for inner in path.rglob("*") if inner.is_file() and not inner.name.startswith(".")))
        elif path.is_file():
            files.append(path)
    return files


def shown(path: Path, root: Path) -> str:
    """Return the name of a file in evidence: relative to the workspace where it lies below it."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return Path(os.path.normpath(path)).as_posix()


def of_sources(sources: tuple[SourceOptions, ...], root: Path, label: str) -> tuple[list[LogFile], list[str]]:
    """Return the files of all sources, each once (the first source that names it has it), and what matched nothing."""
    seen: set[Path] = set()
    files: list[LogFile] = []
    problems: list[str] = []
    for source in sources:
        for pattern in source.paths:
            paths = matches(pattern, root)
            if not paths:
                problems.append(f"{label}: no file matches {pattern} (in {root})")
            for path in paths:
                identity = path.resolve()
                if identity not in seen:
                    seen.add(identity)
                    files.append(LogFile(path=path, name=shown(path, root), options=source))
    return files, problems


def _glob(pattern: str, root: Path) -> list[str]:
    return glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
