"""What follows the time in a line of text: level, thread, logger, fields and the message, as the loggers of many languages put them.

A level is taken where it stands for itself: in brackets, between bars, before a colon, or in upper case, behind nothing but
short fields. A word that only begins a sentence (`error reading x`) gives the level, too, and stays in the message.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from bridge.logs.records import Record

UPPER: Final = (
    "TRACE|DEBUG[1-5]?|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|CRIT(?:ICAL)?|FATAL|PANIC|ALERT|EMERG(?:ENCY)?|FINE(?:R|ST)?|CONFIG|SUCCESS"
    "|INF|WRN|FTL|DBG|VRB|TRC"
)
_LOWER: Final = (
    "trace|debug|info(?:rmation)?|notice|note|warn(?:ing)?|error|err|crit(?:ical)?|fatal|panic|alert|emerg|verbose|fail|dbug|trce"
)
_ANY: Final = f"(?i:{UPPER}|{_LOWER})"
_FIELDS: Final = (
    r"(?:\[[^\]\n]{0,160}\]:?"  # [main]
    r"|\{[^}\n]{0,160}\}|<[^>\n]{0,80}>|\([^)\n]{0,160}\)"  # {task.py:7}, <0.208.0>, (MainThread)
    r"|\d{1,19}(?:#\d+)?:?(?=\s)|[0-9a-f]{6,16}(?=\s)"  # 1234#1234:
    r"|\w[\w.-]{0,40}=\S{0,200}"  # pid=12
    r"|[^\s|]{1,80}(?=\s+[-|]\s)|[\w./-]{1,80}(?=\t)"  # app.views -, CORE |
    r"|[\w.-]+@[\w.-]*(?=\s)"  # app@shop
    r"|[\w./-]{1,80}\.\w{1,5}:\d+(?::\S{1,80})?(?=\s)"  # cmd/web.go:242:runWeb()
    r"|[\w.-]{1,60}\s+\[\d+\]:|(?:[^\s:\[]{0,80}:){1,3}\[\d+\]:"  # fail2ban.actions [12]:, 10.0.0.1(5):app@shop:[7]:
    r"|[\w.-]{1,60}\[\d[\d:]*\]:?(?=\s)"  # unbound[77:0]
    r"|[\w-]{1,40}:(?=\s))"  # queries:
)
_SPACE: Final = r"[\s|,;]*(?:-\s+)?"
_LEVEL: Final = re.compile(
    rf"(?P<before>(?:{_FIELDS}{_SPACE}){{0,6}}?)"
    rf"(?:[\[<(|{{]\s*(?:[\w. -]{{0,40}}[:/.])?(?P<shut>{_ANY}|[TVDIWEFNC])\s*(?:[:,/][^\]>)|}}\n]{{0,80}})?[\]>)|}}]:?"
    rf"|(?P<upper>{UPPER}|LOG)(?=[\s:,|>\]\[/(-]|$)(?!\s*\|\s*(?:{UPPER})\s*\|)(?:/[\w-]{{1,40}})?"
    rf"|[\w./-]{{1,60}}[.\[](?P<dotted>{UPPER})\]?:"  # app.ERROR:, util.py[DEBUG]:
    rf"|(?P<colon>{_ANY}|LOG|STATEMENT|DETAIL|HINT)(?=\s?:(?:\s|$))"
    rf"|(?P<wide>{_ANY}|LOG)(?=\t|\s\s|:\S)"
    r"|(?P<letter>[TVDIWEFC])(?=!\s|\s+[\w.$/-]+\s*(?:\(\s*\d+\))?:|\s+[A-Z]+\s+\[|\s\[|\s\|\s))"
    r"[\]>|!]*[\s:,|]*(?:-\s+)?(?P<rest>.*)",
    re.DOTALL,
)
_OFTEN: Final = re.compile(
    rf"(?P<before>(?:\[(?!\s*{_ANY}\b)[^\]\n]{{0,160}}\]:?{_SPACE}|[^\s|\[]{{1,80}}\s+-\s+)?)"
    r"(?P<upper>TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL)(?=\s+[\w\[]|\s+-)[\s]*(?:-\s+)?(?P<rest>.*)",
    re.DOTALL,
)
"""What `_LEVEL` reads, too, in the commonest forms: three times as fast."""
_WORDED: Final = re.compile(r"[A-Z]\w{2,20} (?:(?P<fatal>Fatal )|Parse |Recoverable )?(?P<level>[Ee]rror|[Ww]arning|[Nn]otice): ")
"""PHP Fatal error: ..."""
_FIRST: Final = re.compile(rf"(?:{_LOWER})(?=\s)", re.IGNORECASE)
_LATER: Final = re.compile(
    r"(?:(?:\S+\s+){1,8}?(?P<level>TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL):\s"
    r"|\S+\s+(?P<second>TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL)\s)"
)
_SPRING: Final = re.compile(
    r"(?:\[(?P<app>[^\],\n]*)(?:,(?P<trace>[0-9a-f]*),(?P<span>[0-9a-f]*))?[^\]\n]*\]\s+)?(?P<pid>\d+)\s+---\s+"
    r"(?P<brackets>(?:\[[^\]\n]*\]\s*){1,4})(?P<logger>\S+)\s*:\s(?P<rest>.*)",
    re.DOTALL,
)
_IDS: Final = re.compile(r"([0-9a-f]{16,32})[-,]([0-9a-f]{16})")
_SOURCE: Final = re.compile(
    r"(?:(?P<pid>\d{1,10})(?:#\d+:\s+|\s+(?=\[)))?"
    r"(?:\[(?P<thread>[^\]\s=]+\s*|\s+[^\]\n=]+|(?:pid|tid) [^\]\n]+|[^\]\n]+(?=\]\s+(?:[\w$-]+\.)+[\w$]+\s*(?:-|:)\s))\]:?\s*)?(?:\[client (?P<client>[^\]\n]+)\]\s*)?"
    r"(?:(?P<logger>(?:[\w$-]+\.)+[\w$\[\]./#-]*|[\w$.-]+(?=\s+[:-]\s)|[\w$.<>-]+:[\w$.<>-]+:\d+(?=\s+-\s)|[\w$:.<>-]+(?=\]\s)|[\w-]+(?:::[\w-]+)+)"
    r"(?:\s*(?:\[\])?\s*:\s+|\s+(?:\[\]\s+)?-\s+|\]\s|\s+\[(?P<other>[^\]\n]+)\]\s+(?=\S)))?(?:[:-]\s+)?",
)
_TABS: Final = re.compile(r"(?:(?P<logger>[\w./@-]{1,120})\t)?(?:(?P<source>[\w./@-]{1,120}:\d+)\t)?(?=\S)")
_PAIRED: Final = re.compile(rf"(?:^|\s)(?:level|lvl|severity)=\"?(?P<level>{_ANY})\b")
_STATUS: Final = re.compile(r"HTTP/\d(?:\.\d)?[\"')]*\s+(?P<status>[1-5]\d\d)\b")
_PAIR: Final = re.compile(r"([A-Za-z][\w.-]*)=(\S+)")
_BRACKET: Final = re.compile(r"\[([^\]]*)\]:?")
_WORDS: Final = {"SYSTEM": "INFO", "STATEMENT": "INFO", "DETAIL": "INFO", "HINT": "INFO", "N": "INFO", "C": "FATAL", "T": "TRACE"}
_SERVER: Final = re.compile(r"\d{1,10} \[System\] ")


def described(text: str, level: str | None = None) -> Record:
    """Split what follows the time: level, thread, logger, message."""
    record: Record = {}
    rest = text
    if level:
        record["level"] = level
    else:
        found = _levelled(rest.removeprefix("- "), record)
        if found is None:  # no field is told from the beginning of a sentence
            return {**record, "message": rest.removeprefix("- ")}
        rest = found
    rest = _tabbed(rest, record) if "\t" in rest else _named(rest, record)
    record["message"] = rest
    return record


def _levelled(rest: str, record: Record) -> str | None:
    """Take the level, and what stands before it; None: the message begins at once, whether it tells a level or not."""
    often = _OFTEN.match(rest)
    match = often or _LEVEL.match(rest)
    if match is None:
        if found := _FIRST.match(rest):
            record["level"] = found[0]
        elif found := _LATER.match(rest):
            record["level"] = found["level"] or found["second"]
        elif found := _WORDED.match(rest):
            record["level"] = "FATAL" if found["fatal"] else found["level"]
        elif "=" in rest and (found := _PAIRED.search(rest)):
            record["level"] = found["level"]
        elif "HTTP/" in rest and (status := _STATUS.search(rest)):
            record["level"] = "ERROR" if status["status"][0] == "5" else "WARN" if status["status"][0] == "4" else "INFO"
        elif _SERVER.match(rest):
            record["level"] = "INFO"
        return None
    word = (
        match["upper"]
        if often
        else match["shut"] or match["upper"] or match["dotted"] or match["colon"] or match["wide"] or match["letter"]
    )
    record["level"] = _WORDS.get(word, word.rstrip("12345"))
    before = match["before"].strip()
    if before:
        record.update(_PAIR.findall(before))
        bracket = _BRACKET.fullmatch(before)
        name, value = ("thread", bracket[1]) if bracket else ("source", before.removesuffix("-").strip(" |,;:"))
        if value.strip():
            record[name] = value.strip()
    return match["rest"]


def _tabbed(rest: str, record: Record) -> str:
    """Read what zap puts between tabs: logger, place in the code, message, and an object with fields."""
    source = _TABS.match(rest)
    if source is not None:
        record.update((key, value) for key, value in source.groupdict().items() if value and key not in record)
        rest = rest[source.end() :]
    message, tab, below = rest.rpartition("\t{")
    if tab and below.endswith("}"):
        try:
            fields = msgspec.json.decode("{" + below)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return rest
        record.update((key, value) for key, value in fields.items() if key not in record)
        return message.strip()
    return rest


def _named(rest: str, record: Record) -> str:
    """Take process, thread and logger from the front."""
    if " --- [" in rest[:200] and (spring := _SPRING.match(rest)):
        record.update((key, spring[key]) for key in ("pid", "logger") if spring[key])
        if spring["app"]:
            record["service"] = spring["app"]
        ids = _IDS.search(spring["brackets"])
        trace, span = (ids[1], ids[2]) if ids else (spring["trace"], spring["span"])
        record.update((key, value) for key, value in (("trace_id", trace), ("span_id", span)) if value)
        names = [name.strip() for name in re.findall(r"\[([^\]]*)\]", spring["brackets"]) if name.strip() and not _IDS.search(name)]
        if len(names) > 1:
            record.setdefault("service", names[0])
        if names:
            record["thread"] = names[-1]
        return spring["rest"]
    source = _SOURCE.match(rest)
    if source:
        found = {key: value.strip() for key, value in source.groupdict().items() if value and value.strip()}
        if "other" in found:
            found.setdefault("thread", found.pop("other"))
        record.update((key, value) for key, value in found.items() if key != "other")
        rest = rest[source.end() :]
    return rest
