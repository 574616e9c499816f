"""Objects around events: OpenTelemetry's OTLP/JSON, CloudWatch's and Google Cloud's exports, Docker's json-file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bridge.logs.names import TIMES, usual_names
from bridge.logs.records import Outcome, Parsed, Record

_LISTS = ("Records", "records", "events", "logs", "entries", "results", "items")
_FEW = 4
"""Keys of an object that is nothing but a delivery."""
_DOCKER = frozenset({"log", "stream", "time"})
_LAMBDA = re.compile(
    r"(?:\d{4}-\d\d-\d\dT[\d:.]+Z?\s+)?(?:[0-9a-f-]{4,36}\s+)?\[?(TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b\]?[\s:]"
)


def exported(value: Record) -> Outcome:  # noqa: PLR0911 - one for each export
    """Return the events inside such an object; the object itself where it is another thing with the same key.

    OTLP: resourceLogs / scopeLogs / logRecords, attributes of the resource with each event
    (opentelemetry-proto, logs.proto, JSON mapping). CloudWatch: logEvents of a subscription, or an event of
    `filter-log-events`: timestamp (ms) and message. Google Cloud: a LogEntry; its trace is named by the last part.
    Docker: log, stream, time. An object inside a text is the event, and its own time counts before the wrapper's.
    """
    if isinstance(value.get("resourceLogs"), list):
        records = tuple(_otlp(value["resourceLogs"]))
    elif isinstance(value.get("scopeLogs"), list):
        records = tuple(_otlp([value]))
    elif isinstance(value.get("logEvents"), list):
        shared = {key: item for key, item in value.items() if key != "logEvents"}
        records = tuple(_cloudwatch({**shared, **event}) for event in value["logEvents"] if isinstance(event, dict))
    elif "ingestionTime" in value and isinstance(value.get("message"), str):
        return _cloudwatch(value)
    elif "@message" in value and "@timestamp" in value:
        return _cloudwatch(value, "@message", "@timestamp")
    elif isinstance(value.get("MESSAGE"), list):  # journald, where a message is not plain text
        return {**value, "MESSAGE": _bytes_text(value["MESSAGE"])}
    elif "insertId" in value and "timestamp" in value:
        return _google(value)
    else:
        return _docker(value) if value.keys() >= _DOCKER and isinstance(value["log"], str) else value
    if not records:
        return value
    return records[0] if len(records) == 1 else Parsed(records, repaired=False)


def contained(value: Record) -> Parsed | None:
    """Return the events of an answer or a delivery that stands on one line; None: it holds none.

    AWS CloudTrail and Azure Monitor (`Records`), Loki's `query_range`, Elasticsearch's `hits`.
    """
    data = _mapping(value.get("data"))
    if data.get("resultType") == "streams":
        records = tuple(_streams(data.get("result")))
    else:
        hits = _mapping(value.get("hits")).get("hits")
        lists = [value.get(name) for name in _LISTS] if len(value) <= _FEW else []
        found = next((items for items in (hits, *lists) if isinstance(items, list) and items), [])
        whole = all(isinstance(item, dict) and _timed(item) for item in found)
        records = tuple(found) if whole else ()
    return Parsed(records, repaired=False) if records else None


def _timed(value: Record) -> bool:
    inner = value.get("_source")
    return not value.keys().isdisjoint(TIMES) or (isinstance(inner, dict) and not inner.keys().isdisjoint(TIMES))


def _streams(result: Any) -> Iterator[Record]:
    for stream in _mappings(result):
        labels = dict(_mapping(stream.get("stream")))
        for pair in stream.get("values") or ():
            if isinstance(pair, list) and len(pair) >= 2:  # noqa: PLR2004 - time and line
                yield {**labels, "at": pair[0], "message": pair[1]}


def _bytes_text(values: list[Any]) -> Any:
    try:
        return bytes(values).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return values  # something else than bytes


def _docker(value: Record) -> Record:
    return _opened({**value, "log": value["log"].rstrip("\r\n")}, "log", "time")


def _opened(value: Record, name: str, time: str) -> Record:
    """Return the object that stands as text in a field, with the other fields around it; without one, the value as it is."""
    text = value.get(name)
    inner = None
    if isinstance(text, str) and text.startswith("{"):
        try:
            inner = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            inner = None  # a text that only begins like an object
    if not isinstance(inner, dict) or not inner:
        return value
    rest = {key: item for key, item in value.items() if key != name}
    own = any(key in inner for key in usual_names("at"))
    return {**inner, **{key: item for key, item in rest.items() if key not in inner and not (own and key == time)}}


def _cloudwatch(value: Record, name: str = "message", time: str = "timestamp") -> Record:
    """Return an event of CloudWatch; its text may begin with a time, a request's id and a level, as Lambda writes it."""
    found = _opened(value, name, time)
    text = found.get(name)
    if isinstance(text, str) and "level" not in found and (match := _LAMBDA.match(text)):
        found = {**found, "level": match[1]}
    return found


def _google(value: Record) -> Record:
    """Return a LogEntry with the bare id of its trace, and no level for DEFAULT."""
    found = dict(value)
    trace = value.get("trace")
    if isinstance(trace, str) and "/traces/" in trace:
        found["trace"] = trace.rpartition("/")[2]
    if value.get("severity") == "DEFAULT":
        del found["severity"]
    return found


def _otlp(resources: list[Any]) -> Iterator[Record]:
    for resource in _mappings(resources):
        shared = _attributes(_mapping(resource.get("resource")).get("attributes"))
        for scope in _mappings(resource.get("scopeLogs")):
            name = _mapping(scope.get("scope")).get("name")
            for record in _mappings(scope.get("logRecords")):
                event: Record = {**shared, **_attributes(record.get("attributes"))}
                nanos = [str(record[name]) for name in ("timeUnixNano", "observedTimeUnixNano") if str(record.get(name, "0")) != "0"]
                if nanos:  # 0 is no time, as the protocol has it
                    event["at"] = nanos[0]
                event["level"] = record.get("severityText") or _severity(record.get("severityNumber"))
                event["message"] = _value(record.get("body"))
                if record.get("traceId"):
                    event["trace_id"] = record["traceId"]
                if record.get("spanId"):
                    event["span_id"] = record["spanId"]
                if name:
                    event["scope"] = name
                yield event


def _severity(number: Any) -> str:
    """Return the level of a severity number: four numbers each for TRACE, DEBUG, INFO, WARN, ERROR, FATAL from 1 on."""
    names = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
    return names[(number - 1) // 4] if isinstance(number, int) and 1 <= number <= 24 else ""  # noqa: PLR2004 - the numbers of the standard


def _attributes(pairs: Any) -> Record:
    return {str(pair["key"]): _value(pair.get("value")) for pair in _mappings(pairs) if "key" in pair}


def _value(value: Any) -> Any:
    """Return what an AnyValue holds."""
    if not isinstance(value, Mapping):
        return value
    for kind, held in value.items():
        if kind == "intValue":
            return int(held) if str(held).lstrip("-").isdigit() else held
        if kind == "arrayValue":
            values = _mapping(held).get("values")
            return [_value(item) for item in values] if isinstance(values, list) else []
        if kind == "kvlistValue":
            return _attributes(_mapping(held).get("values"))
        return held
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(values: Any) -> Iterator[Mapping[str, Any]]:
    return (value for value in values if isinstance(value, Mapping)) if isinstance(values, list) else iter(())
