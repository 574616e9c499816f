"""The files that engineers get: golden ones, each run by the tool it is for where that can be had, and never with a secret in it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ExitCode
from bridge.model.exchange import Exchange, Request, Response
from bridge.reproduction.exports import Script, python, script
from bridge.reproduction.http_files import http_file, hurl
from bridge.reproduction.identities import anonymous
from bridge.reproduction.links import scenario_of
from bridge.reproduction.oracle import Check, Oracle, of_error
from bridge.reproduction.shell_file import bash
from tests.reproduction.kit import JSON, App, answer, bridge, played, serving, workspace

GOLDEN = Path(__file__).parents[1] / "cases" / "reproduction" / "files"
ROOT = Path(__file__).parents[2]


def reports() -> App:
    """A small product: a report keeps a filter; with the filter 'it's "EMEA"' its export is empty."""
    there: dict[str, str] = {}

    def serve(request: Request) -> Response:
        body = json.loads(request.body) if request.body else {}
        if request.path == "/login":
            return answer(201, {"token": "token-0000000001", "user": body["user"]})
        if request.header("authorization") != "Bearer token-0000000001":
            return answer(401, {"error": "who?"})
        if request.method == "PUT":
            return answer(200, {"now": body["now"]})
        if request.path == "/filters":
            key = f"filter-{len(there) + 1:08d}"
            there[key] = body["value"]
            return answer(201, {}, ("Location", f"/filters/{key}"))
        key = dict(request.query)["filter"]
        return answer(200, {"rows": 0 if there[key].startswith("it's") else 9, "source_rows": 9})

    return serve


def session() -> tuple[Exchange, ...]:
    signed = (*JSON, ("Authorization", "Bearer token-0000000001"))
    return played(
        reports(),
        [
            Request(method="POST", path="/login", headers=JSON, body=json.dumps({"user": "kim", "password": "${password}"})),
            Request(method="POST", path="/filters", headers=signed, body=json.dumps({"value": 'it\'s "EMEA"\\ $(id) `id` ${x}'})),
            Request(method="GET", path="/export", headers=signed[1:], query=(("filter", "filter-00000001"), ("kind", "a&b c"))),
        ],
    )


def made() -> Script:
    steps = session()
    checks = (Check(field="rows", operator="==", value=0), Check(field="source_rows", operator=">", value=0))
    oracle = Oracle(anchor=2, route="GET /export", status=200, checks=checks)
    people = anonymous(steps)
    return script(
        scenario_of(people.steps, oracle),
        title="Reproduction of BR-0001: 3 of 3 recorded requests",
        verdict="Verdict: reproduced.",
        waits={2: 0.01},
        repeats=3,
    )


FILES = {"test_reproduction.py": python, "reproduce.sh": bash, "reproduce.http": http_file, "reproduce.hurl": hurl}


@pytest.mark.parametrize("name", FILES)
def test_golden_files(name: str) -> None:
    text = FILES[name](made())
    if os.environ.get("BRIDGE_UPDATE"):
        (GOLDEN / f"{name}.golden").write_text(text)
    assert text == (GOLDEN / f"{name}.golden").read_text()


def environment(url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "BRIDGE_TARGET": url,
        "BRIDGE_USER": "kim",
        "BRIDGE_PASSWORD": "a-word",
    }


def run(folder: Path, url: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment(url), capture_output=True, text=True, timeout=90, check=False)


def healthy() -> App:
    broken = reports()

    def serve(request: Request) -> Response:
        given = broken(request)
        return answer(200, {"rows": 9, "source_rows": 9}) if request.path == "/export" and given.status == 200 else given

    return serve


