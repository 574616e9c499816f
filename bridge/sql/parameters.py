"""Typed parameters: text given by a person becomes checked values, all faults at once, one clock reading.

Values are bound by the driver (`bridge.sql.prepare`, `bridge.sql.paramstyle`); nothing here renders SQL.
The text forms are described in docs/parameters.md. Relative times have msticpy's shape (`-3d@d`), but a
bad one is an error: there it silently becomes now.
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from bridge.errors import InputError, Problem
from bridge.model.evidence import Scalar
from bridge.model.window import Window, utc

if TYPE_CHECKING:
    from bridge.model.investigation import Parameter

Item = Scalar | Decimal | date | datetime
Value = Item | Window | list[Item]

MAX_TEXT = 10_000
MAX_ITEMS = 10_000
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WORDS = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
_RELATIVE = re.compile(r"(?:(?P<now>now)|(?P<sign>[+-])(?P<count>\d{1,6})(?P<unit>[smhdw]))?(?:@(?P<round>[mhdw]))?")
_SPAN = re.compile(r"(?P<count>\d{1,6})\s*(?P<word>second|minute|hour|day|week)s?")
_BEFORE = re.compile(r"(?:(?P<span>.+?)\s+)?before\s+(?P<name>[a-z][a-z0-9_]*)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_BIGINT = 2**63
_TRUE = frozenset({"true", "yes"})
_FALSE = frozenset({"false", "no"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

TIME_FORMS = "2026-03-01, 2026-03-01T10:00:00Z, -3d, -3d@d or now"
WINDOW_FORMS = "'last 14 days', 2026-03-01..2026-03-08 or -3d@d..now"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """The one clock reading of a run, and the windows that are already known."""

    now: datetime
    windows: Mapping[str, Window]


def resolve(parameters: Sequence[Parameter], given: Mapping[str, str | Sequence[str]], *, now: datetime) -> dict[str, Value]:
    """Turn the given texts and the defaults into values, by name, in declared order.

    `given` maps a name to its text, or to several texts for a repeated list parameter. `now` is the only
    clock reading; it must carry a zone. Windows are half-open UTC. Raises one InputError that lists every
    unknown, missing, ill-typed and out-of-range parameter.
    """
    now = utc(now)
    names = [parameter.name for parameter in parameters]
    problems = [_unknown(name, names) for name in given if name not in names]
    values: dict[str, Value] = {}
    windows: dict[str, Window] = {}
    # A baseline may be counted back from another window, so those come last.
    ordered = sorted(parameters, key=lambda parameter: _refers(parameter, given.get(parameter.name)))
    for parameter in ordered:
        try:
            value = _one(parameter, given.get(parameter.name), _Clock(now=now, windows=windows))
        except _BadValueError as error:
            problems.append(Problem(message=f"parameter '{parameter.name}': {error.message}", where=error.where, hint=error.hint))
            continue
        values[parameter.name] = value
        if isinstance(value, Window):
            windows[parameter.name] = value
    if problems:
        raise _refusal(problems)
    return {name: values[name] for name in names}


def recorded(values: Mapping[str, object]) -> dict[str, Scalar | list[Scalar]]:
    """Return values as provenance stores them: times as ISO 8601 UTC, decimals as text, a window as its two ends."""
    plain: dict[str, Scalar | list[Scalar]] = {}
    for name, value in values.items():
        if isinstance(value, Window):
            plain[f"{name}_start"] = _plain(value.start)
            plain[f"{name}_end"] = _plain(value.end)
        elif isinstance(value, list | tuple):
            plain[name] = [_plain(item) for item in value]
        else:
            plain[name] = _plain(value)
    return plain


def parse_window(text: str, *, now: datetime) -> Window:
    """Return the window that `text` names; InputError says which forms exist."""
    try:
        return _window(text, _Clock(now=utc(now), windows={}))
    except _BadValueError as error:
        raise InputError(error.message, hint=error.hint) from None


def parse_time(text: str, *, now: datetime) -> datetime:
    """Return the moment that `text` names, UTC; a time without a zone is an InputError, a date is its midnight."""
    try:
        return _moment(text, _Clock(now=utc(now), windows={}))
    except _BadValueError as error:
        raise InputError(error.message, hint=error.hint) from None


class _BadValueError(Exception):
    """One parameter's fault, before it becomes a Problem."""

    def __init__(self, message: str, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


def _plain(value: object) -> Scalar:
    if isinstance(value, datetime):
        return utc(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _unknown(name: str, names: Sequence[str]) -> Problem:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
    return Problem(message=f"unknown parameter '{name}'", where=f"-p {name}=...", hint=hint)


def _refusal(problems: Sequence[Problem]) -> InputError:
    if len(problems) == 1:
        only = problems[0]
        return InputError(only.message, where=only.where, hint=only.hint, problems=(only,))
    return InputError(f"{len(problems)} parameters can't be used", problems=tuple(problems))


def _refers(parameter: Parameter, text: str | Sequence[str] | None) -> bool:
    chosen = parameter.default if text is None else text
    return parameter.type == "window" and isinstance(chosen, str) and _BEFORE.fullmatch(chosen.strip()) is not None


def _one(parameter: Parameter, given: str | Sequence[str] | None, clock: _Clock) -> Value:
    if given is None and parameter.default is None:
        raise _BadValueError("missing", f"-p {parameter.name}={_example(parameter)}")
    origin = "its default" if given is None else f"-p {parameter.name}={_shown(given)}"
    try:
        return _value(parameter, parameter.default if given is None else given, clock)
    except _BadValueError as error:
        error.where = error.where or origin
        raise


def _value(parameter: Parameter, given: Scalar | Sequence[Scalar], clock: _Clock) -> Value:
    if parameter.type == "list":
        return _list(parameter, given, clock)
    if parameter.type == "window":
        return _window(_single(given), clock)
    return _item(parameter, parameter.type, _single(given), clock)


def _single(given: Scalar | Sequence[Scalar]) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, Sequence):
        if len(given) == 1:
            return _text(given[0])
        raise _BadValueError(f"given {len(given)} times, takes one value")
    return _text(given)


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _list(parameter: Parameter, given: Scalar | Sequence[Scalar], clock: _Clock) -> list[Item]:
    texts: list[str] = []
    if isinstance(given, str):
        texts = _split(given)
    elif isinstance(given, Sequence):
        # A default is a sequence of items; a repeated option a sequence of texts, each one split again.
        for part in given:
            texts.extend(_split(part) if isinstance(part, str) else [_text(part)])
    else:
        texts = [_text(given)]
    low = 1 if parameter.minimum is None else int(parameter.minimum)
    high = MAX_ITEMS if parameter.maximum is None else min(MAX_ITEMS, int(parameter.maximum))
    if len(texts) < low:
        hint = "declare `minimum: 0` if no value at all may match nothing" if low == 1 else ""
        raise _BadValueError(f"{len(texts)} values, needs at least {low}", hint)
    if len(texts) > high:
        raise _BadValueError(f"{len(texts)} values, takes at most {high}")
    kind = parameter.items or ("enum" if parameter.choices else "string")
    return [_item(parameter, kind, text, clock) for text in texts]


def _split(text: str) -> list[str]:
    if not text.strip():
        return []
    if "\n" in text or "\r" in text or "\x00" in text:
        raise _BadValueError("a list stands on one line, its values separated by commas")
    try:
        return [part.strip() for part in next(csv.reader([text], skipinitialspace=True, strict=True))]
    except csv.Error as error:
        raise _BadValueError(f"not a comma separated list: {error}", 'put a value with a comma in double quotes: a,"b, c"') from None


def _item(parameter: Parameter, kind: str, text: str, clock: _Clock) -> Item:
    if len(text) > MAX_TEXT:
        raise _BadValueError(f"{len(text)} characters long, takes at most {MAX_TEXT}")
    bounded = parameter.type != "list"
    if kind in {"string", "account"}:
        return _string(parameter, kind, text)
    if kind == "enum":
        return _enum(parameter, text)
    if kind in {"integer", "decimal"}:
        number: int | Decimal = _integer(text) if kind == "integer" else _decimal(text)
        return _in_range(parameter, number) if bounded else number
    parsers: dict[str, Callable[[], Item]] = {
        "boolean": lambda: _boolean(text),
        "date": lambda: _date(text, clock),
        "datetime": lambda: _moment(text, clock),
    }
    if kind not in parsers:
        raise _BadValueError(f"a list can't hold items of type '{kind}'")
    return parsers[kind]()


def _string(parameter: Parameter, kind: str, text: str) -> str:
    if "\x00" in text:
        raise _BadValueError("holds a NUL character, which no database takes")
    if kind == "account" and (not text.strip() or _CONTROL.search(text)):
        raise _BadValueError(f"{text!r} is not an account id")
    if parameter.pattern is not None and re.fullmatch(parameter.pattern, text) is None:
        raise _BadValueError(f"{_shown(text)} does not match {parameter.pattern}")
    if parameter.choices:
        return _enum(parameter, text)
    return text


def _enum(parameter: Parameter, text: str) -> str:
    if text in parameter.choices:
        return text
    near = difflib.get_close_matches(text, parameter.choices, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(parameter.choices)}"
    raise _BadValueError(f"{_shown(text)} is not a choice", hint)


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text.strip()) is None or not -_BIGINT <= int(text) < _BIGINT:
        raise _BadValueError(f"{_shown(text)} is not an integer of 64 bits")
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.strip()) if text.isascii() and "_" not in text else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 38:  # noqa: PLR2004 - the widest decimal a database holds
        raise _BadValueError(f"{_shown(text)} is not a decimal number", "with a point: 0.25")
    return number


