"""The page that lists the catalogue: one row an investigation, written by `bridge investigations docs`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.catalog.verified import Record, identity
from bridge.catalog.views import needed
from bridge.model.investigation import Investigation, LogEvidence

_WRITTEN = "Written by `bridge investigations docs` from the entries themselves."


def page(investigations: Sequence[Investigation], records: Mapping[str, Record], *, beside: Path) -> str:
    """Return the page as Markdown; links are relative to the folder `beside`."""
    lines = [
        "# The catalogue",
        "",
        f"{_WRITTEN} How an entry is made: [investigations](investigations.md)." if (beside / "investigations.md").exists() else _WRITTEN,
        "",
        "| investigation | question | reads | affected from | verified on |",
        "|---|---|---|---|---|",
    ]
    for one in sorted(investigations, key=lambda each: each.id):
        record = records.get(one.id)
        verified = ", ".join(record.dialects) if record is not None and record.digest == identity(one) else "nothing yet"
        lines.append(f"| [{one.id}]({_link(one, beside)}) | {_cell(one.question)} | {_reads(one)} | {_minimum(one)} | {verified} |")
    return "\n".join(lines) + "\n"


def _link(one: Investigation, beside: Path) -> str:
    return Path(os.path.relpath(Path(one.folder) / "README.md", beside)).as_posix()


def _reads(one: Investigation) -> str:
    logs = sorted({item.logs for item in one.evidence if isinstance(item, LogEvidence)})
    return ", ".join([*sorted(needed(one)), *(f"logs {name}" for name in logs)])


def _minimum(one: Investigation) -> str:
    if one.cohort is None:
        return "counts no accounts"
    rule = one.cohort
    default = next((parameter.default for parameter in one.parameters if parameter.name == rule.failing), None)
    return f"{default} failing" if default is not None else "as given"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
