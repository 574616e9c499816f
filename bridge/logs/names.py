"""What programs call the parts of an event, and the words that they have for levels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "at": (
        "at",
        "ts",
        "time",
        "timestamp",
        "@timestamp",
        "Timestamp",
        "datetime",
        "date",
        "event_time",
        "eventTime",
        "asctime",
        "t",
        "__REALTIME_TIMESTAMP",
    ),
    "level": ("level", "severity", "lvl", "log.level", "levelname", "loglevel", "log_level", "Level", "priority", "PRIORITY"),
    "message": (
        "message",
        "msg",
        "event",
        "log",
        "text",
        "body",
        "short_message",
        "textPayload",
        "jsonPayload.message",
        "jsonPayload.msg",
        "Message",
        "@message",
        "MESSAGE",
        "Log",
    ),
    "account_id": (
        "account_id",
        "accountId",
        "account",
        "account.id",
        "acct",
        "tenant_id",
        "tenant",
        "organization_id",
        "org_id",
        "customer_id",
        "jsonPayload.account_id",
        "jsonPayload.accountId",
    ),
    "trace_id": (
        "trace_id",
        "traceId",
        "traceID",
        "TraceID",
        "trace",
        "trace.id",
        "traceid",
        "dd.trace_id",
        "request_id",
        "requestId",
        "correlation_id",
    ),
    "service": (
        "service",
        "service.name",
        "svc",
        "serviceName",
        "app",
        "application",
        "SYSLOG_IDENTIFIER",
        "resource.labels.container_name",
        "resource.labels.service_name",
        "resource.labels.function_name",
        "resource.labels.module_id",
        "kubernetes.labels.app",
        "kubernetes.container_name",
        "kubernetes.pod_name",
        "pod_name",
        "PodName",
    ),
}
_RARE: Final[Mapping[str, tuple[str, ...]]] = {
    "at": (
        "@t",
        "_time",
        "Time",
        "TIMESTAMP",
        "Date",
        "DateTime",
        "event.created",
        "stageTimestamp",
        "requestReceivedTimestamp",
        "StartUTC",
        "TimeCreated",
        "TimeGenerated",
        "EdgeStartTimestamp",
        "timestamp_ms",
        "time_ms",
        "epoch",
        "time_iso8601",
        "time_local",
        "msec",
        "log_time",
        "logTime",
        "event_timestamp",
        "eventTimestamp",
        "timeMillis",
        "instant",
        "timeUnixNano",
        "observedTimeUnixNano",
        "created_at",
        "createdAt",
        "logged_at",
        "_timestamp",
    ),
    "level": (
        "@l",
        "@level",
        "level_name",
        "error_severity",
        "severity_text",
        "severityText",
        "LogLevel",
        "LevelDisplayName",
        "LEVEL",
        "Severity",
        "SEVERITY",
        "labels.level",
        "stream.level",
        "log_level_name",
        "status",
        "s",
    ),
    "message": (
        "@m",
        "@mt",
        "@message",
        "line",
        "_raw",
        "RenderedMessage",
        "MessageTemplate",
        "renderedMessage",
        "Msg",
        "MSG",
        "fields.message",
        "log_message",
        "Body",
        "Text",
        "logMessage",
        "resultDescription",
        "details",
        "error",
    ),
}
"""Looked for where none of the usual names is there: the fast ways of reading know only the usual ones."""
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_LEVELS: Final = {
    "WARNING": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "CRITICAL": "FATAL",
    "CRIT": "FATAL",
    "CRT": "FATAL",
    "FTL": "FATAL",
    "EROR": "ERROR",
    "FAIL": "ERROR",
    "WRN": "WARN",
    "INF": "INFO",
    "NOTE": "INFO",
    "LOG": "INFO",
    "SUCCESS": "INFO",
    "CONFIG": "INFO",
    "DBUG": "DEBUG",
    "TRC": "TRACE",
    "TRCE": "TRACE",
    "VRB": "TRACE",
    "EMERG": "FATAL",
    "EMERGENCY": "FATAL",
    "ALERT": "FATAL",
    "PANIC": "FATAL",
    "FINE": "DEBUG",
    "FINER": "TRACE",
    "FINEST": "TRACE",
    "INFORMATION": "INFO",
    "INFORMATIONAL": "INFO",
    "NOTICE": "INFO",
    "DBG": "DEBUG",
    "VERBOSE": "DEBUG",
    "D": "DEBUG",
    "I": "INFO",
    "W": "WARN",
    "E": "ERROR",
    "F": "FATAL",
    "V": "TRACE",
    "10": "TRACE",
    "20": "DEBUG",
    "30": "INFO",
    "40": "WARN",
    "50": "ERROR",
    "60": "FATAL",
    "0": "FATAL",
    "1": "FATAL",
    "2": "FATAL",
    "3": "ERROR",
    "4": "WARN",
    "5": "INFO",
    "6": "INFO",
    "7": "DEBUG",
    "100": "DEBUG",
    "200": "INFO",
    "250": "INFO",
    "300": "WARN",
    "400": "ERROR",
    "500": "FATAL",
    "550": "FATAL",
    "600": "FATAL",
}
_OFTEN: Final = (
    "WARNING",
    "ERR",
    "SEVERE",
    "CRITICAL",
    "CRIT",
    "EMERG",
    "EMERGENCY",
    "ALERT",
    "PANIC",
    "FINE",
    "FINER",
    "FINEST",
    "INFORMATION",
    "INFORMATIONAL",
    "NOTICE",
    "DBG",
    "VERBOSE",
)
LEVEL_WORD: Final = re.compile(rf"^\s*(?:{'|'.join(word for word in (*LEVELS, *_LEVELS) if not word.isdigit())})\s*$", re.IGNORECASE)
"""Is a value a level, and not the status of a request?"""
TIMES: Final = frozenset({name for name in (*_USUAL["at"], *_RARE["at"]) if "." not in name})


def usual_names(part: str) -> tuple[str, ...]:
    """Return the field names that a part of an event is looked for under when nothing is mapped."""
    return _USUAL[part]


def level_of(value: object) -> str:
    """Return TRACE, DEBUG, INFO, WARN, ERROR or FATAL; an unknown word in upper case; empty for none.

    Numbers: 10 to 60 as bunyan and pino write them, 0 to 7 as syslog does, 100 to 600 as Monolog.
    """
    text = str(value).strip().upper() if value is not None else ""
    return _LEVELS.get(text, text)


def spellings(level: str) -> list[str]:
    """Return the words that are mostly written for this level, in upper case; `words_of` has all."""
    return [level, *(word for word in _OFTEN if _LEVELS[word] == level)]


def rare_names(part: str) -> tuple[str, ...]:
    """Return the names that are looked for where no usual one is there."""
    return _RARE.get(part, ())


def words_of(levels: Iterable[str]) -> list[str]:
    """Return every text, in upper case, that `level_of` reads as one of these levels."""
    wanted = frozenset(levels)
    return sorted({word for word in (*_LEVELS, *wanted) if level_of(word) in wanted})
