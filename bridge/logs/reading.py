"""Bytes of log files: plain or compressed, in blocks that end with a line."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

BLOCK: Final = 8 * 1024 * 1024
_TRIES: Final = 10
_REPLACED: Final = "was replaced while the files were read, what was in it is missing"
_READ: Final = 256 * 1024
_MAGIC: Final = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))


BOM: Final = b"\xef\xbb\xbf"
WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks: of UTF-8, of UTF-16 little and big endian."""


class ReadError(Exception):
    """A file can't be read (any more), or not to its end; the text says why and what to do."""


def compression(head: bytes) -> str | None:
    """Tell gzip, bzip2, xz or zstd by a file's first bytes; None is plain."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


_FOREIGN: Final = (
    (0, b"PK\x03\x04", "a zip archive: unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (0, b"\x04\x22\x4d\x18", "lz4: unpack it (lz4 -d)"),
    (0, b"\x1f\x9d", "packed by compress: unpack it (uncompress)"),
    (0, b"PAR1", "a Parquet file, no log"),
    (0, b"SQLite format 3\0", "a SQLite database, no log"),
    (0, b"LPKSHHRH", "a binary journal: journalctl --file FILE --output json"),
    (0, b"ElfFile\0", "a Windows event log: export it as text or CSV"),
    (257, b"ustar", "a tar archive: unpack it"),
)


def foreign(head: bytes) -> str | None:
    """Tell what a file is that holds no lines, by its first (uncompressed) bytes, and what to do; None: it may be a log."""
    return next((f"is {what}" for place, magic, what in _FOREIGN if head.startswith(magic, place)), None)


def texts(path: Path, size: int = BLOCK, inode: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield pieces as `blocks` does, as UTF-8 and without a byte order mark; offsets are those of the file.

    UTF-16 comes line by line; what is no character of it comes as bytes that are no UTF-8, so that it is counted.
    """
    pieces = blocks(path, size, inode)
    offset, first = next(pieces, (0, b""))
    if (what := foreign(first)) is not None:
        raise ReadError(what)
    if first.startswith(WIDE):
        pieces.close()
        yield from _wide(path, inode, "utf-16-le" if first.startswith(WIDE[0]) else "utf-16-be")
        return
    mark = len(BOM) if first.startswith(BOM) else 0
    if len(first) > mark:
        yield offset + mark, first[mark:]
    yield from pieces


def head(path: Path, size: int) -> bytes:
    """Return the first lines of a file as UTF-8, some `size` bytes; ReadError as `blocks` does, if nothing can be read."""
    found: list[bytes] = []
    length = 0
    for _, piece in texts(path, size):
        found.append(piece)
        length += len(piece)
        if length >= size:
            break
    return b"".join(found)


