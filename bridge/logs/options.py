"""The keys of a log source in bridge.yaml, checked all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Any, Final

from bridge.errors import InputError, Problem
from bridge.logs.times import zone_of

FORMATS: Final = ("json", "logfmt", "nginx", "text", "csv", "w3c", "syslog", "docker", "cri")
PROCESSES: Final = "BRIDGE_PROCESSES"
"""Environment variable: how many processes read, whatever is free."""
PARTS: Final = ("at", "level", "message", "account_id", "trace_id", "service")
_KEYS: Final = (
    "paths",
    "format",
    "service",
    "fields",
    "zone",
    "year",
    "date",
    "message_pattern",
    "account_from_trace",
    "json_column",
    "columns",
    "delimiter",
    "dates",
)
_EXAMPLE: Final = "formats: {jobs: {pattern: '(?P<at>\\S+) (?P<level>\\w+) (?P<message>.*)', samples: ['2026-03-10T02:00:00Z INFO done']}}"
_GROUPS: Final = ("level", "message", "account_id", "trace_id", "service")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRef:
    """Where one part of an event comes from: the first of these names that is there, or a part of its value."""

    names: tuple[str, ...]
    """Field names; dots lead into nested objects."""
    pattern: re.Pattern[str] | None = None
    """Searched in the value: group `value`, else the first group, else the whole match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """One checked entry of `sources`."""

    paths: tuple[str, ...]
    format: str | None = None
    """None: sniffed for each file."""
    pattern: re.Pattern[str] | None = None
    """Of a format that bridge.yaml defines: a line that it matches is an event, its named groups are the fields."""
    access: bool = False
    """The pattern was made of a `log_format`: status, request and time have its names."""
    service: str | None = None
    fields: Mapping[str, FieldRef] = field(default_factory=dict)
    zone: tzinfo | None = None
    year: int | None = None
    date: date | None = None
    message_patterns: tuple[re.Pattern[str], ...] = ()
    account_from_trace: bool = False
    json_column: str | None = None
    columns: tuple[str, ...] = ()
    delimiter: str | None = None
    """None: the one that splits the header into the most columns."""
    dates: str | None = None
    """Order of day, month and year in dates like 03/10/2026: ymd, dmy or mdy."""


