"""How this failure is told from any other: route, status, error signature, and checks on the body.

"Any 5xx" shrinks to the nearest unrelated error; an empty export answers 200. So an oracle names the exact answer.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, Literal

from bridge.errors import InputError
from bridge.model.exchange import Exchange, Request, Response
from bridge.reproduction.atoms import Location, extract, json_of, route
from bridge.text.mask import mask

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Scalar = str | int | float | bool | None
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ERROR_KEYS: Final = ("exception", "error_code", "code", "error", "message", "title", "detail", "errors", "type")
_CHECK = re.compile(r"\s*([\w.\-\[\]]+)\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*")
_SIGNATURE_LIMIT = 200
_ERROR_STATUS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A field of the answer's JSON body against a constant: `rows == 0`."""

    field: str
    """Dotted: `result.rows`; numbers are list positions."""
    operator: Operator
    value: Scalar

    def holds(self, body: Any) -> bool:
        """Tell whether it holds; a missing field or another type never does."""
        found = _dig(body, self.field)
        if found is _MISSING or (isinstance(found, bool) != isinstance(self.value, bool)):
            return False
        try:
            return _OPERATORS[self.operator](found, self.value)
        except TypeError:
            return False

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A value that one step made stands in none of these answers: an item that is on no page."""

    producer: int
    """Index of the exchange that made it."""
    source: Location
    pages: tuple[int, ...]
    """Indices of the exchanges that should have shown it, the anchor among them."""
    field: str = "id"
    """The name under which it would stand there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """The failure, exactly."""

    anchor: int
    """Index of the exchange whose answer shows it."""
    route: str
    status: int
    error: str = ""
    """The masked error text; empty: the answer is no error, or the checks say enough."""
    checks: tuple[Check, ...] = ()
    absent: Absent | None = None

    @property
    def kept(self) -> frozenset[int]:
        """Exchanges that can't be left out."""
        return frozenset({self.anchor, *((self.absent.producer, *self.absent.pages) if self.absent else ())})

    def sees(self, request: Request, response: Response, others: Mapping[int, Response] | None = None) -> bool:
        """Tell whether this answer at the anchor is this failure; `others` holds the answers of the same run by index."""
        if response.status != self.status or (self.error and signature(response) != self.error):
            return False
        body = json_of(response.body, response.header("content-type"))
        if not all(check.holds(body) for check in self.checks) or route(request) != self.route:
            return False
        return self.absent is None or _is_absent(self.absent, {**(others or {}), self.anchor: response})

    def sentence(self) -> str:
        """Say it in words: `GET /exports/{export} answers 200 with rows == 0 and source_rows > 0`."""
        parts = [f"{self.route} answers {self.status}"]
        if self.error:
            parts.append(f"saying '{self.error}'")
        if self.checks:
            parts.append("with " + " and ".join(str(check) for check in self.checks))
        if self.absent:
            parts.append(f"and what request {self.absent.producer + 1} made is on none of {len(self.absent.pages)} pages")
        return " ".join(parts)


class _Missing:
    """A field that is not there, which is not the same as null."""


_MISSING: Final = _Missing()


def _dig(body: Any, field: str) -> Any:
    for step in field.split("."):
        if isinstance(body, dict) and step in body:
            body = body[step]
        elif isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        else:
            return _MISSING
    return body


def parse_check(text: str) -> Check:
    """Read `rows == 0`, `status != "done"`, `total >= 1.5`; InputError shows what is allowed."""
    match = _CHECK.fullmatch(text)
    if match is None:
        raise InputError(f"'{text}' is not a check", hint="write FIELD OPERATOR VALUE: rows == 0   (==, !=, <, <=, >, >=)")
    field, sign, raw = match.groups()
    return Check(field=field, operator=sign, value=_constant(raw))  # type: ignore[arg-type] # the pattern allows only these


def _constant(raw: str) -> Scalar:
    words: dict[str, Scalar] = {"true": True, "false": False, "null": None}
    if raw in words:
        return words[raw]
    if re.fullmatch(r"-?\d+", raw):
        return int(raw)
    if re.fullmatch(r"-?\d+\.\d+", raw):
        return float(raw)
    return raw.strip("\"'")


def signature(response: Response) -> str:
    """Return what an error answer says, with its variable parts masked; empty for an answer that is no error."""
    if response.status < _ERROR_STATUS:
        return ""
    body = json_of(response.body, response.header("content-type"))
    words = list(_error_words(body)) if body is not None else [response.body.strip().split("\n")[0]]
    return mask(": ".join(word for word in words if word))[:_SIGNATURE_LIMIT]


def _error_words(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for item in body[:3]:
            yield from _error_words(item)
    elif isinstance(body, dict):
        for key in _ERROR_KEYS:
            if key in body:
                yield from _error_words(body[key])


def of_error(exchange: Exchange) -> Oracle:
    """Return the oracle of an exchange that answered an error."""
    return Oracle(anchor=exchange.index, route=route(exchange.request), status=exchange.response.status, error=signature(exchange.response))


def propose(failing: Sequence[Exchange], healthy: Sequence[Exchange]) -> tuple[Check, ...]:
    """Return the smallest set of checks (at most two) that hold for every failing body and for no healthy one.

    Constants come from the bodies: `field == value` where all failing ones agree, and `field > 0` for numbers. A second
    check is found only if a healthy body needs it (an export that is rightly empty: `source_rows > 0`). Among equally good
    sets the first in the order of the body's fields wins, equality before comparison. Empty: nothing separates them.
    """
    bad = [json_of(e.response.body, e.response.header("content-type")) for e in failing]
    good = [json_of(e.response.body, e.response.header("content-type")) for e in healthy]
    if not bad or any(not isinstance(body, dict) for body in bad):
        return ()
    atoms = [check for field in _fields(bad[0]) for check in _atoms(field, bad)]
    for size in (1, 2):
        for chosen in combinations(atoms, size):
            if not any(all(check.holds(body) for check in chosen) for body in good):
                return chosen
    return ()


def _fields(body: Any, prefix: str = "") -> Iterator[str]:
    for key, value in body.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{prefix}{key}.")
        elif not isinstance(value, list):
            yield f"{prefix}{key}"


def _atoms(field: str, bad: Sequence[Any]) -> Iterator[Check]:
    values = [_dig(body, field) for body in bad]
    first = values[0]
    chosen_by_hand = (
        isinstance(first, bool | int | float) or first is None or (isinstance(first, str) and not any(c.isdigit() for c in first))
    )
    if (
        all(value == first and type(value) is type(first) for value in values)
        and chosen_by_hand
        and (len(values) > 1 or first in (0, None, False))
    ):
        yield Check(field=field, operator="==", value=first)
    if all(isinstance(value, int | float) and not isinstance(value, bool) and value > 0 for value in values):
        yield Check(field=field, operator=">", value=0)


def _is_absent(absent: Absent, answers: Mapping[int, Response]) -> bool:
    made = answers.get(absent.producer)
    value = extract(made, absent.source) if made else None
    if value is None or any(page not in answers for page in absent.pages):
        return False
    return not any(_stands_in(json_of(answers[page].body, "json"), absent.field, value) for page in absent.pages)


def _stands_in(body: Any, field: str, value: str) -> bool:
    if isinstance(body, dict):
        return str(body.get(field)) == value or any(_stands_in(item, field, value) for item in body.values())
    return isinstance(body, list) and any(_stands_in(item, field, value) for item in body)
