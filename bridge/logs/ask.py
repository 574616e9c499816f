"""Answer a question from log files: raw bytes first, the full scan where that is not possible."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from bridge.logs import raw, reading
from bridge.logs.bulk import Batch, all_lines, read_placed, read_whole
from bridge.logs.levels import LevelSearch, level_search
from bridge.logs.paths import LogFile
from bridge.logs.question import Needles, Question
from bridge.logs.records import Event
from bridge.logs.scan import FileReport, Scanner, Tally, scan_file, scanner_of
from bridge.logs.store import Rejects, Rows

if TYPE_CHECKING:
    from bridge.logs.counting import Counting
    from bridge.logs.together import Part

_HEAD: Final = 256 * 1024
_WORTH_SAMPLING: Final = 1_000_000
"""Bytes from which on a sample decides how levels are looked for; smaller files are decoded whole."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """The events that fit and an account of what was read."""

    rows: Rows = field(default_factory=Rows)
    rejects: Rejects = field(default_factory=Rejects)
    reports: list[FileReport] = field(default_factory=list)
    size: int = 0
    """Bytes of the files, compressed as they lie there."""
    passed: int = 0
    """Bytes not looked at: their time lies outside."""
    cut: bool = False
    """True: only the first events in time order were kept."""
    notes: list[str] = field(default_factory=list)
    """How it was read: order, shortcuts."""

    def counts(self) -> dict[str, int]:
        """Return files, lines, parsed, joined, rejected, skipped, repaired, events, bytes, bytes_passed.

        lines = parsed + joined + rejected + skipped, of the lines that were looked at one by one: those that hold none of
        the bytes a fitting event must hold are not among them.
        """
        total = Tally()
        for report in self.reports:
            total.add(report.tally)
        return {
            "files": len(self.reports),
            **{name: getattr(total, name) for name in Tally.__slots__},
            "bytes": self.size,
            "bytes_passed": self.passed,
        }

    def problems(self) -> list[str]:
        """Return what went wrong, file by file."""
        return [problem for report in self.reports for problem in (*report.problems, *report.notes)]


def ask(
    files: Sequence[LogFile],
    question: Question,
    limit: int | None = None,
    cached: Path | None = None,
    counting: Counting | None = None,
) -> Answer:
    """Read the files and return what fits; with `counting`, fitting events are counted there and none is returned.

    With a `limit`, the first events in time order are kept, and never more than twice as many are held. `cached` is the
    folder of `bridge.logs.cache`: what it holds of unchanged files is asked instead, where that is faster.
    """
    answer = Answer()
    if cached is not None and cached.is_dir() and not question.whole and not question.needs_attributes():
        from bridge.logs.cached import answer_from

        files = answer_from(files, question, cached, answer, lambda file: _keeper(file, question, answer, counting, limit), counting)
    left = [file for file in files if not question.services or file.options.service is None or file.options.service in question.services]
    from bridge.logs import together

    pieces, processes = together.plan(left, question, counting)
    if processes > 1:
        together.read(pieces, processes, question, answer, limit, counting)
    else:
        answer.reports.extend(ask_file(file, question, answer, counting, limit) for file in left)
    return answer


def ask_file(
    file: LogFile, question: Question, answer: Answer, counting: Counting | None, limit: int | None, part: Part | None = None
) -> FileReport:
    """Add what one file, or a part of it, has to an answer, and return the account of its lines."""
    try:
        file = replace(file, path=reading.moved(file.path, file.inode))
        size = file.path.stat().st_size if part is None else part.size
    except (OSError, reading.ReadError) as error:
        return failed(file, error)
    answer.size += size
    if searched(file, question):
        # What was gathered before a fault is dropped: the full scan reads up to the damage and says what is wrong.
        marks = (len(answer.rows.at), len(answer.rows.files), len(answer.rejects.file))
        own = counting.fresh() if counting is not None and part is None else counting
        try:
            report = _search(file, size, question, answer, _keeper(file, question, answer, own, limit), own, part)
        except reading.damage() as error:
            if part is not None:
                return failed(file, error)
            report = None
            _forget(answer, marks)
        if report is not None:
            answer.rejects.in_order(marks[2])
            if counting is not None and own is not None and own is not counting:
                counting.absorb(own)
            return report
    if part is not None and part.number:
        return FileReport(name=file.name, format="", tally=Tally())  # the first part is the whole file then
    keep = _keeper(file, question, answer, counting, limit)
    wanted = None if question.whole or (question.start is None and question.end is None) else [_window(question)]
    return scan_file(
        file.path, file.name, file.options, keep=keep, rows=answer.rows, rejects=answer.rejects, wanted=wanted,
        inode=file.inode, lead=file.lead, tail=(file.tail_name, file.tail),
        attributes=question.needs_attributes(), parts=question.needed(),
    )  # fmt: skip


def searched(file: LogFile, question: Question) -> bool:
    """Tell whether the bytes of a file may be searched, rather than every line read from its beginning."""
    return not question.whole and file.options.format != "csv" and not file.lead and not file.tail


def failed(file: LogFile, error: Exception) -> FileReport:
    """Return the account of a file that can't be read."""
    why = getattr(error, "strerror", None) or str(error)
    return FileReport(name=file.name, format=file.options.format or "", tally=Tally(), problems=(f"{file.name}: {why}",))


