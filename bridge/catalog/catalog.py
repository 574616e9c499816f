"""The catalogue: the built-in investigations, and the workspace's own over them (same name wins)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bridge.catalog.load import FILE, load
from bridge.errors import InputError, NotFoundError
from bridge.model.investigation import Investigation

Origin = Literal["built-in", "workspace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the list. A broken entry is listed too, with its problem; only using it is an error."""

    id: str
    """The folder's name."""
    version: int | None
    """None when it can't be read."""
    question: str
    origin: Origin
    shadowed: bool
    """True for a built-in entry that the workspace's own of the same name hides."""
    folder: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Investigations by id; reads the folders when asked."""

    builtin: Path
    workspace: Path | None
    """The workspace's `investigations` folder; it need not exist."""
    database: str = ""
    """What evidence without a `database:` key runs on; empty: left to whoever runs it."""

    def list(self, *, shadowed: bool = False) -> tuple[Entry, ...]:
        """Return the entries by id; with `shadowed`, hidden built-in ones too. Broken ones never raise."""
        own = _folders(self.workspace) if self.workspace is not None else {}
        entries = [self._entry(path, "workspace", hidden=False) for path in own.values()]
        for name, path in _folders(self.builtin).items():
            if name not in own or shadowed:
                entries.append(self._entry(path, "built-in", hidden=name in own))
        return tuple(sorted(entries, key=lambda entry: (entry.id, entry.shadowed)))

    def get(self, name: str) -> Investigation:
        """Return one investigation; NotFoundError names the nearest ids, InputError every problem of a broken one."""
        known = self._paths()
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?   all: bridge investigations list" if near else "all: bridge investigations list"
            raise NotFoundError(f"no investigation '{name}'", where=str(self.workspace or self.builtin), hint=hint)
        return load(known[name], database=self.database)

    def _paths(self) -> dict[str, Path]:
        return {**_folders(self.builtin), **(_folders(self.workspace) if self.workspace is not None else {})}

    def _entry(self, path: Path, origin: Origin, *, hidden: bool) -> Entry:
        try:
            loaded = load(path, database=self.database)
        except InputError as error:
            where = f"{error.where}: " if error.where else ""
            problem = f"{where}{error.message}"
            return Entry(id=path.name, version=None, question="", origin=origin, shadowed=hidden, folder=str(path), problem=problem)
        return Entry(id=loaded.id, version=loaded.version, question=loaded.question, origin=origin, shadowed=hidden, folder=str(path))


def _folders(folder: Path) -> dict[str, Path]:
    """Return the folders that hold an investigation, by name."""
    if not folder.is_dir():
        return {}
    return {path.name: path for path in sorted(folder.iterdir()) if (path / FILE).is_file()}
