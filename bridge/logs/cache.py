"""Events kept as Parquet beside their files: read once, asked often. Delete it and the answers are the same.

An entry belongs to a path and holds for its size, modification time, inode and first bytes. A file that grew is read
from where its last whole event began. JSON lines are decoded a chunk at a time; a chunk in which one line is not what
the fast way knows (a stack trace, bad bytes, another type) goes through the scanner, which keeps every line.
"""

from __future__ import annotations

import hashlib
import json
import operator
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.logs import raw, reading
from bridge.logs.paths import LogFile
from bridge.logs.records import MESSAGE_LIMIT, Mapper, level_of
from bridge.logs.scan import Scanner, Tally, scanner_of
from bridge.logs.store import Rejects, Rows

if TYPE_CHECKING:
    import pyarrow as pa

VERSION: Final = 1
_HEAD: Final = 4096
_SNIFFED: Final = 256 * 1024
_ROWS: Final = 250_000
_CHUNK: Final = 8 * 1024 * 1024
_PARTS: Final = ("at", "level", "service", "trace_id", "account_id", "message")
_NOTHING: Final = ("", "-", "null", "None", "none", "nil")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells that a file is still the one that was read."""

    size: int
    mtime: int
    inode: int
    head: str
    """SHA-256 of the first 4,096 bytes (of all, if there are fewer)."""
    options: str
    """Digest of how the source is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The events of a stretch of the file's uncompressed bytes."""

    file: str
    begin: int
    end: int
    tally: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The cache of one file."""

    version: int
    name: str
    form: str
    identity: Identity
    parts: tuple[Part, ...]
    """The last one holds the last event only: more lines may belong to it."""

    def tally(self) -> Tally:
        """Return the figures of all parts."""
        total = Tally()
        for part in self.parts:
            total.add(Tally(**part.tally))
        return total


@dataclass(slots=True, kw_only=True)
class _Writer:
    """Writes the events and rejects of one part."""

    path: Path
    rows: Rows = field(default_factory=Rows)
    rejects: Rejects = field(default_factory=Rejects)
    tally: Tally = field(default_factory=Tally)
    out: Any = None
    tables: list[Any] = field(default_factory=list)
    waiting: int = 0

    def table(self, table: pa.Table) -> None:
        """Take events, in file order."""
        self.tables.append(table)
        self.waiting += table.num_rows
        if self.waiting >= _ROWS:
            self.flush()

    def gathered(self) -> None:
        """Take what the scanner put into `rows`."""
        import pyarrow as pa

        if self.rows.at:
            rows = self.rows
            arrays = [pa.array(rows.at, pa.int64()).cast(pa.timestamp("us", "UTC"))]
            arrays += [pa.array(column, pa.string()) for column in (rows.level, rows.service, rows.trace_id, rows.account_id, rows.message)]
            self.table(pa.Table.from_arrays([*arrays, pa.array(rows.offset, pa.int64())], schema=schema()))
            files = rows.files
            self.rows = Rows(files=files)

    def flush(self) -> None:
        """Write a row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.out is None:
            dictionary = ["level", "service", "account_id"]
            self.out = pq.ParquetWriter(
                self.path, schema(), compression="zstd", compression_level=1, use_dictionary=dictionary, write_statistics=["at", "offset"]
            )
        if self.tables:
            self.out.write_table(pa.concat_tables(self.tables))
        self.tables, self.waiting = [], 0

    def close(self) -> None:
        """Finish the part."""
        import pyarrow.parquet as pq

        self.gathered()
        self.flush()
        self.out.close()
        pq.write_table(self.rejects.table(), self.path.with_suffix(".rejects"), compression="zstd")


def schema() -> pa.Schema:
    """Return the columns that are kept; attributes stay in the file, at `offset`."""
    import pyarrow as pa

    texts = [pa.field(name, pa.string()) for name in ("level", "service", "trace_id", "account_id", "message")]
    return pa.schema([pa.field("at", pa.timestamp("us", "UTC")), *texts, pa.field("offset", pa.int64())])


def identify(file: LogFile) -> Identity:
    """Return the identity of a file as it is now; OSError when it is gone."""
    with file.path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        head = stream.read(_HEAD)
    options = hashlib.sha256(repr(replace(file.options, paths=())).encode()).hexdigest()[:16]
    return Identity(
        size=status.st_size, mtime=status.st_mtime_ns, inode=status.st_ino, head=hashlib.sha256(head).hexdigest(), options=options
    )


