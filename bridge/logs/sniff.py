"""Which format a file has, by trying each on its first lines; and where its lines carry their time."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from bridge.logs.names import LEVELS, rare_names, usual_names
from bridge.logs.options import SourceOptions
from bridge.logs.records import Format, Header, Locator, Parsed
from bridge.logs.times import Clockwork

_SAMPLE: Final = 200
_SAMPLE_BYTES: Final = 1_000_000
_SNIFFED: Final = 256 * 1024
_ORDER: Final = ("docker", "cri", "json", "w3c", "nginx", "syslog", "logfmt", "csv", "text")
"""From the strictest to the laxest: the first that reads nearly as much as the best wins."""
_WRAPPERS: Final = ("docker", "cri")
SPANNING: Final = frozenset({"csv", "w3c", "json document", "text by day", *_WRAPPERS})
"""Formats that are read from the beginning of a file: see `Format.spans`."""
_DELIMITERS: Final = (",", "\t", ";", "|")
_HEAD: Final = 64 * 1024
_HALF: Final = 0.5
_NEARLY: Final = 0.9
_JUDGED: Final = 64 * 1024
"""Characters of a line that tell whether it is text."""
_ENOUGH_COLUMNS: Final = 3
_PAIR: Final = re.compile(r"[^\s=\"]+=")
_SYSLOG: Final = re.compile(r"^(?:\d+ )?<\d{1,3}>|^[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:|\S\[\d+\]: | kernel: ")
"""What stands in one line at least, before times in ISO 8601 are taken for those of a syslog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed:
    """What the first lines look like."""

    name: str
    shares: dict[str, float]
    """For each format the share of sampled lines that it reads as events."""
    lines: int


def make(kind: str, options: SourceOptions, clockwork: Clockwork, block: bytes = b"") -> Format:  # noqa: PLR0911 - one for each format
    """Return the format of that name for one file that begins with `block`."""
    if options.pattern is not None and options.access:
        from bridge.logs.formats.access import custom

        return custom(kind, options.pattern, clockwork)
    if options.pattern is not None:
        from bridge.logs.formats.pattern import patterned

        return patterned(kind, options.pattern)
    # Imported where used: a question to JSON lines does not pay for the patterns of the others.
    if kind == "json":
        from bridge.logs.formats.json_lines import is_document, json_lines

        return json_lines(document=is_document(block[:_HEAD].decode("utf-8", "replace")))
    if kind in _WRAPPERS:
        return _wrapper(kind, options, clockwork, _lines(block))
    if kind == "logfmt":
        from bridge.logs.formats.logfmt import logfmt

        return logfmt()
    if kind == "nginx":
        from bridge.logs.formats.access import access

        return access(clockwork)
    if kind == "syslog":
        from bridge.logs.formats.syslog import syslog

        return syslog(clockwork)
    if kind == "csv":
        from bridge.logs.formats.delimited import delimited

        sign = options.delimiter or delimiter_of(_lines(block)[:1])
        return delimited(columns=options.columns, delimiter=sign, json_column=options.json_column, clockwork=clockwork)
    if kind == "w3c":
        from bridge.logs.formats.w3c import w3c

        return w3c()
    from bridge.logs.formats.plain import plain

    return plain(clockwork, _lines(block))


def sniff(block: bytes, *, everything: bool = False) -> Sniffed:
    """Return the format that reads most of the first lines; when none reads any `text`, or `json` for objects that are broken.

    The formats behind one that can't be beaten are only tried for `everything`.
    """
    from bridge.logs.formats.json_lines import is_document

    lines = _lines(block)
    if is_document(block[:_HEAD].decode("utf-8", "replace")) or [line.strip() for line in lines[:1]] == ["{"]:
        return Sniffed(name="json", shares={"json": 1.0}, lines=len(lines))
    shares: dict[str, float] = {}
    for kind in _ORDER:
        shares[kind] = _share(kind, lines)
        if shares[kind] >= _NEARLY and not everything:
            break
    most = max(shares.values())
    if most < _HALF and (led := _share("text", lines, led=True)) > 2 * most:
        shares["text"] = led  # the laxest of all: a time anywhere
    best = max(shares.values())
    unread = "json" if 2 * sum(line.startswith("{") for line in lines) > len(lines) else "text"
    name = next(kind for kind, share in shares.items() if share >= _NEARLY * best) if best else unread
    return Sniffed(name=name, shares=shares, lines=len(lines))


def delimiter_of(lines: Sequence[str]) -> str:
    """Return what splits a header into the most columns: comma, tab, semicolon or bar."""
    header = lines[0] if lines else ""
    return max(_DELIMITERS, key=header.count)


