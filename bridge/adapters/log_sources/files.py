"""Log files: paths and globs of bridge.yaml, read where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from bridge.logs import reading
from bridge.logs.options import SourceOptions, parse_sources
from bridge.logs.paths import LogFile, of_sources
from bridge.logs.rotation import listed
from bridge.logs.scan import FileReport, Tally, scan_file
from bridge.logs.selection import read_all, select
from bridge.logs.store import Rejects, Rows
from bridge.logs.times import EPOCH
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import LogRequest, LogResult

_SAMPLE: Final = 256 * 1024
_SAMPLED_FILES: Final = 10
_MOSTLY: Final = 0.95


def open_source(options: AdapterOptions) -> FileLogs:
    """Return the log source; InputError lists everything that is wrong with its part of bridge.yaml."""
    where = f"{options.where} logs.{options.name}" if options.where else f"logs.{options.name}"
    return FileLogs(name=options.name, root=options.root, sources=parse_sources(options.values, where))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLogs:
    """Log files of one workspace; nothing is opened before it is asked for."""

    name: str
    root: Path
    sources: tuple[SourceOptions, ...]
    product: str = "files"

    def select(self, request: LogRequest) -> LogResult:
        """Return the wanted events; files that vanished or match nothing are named in `problems`."""
        files, problems = self.files()
        result = select(files, request)
        return _with_problems(result, problems)

    def read_all(self) -> LogResult:
        """Return every event of every file: nothing is skipped."""
        files, problems = self.files()
        return _with_problems(read_all(files), problems)

    def files(self) -> tuple[list[LogFile], list[str]]:
        """Return the files of all sources, each once (the first source that names it has it), and what matched nothing."""
        return listed(lambda: of_sources(self.sources, self.root, f"logs {self.name}"))

    def check(self) -> Sequence[Check]:
        """Return a line for each source: files, format, first and last time, share of lines read in a sample."""
        files, _ = self.files()
        return [
            self._check(number, source, [file for file in files if file.options is source]) for number, source in enumerate(self.sources, 1)
        ]

    def _check(self, number: int, source: SourceOptions, files: Sequence[LogFile]) -> Check:
        connection = f"logs {self.name}"
        what = f"source {number}: {', '.join(source.paths)}"
        if not files:
            return Check(connection=connection, what=what, ok=False, detail="no file matches", hint=f"paths start at {self.root}")
        sampled = files if len(files) <= _SAMPLED_FILES else [*files[: _SAMPLED_FILES - 1], files[-1]]
        reports = [_sample(file) for file in sampled]
        total = Tally()
        for report in reports:
            total.add(report.tally)
        read = total.parsed + total.joined
        share = read / total.lines if total.lines else 1.0
        problems = [problem for report in reports for problem in report.problems]
        formats = ", ".join(dict.fromkeys(report.format for report in reports if report.format)) or "none"
        size = sum(_size(file.path) for file in files)
        detail = (
            f"{len(files)} file{'s' * (len(files) != 1)}, {size / 1e6:,.1f} MB, {formats} ({'declared' if source.format else 'sniffed'}), "
            f"{_times(reports)}, {read:,} of {total.lines:,} sampled lines read"
        )
        hint = problems[0] if problems else "" if share >= _MOSTLY else "bridge.yaml: format, zone or fields do not fit these files"
        return Check(connection=connection, what=what, ok=not problems and share >= _MOSTLY, detail=detail, hint=hint)


def _with_problems(result: LogResult, problems: Sequence[str]) -> LogResult:
    return LogResult(
        table=result.table,
        counts=result.counts,
        truncated=result.truncated,
        problems=(*problems, *result.problems),
        rejects=result.rejects,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sample(file: LogFile) -> FileReport:
    """Read the beginning of a file, and the end where it is not compressed."""
    return scan_file(file.path, file.name, file.options, keep=lambda _: False, rows=Rows(), rejects=Rejects(), pieces=_pieces(file.path))


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    block = reading.head(path, _SAMPLE)
    if not block:
        return
    yield 0, block
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            mark = stream.read(6)
            if reading.compression(mark) is not None or mark.startswith(reading.WIDE) or size <= len(block) + _SAMPLE:
                return
            stream.seek(size - _SAMPLE)
            tail = stream.read(_SAMPLE)
    except OSError as error:
        raise reading.ReadError(error.strerror or str(error)) from error
    begin = tail.find(b"\n") + 1
    if begin:
        yield size - _SAMPLE + begin, tail[begin : tail.rfind(b"\n") + 1]


def _times(reports: Sequence[FileReport]) -> str:
    known = [(report.first, report.last) for report in reports if report.first is not None and report.last is not None]
    if not known:
        return "no times read"
    first, last = (EPOCH + timedelta(microseconds=value) for value in (min(pair[0] for pair in known), max(pair[1] for pair in known)))
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
