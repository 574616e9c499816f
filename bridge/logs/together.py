"""A question to files, shared among processes: whole files, and the parts of a large one that is searched.

A part begins where an event begins, so that none lies in two. The answer is that of one process: what comes back is put
together in the order of files and parts, and the account of a file is made of those of its parts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import IO, TYPE_CHECKING, Final

from bridge.logs import raw, reading
from bridge.logs.ask import Answer, ask_file, failed, searched
from bridge.logs.options import PROCESSES
from bridge.logs.scan import FileReport, Tally, scanner_of

if TYPE_CHECKING:
    from bridge.logs.counting import Counting
    from bridge.logs.paths import LogFile
    from bridge.logs.question import Question
    from bridge.logs.records import Format

_SMALLEST: Final = 48_000_000
"""Bytes of a part: looking at a file's head and order once more costs as much as searching a tenth of it."""
_WORTH: Final = 0.15
"""Seconds of one core from which on a second process saves time: a fork and what it sends back cost some .01."""
_SEARCHED: Final = 1.5e9
_COLUMNS: Final = 4e8
_LINES: Final = 3e7
_UNPACKED: Final = 6e8
"""Bytes that one core searches, counts, reads line by line and unpacks in a second."""
_PACKED: Final = 6
"""Bytes of text in a compressed byte."""
_HEAD: Final = 256 * 1024


@dataclass(slots=True, kw_only=True)
class Part:
    """A part of a file that is searched, and what its reading leaves for the account of the whole file."""

    number: int
    count: int
    size: int
    """Of the file, when the parts were made: it may grow meanwhile."""
    searched: bool = False
    reasons: dict[str, int] = field(default_factory=dict)
    years: set[int] = field(default_factory=set)

    def of(self, stream: IO[bytes], stretch: tuple[int, int | None], form: Format) -> tuple[int, int]:
        """Return the bytes of this part of a stretch."""
        begin, end = stretch[0], stretch[1] if stretch[1] is not None else self.size
        cuts = [
            begin + (end - begin) * number // self.count if 0 < number < self.count else begin if not number else end
            for number in (self.number, self.number + 1)
        ]
        first, last = (cut if cut in {begin, end} else raw.event_start(stream.fileno(), cut, end, form) for cut in cuts)
        return first, last


Piece = tuple["LogFile", Part | None]