def _keeper(file: LogFile, question: Question, answer: Answer, counting: Counting | None, limit: int | None) -> Callable[[Event], bool]:
    """Return what judges each event of a file."""

    def keep(event: Event) -> bool:
        if not question.fits(event):
            return False
        if counting is not None:
            counting.add(event, file.name)
            return False
        if limit is not None and len(answer.rows.at) >= 2 * limit:
            answer.rows.keep_first(limit)
            answer.cut = True
        return True

    return keep


def _window(question: Question) -> tuple[int, int]:
    return (question.start if question.start is not None else 0, question.end if question.end is not None else 1 << 62)


def _forget(answer: Answer, marks: tuple[int, int, int]) -> None:
    rows, files, rejects = marks
    answer.rows.forget(rows, files)
    answer.rejects.forget(rejects)


def _search(
    file: LogFile,
    size: int,
    question: Question,
    answer: Answer,
    keep: Callable[[Event], bool],
    counting: Counting | None,
    part: Part | None,
) -> FileReport | None:
    """Search the bytes of a file; None where a full scan has to do it: csv, no needle and no order."""
    plain = not reading.compressed(file.path)
    with file.path.open("rb", buffering=0) if plain else reading.opened(file.path, fast=True) as stream:
        if plain and os.fstat(stream.fileno()).st_ino != (file.inode or os.fstat(stream.fileno()).st_ino):
            return None  # rotated in this moment: the full scan finds the file that is meant
        head = os.pread(stream.fileno(), _HEAD, 0) if plain else _head(file.path)
        if head.startswith(reading.WIDE) or reading.foreign(head) is not None or (len(head) == _HEAD and b"\n" not in head):
            return None  # UTF-16, no log at all, or a first line that is too long to tell the format by
        head = head[: head.rfind(b"\n") + 1] or head
        begin = 3 if head.startswith(b"\xef\xbb\xbf") else 0
        tally = Tally()
        index = len(answer.rows.files)
        scanner = scanner_of(
            file.path, file.name, file.options, head[begin:], keep, answer.rows, index, answer.rejects, tally,
            narrow=False, attributes=question.needs_attributes(), parts=question.needed(),
        )  # fmt: skip
        if scanner.form.spans:
            return None
        answer.rows.files.append(file.name)
        quick = replace(scanner.mapper, attributes=False)  # same plans: they are told what the sample looks like
        order = raw.probe(stream, size, scanner.form, quick) if plain else None
        region, note = _region(stream, order, size, question, scanner)
        probes = order.probes if order is not None else tuple(raw.sample(head[begin:], scanner.form, quick))
        conditions = question.needles(composed=scanner.form.composed)
        levels: LevelSearch | None = None
        if not conditions and question.levels and size >= _WORTH_SAMPLING:
            levels = level_search(probes, question.levels, file.options, scanner)
            conditions.extend([levels.needles] if levels is not None else [])
        batch = Batch(scanner=scanner, head=head[begin:])
        if counting is not None and counting.takes_columns(question):
            batch.sink = partial(counting.add_columns, question=question, file=file.name)
        elif question.needs_attributes():
            batch.fast = False
        whole = not conditions and (order is None or region == (0, size))
        # The full scan skips lines by their time, and tells what became of each.
        if whole and (size < _WORTH_SAMPLING or question.start is not None or question.end is not None or not batch.able()):
            answer.rows.files.pop()
            return None
        if note:
            answer.notes.append(f"{file.name}: {note}")
        answer.passed += size - (region[1] - region[0]) if plain else 0
        stretch = (max(begin, region[0]), region[1] if plain else None)
        if part is not None:
            part.searched = True
            stretch = part.of(stream, stretch, scanner.form)
        if levels is not None and levels.places is not None:
            read_placed(stream, stretch, levels, scanner, batch)
        else:
            _read(stream, stretch, conditions, scanner, batch, levels)
        batch.close()
    scanner.close()
    if part is not None:
        part.reasons, part.years = scanner.reasons, scanner.mapper.clockwork.inferred
        return FileReport(name=file.name, format=scanner.form.name, tally=tally, first=scanner.first, last=scanner.last)
    return FileReport(
        name=file.name,
        format=scanner.form.name,
        tally=tally,
        first=scanner.first,
        last=scanner.last,
        problems=tuple(scanner.complaints()),
        notes=tuple(scanner.notes()),
    )


