"""The frame of test_reproduction.py; `str.format` fills it."""

from __future__ import annotations

from typing import Final

RUNTIME: Final = '''\
"""{title}

{verdict}
The failure: {oracle}.

Run it:              {environment} pytest test_reproduction.py
It passes while the bug is there, and says so. As a regression test (passes once the bug is gone, {repeats} clean runs):
                     BRIDGE_EXPECT=fixed ... pytest test_reproduction.py
Needs pytest and nothing else. It writes to the system that BRIDGE_TARGET names: never point it at production.
"""

import json
import operator
import os
import re{imports}
import urllib.error
import urllib.parse
import urllib.request

import pytest

TARGET = os.environ.get("BRIDGE_TARGET", "")
EXPECT_FIXED = os.environ.get("BRIDGE_EXPECT", "") == "fixed"
CLEAN_RUNS = {repeats}
CLOCK_PATH, CLOCK_KEY = {clock_path}, {clock_key}
{constants}
OPERATORS = {{"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({{}}), NoRedirect)


def send(method, path, body=None, headers=None, recorded=None):
    data = body if isinstance(body, str) or body is None else json.dumps(body)
    asked = urllib.request.Request(TARGET + path, method=method, data=None if data is None else data.encode())
    if data is not None:
        asked.add_header("Content-Type", "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json")
    for name, value in (headers or {{}}).items():
        asked.add_header(name, value)
    try:
        got = OPENER.open(asked, timeout=30)
    except urllib.error.HTTPError as error:
        got = error
    with got:
        answer = {{"status": got.status, "headers": got.headers, "text": got.read().decode("utf-8", "replace")}}
    if recorded is not None and recorded < 400 <= answer["status"] and path is not None:
        pytest.fail(f"{{method}} {{path}} answered {{answer['status']}} instead of {{recorded}}: this run shows nothing")
    return answer


def set_clock(now):
    assert send("PUT", CLOCK_PATH, body={{CLOCK_KEY: now}})["status"] < 300, "the target's clock can't be set"


def json_of(answer):
    try:
        return json.loads(answer["text"])
    except ValueError:
        return None


def pick(answer, place, key, row=None):
    if place == "cookie":
        for value in answer["headers"].get_all("Set-Cookie") or []:
            if value.split("=")[0].strip() == key:
                return value.partition("=")[2].split(";")[0].strip()
    elif place == "header":
        name, _, at = key.partition("/")
        value = answer["headers"].get(name, "")
        return urllib.parse.unquote(urllib.parse.urlsplit(value).path.strip("/").split("/")[int(at)]) if at else value.strip('"')
    else:
        value, rows = json_of(answer), row
        for step in key.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and rows:
                value, rows = next(item for item in value if item.get(rows[0]) == rows[1]), None
            else:
                value = value[int(step)] if isinstance(value, list) else value[step]
        return value
    raise AssertionError(f"no {{key}} in the answer")


def holds(body, field, sign, value):
    for step in field.split("."):
        if isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        elif isinstance(body, dict) and step in body:
            body = body[step]
        else:
            return False
    return isinstance(body, bool) == isinstance(value, bool) and OPERATORS[sign](body, value)


def stands_in(value, field, wanted):
    if isinstance(value, dict):
        return str(value.get(field)) == wanted or any(stands_in(item, field, wanted) for item in value.values())
    return isinstance(value, list) and any(stands_in(item, field, wanted) for item in value)


def run():
    """Send the steps; return the last answer."""
{steps}
    return answer_{anchor}


def is_failure(answer):
    """Tell whether this is the failure, not merely a failure."""
    body = json_of(answer)
    return (
        answer["status"] == {status}
        and all(word in answer["text"] or word in str(body) for word in {words})
        {checks}
    )


@pytest.mark.skipif(not TARGET, reason="set BRIDGE_TARGET to the address of a test system")
def test_reproduction():
    if EXPECT_FIXED:
        for number in range(CLEAN_RUNS):
            answer = run()
            assert not is_failure(answer), f"the failure is still there in run {{number + 1}}: {{answer['text'][:300]}}"
        return
    answer = run()
    assert is_failure(answer), f"not reproduced: the last request answered {{answer['status']}} {{answer['text'][:300]}}"
    print("REPRODUCED: the bug is there;", {oracle!r})
'''
