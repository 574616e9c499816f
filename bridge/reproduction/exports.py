"""A smallest sequence as files that engineers can run: pytest, bash and curl, .http, .hurl, HAR."""

from __future__ import annotations

import json
import re
import shlex
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

_MARK: Final = re.compile(r"@@(\w+)@@")
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
    gives: tuple[Variable, ...]
    numbers: frozenset[str]
    """Variables that stand as numbers in the body."""


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


def script(
    scenario: Scenario, *, title: str, verdict: str, clocks: Mapping[int, datetime] | None = None, clock_path: str = "", repeats: int = 1
) -> Script:
    """Number the steps, name the values and put the marks in."""
    numbers = {step.index: at for at, step in enumerate(scenario.steps, start=1)}
    names: dict[tuple[int, Location], str] = {}
    for link in scenario.links:
        names.setdefault((link.producer, link.source), _name(link.resource, len(names), set(names.values())))
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
                gives=tuple(Variable(name=n, step=numbers[p], source=s) for (p, s), n in names.items() if p == step.index),
                numbers=frozenset(counted),
            )
        )
    return Script(title=title, verdict=verdict, lines=tuple(lines), scenario=scenario, clock_path=clock_path, repeats=repeats)


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
        body.append(f"    # {line.number}. {route(_plain(line.request))}{f': {line.words}' if line.words else ''}")
        if line.clock:
            body.append(f"    set_clock({json.dumps(_zulu(line.clock))})")
        arguments = [json.dumps(line.request.method), _python_text(_target(line.request), {})]
        headers = {name: value for name, value in line.request.headers if name.lower() != "content-type"}
        if line.request.body:
            arguments.append(f"body={_python_body(line.request)}")
        if headers:
            arguments.append("headers={" + ", ".join(f"{json.dumps(k)}: {_python_text(v, {})}" for k, v in headers.items()) + "}")
        body.append(f"    answer_{line.number} = send({', '.join([*arguments, f'recorded={line.status}'])})")
        body += [f"    {given.name} = pick(answer_{line.number}, {_python_source(given.source)})" for given in line.gives]
    holes = environment([_all_text(line.request) for line in made.lines])
    constants = [f'{name.removeprefix("BRIDGE_")} = os.environ.get("{name}", "")' for name in holes.values()]
    anchor = made.lines[-1].number
    checks = [f"and {_python_check(check)}" for check in oracle.checks]
    return RUNTIME.format(
        title=_comment(made.title),
        verdict=_comment(made.verdict),
        oracle=_comment(oracle.sentence()),
        environment=" ".join(f"{name}=..." for name in ("BRIDGE_TARGET", *holes.values())),
        constants="\n".join(constants),
        clock_path=json.dumps(made.clock_path),
        clock_key=json.dumps(made.clock_key),
        repeats=made.repeats,
        steps="\n".join(body),
        status=oracle.status,
        anchor=anchor,
        error=json.dumps(oracle.error),
        checks="\n        ".join(checks) or "and True",
    )


def _plain(request: Request) -> Request:
    return replace(request, path=re.sub(r"@@(\w+)@@", "0", request.path))


def _comment(text: str) -> str:
    return text.replace("\\", "/").replace('"""', "'''").replace("{", "(").replace("}", ")")