def _in_range(parameter: Parameter, number: int | Decimal) -> int | Decimal:
    for bound, word in ((parameter.minimum, "least"), (parameter.maximum, "most")):
        if bound is None or not math.isfinite(bound):
            continue
        limit = Decimal(str(bound))
        if (Decimal(number) < limit) if word == "least" else (Decimal(number) > limit):
            shown = limit.to_integral_value() if limit == limit.to_integral_value() else limit
            raise _BadValueError(f"{number} is out of range", f"at {word} {shown}")
    return number


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise _BadValueError(f"{_shown(text)} is not a boolean", "true or false")


def _date(text: str, clock: _Clock) -> date:
    stripped = text.strip()
    try:
        return date.fromisoformat(stripped) if len(stripped) == len("2026-03-01") else _moment_relative(stripped, clock).date()
    except ValueError:
        raise _BadValueError(f"{_shown(text)} is not a date", "2026-03-01 or -3d") from None


def _moment(text: str, clock: _Clock) -> datetime:
    stripped = text.strip()
    if stripped.startswith(("now", "+", "-", "@")):
        return _moment_relative(stripped, clock)
    try:
        if len(stripped) == len("2026-03-01"):
            return datetime.combine(date.fromisoformat(stripped), datetime.min.time(), tzinfo=UTC)
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise _BadValueError(f"{_shown(text)} is not a time", TIME_FORMS) from None
    if moment.tzinfo is None:
        raise _BadValueError(f"{_shown(text)} has no zone", f"{stripped}Z for UTC, or {stripped}+01:00")
    try:
        return utc(moment)
    except OverflowError:
        raise _BadValueError(f"{_shown(text)} is out of range", TIME_FORMS) from None


