"""YAML as plain data that remembers where each key and value stood.

Read from parser events, not through a loader's own constructor, for three reasons: marks survive; scalars follow
the YAML 1.2 core rules (so `no` is text, `12:30` is not 750, and a time stays text for a schema to check); and
libyaml's recursive composer, which dies on deep nesting, is never entered. Anchors, aliases, tags, merge keys and
several documents are refused: a file is data, and an alias can blow up a few lines to gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bridge.config.problems import failure
from bridge.config.secrets import hide
from bridge.errors import InputError, NotFoundError, Problem

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 30
MAX_VALUES: Final = 50_000

DataPath = tuple[str | int, ...]
"""Keys and list positions from the top of a document to a value."""

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file's data: dicts with text keys, lists, str, int, float, bool, None."""

    value: Any
    file: str
    """As messages show it."""
    marks: dict[DataPath, Mark]
    """Where each value starts."""
    key_marks: dict[DataPath, Mark]
    """Where the key of each mapping entry stands."""

    def where(self, path: DataPath, *, key: bool = False) -> str:
        """Return `file:line:column` of the value (or of its key) at `path`, else of the nearest thing around it."""
        if key and path in self.key_marks:
            return _place(self.file, self.key_marks[path])
        for end in range(len(path), -1, -1):
            mark = self.marks.get(path[:end])
            if mark is not None:
                return _place(self.file, mark)
        return self.file

    def line(self, path: DataPath) -> str:
        """Return `file:line` of the key at `path`: short, for origins."""
        mark = self.key_marks.get(path) or self.marks.get(path)
        return f"{self.file}:{mark.line}" if mark is not None else self.file


def read(path: Path, *, shown: str | None = None) -> Document:
    """Read one YAML file. `shown` is the name used in messages (default: the path as given).

    Raises NotFoundError when the file is missing, InputError with every problem otherwise.
    """
    name = shown or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {name}", where=name) from error
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}", where=name) from error
    return parse(data, name)


