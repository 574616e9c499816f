"""Is this line of a text a log line? There a number is an id, a time or a size before it is anything personal."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_HEAD: Final = 80
_FAR: Final = 20_000
"""Characters of one line that are looked back over."""
_LOG: Final = re.compile(
    r"""
      \b[0-2]?[0-9]:[0-5][0-9]:[0-5][0-9]                 # a clock with seconds
    | \A\W{0,2}(?:19|20)[0-9]{2}[-./][01]?[0-9][-./][0-3]?[0-9]\b   # begins with a date
    | \A\W{0,2}[0-9]{6}[ ][0-9]{6}\b                       # 081109 203615
    | \A\W{0,2}1[0-9]{9}(?:[0-9]{3})?\b                    # begins with an epoch time
    | \b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL)\b
    | \A\s*[\[{]\s*"[\w.@-]+"\s*:                          # JSON
    | (?:\b[\w.-]+=\S+\s+){2}                              # logfmt
    | \A\s+at[ ][\w.$<>/]+\(                               # a stack frame
    | \A\S+[ ]\S+[ ]\S+[ ]\[[0-9]                          # an access log
    """,
    re.VERBOSE,
)


def in_log_line(text: str, at: int) -> bool:
    """Tell whether the line that holds the character at `at` begins like one of a log: a time, a level, JSON, key=value pairs, a stack frame."""
    start = text.rfind("\n", max(0, at - _FAR), at) + 1 or max(0, at - _FAR)
    end = text.find("\n", start, start + _HEAD)
    return _is_log(text[start : start + _HEAD if end < 0 else end])


@lru_cache(maxsize=1024)
def _is_log(head: str) -> bool:
    return _LOG.search(head) is not None