def _zulu(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _target(request: Request) -> str:
    query = "&".join(f"{quote(name, safe='')}={_quoted(value)}" for name, value in request.query)
    return f"{request.path}?{query}" if query else request.path


def _quoted(value: str) -> str:
    return "".join(part if at % 2 else quote(part, safe="") for at, part in enumerate(re.split(r"(@@\w+@@|\$\{\w+\})", value)))


def _all_text(request: Request) -> str:
    return "\n".join([request.path, request.body, *(v for _, v in request.headers), *(v for _, v in request.query)])


def _python_text(text: str, _: Mapping[str, str]) -> str:
    """Return a Python expression for a text with marks and holes."""
    parts = [part for part in re.split(r"(@@\w+@@|\$\{\w+\})", text) if part]
    if not any(_MARK.fullmatch(part) or HOLE.fullmatch(part) for part in parts):
        return json.dumps(text, ensure_ascii=False)
    shown = [_expression(part) or json.dumps(part, ensure_ascii=False) for part in parts]
    return shown[0] if len(shown) == 1 else " + ".join(f"str({s})" if _expression(p) else s for s, p in zip(shown, parts, strict=True))


def _expression(part: str) -> str:
    mark, hole = _MARK.fullmatch(part), HOLE.fullmatch(part)
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


def _python_source(source: Location) -> str:
    row = f", row={source.select!r}" if source.select else ""
    return f"{source.place!r}, {source.key!r}{row}"


def _python_check(check: Check) -> str:
    return f"holds(body, {check.field!r}, {_OPERATORS[check.operator]!r}, {check.value!r})"


def bash(made: Script) -> str:
    """Return reproduce.sh: bash, curl and python3 for reading JSON."""
    holes = environment([_all_text(line.request) for line in made.lines])
    out = [
        "#!/usr/bin/env bash",
        f"# {_comment(made.title)}",
        f"# {_comment(made.verdict)}",
        f"# The failure: {_comment(made.scenario.oracle.sentence())}",
        "# Exit code 0: the failure was seen; 1: it was not; 2: a request before it did not work.",
        "set -euo pipefail",
        ': "${BRIDGE_TARGET:?the address of the system, without a slash at the end}"',
        *[f': "${{{name}:?}}"' for name in holes.values()],
        "body=$(mktemp); trap 'rm -f \"$body\"' EXIT",
        'send() { status=$(curl --silent --show-error --max-time 30 --output "$body" --write-out \'%{http_code}\' "$@"); }',
        'worked() { [ "$status" -lt 400 ] || { echo "request $1 answered $status" >&2; exit 2; }; }',
        'pick() { python3 -c \'import json,sys\nv=json.load(open(sys.argv[1]))\nfor s in sys.argv[2].split("/")[1:]: v=v[int(s)] if isinstance(v,list) else v[s]\nprint(v)\' "$body" "$1"; }',
    ]
    for line in made.lines:
        out.append(f"\n# {line.number}. {route(_plain(line.request))}{f': {_comment(line.words)}' if line.words else ''}")
        if line.clock:
            payload = json.dumps({made.clock_key: _zulu(line.clock)})
            out.append(
                f"send --request PUT --header 'Content-Type: application/json' --data {shlex.quote(payload)} \"$BRIDGE_TARGET\"{made.clock_path}; worked clock"
            )
        parts = [f"send --request {line.request.method}"]
        parts += [f"--header {_shell(f'{name}: {value}')}" for name, value in line.request.headers]
        if line.request.body:
            parts.append(f"--data-binary {_shell(_unquoted(line))}")
        parts.append(f'"$BRIDGE_TARGET"{_shell(_target(line.request))}')
        out.append(" ".join(parts))
        if line.number != made.lines[-1].number:
            out.append(f"worked {line.number}")
        out += [f"{given.name}=$(pick {shlex.quote(given.source.key)})" for given in line.gives if given.source.place == "json"]
    checks = json.dumps([[c.field, c.operator, c.value] for c in made.scenario.oracle.checks])
    out += [
        "",
        f'echo "the last request answered $status (this failure: {made.scenario.oracle.status})"; cat "$body"; echo',
        f'[ "$status" = {made.scenario.oracle.status} ] && python3 -c \'import json,operator,sys',
        'ops={"==":operator.eq,"!=":operator.ne,"<":operator.lt,"<=":operator.le,">":operator.gt,">=":operator.ge}',
        "try: body=json.load(open(sys.argv[1]))",
        "except ValueError: body=None",
        "def dig(v,f):",
        '  for s in f.split("."): v=v[int(s)] if isinstance(v,list) else v[s]',
        "  return v",
        f'sys.exit(0 if all(ops[o](dig(body,f),v) for f,o,v in json.loads(sys.argv[2])) else 1)\' "$body" {shlex.quote(checks)} \\',
        '  && echo "the failure is there" || { echo "the failure was not seen"; exit 1; }',
    ]
    return "\n".join(out) + "\n"


def _shell(text: str) -> str:
    """Return a shell word for a text with marks and holes: literal parts in single quotes, variables in double ones."""
    parts = [part for part in re.split(r"(@@\w+@@|\$\{\w+\})", text) if part]
    shown = []
    for part in parts:
        mark, hole = _MARK.fullmatch(part), HOLE.fullmatch(part)
        shown.append(
            f'"${{{mark[1]}}}"' if mark else f'"${{BRIDGE_{hole["what"].upper()}{hole["number"]}}}"' if hole else shlex.quote(part)
        )
    return "".join(shown) or "''"


def _unquoted(line: Line) -> str:
    """Return the body with marks of numbers standing bare."""
    body = line.request.body
    for name in line.numbers:
        body = body.replace(f'"@@{name}@@"', f"@@{name}@@")
    return body


def http_file(made: Script) -> str:
    """Return reproduce.http for editors and httpyac."""
    out = [f"# {_comment(made.title)}", f"# {_comment(made.verdict)}", "@target={{$processEnv BRIDGE_TARGET}}", ""]
    for line in made.lines:
        if line.clock:
            out += [
                "### clock",
                f"PUT {{{{target}}}}{made.clock_path}",
                "Content-Type: application/json",
                "",
                json.dumps({made.clock_key: _zulu(line.clock)}),
                "",
            ]
        out += [f"### {line.number}. {_comment(route(_plain(line.request)))}", f"# @name answer_{line.number}"]
        out.append(f"{line.request.method} {{{{target}}}}{_braced(_target(line.request), '$processEnv ')}")
        out += [f"{name}: {_braced(value, '$processEnv ')}" for name, value in line.request.headers]
        if line.request.body:
            out += ["", _braced(_unquoted(line), "$processEnv ")]
        # Name the values right after the answer that gave them.
        out += (
            [""]
            + [f"@{given.name}={{{{answer_{line.number}{_dotted(given.source)}}}}}" for given in line.gives if given.source.place == "json"]
            + [""]
        )
    return "\n".join(out)


def _dotted(source: Location) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in source.key.split("/")[1:])


