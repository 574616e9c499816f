"""Lines whose time does not stand at their beginning: how many words are before it is learned from the first lines of a file.

`1:M 10 Mar 2026 ...` (Redis), `type=SYSCALL msg=audit(1773108001.123:456)`, `https 2026-03-10T02:00:01Z app/...` (load balancers).
A time stands there when the lines before it have the same number of words, and the same sign directly before the time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.logs.formats.described import UPPER
from bridge.logs.times import Clockwork, TimeError, parse_head, parse_text

_FARTHEST: Final = 160
_MOST_WORDS: Final = 12
_FEWEST: Final = 0.05
_PLACE: Final = re.compile(
    r"(?<![\w.])(?=\d|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* )", re.IGNORECASE
)
_EPOCH: Final = re.compile(r"1\d{9}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?(?![\w.-])")
_WORD: Final = re.compile(r"(\[[^\]\n]*\]\S*|\S+)\s+")
_TAIL: Final = re.compile(r"\S*$")
_LEVEL: Final = re.compile(
    rf"(?<![\w-])(?:{UPPER})(?![\w-])|(?<=\[)(?i:debug|info|notice|warn(?:ing)?|error|crit(?:ical)?|fatal)(?=\])|(?<=^\[ )[TDIWEFCN](?= )"
)
_MARKS: Final = {"*": "INFO", "#": "WARN", "-": "DEBUG", ".": "DEBUG"}
_LETTERS: Final = {"N": "INFO", "C": "FATAL"}
_REDIS: Final = re.compile(r"\d+:[A-Z] $")

Key = tuple[str, str, bool, bool, bool]
"""The words before (b: in brackets, w: others), the sign directly before, whether it ends a word, blanks first, an epoch number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What stands before the time."""

    pattern: re.Pattern[str]
    epoch: bool
    told: str
    """In words."""

    def time(self, text: str, clockwork: Clockwork) -> tuple[int, int, int] | None:
        """Return (microseconds, begin, end) of the time of a line, None where it has none; TimeError as `parse_head`."""
        match = self.pattern.match(text)
        if match is None:
            return None
        begin = match.end()
        if self.epoch:
            number = _EPOCH.match(text, begin)
            return (parse_text(number[0], clockwork), begin, number.end()) if number else None
        found = parse_head(text, begin, clockwork)
        return (found[0], begin, found[1]) if found else None


def learned(lines: Sequence[str], clockwork: Clockwork, usual: int) -> Lead | None:
    """Return the lead of most lines, where they are more than `usual`, those that begin with a time."""
    seen = Counter(key for key in (_key(line, clockwork) for line in lines) if key is not None)
    if not seen:
        return None
    (words, sign, ends, blank, epoch), count = seen.most_common(1)[0]
    if count <= usual or count < _FEWEST * len(lines):
        return None
    pattern = (r"\s+" if blank else "") + "".join(r"\[[^\]\n]*\]\S*\s+" if word == "b" else r"\S+\s+" for word in words)
    pattern += (r"\S*?" if ends else "") + re.escape(sign)
    if ends:
        pattern += r"(?=\d|[A-Z])"
    told = f"{len(words)} word{'s' * (len(words) != 1)}" + (f" and {'a word with ' * ends}`{sign}`" if sign else "")
    return Lead(pattern=re.compile(pattern), epoch=epoch, told=told + (", in seconds since 1970" if epoch else ""))


def _key(line: str, clockwork: Clockwork) -> Key | None:
    """Return how the first time of a line stands in it; None: at its beginning, or nowhere; an object that is cut is none."""
    if line.startswith("{"):
        return None
    for place in _PLACE.finditer(line[:_FARTHEST]):
        begin = place.start()
        epoch = _EPOCH.match(line, begin) is not None
        if not epoch and not _is_time(line, begin, clockwork):
            continue
        before = line[:begin]
        if not before and not epoch:
            return None
        words = _WORD.findall(before.lstrip())
        if len(words) > _MOST_WORDS:
            return None
        tail = _TAIL.search(before)
        glue = tail[0] if tail else ""
        shape = "".join("b" if word[0] == "[" and "]" in word else "w" for word in words)
        return shape, glue[-1:], len(glue) > 1, before[:1].isspace(), epoch
    return None


def _is_time(line: str, begin: int, clockwork: Clockwork) -> bool:
    try:
        return parse_head(line, begin, clockwork) is not None
    except TimeError:
        return True  # it is one, though it can't be read without a declaration


def level_before(text: str) -> str | None:
    """Return the level in what stands before a time."""
    found = _LEVEL.search(text)
    return _LETTERS.get(found[0], found[0]) if found else None


def mark_level(before: str, rest: str) -> tuple[str | None, str]:
    """Return (level, rest) where Redis tells the level by a sign behind the time."""
    if _REDIS.search(before) and rest[:1] in _MARKS and rest[1:2] == " ":
        return _MARKS[rest[0]], rest[2:]
    return None, rest