def parse_sources(values: Mapping[str, Any], where: str) -> tuple[SourceOptions, ...]:
    """Check the mapping under a log source's name; InputError carries every problem."""
    check = _Checker(where=where, problems=[])
    check.known(values, ("sources", "formats"), where)
    formats = check.formats(values.get("formats"), f"{where} formats")
    raw = values.get("sources")
    sources: list[SourceOptions] = []
    if not isinstance(raw, list) or not raw:
        check.add(f"sources must be a list of at least one source, not {raw!r}", where, "sources: [{paths: [logs/*]}]")
    else:
        sources = [check.source(item, f"{where} sources[{index}]", formats) for index, item in enumerate(raw)]
    if check.problems:
        count = len(check.problems)
        summary = check.problems[0].message if count == 1 else f"{count} problems in the log sources"
        raise InputError(
            summary, where=check.problems[0].where, hint=check.problems[0].hint if count == 1 else "", problems=tuple(check.problems)
        )
    return tuple(sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checker:
    """Collects problems while values are read."""

    where: str
    problems: list[Problem]

    def add(self, message: str, where: str, hint: str = "") -> None:
        self.problems.append(Problem(message=message, where=where, hint=hint))

    def known(self, values: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
        for key in values:
            if key not in keys:
                import difflib

                near = difflib.get_close_matches(str(key), keys, n=1)
                self.add(f"unknown key '{key}'", where, f"did you mean '{near[0]}'?" if near else f"known: {', '.join(keys)}")

    def formats(self, value: Any, where: str) -> dict[str, re.Pattern[str]]:
        """Return the patterns of the formats defined here; each must match all of its sample lines."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.add(f"formats must be a mapping, not {value!r}", where, _EXAMPLE)
            return {}
        found: dict[str, re.Pattern[str]] = {}
        for name, entry in value.items():
            here = f"{where}.{name}"
            if not isinstance(entry, Mapping) or str(name) in FORMATS:
                self.add("a format has a name of its own and is a mapping with pattern and samples", here, _EXAMPLE)
                continue
            self.known(entry, ("pattern", "log_format", "samples"), here)
            pattern = self.log_format(entry, here) if "log_format" in entry else self.pattern(entry.get("pattern"), "pattern", here)
            if pattern is None:
                continue
            if "at" not in pattern.groupindex and "log_format" not in entry:
                self.add(f"the pattern has no group for the time: {pattern.pattern!r}", here, "(?P<at>...)")
            for sample in self.texts(entry, "samples", here, required=True):
                if pattern.match(sample) is None:
                    self.add(f"the pattern does not match its sample: {sample[:120]!r}", here, "bridge logs formats check")
            found[str(name)] = pattern
        return found

    def log_format(self, entry: Mapping[str, Any], where: str) -> re.Pattern[str] | None:
        from bridge.logs.formats.access import pattern_of

        text = self.text(entry, "log_format", where)
        if "pattern" in entry:
            self.add("a format has a pattern or a log_format, not both", where, "keep one of them")
        try:
            return pattern_of(text) if text else None
        except (ValueError, re.error) as error:
            self.add(
                f"log_format can't be read: {error}: {text!r}", where, "nginx's own: '$remote_addr [$time_local] \"$request\" $status'"
            )
            return None

    def source(self, item: Any, where: str, formats: Mapping[str, re.Pattern[str]]) -> SourceOptions:
        if not isinstance(item, Mapping):
            self.add(f"a source must be a mapping, not {item!r}", where, "{paths: [logs/*]}")
            return SourceOptions(paths=())
        self.known(item, _KEYS, where)
        kind = self.choice(item, "format", (*FORMATS, *formats), where)
        fields = self.fields(item.get("fields"), f"{where} fields")
        service = self.text(item, "service", where)
        if service and "service" in fields:
            self.add("service is a constant and also in fields", where, "keep one of them")
        for key in ("json_column", "columns", "delimiter"):
            if key in item and kind != "csv":
                self.add(f"{key} needs format: csv", where, "add format: csv")
        return SourceOptions(
            paths=self.texts(item, "paths", where, required=True),
            format=kind,
            pattern=formats.get(kind) if kind is not None else None,
            access=kind is not None and kind in formats and "at" not in formats[kind].groupindex,
            service=service,
            fields=fields,
            zone=self.zone(item, where),
            year=self.year(item, where),
            date=self.date(item, kind, where),
            message_patterns=self.patterns(item, where),
            account_from_trace=self.flag(item, "account_from_trace", where),
            json_column=self.text(item, "json_column", where),
            columns=self.texts(item, "columns", where, required=False),
            delimiter=self.delimiter(item, where),
            dates=self.choice(item, "dates", ("ymd", "dmy", "mdy"), where),
        )

    def text(self, item: Mapping[str, Any], key: str, where: str) -> str | None:
        value = item.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.add(f"{key} must be a text, not {value!r}", where)
        return None

    def texts(self, item: Mapping[str, Any], key: str, where: str, *, required: bool) -> tuple[str, ...]:
        value = item.get(key)
        if value is None and not required:
            return ()
        if isinstance(value, list) and value and all(isinstance(part, str) and part for part in value):
            return tuple(value)
        self.add(f"{key} must be a list of texts, not {value!r}", where, f"{key}: [{value if isinstance(value, str) else 'logs/*'}]")
        return ()

    def choice(self, item: Mapping[str, Any], key: str, known: tuple[str, ...], where: str) -> str | None:
        value = item.get(key)
        if value is None or value in known:
            return value
        import difflib

        near = difflib.get_close_matches(str(value), known, n=1)
        self.add(f"unknown {key} '{value}'", where, f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}")
        return None

    def flag(self, item: Mapping[str, Any], key: str, where: str) -> bool:
        value = item.get(key, False)
        if not isinstance(value, bool):
            self.add(f"{key} must be true or false, not {value!r}", where)
            return False
        return value

    def zone(self, item: Mapping[str, Any], where: str) -> tzinfo | None:
        value = self.text(item, "zone", where)
        if value is None:
            return None
        try:
            return zone_of(value)
        except ValueError as error:
            self.add(str(error), where, "zone: UTC, zone: Europe/Berlin or zone: '+02:00'")
            return None

    def year(self, item: Mapping[str, Any], where: str) -> int | None:
        value = item.get("year")
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and 1970 <= value <= 2099):  # noqa: PLR2004 - log times
            return value
        self.add(f"year must be a number between 1970 and 2099, not {value!r}", where)
        return None

    def date(self, item: Mapping[str, Any], kind: str | None, where: str) -> date | None:
        value = item.get("date")
        if value is None:
            return None
        if kind != "text":
            self.add("date needs format: text", where, "add format: text")
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.add(f"date must be a day, not {value!r}", where, "date: 2026-03-10")
            return None

    def delimiter(self, item: Mapping[str, Any], where: str) -> str | None:
        value = item.get("delimiter")
        if value is None:
            return None
        if isinstance(value, str) and len(value) == 1 and value not in '"\r\n':
            return value
        self.add(f"delimiter must be one character, not {value!r}", where, "delimiter: ';' or delimiter: \"\\t\"")
        return None

    def pattern(self, value: Any, key: str, where: str) -> re.Pattern[str] | None:
        if not isinstance(value, str) or not value:
            self.add(f"{key} must be a regular expression, not {value!r}", where)
            return None
        try:
            return re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            self.add(f"{key} is no regular expression: {error}: {value!r}", where)
            return None

    def patterns(self, item: Mapping[str, Any], where: str) -> tuple[re.Pattern[str], ...]:
        value = item.get("message_pattern")
        if value is None:
            return ()
        compiled = [self.pattern(part, "message_pattern", where) for part in (value if isinstance(value, list) else [value])]
        for pattern in compiled:
            if pattern is not None and not pattern.groupindex:
                self.add(
                    f"message_pattern has no named group: {pattern.pattern!r}",
                    where,
                    f"name one: (?P<account_id>...); known: {', '.join(_GROUPS)}",
                )
        return tuple(pattern for pattern in compiled if pattern is not None)

    def fields(self, value: Any, where: str) -> dict[str, FieldRef]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.add(f"fields must be a mapping, not {value!r}", where, "fields: {at: ts, account_id: account}")
            return {}
        self.known(value, PARTS, where)
        found = {part: self.ref(value[part], f"{where}.{part}") for part in PARTS if part in value}
        return {part: ref for part, ref in found.items() if ref is not None}

    def ref(self, value: Any, where: str) -> FieldRef | None:
        names, pattern = value, None
        if isinstance(value, Mapping):
            self.known(value, ("from", "pattern"), where)
            names = value.get("from")
            pattern = self.pattern(value["pattern"], "pattern", where) if "pattern" in value else None
        if isinstance(names, str) and names:
            return FieldRef(names=(names,), pattern=pattern)
        if isinstance(names, list) and names and all(isinstance(name, str) and name for name in names):
            return FieldRef(names=tuple(names), pattern=pattern)
        self.add(f"must be a field name, a list of names, or {{from, pattern}}, not {value!r}", where)
        return None