def load(file: LogFile, base: Path) -> Entry | None:
    """Return the entry of a file, whether it still holds or not; None without one that can be read."""
    path = _manifest(file, base)
    try:
        entry = msgspec.json.decode(path.read_bytes(), type=Entry)
    except (OSError, msgspec.DecodeError):
        return None
    return entry if entry.version == VERSION and all((base / part.file).is_file() for part in entry.parts) else None


def fresh(file: LogFile, base: Path) -> Entry | None:
    """Return the entry of a file if it holds for the file as it is now."""
    entry = load(file, base)
    try:
        return entry if entry is not None and entry.identity == identify(file) else None
    except OSError:
        return None


def _manifest(file: LogFile, base: Path) -> Path:
    return base / f"{hashlib.sha256(str(file.path.resolve()).encode()).hexdigest()[:20]}.json"


def ingest(file: LogFile, base: Path) -> tuple[Entry, int]:
    """Bring the cache of a file up to date; return the entry and how many bytes of the text were read.

    ReadError or OSError: the file is damaged or gone, nothing was kept of it.
    """
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity = identify(file)
    old = load(file, base)
    if old is not None and old.identity == identity:
        return old, 0
    kept = old.parts[:-1] if old is not None and old.form != "csv" and _grown(old.identity, identity, file) else ()
    begin = kept[-1].end if kept else 0
    stem = f"{_manifest(file, base).stem}-{identity.mtime:x}-{identity.size:x}"
    try:
        made, end, form = _parts(file, base, stem, begin, identity.size)
    except reading.damage() as error:
        raise reading.ReadError(f"ends early or is damaged: {error}") from error
    entry = Entry(version=VERSION, name=file.name, form=form, identity=identity, parts=(*kept, *made))
    target = _manifest(file, base)
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(asdict(entry), indent=1), encoding="utf-8")
    draft.replace(target)
    for part in old.parts if old is not None else ():
        if part not in entry.parts and part.file not in {one.file for one in entry.parts}:
            (base / part.file).unlink(missing_ok=True)
            (base / part.file).with_suffix(".rejects").unlink(missing_ok=True)
    return entry, end - begin


def _grown(old: Identity, new: Identity, file: LogFile) -> bool:
    """Tell whether the file only got longer: same inode, same first bytes, and plain."""
    same = old.inode == new.inode and old.options == new.options and new.size > old.size >= _HEAD
    return same and old.head == new.head and not reading.compressed(file.path)


def _parts(file: LogFile, base: Path, stem: str, begin: int, size: int) -> tuple[list[Part], int, str]:
    """Write the events from `begin` on as two parts: all but the last event, and the last."""
    plain = not reading.compressed(file.path)
    with file.path.open("rb", buffering=0) if plain else reading.opened(file.path, fast=True) as stream:
        writer = _Writer(path=base / f"{stem}-0.parquet")
        head = os.pread(stream.fileno(), _SNIFFED, 0) if plain else _first(file.path)
        scanner = _scanner(file, head, writer)
        if not begin and head.startswith(b"\xef\xbb\xbf"):
            begin = 3
        fast = _fast(scanner, head)
        end = begin
        tail = b""
        for offset, buffer, length in raw.chunks(stream, begin, size if plain else None, scanner.form, _CHUNK):
            if tail:
                _take(tail, end - len(tail), scanner, writer, fast)
            # The header of a csv is known to this scanner only: it is never read in two parts.
            cut = length if scanner.form.name == "csv" else raw.last_event(buffer, length, scanner.form)
            _take(bytes(buffer[:cut]), offset, scanner, writer, fast)
            tail, end = bytes(buffer[cut:length]), offset + length
        scanner.close()
        writer.close()
        parts = [Part(file=writer.path.name, begin=begin, end=end - len(tail), tally=asdict(writer.tally))]
        last = _Writer(path=base / f"{stem}-1.parquet")
        scanner = _scanner(file, head, last)
        _take(tail, end - len(tail), scanner, last, None)
        scanner.close()
        last.close()
        parts.append(Part(file=last.path.name, begin=end - len(tail), end=end, tally=asdict(last.tally)))
    return parts, end, scanner.form.name


def _first(path: Path) -> bytes:
    with reading.opened(path) as stream:
        return stream.read(_SNIFFED)


