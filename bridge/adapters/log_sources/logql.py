r"""Counting in Loki's own language: which lines it can be trusted to read as we do, and the query that groups them.

Loki's `json` stage reads more, and other, than a JSON decoder (broken lines, the first of two equal keys, names rewritten to
labels), so it is not used. A regular expression admits the lines that are certainly one JSON object of scalars, lists of
scalars and flat objects; others take a value from them as it stands there, quotes and escapes included, and it is decoded
here. Both are RE2, whose answer does not depend on the engine's mood. A line where that could differ from decoding it (a key
twice, a name that counts before ours, an object where a value should be) is odd: it is fetched and judged here. The filter
for odd lines is the exact opposite of the one for counted lines, so that every line is in one of them.

Syntax and template functions: Loki's documentation of LogQL (log queries, metric queries, template functions), 3.x.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.logs.formats.json_lines import EXPORTS
from bridge.logs.question import CORE
from bridge.logs.sql import VALUE

_FLAT: Final = "bridge_flat"
_ODD: Final = "bridge_odd"
BUCKET: Final = "bridge_bucket"
TEXT: Final = "bridge_text"
_STRING: Final = r'"(?:[^"\\\x00-\x1f\x{fffd}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
"""A JSON text; an invalid byte is U+FFFD to RE2."""
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_VALUE: Final = rf"(?:{_STRING}|{_NUMBER}|true|false)"
_SCALAR: Final = rf"(?:{_VALUE}|null)"
_KEY: Final = r'"[^"\\\x00-\x1f\x{fffd}]*": ?'
_LIST: Final = rf"\[(?:{_SCALAR}(?:, ?{_SCALAR})*)?\]"
_OBJECT: Final = rf"\{{(?:{_KEY}{_SCALAR}(?:, ?{_KEY}{_SCALAR})*)?\}}"
_MEMBER: Final = rf"{_KEY}(?:{_SCALAR}|{_LIST}|{_OBJECT})"
_LINE: Final = rf"^(?P<{_FLAT}>\{{)(?:{_MEMBER}(?:, ?{_MEMBER})*)?\}}[ \t\r\n]*$"
_TEXT: Final = r'"(?:[^"\\]|\\.)*"'
_SKIPPED: Final = rf'(?:"[^"]*": ?(?:{_TEXT}|[^"{{}}\[\],]+|\[(?:{_TEXT}|[^"\]])*\]|\{{(?:{_TEXT}|[^"}}])*\}}), ?)*'
"""Members before another one, in a line that `_LINE` admits."""
_SURROGATE: Final = r"\\u[dD][89a-fA-F]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A part of events, or an attribute, and the key of the line that has it."""

    name: str
    names: tuple[str, ...]
    """Keys that may have it; one counts before those behind it."""
    key: str | None
    """The one that has it in most lines; None: no line that was seen has any."""

    @property
    def label(self) -> str:
        """Return the label that its value, as JSON, gets."""
        return f"bridge_{self.name}" if self.name in CORE else f"bridge_x{self.name.encode().hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What follows the stream selector."""

    counted: str
    """For lines that are counted there."""
    odd: str
    """For lines that have to be read here, all others. Empty: there are none."""
    by: tuple[str, ...]
    """Labels that make the groups."""


def quoted(text: str) -> str:
    """Return a text as a string of LogQL, whose escapes are Go's; JSON's are among them."""
    return json.dumps(text, ensure_ascii=False)


def literal(text: str) -> str:
    r"""Return a text as a regular expression of RE2 that matches it alone; everything but letters and digits is escaped."""
    return "".join(char if char.isalnum() or char in "_-" or ord(char) > 127 else f"\\x{{{ord(char):x}}}" for char in text)  # noqa: PLR2004 - ASCII


