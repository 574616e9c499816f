"""A smallest sequence as steps with named values, and as the test that becomes the regression test; HAR of the run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from bridge.model.exchange import Exchange, Request
from bridge.reproduction.atoms import Location, json_of, request_atoms, route, substitute
from bridge.reproduction.identities import HOLE, environment
from bridge.reproduction.oracle import Check
from bridge.reproduction.python_file import RUNTIME
from bridge.reproduction.scenario import Scenario, Step

MARK: Final = re.compile(r"@@(\w+)@@")
_OPERATORS: Final = {"==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A value that one step gives to later ones."""

    name: str
    step: int
    """Number of the step, from 1."""
    source: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A step, ready to be written: linked values are marks `@@name@@`, identities are holes `${user}`."""

    number: int
    request: Request
    status: int
    words: str
    clock: datetime | None
    wait: float
    """Seconds that have to pass before it."""
    gives: tuple[Variable, ...]
    numbers: frozenset[str]
    """Variables that stand as numbers in the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The failure is that a value stands on none of these answers."""

    name: str
    """Variable that holds the value."""
    pages: tuple[int, ...]
    """Numbers of the steps whose answers should have shown it."""
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything that the files are made of."""

    title: str
    verdict: str
    lines: tuple[Line, ...]
    scenario: Scenario
    clock_path: str = ""
    """Request that sets the target's clock: PUT with {"now": ...}; empty: no step needs it."""
    clock_key: str = "now"
    repeats: int = 1
    """Clean runs that prove a fix."""
    missing: Missing | None = None

    @property
    def error_words(self) -> tuple[str, ...]:
        """Return the parts of the error text that never vary: what the last answer has to contain."""
        return tuple(word.strip() for word in re.split(r"<\*>|: ", self.scenario.oracle.error) if word.strip())


def script(
    scenario: Scenario,
    *,
    title: str,
    verdict: str,
    clocks: Mapping[int, datetime] | None = None,
    waits: Mapping[int, float] | None = None,
    clock_path: str = "",
    repeats: int = 1,
) -> Script:
    """Number the steps, name the values and put the marks in."""
    numbers = {step.index: at for at, step in enumerate(scenario.steps, start=1)}
    names: dict[tuple[int, Location], str] = {}
    for link in scenario.links:
        names.setdefault((link.producer, link.source), _name(link.resource, len(names), set(names.values())))
    absent = scenario.oracle.absent
    if absent:
        names.setdefault((absent.producer, absent.source), _name("made", len(names), set(names.values())))
    lines = []
    for step in scenario.steps:
        request = step.request
        kinds = {atom.where: atom.number for atom in request_atoms(request)}
        counted = set()
        for link in scenario.links:
            if link.consumer == step.index:
                name = names[link.producer, link.source]
                request = substitute(request, link.target, f"{link.before}@@{name}@@{link.after}")
                counted |= {name} if kinds.get(link.target) else set()
        lines.append(
            Line(
                number=numbers[step.index],
                request=replace(request, path=request.path.replace("%40%40", "@@")),
                status=step.response.status,
                words=words(step, [link.target for link in scenario.links if link.consumer == step.index]),
                clock=(clocks or {}).get(step.index),
                wait=(waits or {}).get(step.index, 0.0),
                gives=tuple(Variable(name=n, step=numbers[p], source=s) for (p, s), n in names.items() if p == step.index),
                numbers=frozenset(counted),
            )
        )
    missing = None
    if absent:
        missing = Missing(
            name=names[absent.producer, absent.source], pages=tuple(numbers[page] for page in absent.pages), field=absent.field
        )
    return Script(
        title=title, verdict=verdict, lines=tuple(lines), scenario=scenario, clock_path=clock_path, repeats=repeats, missing=missing
    )


def _name(resource: str, count: int, taken: set[str]) -> str:
    word = re.sub(r"\W", "_", resource or "value").strip("_") or "value"
    word = "token" if word == "credential" else word if word.endswith("id") else f"{word}_id"
    return word if word not in taken else f"{word}_{count + 1}"


