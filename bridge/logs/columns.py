"""JSON lines to columns, a chunk at a time: for lines that are all as simple as most are. The scanner reads the others."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from bridge.logs import raw
from bridge.logs.formats.json_lines import EXPORTS
from bridge.logs.names import level_of, rare_names
from bridge.logs.records import MESSAGE_LIMIT, Event, Mapper
from bridge.logs.scan import Scanner
from bridge.logs.times import Clockwork, TimeError, checked, parse_text

if TYPE_CHECKING:
    import pyarrow as pa

_PARTS: Final = ("at", "level", "service", "trace_id", "account_id", "message")
_IDS: Final = ("service", "trace_id", "account_id")
_NOTHING: Final = ("", "-", "null", "None", "none", "nil")


_TIMES: Final = re.compile(r"(?:\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z\n)+", re.ASCII)
_DAY: Final = 10
_MINUTE: Final = 16
MANY: Final = 1_000
"""Times from which on they are read as columns of digits."""
_SAMPLED: Final = 100
"""Lines that show under which names the parts stand; a line that is not like them leaves its chunk to the scanner."""

Columns = dict[str, list[Any]]
"""at in microseconds, level, service, account_id, trace_id, message: a list each, an event a place."""


def schema() -> pa.Schema:
    """Return the columns that are kept; attributes stay in the file, at `offset`."""
    import pyarrow as pa

    texts = [pa.field(name, pa.string()) for name in ("level", "service", "trace_id", "account_id", "message")]
    return pa.schema([pa.field("at", pa.timestamp("us", "UTC")), *texts, pa.field("offset", pa.int64())])


def fast_way(scanner: Scanner, head: bytes) -> Callable[[bytes | memoryview, int], Any] | None:
    """Return what decodes a chunk of JSON lines to a table, None where a chunk is not that simple; None: no such way."""
    lines = _lines_of(scanner, head)
    return lines.table if lines is not None else None


def lists_way(scanner: Scanner, head: bytes) -> Callable[[bytes | memoryview, int], Columns | None] | None:
    """Return what decodes so many JSON lines to lists, without pyarrow; None as `fast_way`."""
    lines = _lines_of(scanner, head)
    return lines.lists if lines is not None else None


def _lines_of(scanner: Scanner, head: bytes) -> _Lines | None:
    """Return how the lines are decoded: only names that lie at the top of the objects, in the order in which they are looked for."""
    options, mapper = scanner.mapper.refs, scanner.mapper
    if scanner.form.name != "json" or mapper.patterns or mapper.pairs or any(ref.pattern for ref in options.values()):
        return None
    probes = list(islice(raw.sample(head, scanner.form, mapper), _SAMPLED))
    keys: dict[str, str] = {}
    before: list[str] = list(EXPORTS)
    for part in _PARTS:
        if part not in options or (part == "service" and mapper.service is not None):
            continue
        names = options[part].names
        seen = next((name for name in names if any(name in probe.record for probe in probes)), None)
        if seen is None or "." in seen:
            if part in {"at", "message"}:
                return None
            before.extend(name for name in (*names, *rare_names(part)) if "." not in name)
            continue
        keys[part] = seen
        before.extend(name for name in names[: names.index(seen)] if "." not in name)
    extra = [name for name in dict.fromkeys(before) if name not in keys.values()]
    looked = [name for part in options for name in (*options[part].names, *(() if part in keys else rare_names(part)))]
    wide = sorted({name.partition(".")[0] for name in looked if "." in name} - set(extra) - set(keys.values()))
    columns = list(dict.fromkeys(keys.values()))
    behind = {part: [name for name in _behind(options[part].names, keys[part]) if name not in {*extra, *wide}] for part in keys}
    # A field that would win over a chosen name, or leads to one inside, may only be null: else the scanner decides.
    return _Lines(
        decoder=_decoder({f"c{number}": name for number, name in enumerate(columns)}, str | None, [*extra, *wide]),
        behind={
            part: _decoder({"own": keys[part]} | {f"o{n}": name for n, name in enumerate(names)}, Any) for part, names in behind.items()
        },
        mapper=mapper,
        keys=keys,
        columns=columns,
    )


def _decoder(names: dict[str, str], kind: Any, nothing: Sequence[str] = ()) -> Any:
    """Return what decodes lines to objects with these attributes; `nothing`: fields that may only be null."""
    renamed = names | {f"x{number}": name for number, name in enumerate(nothing)}
    fields = [(attribute, kind if attribute in names else None, None) for attribute in renamed]
    return msgspec.json.Decoder(msgspec.defstruct("Line", fields, rename=renamed, gc=False))


def _sane(ends: Iterable[int | None]) -> bool:
    """Tell whether the first and the last of some times are such as logs have: others the scanner rejects, with its reason."""
    try:
        return all(checked(end) is not None for end in ends if end is not None)
    except TimeError:
        return False


def _behind(names: Sequence[str], seen: str) -> list[str]:
    """Return the names that are looked for after one, at the top of an object."""
    return [name for name in names[names.index(seen) + 1 :] if "." not in name]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Decodes a chunk of JSON lines into columns."""

    decoder: Any
    mapper: Mapper
    keys: dict[str, str]
    columns: list[str]
    behind: dict[str, Any]
    """For each part, what decodes its own field and those that count where it has no value."""

    def table(self, data: bytes | memoryview, offset: int) -> pa.Table | None:
        """Return the events of a chunk, or None."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        found = self._decoded(data)
        if found is None:
            return None
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")).astype(np.int64) + 1
        starts = np.concatenate((np.zeros(1, dtype=np.int64), ends))
        starts = starts[:-1] if starts[-1] == len(data) else starts
        # A blank line gives none and a line of two objects two: they only add up to the lines where no line is blank.
        if len(found) != len(starts) or (np.frombuffer(data, dtype=np.uint8)[starts] != ord("{")).any():
            return None
        by_name = {name: pa.array(list(map(operator.attrgetter(f"c{n}"), found)), pa.string()) for n, name in enumerate(self.columns)}
        get = {part: by_name[name] for part, name in self.keys.items()}
        elsewhere = any(values.null_count and self._elsewhere(data, part) for part, values in get.items())
        messages = get.get("message")
        bare = get["at"].null_count or ("level" in get and get["level"].null_count)  # a name that is rare may have the level
        if elsewhere or bare or (messages is not None and (messages.null_count or _longest(messages) > MESSAGE_LIMIT)):
            return None
        try:
            at = pc.cast(get["at"], pa.timestamp("us", "UTC"))
        except pa.ArrowInvalid:
            return None
        sane = _sane(pc.min_max(pc.cast(at, pa.int64())).as_py().values())
        if not sane or any(part in get and not _plain(get[part]) for part in _IDS):
            return None
        empty = pa.nulls(len(found), pa.string())
        service = pa.array([self.mapper.service or ""] * len(found)) if "service" not in get else pc.fill_null(get["service"], "")
        level = _levels(get["level"]) if "level" in get else pa.array([""] * len(found))
        columns = [at, level, service, get.get("trace_id", empty), get.get("account_id", empty), get.get("message", empty)]
        return pa.Table.from_arrays([*columns, pa.array(starts + offset)], schema=schema())

    def _decoded(self, data: bytes | memoryview) -> list[Any] | None:
        """Return the objects of the lines; None: one of them is not as expected, or some byte is no UTF-8, also where nobody reads it."""
        try:
            if not (data.isascii() if isinstance(data, bytes) else _ascii(data)):
                str(data, "utf-8")
            return cast("list[Any]", self.decoder.decode_lines(data))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    def _elsewhere(self, data: bytes | memoryview, part: str) -> bool:
        """Tell whether one of the lines has no value under the chosen name of a part, but one under a name that comes later."""
        decoder = self.behind[part]
        others = [name for name in decoder.type.__struct_fields__ if name != "own"]
        return any(line.own is None and any(getattr(line, name) is not None for name in others) for line in decoder.decode_lines(data))

    def lists(self, data: bytes | memoryview, lines: int) -> Columns | None:
        """Return the events of a chunk of so many lines, or None; only the parts that are read."""
        found = self._decoded(data)
        if found is None or len(found) != lines:
            return None
        by_name = {name: list(map(operator.attrgetter(f"c{n}"), found)) for n, name in enumerate(self.columns)}
        get = {part: by_name[name] for part, name in self.keys.items()}
        if any(None in values and self._elsewhere(data, part) for part, values in get.items()):
            return None
        times = micros(get["at"])
        messages = get.get("message")
        if (
            times is None
            or not _sane((min(times), max(times)) if times else ())
            or (messages is not None and (None in messages or max(map(len, messages)) > MESSAGE_LIMIT))
        ):
            return None
        columns: Columns = {"at": times}
        for part in self.mapper.refs:
            values = get.get(part)
            if part == "service":
                constant = self.mapper.service or ""
                columns[part] = [constant] * len(found) if values is None else [value or "" for value in values]
            elif part == "level":
                levels = {word: level_of(word) for word in set(values or ())}
                if None in levels:
                    return None  # a name that is rare may have it
                columns[part] = [""] * len(found) if values is None else [levels[word] for word in values]
            elif part != "at":
                columns[part] = ([""] if part == "message" else [None]) * len(found) if values is None else values
            if part in _IDS and values is not None and any(value is not None and _odd(value) for value in set(values)):
                return None
        return columns


def _ascii(data: memoryview) -> bool:
    import numpy as np

    return not len(data) or bool(np.frombuffer(data, np.int8).min() >= 0)


def _odd(name: str) -> bool:
    return name.strip() != name or name in _NOTHING


def micros(texts: list[str | None]) -> list[int] | None:
    """Return the microseconds of times in UTC, written as ISO 8601 has them; None: one is not."""
    if None in texts:
        return None
    times = cast("list[str]", texts)
    if len(times) >= MANY and (found := _alike(times)) is not None:
        return found
    if not _TIMES.fullmatch("\n".join(times) + "\n"):
        return None
    try:
        minutes = {minute: parse_text(f"{minute}:00Z", Clockwork()) for minute in {text[:_MINUTE] for text in times}}
    except TimeError:
        return None
    return [minutes[text[:_MINUTE]] + round(float(text[_MINUTE + 1 : -1]) * 1_000_000) for text in times]


def _alike(times: list[str]) -> list[int] | None:
    """Return what `micros` does for times that all have the same digits and signs at the same places; None: they have not."""
    import numpy as np

    width = len(times[0]) + 1
    data = ("\n".join(times) + "\n").encode("utf-8", "replace")
    if len(data) != width * len(times) or not _TIMES.fullmatch(times[0] + "\n"):
        return None
    rows = np.frombuffer(data, np.uint8).reshape(-1, width)
    digits = rows - np.uint8(ord("0"))  # what is no digit is more than nine
    like = digits[0] <= 9  # noqa: PLR2004 - a digit
    if (digits[:, like] > 9).any() or (rows[:, ~like] != rows[0, ~like]).any():  # noqa: PLR2004
        return None
    hour, minute, second = (digits[:, at].astype(np.int64) * 10 + digits[:, at + 1] for at in (_DAY + 1, _MINUTE - 2, _MINUTE + 1))
    if hour.max() > 23 or minute.max() > 59 or second.max() > 59:  # noqa: PLR2004 - a time of day
        return None
    heads = np.flatnonzero(np.append(True, (rows[1:, :_DAY] != rows[:-1, :_DAY]).any(axis=1)))
    try:
        days = [parse_text(f"{times[head][:_DAY]}T00:00:00Z", Clockwork()) for head in heads.tolist()]
    except TimeError:
        return None
    result = np.repeat(np.array(days, np.int64), np.diff(np.append(heads, len(times))))
    result += ((hour * 60 + minute) * 60 + second) * 1_000_000
    scale = 100_000
    for place in range(_MINUTE + 4, width - 2):
        result += digits[:, place].astype(np.int64) * scale
        scale //= 10
    found: list[int] = result.tolist()
    return found


def _longest(texts: pa.Array) -> int:
    import pyarrow.compute as pc

    return pc.max(pc.binary_length(texts)).as_py() or 0


def _plain(values: pa.Array) -> bool:
    """Tell whether ids are as loggers should write them: no blanks around, no word for nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.is_in(values, value_set=pa.array(_NOTHING))).as_py():
        return False
    return bool(pc.all(pc.equal(pc.utf8_trim_whitespace(values), values)).as_py() in {True, None})


def _levels(values: pa.Array) -> pa.Array:
    import pyarrow as pa

    encoded = values.dictionary_encode()
    words = pa.array([level_of(word) for word in encoded.dictionary.to_pylist()], pa.string())
    return words.take(encoded.indices).fill_null("")


def rows_of(table: pa.Table, offsets: list[int]) -> Iterator[Event]:
    """Yield the rows of a chunk as events at these offsets."""
    import pyarrow as pa

    at = table.column(0).cast(pa.int64()).to_pylist()
    level, service, trace_id, account_id, message = (table.column(number).to_pylist() for number in range(1, 6))
    for values in zip(at, level, service, account_id, trace_id, message, repeat("{}"), offsets, strict=False):
        yield Event._make(values)
