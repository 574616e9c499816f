"""Many lines at once: those that a proof does not pass over, and their decoding in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from bridge.logs import raw
from bridge.logs.scan import Scanner

if TYPE_CHECKING:
    from bridge.logs.columns import Columns
    from bridge.logs.levels import LevelSearch
    from bridge.logs.places import Marks, Places

_MANY: Final = 4_096
_BRACE: Final = ord("{")
_NEWLINE: Final = ord("\n")
_SAMPLE: Final = 256 * 1024
"""Bytes that tell which byte of a needle is rare."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """Single lines waiting to be decoded together: worth the import of pyarrow only where they are many."""

    scanner: Scanner
    head: bytes
    sink: Callable[[Columns], None] | None = None
    """Takes decoded columns instead of the scanner; the lines are counted here."""
    fast: bool = True
    """False: attributes are wanted, which no fast way makes."""
    lines: list[bytes] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    way: Callable[..., Any] | None = None
    tried: bool = False

    def add(self, line: bytes, offset: int) -> None:
        """Take a line with its end."""
        self.extend([line], [offset])

    def extend(self, lines: Iterable[bytes], offsets: Iterable[int]) -> None:
        """Take lines with their ends."""
        self.lines.extend(lines)
        self.offsets.extend(offsets)
        if len(self.lines) >= _MANY:
            self._decode()

    def close(self) -> None:
        """Decode what is left."""
        if self.way is not None or self.sink is not None:
            self._decode()
        else:
            self._alone()

    def able(self) -> bool:
        """Tell whether there is a way to decode many lines at once."""
        if not self.tried and self.fast:
            from bridge.logs.columns import fast_way, lists_way

            self.way = fast_way(self.scanner, self.head) if self.sink is None else lists_way(self.scanner, self.head)
        self.tried = True
        return self.way is not None

    def whole(self, buffer: bytearray, length: int, offset: int, marks: Marks) -> bool:
        """Decode a chunk at once; False: one of its lines is not that simple, and nothing was taken."""
        import numpy as np

        if not self.able() or not length:
            return False
        data = np.frombuffer(buffer, np.uint8, length)
        starts = _bounds(buffer, data, marks)[:-1]
        # A blank line gives no object and a line of two objects two.
        if (data[starts] != _BRACE).any():
            return False
        with memoryview(buffer) as everything, everything[:length] as view:
            if not self._taken(view, len(starts), (starts + offset).tolist):
                return False
        self.scanner.tally.lines += len(starts)
        return True

    def _decode(self) -> None:
        if not self.able() or not self.lines or not self._taken(b"".join(self.lines), len(self.lines), lambda: self.offsets):
            self._alone()
        self.lines, self.offsets = [], []

    def _taken(self, data: bytes | memoryview, lines: int, offsets: Callable[[], list[int]]) -> bool:
        """Give away what so many lines hold; False: not all of them are simple."""
        if self.way is None:
            return False
        if self.sink is not None:
            columns = self.way(data, lines)
            if columns is None:
                return False
            self.scanner.close()
            self.scanner.count_all(lines, min(columns["at"]), max(columns["at"]))
            self.sink(columns)
            return True
        table = self.way(data, 0)
        if table is None:
            return False
        from bridge.logs.columns import rows_of

        self.scanner.close()
        self.scanner.take_all(rows_of(table, offsets()))
        return True

    def _alone(self) -> None:
        for line, offset in zip(self.lines, self.offsets, strict=True):
            self.scanner.alone(line.removesuffix(b"\n"), offset)
        self.lines, self.offsets = [], []


def all_lines(data: bytes | bytearray, length: int, offset: int, scanner: Scanner) -> None:
    """Give the scanner every line."""
    lines = bytes(data[:length]).split(b"\n")
    if not lines[-1]:
        lines.pop()
    scanner.tally.lines += len(lines)
    for line in lines:
        scanner.line(line, offset)
        offset += len(line) + 1


def read_whole(stream: IO[bytes], stretch: tuple[int, int | None], scanner: Scanner, batch: Batch) -> None:
    """Decode all lines, a chunk at once; the lines of a chunk that is not that simple one by one."""
    from bridge.logs.places import Marks

    marks = Marks()
    for offset, buffer, length in raw.chunks(stream, *stretch, scanner.form):
        if not batch.whole(buffer, length, offset, marks):
            all_lines(buffer, length, offset, scanner)


def read_placed(stream: IO[bytes], stretch: tuple[int, int | None], levels: LevelSearch, scanner: Scanner, batch: Batch) -> None:
    """Decode what can't be passed over by its level, with the lines around it that belong together."""
    import numpy as np

    from bridge.logs.places import Marks

    marks = Marks()
    rare: dict[bytes, int] = {}
    for offset, buffer, length in raw.chunks(stream, *stretch, scanner.form):
        if not rare:
            counts = np.bincount(np.frombuffer(buffer, np.uint8, min(length, _SAMPLE)), minlength=256).tolist()
            rare = {needle: min((counts[byte], place) for place, byte in enumerate(needle))[1] for needle in levels.needles}
        _one_chunk(buffer, length, offset, marks, rare, scanner, batch, levels.places)


