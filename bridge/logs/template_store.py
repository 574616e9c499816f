"""Templates that are known from earlier runs: a JSON file that keeps ids when templates widen or merge.

```json
{"algorithm": "template-2026-11-22",
 "templates": [{"id": "0b1f…", "template": "session opened for user <*>", "aliases": ["77ab…"], "members": ["session opened for user root"]}]}
```

`aliases` are ids that the template had before it widened, or that templates had which were merged into it: what was
known under any of them is not new. `members` are the masked texts that made it, so that the next run decides as if it
had seen them.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bridge.disk import write_text
from bridge.errors import InputError

FILE: Final = "log-templates.json"
"""Name of the store of a workspace, beside its bridge.yaml, and of a case, beside its evidence."""


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

    def aliases(self) -> dict[str, tuple[str, ...]]:
        """Return the earlier ids of each template, by its id."""
        return {entry.id: entry.aliases for entry in self.entries}

    def texts(self) -> dict[str, str]:
        """Return the text of each template, by its id."""
        return {entry.id: entry.template for entry in self.entries}

    def only(self, ids: Collection[str]) -> KnownTemplates:
        """Return the templates with these ids."""
        return KnownTemplates(algorithm=self.algorithm, entries=tuple(entry for entry in self.entries if entry.id in ids))


def together(one: KnownTemplates, two: KnownTemplates) -> KnownTemplates:
    """Return what both know: entries of one id become one. Templates that share a text are joined when they are mined next."""
    entries = {entry.id: entry for entry in one.entries}
    for entry in two.entries:
        same = entries.get(entry.id, entry)
        entries[entry.id] = KnownTemplate(
            id=entry.id,
            template=entry.template,
            members=tuple(sorted({*same.members, *entry.members})),
            aliases=tuple(sorted({*same.aliases, *entry.aliases})),
        )
    return KnownTemplates(algorithm=one.algorithm, entries=tuple(entries[identity] for identity in sorted(entries)))


def load_known(path: Path, algorithm: str = "") -> KnownTemplates:
    """Read a store; a file that does not exist yet is an empty one. InputError: not a store, or not of the algorithm that is asked for."""
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
    if algorithm and made_by != algorithm:
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
    write_text(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def put_aside(path: Path, algorithm: str) -> None:
    """Rename a store of another algorithm, if there is one: its ids are not compared with those of today, and not thrown away."""
    if not path.is_file():
        return
    words = "".join(sign if sign.isalnum() or sign in "-." else "_" for sign in algorithm)
    try:
        path.replace(path.with_name(f"{path.stem}.{words}{path.suffix}"))
    except OSError as error:
        raise InputError(f"{path} can't be put aside: {error.strerror}", where=str(path)) from error


def _entry(item: Any) -> KnownTemplate:
    return KnownTemplate(
        id=str(item["id"]),
        template=str(item["template"]),
        members=tuple(map(str, item["members"])),
        aliases=tuple(map(str, item.get("aliases", ()))),
    )