def _braced(text: str, prefix: str) -> str:
    text = _MARK.sub(r"{{\1}}", text)
    return HOLE.sub(lambda m: f"{{{{{prefix}BRIDGE_{m['what'].upper()}{m['number']}}}}}", text)


def hurl(made: Script) -> str:
    """Return reproduce.hurl: run with `hurl --variable target=... reproduce.hurl`; it passes while the bug is there."""
    out = [f"# {_comment(made.title)}", f"# {_comment(made.verdict)}", ""]
    oracle = made.scenario.oracle
    for line in made.lines:
        if line.clock:
            out += [
                f"PUT {{{{target}}}}{made.clock_path}",
                "Content-Type: application/json",
                json.dumps({made.clock_key: _zulu(line.clock)}),
                "HTTP 200",
                "",
            ]
        out += [
            f"# {line.number}. {_comment(route(_plain(line.request)))}",
            f"{line.request.method} {{{{target}}}}{_braced(_target(line.request), '')}",
        ]
        out += [f"{name}: {_braced(value, '')}" for name, value in line.request.headers]
        if line.request.body:
            out.append(_braced(_unquoted(line), ""))
        out.append(f"HTTP {oracle.status if line.number == made.lines[-1].number else line.status}")
        given = [v for v in line.gives if v.source.place == "json"]
        if given:
            out += ["[Captures]", *[f'{v.name}: jsonpath "${_dotted(v.source)}"' for v in given]]
        if line.number == made.lines[-1].number and oracle.checks:
            out += ["[Asserts]", *[f'jsonpath "$.{c.field}" {c.operator} {json.dumps(c.value)}' for c in oracle.checks]]
        out.append("")
    return "\n".join(out)


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
                    "url": clean(url + _target(asked)),
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