def _moment_relative(text: str, clock: _Clock) -> datetime:
    match = _RELATIVE.fullmatch(text)
    if match is None or not text:
        raise _BadValueError(f"{_shown(text)} is not a time", TIME_FORMS)
    moment = clock.now
    try:
        if match["count"]:
            step = timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
            moment = moment - step if match["sign"] == "-" else moment + step
    except OverflowError:
        raise _BadValueError(f"{_shown(text)} is out of range", TIME_FORMS) from None
    return _rounded(moment, match["round"])


def _rounded(moment: datetime, unit: str | None) -> datetime:
    """Round down in UTC; a week begins on Monday."""
    if unit is None:
        return moment
    moment = moment.replace(second=0, microsecond=0)
    if unit == "m":
        return moment
    moment = moment.replace(minute=0)
    if unit == "h":
        return moment
    moment = moment.replace(hour=0)
    return moment if unit == "d" else moment - timedelta(days=moment.weekday())


def _window(text: str, clock: _Clock) -> Window:
    stripped = text.strip()
    before = _BEFORE.fullmatch(stripped)
    if before is not None:
        return _window_before(before, clock)
    if stripped.startswith("last "):
        return _ending(clock.now, _span(stripped.removeprefix("last "), text))
    if ".." not in stripped:
        raise _BadValueError(f"{_shown(text)} is not a window", WINDOW_FORMS)
    start, _, end = stripped.partition("..")
    return _between(_moment(start, clock), _moment(end, clock))


def _window_before(match: re.Match[str], clock: _Clock) -> Window:
    other = clock.windows.get(match["name"])
    if other is None:
        raise _BadValueError(f"there is no window '{match['name']}' to stand before", f"known: {', '.join(clock.windows) or 'none'}")
    length = other.length if match["span"] is None else _span(match["span"], match[0])
    return _ending(other.start, length)


def _span(text: str, whole: str) -> timedelta:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise _BadValueError(f"{_shown(whole)} is not a window", WINDOW_FORMS)
    return timedelta(**{_UNITS[_WORDS[match["word"]]]: int(match["count"])})


def _ending(end: datetime, length: timedelta) -> Window:
    try:
        return _between(end - length, end)
    except OverflowError:
        raise _BadValueError(f"a window of {length.days} days reaches before the first year") from None


def _between(start: datetime, end: datetime) -> Window:
    try:
        return Window(start=start, end=end)
    except ValueError as error:
        raise _BadValueError(str(error), "the end is exclusive and comes after the start") from None


def _shown(given: object) -> str:
    text = given if isinstance(given, str) else ",".join(str(part) for part in given) if isinstance(given, Sequence) else str(given)
    short = text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits a terminal line
    return repr(short) if _CONTROL.search(short) or not short else f"'{short}'"


def _example(parameter: Parameter) -> str:
    examples = {"window": "'last 14 days'", "date": "2026-03-01", "datetime": "2026-03-01T10:00:00Z", "boolean": "true", "list": "a,b"}
    if parameter.choices:
        return parameter.choices[0]
    return examples.get(parameter.type, f"<{parameter.type}>")
