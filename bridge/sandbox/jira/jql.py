"""A small JQL: what a filing client needs, refused in Jira's words beyond that.

Grammar: or_clause = and_clause ("OR" and_clause)*; and_clause = term ("AND" term)*;
term = ["NOT"] ("(" or_clause ")" | field operator value); then "ORDER BY field [ASC|DESC], ...".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.sandbox.calls import Json
from bridge.sandbox.jira import fields
from bridge.sandbox.seed import SeedProject

Match = Callable[[int, Json], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<sign>>=|<=|!=|!~|[=<>~(),])|(?P<word>[^\s=<>!~(),"']+))""", re.VERBOSE
)
_RELATIVE = re.compile(r"([+-]?)(\d+)([wdhm])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_DATES = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_WORDS = re.compile(r"\w+", re.UNICODE)
_TIMES = frozenset({"created", "updated", "resolutiondate", "resolved", "createddate", "updateddate"})
_TEXTS = frozenset({"text", "summary", "description", "comment", "environment"})


class JqlError(Exception):
    """The query is wrong; the text is what Jira would say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed query."""

    matches: Match
    order: tuple[tuple[str, bool], ...]
    """Field and whether it descends."""
    bounded: bool
    """True when it holds any restriction: Cloud refuses others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What names in a query can mean."""

    project: SeedProject
    now: datetime
    issue_id: Callable[[str], int | None]
    """Id of an issue by key or id, None when there is none."""


def parse(text: str, world: World) -> Query:
    """Return the query; JqlError says what is wrong and where."""
    tokens = _tokens(text)
    reader = _Reader(tokens=tokens, world=world)
    matches: Match = _anything
    bounded = False
    if tokens and not reader.sees("order"):
        matches = reader.either()
        bounded = True
    order = reader.ordering() if reader.sees("order") else ()
    if reader.at < len(tokens):
        raise JqlError(f"Error in the JQL Query: Expecting operator or end of query but got '{tokens[reader.at][1]}'.")
    return Query(matches=matches, order=order, bounded=bounded)


def _anything(_id: int, _document: Json) -> bool:
    return True


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise JqlError(
                f"Error in the JQL Query: The character '{text[at:].lstrip()[:1]}' is a reserved JQL character. (line 1, character {at + 1})"
            )
        value = found.group(found.lastgroup)
        if found.lastgroup == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        tokens.append((found.lastgroup, value))
        at = found.end()
    return tokens


@dataclass(slots=True, kw_only=True)
class _Reader:
    tokens: list[tuple[str, str]]
    world: World
    at: int = 0

    def sees(self, *words: str) -> bool:
        kind, value = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        return kind != "text" and value.lower() in words

    def take(self, what: str) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise JqlError(f"Error in the JQL Query: Expecting {what} but reached the end of the query.")
        self.at += 1
        return self.tokens[self.at - 1]

    def skip(self, *words: str) -> bool:
        if self.sees(*words):
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.skip(word):
            got = self.tokens[self.at][1] if self.at < len(self.tokens) else "end"
            raise JqlError(f"Error in the JQL Query: Expecting '{word}' but got '{got}'.")

    def either(self) -> Match:
        parts = [self.both()]
        while self.skip("or"):
            parts.append(self.both())
        return lambda id_, document: any(part(id_, document) for part in parts)

    def both(self) -> Match:
        parts = [self.term()]
        while self.skip("and"):
            parts.append(self.term())
        return lambda id_, document: all(part(id_, document) for part in parts)

    def term(self) -> Match:
        if self.skip("not"):
            inner = self.term()
            return lambda id_, document: not inner(id_, document)
        if self.skip("("):
            inside = self.either()
            self.expect(")")
            return inside
        _, name = self.take("a field")
        operator = self.operator()
        values = self.values(operator)
        return compile_term(self.world, name, operator, values)

    def operator(self) -> str:
        kind, value = self.take("an operator")
        word = value.lower()
        if kind == "sign":
            return word
        if word == "in":
            return "in"
        if word == "not" and self.skip("in"):
            return "not in"
        if word == "is":
            return "is not" if self.skip("not") else "is"
        raise JqlError(f"Error in the JQL Query: Expecting an operator but got '{value}'.")

    def values(self, operator: str) -> list[str]:
        if operator not in {"in", "not in"}:
            return [self.take("a value")[1]]
        self.expect("(")
        values = [self.take("a value")[1]]
        while self.skip(","):
            values.append(self.take("a value")[1])
        self.expect(")")
        return values

    def ordering(self) -> tuple[tuple[str, bool], ...]:
        self.expect("order")
        self.expect("by")
        keys = []
        while True:
            _, name = self.take("a field")
            descending = self.skip("desc")
            if not descending:
                self.skip("asc")
            keys.append((_sortable(self.world, name), descending))
            if not self.skip(","):
                return tuple(keys)


def _sortable(world: World, name: str) -> str:
    lower = name.lower()
    if lower in {"key", "issuekey", "id", "issue", *_TIMES, "priority", "status", "summary", "project", "issuetype", "resolution"}:
        return lower
    custom = _custom(world, name)
    if custom is None:
        raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")
    return custom.id


def _custom(world: World, name: str) -> fields.Field | None:
    for field in fields.every_field(world.project):
        if field.custom and name.lower() in {field.id, field.name.lower(), f"cf[{field.id.rpartition('_')[2]}]"}:
            return field
    return None


def compile_term(world: World, name: str, operator: str, values: list[str]) -> Match:
    """Return the predicate of one `field operator value`."""
    lower = name.lower()
    if operator in {"is", "is not"}:
        return _emptiness(world, name, operator, values[0])
    if lower in _TEXTS and operator in {"~", "!~"}:
        return _text(lower, operator, values[0])
    if lower in _TIMES and operator in {"=", "!=", ">", ">=", "<", "<="}:
        return _time(world, name, operator, values[0])
    if lower in {"key", "issuekey", "issue", "id"}:
        return _key(world, name, operator, values)
    custom = _custom(world, name)
    if custom is not None and custom.kind == "number":
        return _number(custom, operator, values[0])
    getter = _getter(world, name)
    if operator not in {"=", "!=", "in", "not in"}:
        raise JqlError(f"The operator '{operator}' is not supported by the '{name}' field.")
    wanted = _known(world, name, values)
    negative = operator in {"!=", "not in"}

    def matches(_id: int, document: Json) -> bool:
        found = getter(document)
        # As in Jira, `!=` does not find issues whose field is empty.
        return bool(found) and (not (found & wanted) if negative else bool(found & wanted))

    return matches


def _getter(world: World, name: str) -> Callable[[Json], set[str]]:
    """Return how to read a field's values, in lower case, from an indexed issue."""
    lower = name.lower()
    project = world.project
    plain: dict[str, Callable[[Json], set[str]]] = {
        "project": lambda document: {str(document["key"]).rpartition("-")[0].lower()},
        "labels": lambda document: {label.lower() for label in document["values"].get("labels", [])},
        "status": lambda document: {fields.STATUSES[document["status"]][0].lower(), document["status"]},
        "statuscategory": lambda document: _category(document["status"]),
        "resolution": lambda document: {fields.RESOLUTIONS[document["resolution"]].lower()} if document["resolution"] else {"unresolved"},
        "assignee": lambda document: {str(user) for user in [document["values"].get("assignee")] if user is not None},
        "issuetype": lambda document: {
            document["type"],
            *(kind.name.lower() for kind in project.issue_types if kind.id == document["type"]),
        },
    }
    plain["type"] = plain["issuetype"]
    if lower in plain:
        return plain[lower]
    field = _custom(world, name) or {
        "priority": fields.Field(id="priority", name="Priority", kind="priority"),
        "component": fields.Field(id="components", name="Components", kind="components"),
        "affectedversion": fields.Field(id="versions", name="Affects versions", kind="versions"),
        "fixversion": fields.Field(id="fixVersions", name="Fix versions", kind="versions"),
    }.get(lower)
    if field is None:
        raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")
    known = fields.names(project, field)

    def read(document: Json) -> set[str]:
        value = document["values"].get(field.id)
        items = value if isinstance(value, list) else [] if value is None else [value]
        return {str(known.get(str(item), item)).lower() for item in items} | {str(item) for item in items}

    return read


def _category(status: str) -> set[str]:
    key = fields.STATUSES[status][1]
    number, name, _ = fields.CATEGORIES[key]
    return {key, name.lower(), str(number)}


def _known(world: World, name: str, values: list[str]) -> set[str]:
    wanted = {value.lower() for value in values}
    if name.lower() == "project" and not wanted <= {world.project.key.lower(), world.project.name.lower(), fields.PROJECT_ID}:
        raise JqlError(f"The value '{values[0]}' does not exist for the field 'project'.")
    if name.lower() == "project":
        return {world.project.key.lower()}
    if name.lower() == "status" and not wanted <= {name.lower() for name, _ in fields.STATUSES.values()} | set(fields.STATUSES):
        raise JqlError(f"The value '{values[0]}' does not exist for the field 'status'.")
    return wanted


def _emptiness(world: World, name: str, operator: str, value: str) -> Match:
    if value.lower() not in {"empty", "null"}:
        raise JqlError(f"The operator '{operator}' only takes EMPTY or NULL, not '{value}'.")
    lower = name.lower()
    if lower == "resolution":
        return lambda _, document: (document["resolution"] is None) == (operator == "is")
    custom = _custom(world, name)
    if lower in {"description", "environment"} or custom is not None:
        id_ = custom.id if custom is not None else lower
        return lambda _, document: (document["values"].get(id_) is None) == (operator == "is")
    getter = _getter(world, name)
    return lambda _, document: (not getter(document)) == (operator == "is")


def _text(name: str, operator: str, wanted: str) -> Match:
    phrase = wanted.strip()
    exact = len(phrase) > 1 and phrase.startswith('"') and phrase.endswith('"')
    terms = [match.group() for match in re.finditer(r"\w+\*?", phrase.lower())]
    if not terms:
        raise JqlError(f"The field '{name}' does not support searching for an empty string.")

    def matches(_id: int, document: Json) -> bool:
        found = [match.group().lower() for match in _WORDS.finditer(_text_of(name, document))]
        if exact:
            return any(found[at : at + len(terms)] == terms for at in range(len(found)))
        return all(any(word == term or (term.endswith("*") and word.startswith(term[:-1])) for word in found) for term in terms)

    return matches if operator == "~" else lambda id_, document: not matches(id_, document)


def _text_of(name: str, document: Json) -> str:
    values = document["values"]
    parts = {
        "summary": [str(values["summary"])],
        "description": [fields.wiki_of(values.get("description"))],
        "environment": [fields.wiki_of(values.get("environment"))],
        "comment": [str(comment) for comment in document["comments"]],
    }
    return "\n".join(parts[name] if name != "text" else [text for found in parts.values() for text in found])


def _compare(operator: str, left: Any, right: Any) -> bool:
    return bool(
        {"=": left == right, "!=": left != right, ">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]
    )


def _time(world: World, name: str, operator: str, value: str) -> Match:
    key = {"resolved": "resolutiondate", "createddate": "created", "updateddate": "updated"}.get(name.lower(), name.lower())
    limit = moment(world, name, value)

    def matches(_id: int, document: Json) -> bool:
        text = document[key]
        return text is not None and _compare(operator, datetime.fromisoformat(text), limit)

    return matches


def moment(world: World, name: str, value: str) -> datetime:
    """Return the time that `-15m`, `now()`, `2026-03-17` or `2026-03-17 06:00` means (UTC: the caller's zone here)."""
    relative = _RELATIVE.fullmatch(value)
    if relative is not None:
        sign, number, unit = relative.groups()
        span = timedelta(**{_UNITS[unit]: int(number)})
        return world.now - span if sign == "-" else world.now + span
    for form in _DATES:
        try:
            return datetime.strptime(value, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise JqlError(
        f"Date value '{value}' for field '{name}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', "
        "'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
    )


def _key(world: World, name: str, operator: str, values: list[str]) -> Match:
    ids = {}
    for value in values:
        id_ = world.issue_id(value)
        if id_ is None:
            raise JqlError(f"An issue with key '{value}' does not exist for field '{name}'.")
        ids[value] = id_
    if operator in {"=", "in"}:
        return lambda id_, _: id_ in ids.values()
    if operator in {"!=", "not in"}:
        return lambda id_, _: id_ not in ids.values()
    if operator in {">", ">=", "<", "<="}:
        return lambda _, document: _compare(operator, key_number(document["key"]), key_number(values[0]))
    raise JqlError(f"The operator '{operator}' is not supported by the '{name}' field.")


def key_number(key: str) -> int:
    """Return 12 for REP-12."""
    tail = key.rpartition("-")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else 0


def _number(field: fields.Field, operator: str, value: str) -> Match:
    try:
        limit = float(value)
    except ValueError as error:
        raise JqlError(f"The value '{value}' is not a number, for the field '{field.name}'.") from error
    if operator not in {"=", "!=", ">", ">=", "<", "<="}:
        raise JqlError(f"The operator '{operator}' is not supported by the '{field.name}' field.")

    def matches(_id: int, document: Json) -> bool:
        found = document["values"].get(field.id)
        return found is not None and _compare(operator, float(found), limit)

    return matches
