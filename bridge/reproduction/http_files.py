"""reproduce.http (editors, httpyac) and reproduce.hurl. Each fails unless the failure is there."""

from __future__ import annotations

import json
import re

from bridge.reproduction.atoms import Location, route
from bridge.reproduction.exports import MARK, Line, Script, Variable, comment, plain, target_of, unquoted, zulu
from bridge.reproduction.identities import HOLE


def http_file(made: Script) -> str:
    """Return reproduce.http; the last request asserts the failure."""
    out = [f"# {comment(made.title)}", f"# {comment(made.verdict)}", "@target={{$processEnv BRIDGE_TARGET}}", ""]
    for line in made.lines:
        if line.clock:
            out += [
                "### clock",
                f"PUT {{{{target}}}}{made.clock_path}",
                "Content-Type: application/json",
                "",
                json.dumps({made.clock_key: zulu(line.clock)}),
                "",
            ]
        out += [f"### {line.number}. {comment(route(plain(line.request)))}", f"# @name answer_{line.number}", "# @no-redirect"]
        if line.wait:
            out.append(f"# @sleep {round(1000 * line.wait)}")
        out.append(f"{line.request.method} {{{{target}}}}{_braced(target_of(line.request), '$processEnv ')}")
        out += [f"{name}: {_braced(value, '$processEnv ')}" for name, value in line.request.headers]
        if line.request.body:
            out += ["", _braced(unquoted(line), "$processEnv ")]
        out += ["", *_asserts(made, line)]
        # Values get their names right after the answer that gave them.
        out += [_given(line.number, given) for given in line.gives]
        out.append("")
    return "\n".join(out)


def _asserts(made: Script, line: Line) -> list[str]:
    """Return the last request's assertions; other steps that go wrong show in what follows."""
    oracle = made.scenario.oracle
    if line.number != made.lines[-1].number:
        return []
    out = [f"?? status == {oracle.status}"]
    out += [f"?? js response.parsedBody.{check.field} {check.operator} {json.dumps(check.value)}" for check in oracle.checks]
    return out + [f"?? body includes {word}" for word in made.error_words]


def _given(number: int, given: Variable) -> str:
    """Return the line that names a value of an answer; what is not in a JSON body takes a line of script."""
    source = given.source
    if source.place == "json":
        return f"@{given.name}={{{{answer_{number}{_dotted(source)}}}}}"
    name, _, at = source.key.partition("/")
    if source.place == "cookie":
        value = f"/(?:^|[,; ]){re.escape(source.key)}=([^;]*)/.exec(String(response.headers['set-cookie']))[1]"
    else:
        value = f"response.headers['{name}']"
        value = f"new URL({value}, 'http://x').pathname.split('/')[{int(at) + 1}]" if at else value
    return f"{{{{\n  exports.{given.name} = {value};\n}}}}"


def _captured(source: Location) -> str:
    if source.place == "json":
        return f'jsonpath "${_dotted(source)}"'
    if source.place == "cookie":
        return f'cookie "{source.key}"'
    name, _, at = source.key.partition("/")
    return f'header "{name}" regex "^(?:https?://[^/]+)?(?:/[^/?#]+){{{at}}}/([^/?#]+)"' if at else f'header "{name}"'


def _dotted(source: Location) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in source.key.split("/")[1:])


def _braced(text: str, prefix: str) -> str:
    text = MARK.sub(r"{{\1}}", text)
    return HOLE.sub(lambda m: f"{{{{{prefix}BRIDGE_{m['what'].upper()}{m['number']}}}}}", text)


def hurl(made: Script) -> str:
    """Return reproduce.hurl: run with `hurl --variable target=... reproduce.hurl`; it passes while the bug is there."""
    out = [f"# {comment(made.title)}", f"# {comment(made.verdict)}", ""]
    oracle = made.scenario.oracle
    for line in made.lines:
        if line.clock:
            out += [
                f"PUT {{{{target}}}}{made.clock_path}",
                "Content-Type: application/json",
                json.dumps({made.clock_key: zulu(line.clock)}),
                "HTTP 200",
                "",
            ]
        out += [
            f"# {line.number}. {comment(route(plain(line.request)))}",
            f"{line.request.method} {{{{target}}}}{_braced(target_of(line.request), '')}",
        ]
        out += [f"{name}: {_braced(value, '')}" for name, value in line.request.headers]
        if line.wait:
            out += ["[Options]", f"delay: {round(1000 * line.wait)}ms"]
        if line.request.body:
            out.append(_braced(unquoted(line), ""))
        last = line.number == made.lines[-1].number
        out.append(f"HTTP {oracle.status if last else line.status}")
        if line.gives:
            out += ["[Captures]", *[f"{given.name}: {_captured(given.source)}" for given in line.gives]]
        out += [*_hurl_asserts(made, line), ""]
    return "\n".join(out)


def _hurl_asserts(made: Script, line: Line) -> list[str]:
    found = []
    if line.number == made.lines[-1].number:
        found += [f'jsonpath "$.{check.field}" {check.operator} {json.dumps(check.value)}' for check in made.scenario.oracle.checks]
        found += [f"body contains {json.dumps(word)}" for word in made.error_words]
    if made.missing and line.number in made.missing.pages:
        found.append(f'jsonpath "$..{made.missing.field}" not includes {{{{{made.missing.name}}}}}')
    return ["[Asserts]", *found] if found else []
