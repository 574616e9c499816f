"""reproduce.sh: bash, curl, and python3 for reading answers."""

from __future__ import annotations

import json
import re
import shlex
from typing import Final

from bridge.reproduction.atoms import route
from bridge.reproduction.exports import MARK, Line, Script, Variable, all_text, comment, plain, target_of, unquoted, zulu
from bridge.reproduction.identities import HOLE, environment

_SEND: Final = r"""send() {
  status=$(curl --silent --show-error --noproxy '*' --max-time 30 --output "$body" --dump-header "$head" --write-out '%{http_code}' "$@")
}"""
_PICK: Final = r"""pick() { python3 -c 'import json, sys, urllib.parse
body, head, place, key, row = sys.argv[1:6]
headers = [line.rstrip("\r\n").partition(": ") for line in open(head, encoding="latin-1")]
if place == "cookie":
    value = next(v.partition("=")[2].split(";")[0] for n, _, v in headers if n.lower() == "set-cookie" and v.split("=")[0].strip() == key)
elif place == "header":
    name, _, at = key.partition("/")
    value = next(v for n, _, v in headers if n.lower() == name)
    value = urllib.parse.unquote(urllib.parse.urlsplit(value).path.strip("/").split("/")[int(at)]) if at else value.strip("\"")
else:
    value, wanted = json.load(open(body)), json.loads(row)
    for step in key.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and wanted:
            value, wanted = next(item for item in value if item.get(wanted[0]) == wanted[1]), None
        else:
            value = value[int(step)] if isinstance(value, list) else value[step]
print(value)' "$body" "$head" "$@"; }"""
_JUDGE: Final = r"""python3 -c 'import json, operator, sys
signs = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
text = open(sys.argv[1], encoding="utf-8", errors="replace").read()
try:
    answer = json.loads(text)
except ValueError:
    answer = None
checks, words, field, value, pages = json.loads(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4], sys.argv[5], sys.argv[6:]
def dig(found, path):
    for step in path.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found
def holds(path, sign, wanted):
    try:
        found = dig(answer, path)
        return isinstance(found, bool) == isinstance(wanted, bool) and signs[sign](found, wanted)
    except (KeyError, IndexError, TypeError, ValueError):
        return False
def stands_in(found):
    if isinstance(found, dict):
        return str(found.get(field)) == value or any(stands_in(item) for item in found.values())
    return isinstance(found, list) and any(stands_in(item) for item in found)
there = all(holds(*check) for check in checks) and all(word in text or word in str(answer) for word in words)
sys.exit(0 if there and not any(stands_in(json.load(open(page))) for page in pages) else 1)'"""


def bash(made: Script) -> str:
    """Return reproduce.sh: exit code 0 when the failure was seen, 1 when it was not, 2 when a request before it did not work."""
    holes = environment([all_text(line.request) for line in made.lines])
    oracle = made.scenario.oracle
    out = [
        "#!/usr/bin/env bash",
        f"# {comment(made.title)}",
        f"# {comment(made.verdict)}",
        f"# The failure: {comment(oracle.sentence())}",
        "# Exit code 0: the failure was seen; 1: it was not; 2: a request before it did not work.",
        "set -euo pipefail",
        ': "${BRIDGE_TARGET:?the address of the system, without a slash at the end}"',
        *[f': "${{{name}:?}}"' for name in holes.values()],
        "work=$(mktemp -d); body=$work/body; head=$work/head; trap 'rm -rf \"$work\"' EXIT",
        _SEND,
        'worked() { [ "$status" -lt 400 ] || { echo "request $1 answered $status" >&2; exit 2; }; }',
        _PICK,
    ]
    pages = made.missing.pages if made.missing else ()
    for line in made.lines:
        out += _step(made, line)
        if line.number != made.lines[-1].number:
            out.append(f"worked {line.number}")
        out += [f"{given.name}=$(pick {_source(given)})" for given in line.gives]
        if line.number in pages:
            out.append(f'cp "$body" "$work/page_{line.number}"')
    checks = json.dumps([[check.field, check.operator, check.value] for check in oracle.checks])
    words = json.dumps(list(made.error_words))
    shown = [f'"$work/page_{number}"' for number in pages]
    missing = f'{shlex.quote(made.missing.field)} "${{{made.missing.name}}}"' if made.missing else "'' ''"
    out += [
        "",
        f'echo "the last request answered $status (this failure: {oracle.status})"; cat "$body"; echo',
        f'[ "$status" = {oracle.status} ] && {_JUDGE} "$body" {shlex.quote(checks)} {shlex.quote(words)} {" ".join([missing, *shown])} \\',
        '  && echo "the failure is there" || { echo "the failure was not seen"; exit 1; }',
    ]
    return "\n".join(out) + "\n"


def _step(made: Script, line: Line) -> list[str]:
    out = [f"\n# {line.number}. {route(plain(line.request))}{f': {comment(line.words)}' if line.words else ''}"]
    if line.wait:
        out.append(f"sleep {line.wait:g}")
    if line.clock:
        payload = json.dumps({made.clock_key: zulu(line.clock)})
        out.append(
            f"send --request PUT --header 'Content-Type: application/json' --data {shlex.quote(payload)} \"$BRIDGE_TARGET\"{made.clock_path}; worked clock"
        )
    parts = [f"send --request {shlex.quote(line.request.method)}"]
    parts += [f"--header {_shell(f'{name}: {value}')}" for name, value in line.request.headers]
    if line.request.body:
        parts.append(f"--data-binary {_shell(unquoted(line))}")
    parts.append(f'"$BRIDGE_TARGET"{_shell(target_of(line.request))}')
    return [*out, " ".join(parts)]


def _source(given: Variable) -> str:
    source = given.source
    return " ".join(shlex.quote(word) for word in (source.place, source.key, json.dumps(source.select)))


def _shell(text: str) -> str:
    """Return a shell word for a text with marks and holes: literal parts in single quotes, variables in double ones."""
    shown = []
    for part in re.split(r"(@@\w+@@|\$\{\w+\})", text):
        mark, hole = MARK.fullmatch(part), HOLE.fullmatch(part)
        if mark:
            shown.append(f'"${{{mark[1]}}}"')
        elif hole:
            shown.append(f'"${{BRIDGE_{hole["what"].upper()}{hole["number"]}}}"')
        elif part:
            shown.append(shlex.quote(part))
    return "".join(shown) or "''"