def parse(data: bytes | str, file: str) -> Document:
    """Parse the text of one document; InputError lists duplicate keys, keys that are not text and the like at once."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise InputError(f"{file} is larger than {MAX_BYTES:,} bytes", where=file, hint="keep data out of configuration files")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{file} is not UTF-8: byte 0x{raw[error.start]:02x}", where=f"{file}:{line}", hint="save it as UTF-8") from error
    builder = _Builder(file=file)
    try:
        value = builder.document(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, file) from error
    if builder.problems:
        raise failure(file, builder.problems)
    return Document(value=value, file=file, marks=builder.marks, key_marks=builder.key_marks)


class _Builder:
    """Turns the events of one document into data; problems that leave the shape intact are collected."""

    def __init__(self, *, file: str) -> None:
        self.file = file
        self.marks: dict[DataPath, Mark] = {}
        self.key_marks: dict[DataPath, Mark] = {}
        self.problems: list[Problem] = []
        self.count = 0

    def document(self, events: Iterator[Any]) -> Any:
        """Return the data of the only document; an empty file is None."""
        value: Any = None
        seen = False
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    raise self._stop("a second document ('---') in one file", event, "keep one document a file")
                seen = True
            elif isinstance(event, yaml.NodeEvent):
                value = self.node(event, events, ())
        return value

    def node(self, event: Any, events: Iterator[Any], path: DataPath) -> Any:
        """Return one value and everything inside it."""
        self._check(event, path)
        self.marks[path] = _mark(event)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                items.append(self.node(item, events, (*path, len(items))))
            return items
        return self.mapping(events, path)

    def mapping(self, events: Iterator[Any], path: DataPath) -> dict[str, Any]:
        """Return a mapping with text keys; the first of two equal keys stays."""
        result: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self.key(event, events, path)
            spot = (*path, key)
            if key in result:
                first = self.key_marks[spot].line
                self._problem(f"key '{key}' stands twice, first in line {first}", event, "remove one of them")
                self.node(next(events), events, (*path, "\0again", self.count))
                continue
            self.key_marks[spot] = _mark(event)
            result[key] = self.node(next(events), events, spot)
        return result

    def key(self, event: Any, events: Iterator[Any], path: DataPath) -> str:
        """Return a key as text; one that YAML reads as a number, truth value or list is a problem."""
        self._check(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            self._problem("a list or mapping stands as a key", event, "keys are text")
            self.node(event, events, (*path, "\0key", self.count))
            return f"\0key{self.count}"
        value = self.scalar(event)
        if not isinstance(value, str):
            self._problem(f"key {event.value or 'null'} is not text", event, f"write it in quotes: '{event.value}'")
        elif value == "<<":
            self._problem("merge keys ('<<') are not supported", event, "write the values out")
        return str(event.value)

    def scalar(self, event: Any) -> str | int | float | bool | None:
        """Resolve a plain scalar by the core rules; quoted and block ones are text."""
        text: str = event.value
        if event.style or not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return self.integer(text, event)
        if _FLOAT.fullmatch(text):
            number = float(text)
            return number if abs(number) != float("inf") else text
        return text

    def integer(self, text: str, event: Any) -> int:
        """Return a whole number; one that no database holds in 64 bits is a problem."""
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        number = int(text, base) if len(text) <= 24 else 2**64  # noqa: PLR2004 - 64 bits have at most 22 octal digits
        if not -(2**63) <= number < 2**63:
            self._problem(f"{text[:30]} does not fit in 64 bits", event, "write it in quotes if it is a name")
        return number

    def _check(self, event: Any, path: DataPath) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self._stop(f"more than {MAX_VALUES:,} values", event, "keep data out of configuration files")
        if len(path) > MAX_DEPTH:
            raise self._stop(f"nested deeper than {MAX_DEPTH} levels", event, "")
        if isinstance(event, yaml.AliasEvent):
            raise self._stop(f"alias '*{event.anchor}': aliases are not supported", event, "write the value out")
        if event.anchor is not None:
            self._problem(f"anchor '&{event.anchor}': anchors are not supported", event, "write the value out where it is used")
        if event.tag is not None:
            self._problem(f"tag '{event.tag}': tags are not supported", event, "write the plain value")

    def _problem(self, message: str, event: Any, hint: str) -> None:
        self.problems.append(Problem(message=message, where=_place(self.file, _mark(event)), hint=hint))

    def _stop(self, message: str, event: Any, hint: str) -> InputError:
        return failure(self.file, [*self.problems, Problem(message=message, where=_place(self.file, _mark(event)), hint=hint)])


def _mark(event: Any) -> Mark:
    return Mark(line=event.start_mark.line + 1, column=event.start_mark.column + 1)


def _place(file: str, mark: Mark) -> str:
    return f"{file}:{mark.line}:{mark.column}"


def _syntax_error(error: yaml.YAMLError, text: str, file: str) -> InputError:
    """Say what the parser missed, with the line it stands in (the value of a secret's key left out)."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        bad = next((sign for sign in text if not sign.isprintable() and sign not in "\n\r\t"), None)
        line = text[: text.index(bad)].count("\n") + 1 if bad is not None else 1
        shown = f"character U+{ord(bad):04X} is not allowed" if bad is not None else str(error).splitlines()[0]
        return InputError(
            f"{file} is not YAML: {shown}", where=f"{file}:{line}", hint="remove it, or write it as an escape in double quotes"
        )
    lines = text.splitlines() or [""]
    # At the end of a file the mark stands behind the last line; the last line with text is what to look at.
    line = min(error.problem_mark.line, len(lines) - 1)
    while line > 0 and not lines[line].strip():
        line -= 1
    what = error.problem or "syntax error"
    if error.context:
        what = f"{what} ({error.context})"
    hint = "indent with spaces, not tabs" if lines[line].lstrip(" ").startswith("\t") else ""
    return InputError(f"{file} is not YAML: {what}, at '{hide(lines[line].strip())[:100]}'", where=f"{file}:{line + 1}", hint=hint)


def quoted(text: str) -> str:
    r"""Return a text as a YAML scalar that reads back as it is, whatever is in it; a lone surrogate, which no file can hold, reads as `\\ud800`."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return f"\\{char}"
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004  # surrogates
        return f"\\\\u{code:04x}"
    # What YAML 1.2 (5.1) calls printable, without the characters that it takes for the end of a line.
    plain = 0x20 <= code < 0x7F or 0xA0 <= code < 0x2028 or 0x202A <= code < 0xFEFF or 0xFEFF < code < 0xFFFE or code >= 0x10000  # noqa: PLR2004  # the ranges
    return char if plain else f"\\u{code:04x}"