@pytest.mark.parametrize("name", ["test_reproduction.py", "reproduce.sh", "reproduce.http", "reproduce.hurl"])
@pytest.mark.parametrize("broken", [True, False])
def test_each_file_is_run_by_its_tool_and_fails_where_the_bug_is_not(tmp_path: Path, name: str, broken: bool) -> None:  # noqa: FBT001 - a table
    (tmp_path / name).write_text(FILES[name](made()))
    httpyac = shutil.which("httpyac") or next((str(p) for p in [ROOT / ".httpyac" / "node_modules" / ".bin" / "httpyac"] if p.exists()), "")
    commands = {
        "test_reproduction.py": (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly", name),
        "reproduce.sh": ("bash", name),
        "reproduce.http": (httpyac, "send", name, "--all", "--output", "short"),
        "reproduce.hurl": (shutil.which("hurl") or "", "--variable", "target=", name),
    }
    if not commands[name][0]:
        pytest.skip("needs httpyac: make httpyac" if name.endswith("http") else "needs hurl, which no package registry here has")
    with serving(reports() if broken else healthy()) as server:
        ran = run(tmp_path, server.url, *(word if word != "target=" else f"target={server.url}" for word in commands[name]))
        assert (ran.returncode == 0) == broken, ran.stdout + ran.stderr
        assert [request.path for request in server.seen] == ["/login", "/filters", "/export"]
        assert json.loads(server.seen[1].body) == {"value": 'it\'s "EMEA"\\ $(id) `id` ${x}'}
        assert dict(server.seen[2].query) == {"filter": "filter-00000001", "kind": "a&b c"}


SECRET = "q8Zr2LxT0vWn5KpJ7sYb3MfC9dHgA1"
HIDDEN: dict[str, dict[str, Any]] = {
    "in the query": {"query": (("access_token", SECRET),)},
    "in a cookie": {"headers": (*JSON, ("Cookie", f"sid={SECRET}; theme=dark"))},
    "in a header": {"headers": (*JSON, ("X-Api-Key", SECRET))},
    "in the body": {"body": json.dumps({"client_secret": SECRET})},
    "deep in the body": {"body": json.dumps({"a": [{"b": {"refresh_token": SECRET}}]})},
    "in the body as base64": {"body": json.dumps({"blob": base64.b64encode(f'{{"password": "{SECRET}"}}'.encode()).decode()})},
    "in a form": {"headers": (("Content-Type", "application/x-www-form-urlencoded"),), "body": f"user=kim&password={SECRET}"},
    "in several parts": {
        "headers": (("Content-Type", "multipart/form-data; boundary=x"),),
        "body": f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--x--',
    },
    "in a path": {"path": f"/reset/{SECRET}"},
    "as plain text": {"body": f"my key is {SECRET}"},
}


@pytest.mark.parametrize("place", HIDDEN)
def test_a_recorded_secret_is_in_no_file_wherever_it_stood(tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str) -> None:
    parts: dict[str, Any] = {"headers": JSON, "body": "{}", "path": "/boom", "query": (), **HIDDEN[place]}
    asked = Request(method="POST", **parts)

    def boom(_: Request) -> Response:
        return answer(500, {"error": "Boom", "echo": SECRET if place == "in a path" else ""}, ("Set-Cookie", f"sid={SECRET}"))

    with serving(boom) as server:
        settings = {"identities": [{"user": "qa", "password": "file:word", "token": "file:word"}]}
        folder = workspace(tmp_path / "w", played(boom, [asked]), server.url, **settings)
        (folder / "word").write_text("of-staging-1")
        code, found = bridge(capsys, folder, "reproduce", "BR-0001", "--target", "staging", "--send", "--anchor", "1", "--runs", "2")
        assert code in {ExitCode.DONE, ExitCode.NO}
        written = "".join(path.read_text() for path in (folder / "cases").rglob("*") if path.is_file())
        encoded = base64.b64encode(SECRET.encode()).decode()
        assert SECRET not in written
        assert encoded not in written
        assert found["files"] or any("no files were written" in limit for limit in found["limits"]), found


def test_the_oracle_of_an_error_is_in_every_file() -> None:
    steps = played(
        lambda _: answer(500, {"error": "RoundingError", "message": "order 17 does not add up"}), [Request(method="GET", path="/x")]
    )
    text = script(scenario_of(steps, of_error(steps[0])), title="t", verdict="v")
    assert text.error_words == ("RoundingError", "order", "does not add up")
    for render in FILES.values():
        assert "does not add up" in render(text)


def test_times_stand_in_every_file() -> None:
    steps = session()[2:]
    at = datetime(2026, 3, 11, 2, 13, 32, tzinfo=UTC)
    oracle = Oracle(anchor=2, route="GET /export", status=200)
    text = script(scenario_of(steps, oracle), title="t", verdict="v", clocks={2: at}, clock_path="/clock", waits={2: 90})
    for name, wanted in {
        "test_reproduction.py": "time.sleep(90)",
        "reproduce.sh": "sleep 90",
        "reproduce.http": "@sleep 90000",
        "reproduce.hurl": "delay: 90000ms",
    }.items():
        rendered = FILES[name](text)
        assert wanted in rendered
        assert "2026-03-11T02:13:32Z" in rendered
