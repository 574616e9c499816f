"""The table of dirty input in docs/logs.md, from reading the cases: `python tests/logs/dirty_table.py` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.selection import read_all
from bridge.ports import LogResult

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "logs"
PAGE = ROOT / "docs" / "logs.md"
BEGIN, END = "<!-- dirty input: tests/logs/dirty_table.py -->\n", "<!-- /dirty input -->\n"
NAMES = (
    ("json-cut-line", "a cut line of JSON"),
    ("json-stack-trace-between", "a stack trace between lines of JSON"),
    ("json-invalid-utf8", "invalid UTF-8"),
    ("json-nul", "NUL bytes"),
    ("json-bom", "a byte order mark"),
    ("utf16", "UTF-16 with half a character"),
    ("json-two-objects", "two objects on a line"),
    ("json-nan", "NaN, which is no JSON"),
    ("json-type-changes", "a field that changes its type"),
    ("json-duplicate-key", "a key twice in an object"),
    ("json-wrapped", "objects over several lines, one not closed"),
    ("json-crlf-blank-lines-no-last-newline", "CRLF, empty lines, no final newline"),
    ("json-no-object-first", "words before the first object"),
    ("logfmt-dirty", "logfmt: quotes that are not closed, words"),
    ("nginx-dirty", "nginx: cut lines, bytes of another protocol"),
    ("csv-quote-not-closed", "csv: a quote that is not closed"),
    ("cri", "Kubernetes: lines in parts, one without its end"),
    ("docker-long-line", "Docker: a line in three parts"),
    ("text-orphans", "text: lines before the first event"),
    ("text-no-zone", "text: times without a zone, none declared"),
    ("text-dst", "text: hours that the zone has twice, or not at all"),
    ("rails", "Rails: an error over several lines"),
    ("gzip-members", "gzip of several members"),
    ("gzip-cut", "gzip that ends early"),
)
COLUMNS = ("lines", "parsed", "joined", "rejected", "repaired", "events")


def table() -> str:
    """Return the table as Markdown, read from the cases now."""
    rows = ["| input | lines | = parsed | + joined | + rejected | repaired | events | said |", "|---|--:|--:|--:|--:|--:|--:|---|"]
    for name, about in NAMES:
        folder = CASES / name
        source = next(path for path in sorted(folder.iterdir()) if path.name.startswith("input."))
        rows.append(_row(about, _read(source, json.loads((folder / "expected.json").read_text(encoding="utf-8"))["options"])))
    with TemporaryDirectory() as folder_name:
        path = Path(folder_name) / "a.jsonl"
        path.write_bytes(b'{"ts":"2026-03-10T02:00:01Z","msg":"' + b"x" * 20_000_000 + b'"}\n{"ts":"2026-03-10T02:00:02Z","msg":"b"}\n')
        rows.append(_row("a line of 20 MB", _read(path, {})))
    return "\n".join(rows) + "\n"


def _read(path: Path, options: dict[str, Any]) -> LogResult:
    source = parse_sources({"sources": [{"paths": ["x"], **options}]}, "")[0]
    return read_all([LogFile(path=path, name=path.name, options=source)])


def _row(about: str, result: LogResult) -> str:
    assert result.rejects is not None
    reasons = list(dict.fromkeys(row["reason"].partition(" (line ")[0] for row in result.rejects.to_pylist()))
    ends = [problem.partition(": ")[2] for problem in result.problems if "lines rejected" not in problem]
    said = "; ".join([*ends, *reasons][:2]).replace("|", "\\|")
    return f"| {about} | {' | '.join(str(result.counts[name]) for name in COLUMNS)} | {said} |"


def written(page: str) -> str:
    """Return the page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