def _lines(block: bytes) -> list[str]:
    """Return the first lines of a block that are not blank: whole ones, the same however much of the file is at hand."""
    end = len(block) if len(block) <= _SNIFFED else block.rfind(b"\n", 0, _SNIFFED)
    if end < 0:
        end = block.find(b"\n")  # a first line that is longer
    lines = (block[:end] if end >= 0 else block).decode("utf-8", "replace").split("\n")[:_SAMPLE]
    return [line for line in (line.rstrip("\r").replace("\0", "") for line in lines) if line.strip()]


def _wrapper(kind: str, options: SourceOptions, clockwork: Clockwork, lines: list[str]) -> Format:
    """Return the format of wrapped lines; what is inside is sniffed as a file would be."""
    from bridge.logs.formats import wrapped

    unwrap = {"docker": wrapped.docker, "cri": wrapped.cri}[kind]
    inside = [line.text for line in map(unwrap, lines) if line is not None and not wrapped.goes_on(line.text)]
    seen = sniff("\n".join(inside).encode("utf-8", "replace"))
    timed = seen.name not in {"csv", *_WRAPPERS} and seen.shares[seen.name] >= _HALF
    kind_inside = seen.name if timed else "text"
    return wrapped.wrapped(kind, unwrap, lambda clock: make(kind_inside, options, clock), clockwork, timed=timed)


def _share(kind: str, lines: list[str], *, led: bool = False) -> float:
    """Return the share of the lines that a format reads as events; `led`: text whose times stand behind other words counts."""
    if kind in _WRAPPERS:
        mark = '"stream"' if kind == "docker" else " std"
        if not any(mark in line for line in lines):
            return 0.0
        from bridge.logs.formats import wrapped

        unwrap = {"docker": wrapped.docker, "cri": wrapped.cri}[kind]
        return sum(unwrap(line) is not None for line in lines) / len(lines) if lines else 0.0
    if kind == "w3c":
        from bridge.logs.formats.w3c import is_w3c

        if not is_w3c(lines):
            return 0.0
    if kind == "syslog" and not any(_SYSLOG.search(line) for line in lines):
        return 0.0
    if kind == "text":
        lines = [line[:_JUDGED] for line in lines]
    # Only the shape is judged: what zone or year the times have is said in bridge.yaml.
    head = "\n".join(lines).encode("utf-8", "replace") if kind != "text" or led else b""
    form = make(kind, SourceOptions(paths=()), Clockwork(zone=UTC, year=2000, order="ymd"), head)
    good = sum(_reads(kind, form, line, lines) for line in lines)
    return good / len(lines) if lines else 0.0


def _reads(kind: str, form: Format, line: str, lines: Sequence[str]) -> bool:
    outcome = form.decode(line)
    if kind == "logfmt" and isinstance(outcome, dict):
        return _PAIR.match(line) is not None and any(name in outcome for name in usual_names("at"))
    if kind == "csv":
        if isinstance(outcome, Header):
            return _named_columns(line.split(delimiter_of(lines)))
        return isinstance(outcome, dict) and _named_columns(outcome)
    if kind == "syslog" and isinstance(outcome, dict):
        return ("app" in outcome or line[:1] == "<") and str(outcome.get("host", "")).upper() not in LEVELS
    if kind == "w3c":
        return isinstance(outcome, dict | Header)
    return isinstance(outcome, dict | Parsed)


def _named_columns(names: Collection[str]) -> bool:
    return len(names) >= _ENOUGH_COLUMNS and any(name in names for name in (*usual_names("at"), *rare_names("at")))


def locator(kind: str, options: SourceOptions, block: bytes) -> Locator | None:
    """Return where this file's lines carry their time; None: nowhere fixed, so every line is decoded."""
    if kind in {"text", "nginx"} and options.date is None:
        return Locator(kind="start" if kind == "text" else "bracket")
    ref = options.fields.get("at")
    names = ref.names if ref else usual_names("at")
    if (ref and ref.pattern) or options.date is not None or kind in {"syslog", "w3c", *_WRAPPERS} or options.pattern is not None:
        return None
    sample = block[:_SAMPLE_BYTES]
    if kind == "csv":
        first_line = sample.split(b"\n", 1)[0].decode("utf-8", "replace")
        header = [name.strip('" \r') for name in first_line.split(options.delimiter or delimiter_of([first_line]))]
        columns = list(options.columns) or header
        first = next((name for name in names if name in columns), None)
        return Locator(kind="start") if first is not None and columns[0] == first else None
    counts = {name: len(re.findall(_needle(kind, name), sample)) for name in names}
    best = max(names, key=lambda name: counts[name])
    if not counts[best]:
        return None
    return Locator(kind="key", key=best, keys_before=tuple(names[: names.index(best)]), json=kind == "json")


def _needle(kind: str, name: str) -> bytes:
    quoted = re.escape(name.encode())
    return rb'"' + quoted + rb'"\s*:' if kind == "json" else rb"(?<![^\s])" + quoted + rb"="