def _scanner(file: LogFile, head: bytes, writer: _Writer) -> Scanner:
    sample = (head[: head.rfind(b"\n") + 1] or head).removeprefix(b"\xef\xbb\xbf")
    writer.rows.files.append(file.name)
    return scanner_of(
        file.path,
        file.name,
        file.options,
        sample,
        lambda _: True,
        writer.rows,
        0,
        writer.rejects,
        writer.tally,
        narrow=False,
        attributes=False,
    )


def _take(data: bytes, offset: int, scanner: Scanner, writer: _Writer, fast: Callable[[bytes, int], Any] | None) -> None:
    """Give one chunk of whole events to the fast way, or line by line to the scanner."""
    if not data:
        return
    table = fast(data, offset) if fast is not None else None
    if table is not None:
        writer.gathered()
        scanner.rows = writer.rows
        writer.table(table)
        writer.tally.lines += table.num_rows
        writer.tally.parsed += table.num_rows
        writer.tally.events += table.num_rows
        return
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    writer.tally.lines += len(lines)
    for line in lines:
        scanner.line(line, offset)
        offset += len(line) + 1
    if scanner.form.name != "csv":  # its quoted values may go over chunks
        scanner.close()
    writer.gathered()
    scanner.rows = writer.rows


def _fast(scanner: Scanner, head: bytes) -> Callable[[bytes, int], Any] | None:
    """Return what decodes a chunk of JSON lines to a table, None where a chunk is not that simple; None: no such way.

    Only names that lie at the top of the objects, in the order in which they are looked for.
    """
    options, mapper = scanner.mapper.refs, scanner.mapper
    if scanner.form.name != "json" or mapper.patterns or mapper.pairs or any(ref.pattern for ref in options.values()):
        return None
    probes = list(raw.sample(head, scanner.form, mapper))
    keys: dict[str, str] = {}
    before: list[str] = []
    for part in _PARTS:
        if part == "service" and mapper.service is not None:
            continue
        names = options[part].names
        seen = next((name for name in names if any(name in probe.record for probe in probes)), None)
        if seen is None or "." in seen:
            if part in {"at", "message"}:
                return None
            before.extend(name for name in names if "." not in name)
            continue
        keys[part] = seen
        before.extend(name for name in names[: names.index(seen)] if "." not in name)
    extra = [name for name in dict.fromkeys(before) if name not in keys.values()]
    wide = sorted(
        {name.partition(".")[0] for part in _PARTS for name in options[part].names if "." in name} - set(extra) - set(keys.values())
    )
    columns = list(dict.fromkeys(keys.values()))
    renamed = {f"c{number}": name for number, name in enumerate(columns)} | {
        f"x{number}": name for number, name in enumerate([*extra, *wide])
    }
    # A field that would win over a chosen name, or leads to one inside, may only be null: else the scanner decides.
    shape = msgspec.defstruct(
        "Line",
        [(field_name, str | None if field_name[0] == "c" else None, None) for field_name in renamed],
        rename=renamed,
        gc=False,
    )
    return _Lines(decoder=msgspec.json.Decoder(shape), mapper=mapper, keys=keys, columns=columns).table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Decodes a chunk of JSON lines into columns."""

    decoder: Any
    mapper: Mapper
    keys: dict[str, str]
    columns: list[str]

    def table(self, data: bytes, offset: int) -> pa.Table | None:
        """Return the events of a chunk, or None."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            found = self.decoder.decode_lines(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")).astype(np.int64) + 1
        starts = np.concatenate((np.zeros(1, dtype=np.int64), ends))
        starts = starts[:-1] if starts[-1] == len(data) else starts
        if len(found) != len(starts):
            return None
        by_name = {name: pa.array(list(map(operator.attrgetter(f"c{n}"), found)), pa.string()) for n, name in enumerate(self.columns)}
        get = {part: by_name[name] for part, name in self.keys.items()}
        if get["at"].null_count or get["message"].null_count or _longest(get["message"]) > MESSAGE_LIMIT:
            return None
        try:
            at = pc.cast(get["at"], pa.timestamp("us", "UTC"))
        except pa.ArrowInvalid:
            return None
        for part in ("service", "trace_id", "account_id"):
            if part in get and not _plain(get[part]):
                return None
        empty = pa.nulls(len(found), pa.string())
        service = pa.array([self.mapper.service or ""] * len(found)) if "service" not in get else pc.fill_null(get["service"], "")
        level = _levels(get["level"]) if "level" in get else pa.array([""] * len(found))
        columns = [at, level, service, get.get("trace_id", empty), get.get("account_id", empty), get["message"]]
        return pa.Table.from_arrays([*columns, pa.array(starts + offset)], schema=schema())


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
