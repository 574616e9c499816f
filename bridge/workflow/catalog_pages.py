"""The written side of the catalogue: its index page, and in each README what the entry gives on its test's rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.catalog import verified
from bridge.catalog.index import page
from bridge.disk import write_text
from bridge.workflow.example import block, example, put_in

if TYPE_CHECKING:
    from bridge.catalog.catalog import Catalog

INDEX: Final = "investigations-index.md"


def pages(catalog: Catalog) -> dict[Path, str]:
    """Return what every page must say: of the workspace's own entries where there is a workspace, else of the built-in ones."""
    own = catalog.workspace is not None
    folder = catalog.workspace if catalog.workspace is not None else catalog.builtin
    index = folder / INDEX if own else folder.parent / "docs" / INDEX
    entries = [entry for entry in catalog.list() if not entry.problem]
    loaded = [catalog.get(entry.id) for entry in entries]
    records = {**verified.read(catalog.builtin), **(verified.read(folder) if own else {})}
    wanted = {index: page(loaded, records, beside=index.parent)}
    for investigation in loaded:
        readme = Path(investigation.folder) / "README.md"
        if Path(investigation.folder).parent == folder and readme.is_file():
            made = example(investigation)
            if made is not None:
                wanted[readme] = put_in(readme.read_text(encoding="utf-8"), block(made))
    return wanted


def write(catalog: Catalog) -> tuple[Path, ...]:
    """Write the pages that changed, and return them."""
    changed = []
    for path, text in pages(catalog).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    return tuple(changed)
