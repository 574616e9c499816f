"""A format that bridge.yaml defines: one regular expression, its named groups are the fields."""

from __future__ import annotations

import re

from bridge.logs.formats.json_lines import CONTINUATION
from bridge.logs.records import JOINED, Format, Outcome, Rejected


def patterned(name: str, pattern: re.Pattern[str]) -> Format:
    """Return the format. A line that the pattern matches from its beginning is an event; lines of a stack trace belong to it."""

    def decode(text: str) -> Outcome:
        match = pattern.match(text)
        if match is None:
            return JOINED if CONTINUATION.match(text) else Rejected(f"does not match the pattern of {name}")
        return {key: value for key, value in match.groupdict().items() if value is not None}

    return Format(name=name, decode=decode, restarts=lambda _: True, pairs=True)
