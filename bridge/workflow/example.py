"""What an investigation shows on the rows of one of its own tests: the example in its README, never made up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge.analysis.analyse import analyse
from bridge.analysis.inputs import AnalysisInputs
from bridge.catalog.testing import given_rows
from bridge.model.investigation import SqlEvidence
from bridge.model.window import Window
from bridge.sql.parameters import recorded

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.investigation import Investigation

BEGIN: Final = "<!-- made by `bridge investigations docs`, from a test's rows -->"
END: Final = "<!-- end -->"
_ROWS: Final = 8
_WIDE: Final = 7
_SEED: Final = 20260310


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Lines for people: the evidence of one test, and what the analysis says about it."""

    test: str
    """Name of the test's file."""
    about: str
    lines: tuple[str, ...]


def example(investigation: Investigation) -> Example | None:
    """Run the first test that finds something; None when none does, or none can be run."""
    if not any(isinstance(item, SqlEvidence) and item.view is None for item in investigation.evidence):
        return None
    for path in sorted(Path(investigation.folder).glob(investigation.tests)):
        given = given_rows(investigation, path)
        if given is not None and (given.affected or (investigation.cohort is None and any(t.num_rows for t in given.evidence.values()))):
            return Example(test=path.name, about=given.about, lines=tuple(_lines(investigation, given.evidence, given.values)))
    return None


def block(shown: Example) -> str:
    """Return the example as Markdown, between its marks."""
    text = "\n".join(shown.lines)
    return f"{BEGIN}\nOn the rows of `tests/{shown.test}` ({shown.about.rstrip('.')}):\n\n```text\n{text}\n```\n{END}"


def put_in(readme: str, made: str) -> str:
    """Return a README with its example block replaced, or put behind the section Example."""
    if BEGIN in readme and END in readme:
        head, _, rest = readme.partition(BEGIN)
        return head + made + rest.partition(END)[2]
    head, mark, rest = readme.partition("\n## Example\n")
    if not mark:
        return f"{readme.rstrip()}\n\n## Example\n\n{made}\n"
    section, following, tail = rest.partition("\n## ")
    return f"{head}{mark}{section.rstrip()}\n\n{made}\n{following}{tail}"


def _lines(investigation: Investigation, tables: dict[str, pa.Table], values: dict[str, Any]) -> list[str]:
    numbers = {item.name: f"E{number}" for number, item in enumerate(investigation.evidence, start=1)}
    lines: list[str] = []
    for item in investigation.evidence:
        if isinstance(item, SqlEvidence) and item.view is None:
            lines += [f"{numbers[item.name]} {item.name}", *_table(tables[item.name]), ""]
    window = values["window"]
    if investigation.findings and isinstance(window, Window):
        plain = {name: value if isinstance(value, Window) else recorded({name: value})[name] for name, value in values.items()}
        found = analyse(
            AnalysisInputs(
                investigation=investigation,
                window=window,
                parameters=plain,
                tables=tables,
                evidence_ids=numbers,
                tickets=(),
                currency="EUR",
                seed=_SEED,
                case_id="BR-0001",
            )
        )
        lines += ["findings", *(f"  {finding.id} {finding.statement}" for finding in found.findings)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _table(table: pa.Table) -> list[str]:
    """Return the first rows, aligned; columns without any value are left out."""
    names = [name for name in table.column_names if table[name].null_count < table.num_rows][:_WIDE]
    order = [name for name in ("at", "key", *names) if name in table.column_names]
    rows = table.sort_by([(name, "ascending") for name in dict.fromkeys(order)]).slice(0, _ROWS).to_pylist() if order else []
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(names))]
    lines = ["  " + "  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    if not rows:
        return ["  (no rows)"]
    return lines if table.num_rows <= _ROWS else [*lines, f"  ... {table.num_rows} rows"]


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else " ".join(str(value).split())[:40]