def pipeline(fields: Sequence[Field], labels: Iterable[str], *, every: int | None, shrink: bool) -> Pipeline:
    """Return the stages that count lines by these fields of theirs and labels of their streams; `every` in microseconds.

    `shrink`: numbers in messages become `0`, as `bridge.logs.collapse` does it.
    """
    labels = tuple(labels)
    stages, good, bad = _read(fields) if fields else ("", [], [])
    good += [f'{label}!=""' for label in labels]
    bad += [f'{label}=""' for label in labels]
    counted = stages + (f" | {' and '.join(good)}" if good else "")
    by = [*labels, *(field.label for field in fields)]
    message = next((field.label for field in fields if field.name == "message"), None)
    if shrink and message is not None:
        counted += f" | label_format {TEXT}={quoted(_shrunk(message))}"
        by[by.index(message)] = TEXT
    if every:
        counted += f" | label_format {BUCKET}={quoted(f'{{{{ div (unixEpochNanos __timestamp__) {every * 1_000} }}}}')}"
        by.append(BUCKET)
    made = [_FLAT, _ODD, *(name for field in fields for name in (field.label, f"{field.label}_else"))] if fields else []
    dropped = f" | drop {', '.join(made)}" if made else ""  # else the values come back beside the line that holds them
    return Pipeline(counted=counted, odd=f"{stages} | {' or '.join(bad)}{dropped}" if bad else "", by=tuple(by))


def count(selection: str, stages: str, by: Sequence[str], milliseconds: int) -> str:
    """Return the query that counts the lines of the last so many milliseconds."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouping} (count_over_time({selection}{stages} [{milliseconds}ms]))"


def line_of(fields: Sequence[Field], found: Mapping[str, str]) -> tuple[str, bool]:
    """Return a line that has the values of a group, and whether the message in it is whole."""
    parts = []
    whole = True
    for field in fields:
        value = found.get(field.label) or None
        if field.name == "message" and TEXT in found:
            value, whole = found[TEXT], _kept(found[TEXT])
        if value is not None:
            parts.append(f"{json.dumps(field.key)}:{value}")
    return "{" + ",".join(parts) + "}", whole


def _kept(value: str) -> bool:
    """Tell whether a message was left as it is: it has lines or escapes with digits in it."""
    return "\\n" in value or "\\u" in value


def _read(fields: Sequence[Field]) -> tuple[str, list[str], list[str]]:
    """Return the stages that take the fields from the lines, what holds for lines that they read as we do, and its opposite."""
    patterns = [_LINE]
    odd = [_key(EXPORTS)]
    good, bad = [], []
    for field in fields:
        label, names = field.label, field.names
        place = names.index(field.key) if field.key is not None else -1
        before, behind = names[: max(place, 0)], names[place + 1 :]
        heads = sorted({name[:dot] for name in names for dot, char in enumerate(name) if char == "."})
        odd += [_key(before)] if before else []
        odd += [_key(heads) + r"\{"] if heads else []
        # Where a line has no value for it at its top, a name must stand nowhere in it: it might count from there.
        others = [_key(behind)] if behind else []
        if field.key is not None:
            key = _key((field.key,))
            odd.append(f'{key}.*"{key}')
            others.append(key + "[^n ]")
            value = _STRING if field.name == "message" else _VALUE
            patterns.append(rf'^\{{{_SKIPPED}"{key}(?P<{label}>{value})')
        patterns.append(f'(?P<{label}_else>")(?:{"|".join(others)})')
        if field.name == "message":
            good.append(f'{label}!=""')
            bad.append(f'{label}=""')
        else:
            good.append(f'({label}!="" or {label}_else="")')
            bad.append(f'({label}="" and {label}_else!="")')
    patterns.append(f'(?P<{_ODD}>"(?:{"|".join(odd)})|{_SURROGATE})')
    stages = "".join(f" | regexp {quoted(pattern)}" for pattern in patterns)
    return stages, [f'{_FLAT}!=""', f'{_ODD}=""', *good], [f'{_FLAT}=""', f'{_ODD}!=""', *bad]


def _key(names: Sequence[str]) -> str:
    """Return the pattern of one of these keys behind its opening quote."""
    return f'(?:{"|".join(map(literal, names))})": ?'


def _shrunk(label: str) -> str:
    """Return the template that shrinks a message; one of several lines, or with escapes that hold digits, is left as it is."""
    kept = f'or (contains "\\\\n" .{label}) (contains "\\\\u" .{label})'
    return f'{{{{ if {kept} }}}}{{{{ .{label} }}}}{{{{ else }}}}{{{{ regexReplaceAll "{VALUE}" .{label} "0" }}}}{{{{ end }}}}'
