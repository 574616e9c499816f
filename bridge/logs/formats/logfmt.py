"""logfmt: key=value pairs, values quoted where they hold blanks."""

from __future__ import annotations

import re
from typing import Final

from bridge.logs.formats.json_lines import CONTINUATION
from bridge.logs.records import JOINED, Format, Outcome, Record, Rejected

_TOKEN: Final = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]++|\\.)*+)"(?=\s|$)|(\S*))|(\S+)')
_LONG: Final = 100_000
"""Characters from which on tokens are taken one by one: a list of them takes many times the memory of the text."""
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}


def logfmt() -> Format:
    """Return the format."""
    return Format(name="logfmt", decode=_decode, restarts=lambda _: True)


def pairs(text: str) -> tuple[Record, str]:
    """Return the pairs of a text and the rest; a value whose quote is not closed starts with the quote."""
    record: Record = {}
    rest = []
    for key, quoted, bare, word in _TOKEN.findall(text) if len(text) < _LONG else map(re.Match.groups, _TOKEN.finditer(text)):
        if word:
            rest.append(word)
        elif bare or not quoted:
            record[key] = bare
        else:
            record[key] = unescaped(quoted)
    return record, " ".join(rest)


def unescaped(text: str) -> str:
    """Undo backslash escapes."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text) if "\\" in text else text


def _decode(text: str) -> Outcome:
    if text[:1] in " \t":
        return JOINED
    record, rest = pairs(text)
    if not record:
        return JOINED if CONTINUATION.match(text) else Rejected("no key=value pairs")
    for key, value in record.items():
        if value.startswith('"'):
            return Rejected(f"quote of {key} is not closed: the line is cut")
    if rest:
        record["words"] = rest
    return record
