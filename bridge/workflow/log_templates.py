"""Template ids of a case's log events: mined from all of its logs together, and recorded, so that an id keeps its meaning.

A case keeps its templates beside its evidence, the workspace keeps those of all its cases (`log-templates.json`, the form
of `bridge logs templates --known`). A new case begins with what the workspace knows; from then on its own file decides, so
that the same lines give the same bytes whatever else was investigated meanwhile, and on any machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.logs.miner import ALGORITHM, Miner
from bridge.logs.store import TEMPLATE_ID, with_templates
from bridge.logs.template_store import FILE, KnownTemplates, load_known, put_aside, save_known, together
from bridge.workflow.evidence_store import parquet_bytes

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.evidence import Provenance
    from bridge.workflow.evidence_store import EvidenceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Log evidence with its template ids, and what was written for it."""

    tables: Mapping[str, pa.Table]
    provenances: Mapping[str, Provenance]
    texts: Mapping[str, str]
    """Template id to template."""
    renamed: tuple[str, ...]
    """Evidence that was kept and whose ids are others now."""


def name(store: EvidenceStore, root: Path, logs: Sequence[tuple[Provenance, pa.Table]], fresh: frozenset[str]) -> Named:
    """Give the events of a case their template ids; write the `fresh` evidence, and kept one whose ids changed.

    `root` is the workspace's folder. Nothing is mined where nothing is fresh and all ids are known.
    """
    path = store.folder / FILE
    own = _own(path)
    if own is not None and not fresh and all(_known(table, own) for _, table in logs):
        if not own.texts().keys() <= of_workspace(root).current().keys():
            record(root / FILE, own)  # a case of another machine
        return _named([(provenance, table, provenance) for provenance, table in logs], own)
    tables, mined = with_templates([table for _, table in logs], own or of_workspace(root))
    templates = mined.templates.only(set(mined.ids))
    written = []
    for (provenance, old), table in zip(logs, tables, strict=True):
        made = provenance
        if provenance.name in fresh or not _same(old, table) or provenance.templates != ALGORITHM:
            data = parquet_bytes(table)
            made = store.write(replace(provenance, templates=ALGORITHM, digest=hashlib.sha256(data).hexdigest()), data)
        if provenance.name not in fresh:
            templates = _with_earlier(templates, old, table)
        written.append((provenance, table, made))
    if templates.entries:
        save_known(path, templates)
        record(root / FILE, templates)
    return _named(written, templates, kept=[p.name for p, _ in logs if p.name not in fresh])


def of_workspace(root: Path) -> KnownTemplates:
    """Return what the workspace has recorded; nothing where another algorithm made it."""
    found = load_known(root / FILE)
    return found if found.algorithm == ALGORITHM else KnownTemplates(algorithm=ALGORITHM)


def record(path: Path, templates: KnownTemplates) -> None:
    """Bring the workspace's templates up to date: what widens or merges keeps its earlier ids as aliases."""
    before = load_known(path)
    if before.algorithm != ALGORITHM:
        put_aside(path, before.algorithm)
        before = KnownTemplates(algorithm=ALGORITHM)
    now = Miner(known=together(before, templates)).finish().templates
    if now != before:
        save_known(path, now)
        path.chmod(0o600)  # masked as they are, the texts come from customers' logs


def _own(path: Path) -> KnownTemplates | None:
    if not path.is_file():
        return None
    found = load_known(path)
    return found if found.algorithm == ALGORITHM else None


def _known(table: pa.Table, templates: KnownTemplates) -> bool:
    import pyarrow.compute as pc

    return TEMPLATE_ID in table.column_names and set(pc.unique(table[TEMPLATE_ID]).to_pylist()) <= templates.texts().keys()


def _same(old: pa.Table, new: pa.Table) -> bool:
    return TEMPLATE_ID in old.column_names and old[TEMPLATE_ID].equals(new[TEMPLATE_ID])


def _with_earlier(templates: KnownTemplates, old: pa.Table, new: pa.Table) -> KnownTemplates:
    """Return the templates with the ids that kept rows had, of another algorithm too, as aliases of what most of their rows have now."""
    import pyarrow as pa

    if TEMPLATE_ID not in old.column_names or _same(old, new):
        return templates
    pairs = pa.table({"old": old[TEMPLATE_ID], "new": new[TEMPLATE_ID]}).group_by(["old", "new"]).aggregate([([], "count_all")])
    most: dict[str, tuple[int, str]] = {}
    for row in pairs.to_pylist():
        most[row["old"]] = max(most.get(row["old"], (0, "")), (row["count_all"], row["new"]))
    texts = templates.texts()
    earlier: dict[str, set[str]] = {}
    for identity, (_, now) in most.items():
        if identity not in texts:
            earlier.setdefault(now, set()).add(identity)
    entries = [replace(each, aliases=tuple(sorted({*each.aliases, *earlier.get(each.id, ())}))) for each in templates.entries]
    return replace(templates, entries=tuple(entries))


def _named(written: Sequence[tuple[Provenance, pa.Table, Provenance]], templates: KnownTemplates, *, kept: Sequence[str] = ()) -> Named:
    return Named(
        tables={made.name: table for _, table, made in written},
        provenances={made.name: made for _, _, made in written},
        texts=templates.texts(),
        renamed=tuple(old.name for old, _, made in written if old.name in kept and made.digest != old.digest),
    )
