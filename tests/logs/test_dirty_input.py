"""Every case of dirty input: what it gives, what it rejects and why, and that no line is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.selection import read_all
from bridge.ports import LogResult
from tests.logs.dirty_table import PAGE, table, written

CASES = Path(__file__).parents[1] / "cases" / "logs"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())
IDENTITY = ("parsed", "joined", "rejected", "skipped")


def run(folder: Path, options: dict[str, Any], name: str | None = None) -> LogResult:
    source = next(path for path in sorted(folder.iterdir()) if path.name.startswith("input."))
    return read_all(
        [LogFile(path=source, name=name or source.name, options=parse_sources({"sources": [{"paths": ["x"], **options}]}, "")[0])]
    )


def summary(result: LogResult) -> dict[str, Any]:
    """Return what expected.json holds: empty values left out."""
    rows = result.table.to_pylist()
    events = []
    for row in rows:
        row["at"] = row["at"].isoformat().replace("+00:00", "Z")
        row["attributes"] = json.loads(row["attributes"])
        del row["file"]
        events.append({key: value for key, value in row.items() if value not in ("", None, {})})
    rejects = [{key: row[key] for key in ("offset", "length", "reason")} for row in (result.rejects.to_pylist() if result.rejects else [])]
    counts = {key: value for key, value in result.counts.items() if value and key != "files"}
    return {"counts": counts, "events": events, "rejects": rejects, "problems": list(result.problems)}


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str) -> None:
    expected = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    found = summary(run(CASES / name, expected["options"]))
    if os.environ.get("WRITE_EXPECTED"):  # look at the difference before committing it
        text = json.dumps({"options": expected["options"], **found}, indent=1, ensure_ascii=False) + "\n"
        (CASES / name / "expected.json").write_text(text, encoding="utf-8")
        return
    assert found == {key: expected[key] for key in found}


@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_lost(name: str) -> None:
    expected = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    result = run(CASES / name, expected["options"])
    assert result.counts["lines"] == sum(result.counts[key] for key in IDENTITY)
    assert result.counts["skipped"] == 0
    assert result.rejects is not None
    assert result.rejects.num_rows == result.counts["rejected"]


def test_the_table_of_the_page_is_what_is_read() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "run: python tests/logs/dirty_table.py"
    for row in table().splitlines()[2:]:
        lines, parsed, joined, rejected = (int(cell) for cell in row.split("|")[2:6])
        assert lines == parsed + joined + rejected, row