def _one_chunk(
    buffer: bytearray, length: int, offset: int, marks: Marks, rare: dict[bytes, int], scanner: Scanner, batch: Batch, places: Places | None
) -> None:
    """Look at the lines of one chunk; no array over the buffer outlives it, so that the buffer may grow."""
    import numpy as np

    data = np.frombuffer(buffer, np.uint8, length)
    bounds = _bounds(buffer, data, marks)
    starts = bounds[:-1]
    passed = places.passed(buffer, length, starts) if places is not None else np.zeros(len(starts), np.bool_)
    # A second object on the line, or a second field of that name, may have the level that is wanted.
    for needle, place in rare.items():
        spots = marks.of(data, needle[place]) - place
        spots = spots[(spots >= 0) & (spots <= length - len(needle))]
        spots = spots[data[spots] == needle[0]]
        lines = np.searchsorted(starts, spots, side="right") - 1
        left = passed[lines]  # most of them stand in lines that are decoded anyway
        for line, spot in zip(lines[left].tolist(), spots[left].tolist(), strict=True):
            if buffer.startswith(needle, spot):
                passed[line] = False
    single = np.flatnonzero(~passed)  # no line is passed over that does not begin with a brace
    joined = single[data[starts[single]] != _BRACE]
    odd = joined[:0]
    if len(joined):
        odd = np.union1d(joined, np.maximum(joined - 1, 0))
        single = np.setdiff1d(single, odd, assume_unique=True)
    if len(single):
        begins = starts[single].tolist()
        ends = bounds[single + 1].tolist()
        scanner.tally.lines += len(begins)
        with memoryview(buffer) as view:
            batch.extend([bytes(view[begin:end]) for begin, end in zip(begins, ends, strict=True)], [offset + begin for begin in begins])
    if len(odd):
        _around(buffer, offset, odd.tolist(), starts[odd].tolist(), bounds[odd + 1].tolist(), scanner)


def _bounds(buffer: bytearray, data: Any, marks: Marks) -> Any:
    """Return where the lines of a chunk begin, and its length."""
    import numpy as np

    breaks = marks.of(data, _NEWLINE)
    bounds = np.zeros(len(breaks) + 1 + (buffer[len(data) - 1] != _NEWLINE), np.int64)
    bounds[1 : len(breaks) + 1] = breaks
    bounds[1 : len(breaks) + 1] += 1
    bounds[-1] = len(data)
    return bounds


def _around(buffer: bytearray, offset: int, numbers: list[int], begins: list[int], ends: list[int], scanner: Scanner) -> None:
    """Give the scanner lines that other lines belong to, or that belong to another."""
    scanner.tally.lines += len(numbers)
    previous = -2
    for number, begin, end in zip(numbers, begins, ends, strict=True):
        if number != previous + 1:
            scanner.skip()
        scanner.line(bytes(buffer[begin:end]).removesuffix(b"\n"), offset + begin)
        previous = number
    scanner.skip()