def words(step: Exchange, linked: Container[Location] = ()) -> str:
    """Say what a request sends, without ids: `name = "EMEA only", region = "EMEA"`; `linked` are values of earlier answers."""
    body = json_of(step.request.body, step.request.header("content-type"))
    shown: list[tuple[str, Any]] = [
        (atom.resource or "id", atom.text)
        for atom in request_atoms(step.request)
        if atom.where.place == "path" and atom.where not in linked
    ]
    shown += [(str(key), value) for key, value in body.items()] if isinstance(body, dict) else []
    shown += list(step.request.query)
    told = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in shown
        if not isinstance(value, dict | list) and not key.endswith(("id", "Id")) and not HOLE.search(str(value))
    ]
    return ", ".join(told[:6])


def python(made: Script) -> str:
    """Return test_reproduction.py: standard library and pytest only."""
    oracle = made.scenario.oracle
    body: list[str] = []
    for line in made.lines:
        body.append(f"    # {line.number}. {route(plain(line.request))}{f': {line.words}' if line.words else ''}")
        if line.wait:
            body.append(f"    time.sleep({line.wait:g})")
        if line.clock:
            body.append(f"    set_clock({json.dumps(zulu(line.clock))})")
        arguments = [json.dumps(line.request.method), _python_text(target_of(line.request), {})]
        headers = {name: value for name, value in line.request.headers if name.lower() != "content-type"}
        if line.request.body:
            arguments.append(f"body={_python_body(line.request)}")
        if headers:
            arguments.append("headers={" + ", ".join(f"{json.dumps(k)}: {_python_text(v, {})}" for k, v in headers.items()) + "}")
        body.append(f"    answer_{line.number} = send({', '.join([*arguments, f'recorded={line.status}'])})")
        body += [f"    {given.name} = pick(answer_{line.number}, {_python_source(given.source)})" for given in line.gives]
    holes = environment([all_text(line.request) for line in made.lines])
    constants = [f'{name.removeprefix("BRIDGE_")} = os.environ.get("{name}", "")' for name in holes.values()]
    anchor = made.lines[-1].number
    checks = [f"and {_python_check(check)}" for check in oracle.checks]
    if made.missing:
        pages = ", ".join(f"answer_{number}" for number in made.missing.pages)
        body.append(
            f"    answer_{anchor}['missing'] = not any(stands_in(json_of(page), {made.missing.field!r}, str({made.missing.name})) for page in ({pages},))"
        )
        checks.append("and answer['missing']")
    return RUNTIME.format(
        title=comment(made.title),
        verdict=comment(made.verdict),
        oracle=comment(oracle.sentence()),
        environment=" ".join(f"{name}=..." for name in ("BRIDGE_TARGET", *holes.values())),
        constants="\n".join(constants),
        imports="\nimport time" if any(line.wait for line in made.lines) else "",
        clock_path=json.dumps(made.clock_path),
        clock_key=json.dumps(made.clock_key),
        repeats=made.repeats,
        steps="\n".join(body),
        status=oracle.status,
        anchor=anchor,
        words=repr(list(made.error_words)),
        checks="\n        ".join(checks) or "and True",
    )


def plain(request: Request) -> Request:
    """Return the request with marks in its path as numbers, so that its route can be told."""
    return replace(request, path=re.sub(r"@@(\w+)@@", "0", request.path))


def comment(text: str) -> str:
    """Return text that is harmless in a comment of one line."""
    return " ".join(text.split()).replace("\\", "/").replace('"""', "'''").replace("{", "(").replace("}", ")")


def zulu(at: datetime) -> str:
    """Return a time as clocks are set: `2026-03-11T02:13:32Z`."""
    return at.isoformat().replace("+00:00", "Z")


