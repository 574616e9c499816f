"""The table of dirty input in docs/logs.md, from reading the cases: `make dirty-input` prints it and writes it anew."""

from __future__ import annotations

import bz2
import json
import lzma
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import zstandard

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
ONE = b'{"ts":"2026-03-10T02:00:01Z","msg":"a"}\n'
TWO = b"2026-03-10T02:00:02Z ERROR failed\n"
MANY = b"".join(b'{"ts":"2026-03-10T02:%02d:%02dZ","msg":"%d"}\n' % (n // 60 % 60, n % 60, n * 7_919) for n in range(3_000))
MADE: tuple[tuple[str, bytes, dict[str, Any]], ...] = (
    ("an empty file", b"", {}),
    ("no line end at all", ONE.rstrip(), {}),
    ("a file of NUL bytes, as a crash leaves it", b"\0" * 4_096, {}),
    ("lines that end with a lone CR", ONE + ONE.replace(b"\n", b"\r") * 2 + ONE, {}),
    ("U+2028 and vertical tabs inside a line", "2026-03-10T02:00:01Z INFO a\u2028b\x0bc\n".encode(), {}),
    ("colours of a terminal", b"\x1b[2m2026-03-10T02:00:01Z\x1b[0m \x1b[31mERROR\x1b[0m a\n", {}),
    ("bytes of another format among lines", b"\x89PNG\r\n\x1a\n" + TWO + b"\x00\x01\x02\xff\n" + TWO, {"format": "json"}),
    ("JSON 100,000 levels deep, and cut there", b'{"ts":"2026-03-10T02:00:01Z","a":' + b"[" * 100_000 + b"\n" + ONE, {}),
    ("a number of 6,000 digits", b'{"ts":"2026-03-10T02:00:01Z","n":' + b"9" * 6_000 + b"}\n" + ONE, {}),
    ("times that are none: zero, negative, year 1", b'{"ts":0}\n{"ts":-5}\n{"ts":"0001-01-01T00:00:00Z"}\n' + ONE, {}),
    ("dates like 03/10/2026, no order declared", b"03/10/2026 02:00:01 UTC INFO a\n25/03/2026 02:00:01 UTC INFO b\n", {}),
    ("lines of three formats in one file", ONE * 3 + TWO + b"free words\n", {}),
    ("zstd that ends early", zstandard.compress(MANY)[:-400], {}),
    ("bzip2 that ends early", bz2.compress(MANY)[:-400], {}),
    ("xz that ends early", lzma.compress(MANY)[:-400], {}),
)
LONGEST = 140
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
        for about, data, options in MADE:
            path.write_bytes(data)
            rows.append(_row(about, _read(path, options)))
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
    said = "; ".join(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…" for text in [*ends, *reasons][:2]).replace("|", "\\|")
    return f"| {about} | {' | '.join(str(result.counts[name]) for name in COLUMNS)} | {said} |"


def written(page: str) -> str:
    """Return the page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(table(), end="")
