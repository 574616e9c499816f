"""The `:name` placeholders of a SQL text, with their lines; a look at the text, the guard reads the tree."""

from __future__ import annotations

import re

# Strings, quoted names, comments and casts are skipped; what is left with a colon in front is a placeholder.
_TOKENS = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::|(?<![\w:]):(?P<name>[A-Za-z_]\w*)", re.DOTALL
)


def placeholders(sql: str) -> dict[str, int]:
    """Return each placeholder's name with the line (from 1) of its first use, in the order of the text."""
    found: dict[str, int] = {}
    for match in _TOKENS.finditer(sql):
        if match["name"]:
            found.setdefault(match["name"], sql.count("\n", 0, match.start()) + 1)
    return found