def _wide(path: Path, inode: int | None, encoding: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a UTF-16 file, each as UTF-8 at its offset in the file."""
    newline = "\n".encode(encoding)
    rest = b""
    offset = 0
    failure: ReadError | None = None
    pieces = blocks(path, 1, inode)  # they end at any byte: only the lines below count
    while True:
        try:
            piece = next(pieces, (0, b""))[1]
        except ReadError as error:
            piece, failure = b"", error
        rest += piece
        start = 0 if offset else 2  # the mark
        while (end := _aligned(rest, newline, start)) >= 0:
            yield offset + start, _narrow(rest[start:end], encoding) + b"\n"
            start = end + 2
        if not piece:
            break
        if start > 2 or offset:  # noqa: PLR2004 - behind the mark
            offset, rest = offset + start, rest[start:]
    if len(rest) > start:
        yield offset + start, _narrow(rest[start:], encoding)
    if failure is not None:
        raise failure


def _aligned(data: bytes, newline: bytes, start: int) -> int:
    """Return where the next newline stands at an even place, -1 for nowhere."""
    found = data.find(newline, start)
    while found % 2 and found >= 0:
        found = data.find(newline, found + 1)
    return found


def _narrow(line: bytes, encoding: str) -> bytes:
    try:
        return line.decode(encoding).encode()
    except UnicodeDecodeError:
        whole = line[: len(line) // 2 * 2]
        return whole.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass") + b"\xff" * (len(line) % 2)


def blocks(path: Path, size: int = BLOCK, inode: int | None = None) -> Generator[tuple[int, bytes]]:
    r"""Yield (offset, bytes) pieces of whole lines; only the last one may end without `\n`.

    Offsets count uncompressed bytes. ReadError comes after what could be read has been yielded: a file
    that is cut or damaged inside still gives the lines before the damage.
    """
    offset = 0
    rest: list[bytes] = []
    waiting = 0
    failure: ReadError | None = None
    try:
        with opened(path, inode=inode) as stream:
            known = _plain_size(stream)
            while True:
                try:
                    # Small reads: a damaged stream still gives what stands before the damage.
                    piece = stream.read1(_READ)  # type: ignore[attr-defined]  # all five kinds have it, IO does not
                except damage() as error:
                    failure = ReadError(f"ends early or is damaged: {_why(error)}")
                    break
                if not piece:
                    if offset + waiting < known:
                        failure = ReadError(f"got shorter while it was read: {known - offset - waiting:,} bytes are gone")
                    break
                rest.append(piece)
                waiting += len(piece)
                if waiting < size or b"\n" not in piece:
                    continue
                data = b"".join(rest)
                cut = data.rfind(b"\n") + 1
                yield offset, data[:cut]
                offset += cut
                rest, waiting = ([data[cut:]], len(data) - cut) if cut < len(data) else ([], 0)
    except OSError as error:
        raise ReadError(_why(error)) from error
    if rest:
        yield offset, b"".join(rest)
    if failure is not None:
        raise failure


def _plain_size(stream: IO[bytes]) -> int:
    """Return the size of an uncompressed file as it is now; 0 for a compressed one."""
    raw = stream.raw if isinstance(stream, io.BufferedReader) else None
    return os.fstat(raw.fileno()).st_size if isinstance(raw, io.FileIO) else 0


def damage() -> tuple[type[Exception], ...]:
    """Return what a damaged stream raises."""
    import lzma
    import zlib

    found: list[type[Exception]] = [EOFError, OSError, zlib.error, lzma.LZMAError]
    for module, name in (("isal.isal_zlib", "error"), ("zstandard", "ZstdError")):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


def opened(path: Path, *, fast: bool = False, inode: int | None = None) -> IO[bytes]:
    """Open a file for reading its uncompressed bytes. OSError, or ReadError without zstandard, or when it was replaced.

    With an `inode`, the file that had this name is meant: one that was renamed since is found in its folder.

    `fast` takes isal for gzip where the extra `fast-logs` is installed: twice as fast as zlib, but of a file that
    is cut it gives less of what stands before the cut.
    """
    path, stream = _own(path, inode)
    kind = compression(stream.read(6))
    if kind is None:
        stream.seek(0)
        return stream
    stream.close()
    if kind == "gzip":
        return _gzip(path, fast=fast)
    if kind == "bzip2":
        import bz2

        return bz2.open(path, "rb")
    if kind == "xz":
        import lzma

        return lzma.open(path, "rb")
    return _zstd(path)


def moved(path: Path, inode: int | None) -> Path:
    """Return where the file lies that had this name; ReadError, or OSError where the name is gone too, when it is in its folder no more."""
    missing: OSError | None = None
    for _ in range(_TRIES):  # a rename in this moment hides a file from a listing
        try:
            if inode is None or path.stat().st_ino == inode:
                return path
            missing = None
        except FileNotFoundError as error:
            if inode is None:
                raise
            missing = error
        with os.scandir(path.parent) as entries:
            found = next((entry.path for entry in entries if entry.inode() == inode and entry.is_file()), None)
        if found is not None:
            return Path(found)
    raise missing or ReadError(_REPLACED)


def _own(path: Path, inode: int | None) -> tuple[Path, IO[bytes]]:
    for _ in range(_TRIES):
        place = moved(path, inode)
        try:
            stream = place.open("rb")
        except FileNotFoundError:
            if inode is None:
                raise
            continue
        if inode is None or os.fstat(stream.fileno()).st_ino == inode:
            return place, stream
        stream.close()
    raise ReadError(_REPLACED)


def compressed(path: Path) -> bool:
    """Tell whether a file is compressed; False for one that can't be read."""
    try:
        with path.open("rb") as stream:
            return compression(stream.read(6)) is not None
    except OSError:
        return False


def _gzip(path: Path, *, fast: bool) -> IO[bytes]:
    try:
        module = importlib.import_module("isal.igzip" if fast else "gzip")
    except ImportError:
        module = importlib.import_module("gzip")
    stream: IO[bytes] = cast("Any", module.open(path, "rb"))  # its type is no IO, though it has all of it
    return stream


def _zstd(path: Path) -> IO[bytes]:
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError as error:
        raise ReadError("is zstd: install the extra fast-logs (zstandard) to read it") from error
    return io.BufferedReader(_Frames(path.open("rb", buffering=0), zstandard.ZstdDecompressor()), _READ)


class _Frames(io.RawIOBase):
    """The text of a zstd file of one or more frames (pzstd and log shippers write several); EOFError when the last is cut.

    The library's own reader ends a cut frame as if it were whole: lines would be lost and nobody told.
    """

    def __init__(self, stream: IO[bytes], context: Any) -> None:
        self._stream, self._context = stream, context
        self._frame: Any = None
        self._packed = b""
        self._text = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what is next; 0 at the end."""
        while not self._text:
            if self._frame is not None and self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
            packed = self._packed or self._stream.read(_READ)
            self._packed = b""
            if not packed:
                if self._frame is not None:
                    raise EOFError("the last frame has no end")
                return 0
            if self._frame is None:
                self._frame = self._context.decompressobj()
            self._text = memoryview(self._frame.decompress(packed))
        size = min(len(buffer), len(self._text))
        memoryview(buffer).cast("B")[:size] = self._text[:size]
        self._text = self._text[size:]
        return size

    def close(self) -> None:
        """Close the file too."""
        self._stream.close()
        super().close()


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
