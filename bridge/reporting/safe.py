"""Values on their way into Markdown: escaped, unless our own code wrote them."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from bridge.reporting import formats
from bridge.text.terminal import visible

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_ENDS = re.compile(r"^\s+|\s+$")
_BACKTICKS = re.compile(r"`+")


class Safe(str):
    """Markdown that our own code or a template macro wrote.

    Every operation on it gives a plain `str` again, which is escaped when it is printed: joining it
    by mistake shows as doubled backslashes and never makes a customer's words live.
    """

    __slots__ = ()


class UnprintableError(ValueError):
    """A template printed something that has no text: None, nan, a naive time, an object."""


def escaped(text: str) -> Safe:
    """Return `text` as one inline run: controls visible, newlines too, every ASCII punctuation mark literal.

    Blanks at its ends become one: more of them would start a code block.
    """
    shown = _ENDS.sub(" ", visible(text))
    return Safe(_PUNCTUATION.sub(lambda match: "&#124;" if match[1] == "|" else f"\\{match[1]}", shown))


def words(value: object) -> str:
    """Return the plain words of a template value: numbers with thousands separators, times in UTC."""
    match value:
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return formats.number(value)
        case float():
            return formats.significant(value)
        case datetime():
            return formats.instant(value)
        case None:
            raise UnprintableError("the value is missing (None); test it with {% if ... %} first")
        case _:
            raise UnprintableError(f"a {type(value).__name__} can't be printed; print one of its fields")


def printed(value: object) -> Safe:
    """Return a template value as Markdown."""
    return value if isinstance(value, Safe) else escaped(words(value))


def code_span(value: object) -> Safe:
    """Return a value as inline code; an empty one gives nothing.

    With a vertical bar it gives plain words: in a table's cell the bar would need an escape that elsewhere shows.
    """
    text = visible(words(value).strip())
    if not text or "|" in text:
        return escaped(text)
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Safe(f"{fence}{pad}{text}{pad}{fence}")


def code_block(value: object, language: str = "") -> Safe:
    """Return a value as a fenced block; newlines and tabs stay, other controls become visible."""
    text = visible(words(value).replace("\r\n", "\n"), keep="\n\t").rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    name = language if language.isalnum() else ""
    return Safe(f"\n{fence}{name}\n{text}\n{fence}\n")
