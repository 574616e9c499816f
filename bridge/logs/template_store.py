"""Templates that are known from earlier runs: a JSON file that keeps ids when templates widen or merge.

```json
{"algorithm": "template-2026-11",
 "templates": [{"id": "0b1f…", "template": "session opened for user <*>", "aliases": ["77ab…"], "members": ["session opened for user root"]}]}
```

`aliases` are ids that the template had before it widened, or that templates had which were merged into it: what was
known under any of them is not new. `members` are the masked texts that made it, so that the next run decides as if it
had seen them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTemplate:
    """One template and what it was called before."""

    id: str
    template: str
    members: tuple[str, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTemplates:
    """All templates of one store, sorted by id."""

    algorithm: str
    entries: tuple[KnownTemplate, ...] = ()

    def current(self) -> dict[str, str]:
        """Return every id that was ever given out, to the id that the template has now."""
        now = {alias: entry.id for entry in self.entries for alias in entry.aliases}
        return now | {entry.id: entry.id for entry in self.entries}

    def aliases_of(self, identity: str) -> tuple[str, ...]:
        """Return the earlier ids of a template."""
        return next((entry.aliases for entry in self.entries if entry.id == identity), ())


def load_known(path: Path, algorithm: str) -> KnownTemplates:
    """Read a store; a file that does not exist yet is an empty one. InputError: not a store, or of another algorithm."""
    if not path.exists():
        return KnownTemplates(algorithm=algorithm)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = tuple(_entry(item) for item in document["templates"])
        made_by = str(document["algorithm"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no file of known templates: {error!r}", where=str(path), hint="name another file; it is made when missing"
        ) from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", where=str(path)) from error
    if made_by != algorithm:
        raise InputError(
            f"{path} was made by '{made_by}', ids are made by '{algorithm}' now",
            where=str(path),
            hint="start a new file: ids of different algorithms are not compared",
        )
    return KnownTemplates(algorithm=made_by, entries=tuple(sorted(entries, key=lambda entry: entry.id)))


def save_known(path: Path, known: KnownTemplates) -> None:
    """Write a store; the file is there as a whole or not at all."""
    document = {
        "algorithm": known.algorithm,
        "templates": [
            {"id": entry.id, "template": entry.template, "aliases": list(entry.aliases), "members": list(entry.members)}
            for entry in known.entries
        ],
    }
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}", where=str(path)) from error


def _entry(item: Any) -> KnownTemplate:
    return KnownTemplate(
        id=str(item["id"]),
        template=str(item["template"]),
        members=tuple(map(str, item["members"])),
        aliases=tuple(map(str, item.get("aliases", ()))),
    )
