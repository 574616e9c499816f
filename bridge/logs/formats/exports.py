"""Objects around events: OpenTelemetry's OTLP/JSON, CloudWatch's subscription records, Docker's json-file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bridge.logs.records import Outcome, Parsed, Record, usual_names

_DOCKER = frozenset({"log", "stream", "time"})


def exported(value: Record) -> Outcome:
    """Return the events inside such an object; the object itself where it is another thing with the same key.

    OTLP: resourceLogs / scopeLogs / logRecords, attributes of the resource with each event
    (opentelemetry-proto, logs.proto, JSON mapping). CloudWatch: logEvents with id, timestamp (ms), message.
    Docker: log, stream, time; an object inside `log` is the event, and its own time counts before Docker's.
    """
    if isinstance(value.get("resourceLogs"), list):
        records = tuple(_otlp(value["resourceLogs"]))
    elif isinstance(value.get("logEvents"), list):
        shared = {key: item for key, item in value.items() if key != "logEvents"}
        records = tuple({**shared, **event} for event in value["logEvents"] if isinstance(event, dict))
    else:
        return _docker(value) if value.keys() >= _DOCKER and isinstance(value["log"], str) else value
    if not records:
        return value
    return records[0] if len(records) == 1 else Parsed(records, repaired=False)


def _docker(value: Record) -> Record:
    text = value["log"].rstrip("\r\n")
    inner = None
    if text.startswith("{"):
        try:
            inner = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            inner = None  # a text that only begins like an object
    rest = {key: item for key, item in value.items() if key != "log"}
    if isinstance(inner, dict) and inner:
        own = any(name in inner for name in usual_names("at"))
        return {**inner, **{key: item for key, item in rest.items() if key not in inner and not (own and key == "time")}}
    return {**rest, "log": text}


def _otlp(resources: list[Any]) -> Iterator[Record]:
    for resource in _mappings(resources):
        shared = _attributes(_mapping(resource.get("resource")).get("attributes"))
        for scope in _mappings(resource.get("scopeLogs")):
            name = _mapping(scope.get("scope")).get("name")
            for record in _mappings(scope.get("logRecords")):
                event: Record = {**shared, **_attributes(record.get("attributes"))}
                nanos = record.get("timeUnixNano") or record.get("observedTimeUnixNano")
                if nanos is not None:
                    event["at"] = str(nanos)
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
            return [_value(item) for item in _mapping(held).get("values", [])]
        if kind == "kvlistValue":
            return _attributes(_mapping(held).get("values"))
        return held
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(values: Any) -> Iterator[Mapping[str, Any]]:
    return (value for value in values if isinstance(value, Mapping)) if isinstance(values, list) else iter(())