def plan(files: Sequence[LogFile], question: Question, counting: Counting | None) -> tuple[list[Piece], int]:
    """Return the pieces that files are read in, and how many processes are worth it."""
    if not files:
        return [], 1
    known = [_seen(file) for file in files]
    costs = [_cost(size, question, counting, packed=packed) for size, packed in known]
    if sum(costs) < _WORTH and PROCESSES not in os.environ:
        return [], 1
    from bridge.logs import workers

    processes = workers.processes(sum(2 if size >= 2 * _SMALLEST else 1 for size, _ in known))
    if processes == 1:
        return [], 1
    part = max(_SMALLEST, sum(size for size, _ in known) // (2 * processes))
    pieces: list[Piece] = []
    for file, (size, packed) in zip(files, known, strict=True):
        count = round(size / part) if not packed and searched(file, question) else 1
        pieces.extend((file, Part(number=number, count=count, size=size)) for number in range(count) if count > 1)
        pieces.extend([(file, None)] if count <= 1 else [])
    return pieces, min(processes, len(pieces))


def read(pieces: Sequence[Piece], processes: int, question: Question, answer: Answer, limit: int | None, counting: Counting | None) -> None:
    """Read the pieces and add what they have to the answer, as one process would."""
    _prepare(pieces, question, counting)
    own = counting.fresh() if counting is not None else None

    def work(number: int) -> tuple[Answer, Part | None]:
        file, part = pieces[number]
        found = Answer()
        found.reports.append(ask_file(file, question, found, own, limit, part))
        return found, part

    def last() -> Counting | None:
        if own is not None:
            own.settle()
        return own

    from bridge.logs import workers

    waiting: dict[int, tuple[Answer, Part | None]] = {}
    before: list[Part] = []
    place = 0
    for number, value in workers.share(processes, len(pieces), work, last):
        if number < 0:
            if counting is not None:
                counting.absorb(value)
            continue
        waiting[number] = value
        while place in waiting:
            found, part = waiting.pop(place)
            _add(answer, found, limit, follows=part is not None and part.number > 0)
            if part is not None:
                before.append(part)
                if part.number + 1 == part.count:
                    _account(pieces[place][0], before, answer)
                    before.clear()
            place += 1


def _prepare(pieces: Sequence[Piece], question: Question, counting: Counting | None) -> None:
    """Import what all processes need before they are there."""
    if counting is not None or question.levels:
        from bridge.logs import columns, places  # noqa: F401
    if counting is not None and "template" in counting.fields:
        from bridge.logs import collapse, tokens  # noqa: F401
    if any(reading.compressed(file.path) for file, _ in pieces):
        with suppress(ImportError):
            import_module("isal.igzip")


def _seen(file: LogFile) -> tuple[int, bool]:
    try:
        return file.path.stat().st_size, reading.compressed(file.path)
    except OSError:
        return 0, False


def _cost(size: int, question: Question, counting: Counting | None, *, packed: bool) -> float:
    """Return about how many seconds of one core a file takes."""
    if not packed and not question.whole and question.start is not None and question.end is not None:
        return 0.0  # its window is entered
    text = size * _PACKED if packed else size
    chosen = question.levels or question.accounts or question.traces or question.grep or question.where
    speed = _LINES if question.whole or not chosen else _SEARCHED
    if speed == _LINES and not question.whole and counting is not None and counting.takes_columns(question):
        speed = _COLUMNS
    return text / speed + (text / _UNPACKED if packed else 0.0)


def _add(answer: Answer, found: Answer, limit: int | None, *, follows: bool) -> None:
    """Add the answer of one piece; `follows`: a piece of the same file was added just before."""
    rows, own = answer.rows, found.rows
    start = len(rows.files) - (follows and bool(own.files))
    if not follows:
        rows.files.extend(own.files)
        answer.size += found.size
        answer.passed += found.passed
        answer.notes.extend(found.notes)
        answer.reports.extend(found.reports)
    else:
        answer.reports[-1] = _sum(answer.reports[-1], found.reports[0])
    rows.extend(own, start)
    answer.rejects.extend(found.rejects)
    answer.cut |= found.cut
    if limit is not None and len(rows.at) >= 2 * limit:
        rows.keep_first(limit)
        answer.cut = True


def _sum(one: FileReport, two: FileReport) -> FileReport:
    tally = Tally()
    tally.add(one.tally)
    tally.add(two.tally)
    firsts = [report.first for report in (one, two) if report.first is not None]
    lasts = [report.last for report in (one, two) if report.last is not None]
    return replace(
        one, tally=tally, first=min(firsts, default=None), last=max(lasts, default=None), problems=(*one.problems, *two.problems)
    )


def _account(file: LogFile, parts: Sequence[Part], answer: Answer) -> None:
    """Say of a file that was read in parts what one reader would have said."""
    report = answer.reports[-1]
    if not parts[0].searched:
        return  # it was read as a whole
    if not all(part.searched for part in parts):
        gone = failed(file, reading.ReadError("was replaced while the files were read, some of what was in it is missing"))
        answer.reports[-1] = replace(report, problems=(*report.problems, *gone.problems))
        return
    years = set().union(*(part.years for part in parts))
    if report.tally.rejected * 2 <= report.tally.parsed + report.tally.joined + report.tally.rejected and not years:
        return
    with reading.opened(file.path) as stream:
        head = stream.read(_HEAD)
    scanner = scanner_of(
        file.path, file.name, file.options, head, lambda _: False, answer.rows, 0, answer.rejects, report.tally, narrow=False
    )
    for part in parts:
        for reason, count in part.reasons.items():
            scanner.reasons[reason] = scanner.reasons.get(reason, 0) + count
    scanner.mapper.clockwork.inferred.update(years)
    answer.reports[-1] = replace(report, problems=(*report.problems, *scanner.complaints()), notes=tuple(scanner.notes()))