def target_of(request: Request) -> str:
    """Return path and query, marks and holes left as they are."""
    query = "&".join(f"{quote(name, safe='')}={_quoted(value)}" for name, value in request.query)
    return f"{request.path}?{query}" if query else request.path


def _quoted(value: str) -> str:
    return "".join(part if at % 2 else quote(part, safe="") for at, part in enumerate(re.split(r"(@@\w+@@|\$\{\w+\})", value)))


def all_text(request: Request) -> str:
    """Return everything of a request where a hole may stand."""
    return "\n".join([request.path, request.body, *(v for _, v in request.headers), *(v for _, v in request.query)])


def _python_text(text: str, _: Mapping[str, str]) -> str:
    """Return a Python expression for a text with marks and holes."""
    parts = [part for part in re.split(r"(@@\w+@@|\$\{\w+\})", text) if part]
    if not any(MARK.fullmatch(part) or HOLE.fullmatch(part) for part in parts):
        return json.dumps(text, ensure_ascii=False)
    shown = [_expression(part) or json.dumps(part, ensure_ascii=False) for part in parts]
    return shown[0] if len(shown) == 1 else " + ".join(f"str({s})" if _expression(p) else s for s, p in zip(shown, parts, strict=True))


def _expression(part: str) -> str:
    mark, hole = MARK.fullmatch(part), HOLE.fullmatch(part)
    if mark:
        return mark[1]
    return f"{hole['what'].upper()}{hole['number']}" if hole else ""


def _python_body(request: Request) -> str:
    document = json_of(request.body, request.header("content-type"))
    return _python_text(request.body, {}) if document is None else _literal(document)


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return _python_text(value, {}) if isinstance(value, str) else repr(value)


def unquoted(line: Line) -> str:
    """Return the body with marks of numbers standing bare."""
    body = line.request.body
    for name in line.numbers:
        body = body.replace(f'"@@{name}@@"', f"@@{name}@@")
    return body


def _python_source(source: Location) -> str:
    row = f", row={source.select!r}" if source.select else ""
    return f"{source.place!r}, {source.key!r}{row}"


def _python_check(check: Check) -> str:
    return f"holds(body, {check.field!r}, {_OPERATORS[check.operator]!r}, {check.value!r})"


def har(steps: Sequence[Step], *, url: str, at: str, clean: Callable[[str], str]) -> str:
    """Return the accepted run as HAR 1.2; `clean` takes credentials out of every text."""
    entries = []
    for step in steps:
        asked, given = step.request, step.response
        entries.append(
            {
                "startedDateTime": at,
                "time": 0,
                "_recorded_as": step.index + 1,
                "request": {
                    "method": asked.method,
                    "url": clean(url + target_of(asked)),
                    "httpVersion": "HTTP/1.1",
                    "headers": [{"name": name, "value": clean(value)} for name, value in asked.headers],
                    "queryString": [{"name": name, "value": clean(value)} for name, value in asked.query],
                    "cookies": [],
                    "headersSize": -1,
                    "bodySize": len(asked.body.encode()),
                    **({"postData": {"mimeType": asked.header("content-type"), "text": clean(asked.body)}} if asked.body else {}),
                },
                "response": {
                    "status": given.status,
                    "statusText": "",
                    "httpVersion": "HTTP/1.1",
                    "headers": [{"name": n, "value": clean(v)} for n, v in given.headers if n.lower() != "set-cookie"],
                    "cookies": [],
                    "content": {"size": len(given.body.encode()), "mimeType": given.header("content-type"), "text": clean(given.body)},
                    "redirectURL": given.header("location"),
                    "headersSize": -1,
                    "bodySize": -1,
                },
                "cache": {},
                "timings": {"send": 0, "wait": 0, "receive": 0},
            }
        )
    return (
        json.dumps(
            {"log": {"version": "1.2", "creator": {"name": "bridge", "version": "1"}, "entries": entries}}, indent=1, ensure_ascii=False
        )
        + "\n"
    )
