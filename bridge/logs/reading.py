"""Bytes of log files: plain or compressed, in blocks that end with a line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

BLOCK: Final = 8 * 1024 * 1024
_READ: Final = 256 * 1024
_MAGIC: Final = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))


class ReadError(Exception):
    """A file can't be read (any more), or not to its end; the text says why and what to do."""


def compression(head: bytes) -> str | None:
    """Tell gzip, bzip2, xz or zstd by a file's first bytes; None is plain."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def blocks(path: Path, size: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    r"""Yield (offset, bytes) pieces of whole lines; only the last one may end without `\n`.

    Offsets count uncompressed bytes. ReadError comes after what could be read has been yielded: a file
    that is cut or damaged inside still gives the lines before the damage.
    """
    offset = 0
    rest: list[bytes] = []
    waiting = 0
    failure: ReadError | None = None
    try:
        with opened(path) as stream:
            while True:
                try:
                    # Small reads: a damaged stream still gives what stands before the damage.
                    piece = stream.read1(_READ)  # type: ignore[attr-defined]  # all five kinds have it, IO does not
                except damage() as error:
                    failure = ReadError(f"ends early or is damaged: {_why(error)}")
                    break
                if not piece:
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


def damage() -> tuple[type[Exception], ...]:
    """Return what a damaged stream raises."""
    import lzma
    import zlib

    found: list[type[Exception]] = [EOFError, OSError, zlib.error, lzma.LZMAError]
    for module, name in (("isal.isal_zlib", "error"), ("zstandard", "ZstdError")):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


def opened(path: Path, *, fast: bool = False) -> IO[bytes]:
    """Open a file for reading its uncompressed bytes. OSError, or ReadError without zstandard.

    `fast` takes isal for gzip where the extra `fast-logs` is installed: twice as fast as zlib, but of a file that
    is cut it gives less of what stands before the cut.
    """
    with path.open("rb") as stream:
        kind = compression(stream.read(6))
    if kind == "gzip":
        return _gzip(path, fast=fast)
    if kind == "bzip2":
        import bz2

        return bz2.open(path, "rb")
    if kind == "xz":
        import lzma

        return lzma.open(path, "rb")
    return _zstd(path) if kind == "zstd" else path.open("rb")


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
    # One file may hold several frames: pzstd and log shippers write them.
    stream: IO[bytes] = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True, closefd=True)
    return stream


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