def _head(path: Path) -> bytes:
    with reading.opened(path) as stream:
        return stream.read(_HEAD)


def _region(stream: IO[bytes], order: raw.Order | None, size: int, question: Question, scanner: Scanner) -> tuple[tuple[int, int], str]:
    if order is None or (question.start is None and question.end is None):
        return (0, size), ""
    if not order.sorted:
        return (0, size), "lines are not in time order, read whole" if order.disorder else ""
    region = order.region(question.start, question.end, size)
    region = raw.refine(stream, order, region, (question.start, question.end), (scanner.form, scanner.mapper))
    return region, f"in time order at {len(order.probes)} places, disorder {order.disorder / 1e6:g} s"


def _read(
    stream: IO[bytes],
    stretch: tuple[int, int | None],
    conditions: Sequence[Needles],
    scanner: Scanner,
    batch: Batch,
    levels: LevelSearch | None,
) -> None:
    """Give the scanner every event of the stretch that holds the needles."""
    ordered = sorted(conditions, key=lambda needles: (len(needles), -min(map(len, needles))))
    if not ordered and batch.able():
        read_whole(stream, stretch, scanner, batch)
        return
    for offset, buffer, length in raw.chunks(stream, *stretch, scanner.form):
        if not ordered or (levels is not None and not levels.proved(buffer, length)):
            scanner.skip()
            all_lines(buffer, length, offset, scanner)
            continue
        finder = raw.Finder(buffer, length, ordered[0])
        position = finder.after(0)
        while position >= 0:
            start, stop = raw.event_around(buffer, length, position, scanner.form)
            data = bytes(buffer[start:stop])
            if len(ordered) == 1 or raw.holds(data, ordered[1:]):
                if data.find(b"\n", 0, -1) < 0:
                    scanner.tally.lines += 1
                    batch.add(data, offset + start)
                else:
                    scanner.skip()
                    all_lines(data, len(data), offset + start, scanner)
                    scanner.skip()
            position = finder.after(stop)
