"""The whole command against targets over real sockets: what is sent, what stops it, what is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ExitCode
from bridge.model.exchange import Exchange, Recording, Request, Response
from bridge.reproduction.links import scenario_of
from bridge.reproduction.scenario import plan, play
from bridge.workflow.reproduce_plan import from_lost
from tests.reproduction.kit import JSON, answer, bridge, played, serving, shop_app, timed, workspace
from tests.reproduction.shop import record

SEND = ("reproduce", "BR-0001", "--target", "staging", "--send", "--session", "account")


def environment(url: str, **more: str) -> dict[str, str]:
    people = {
        f"BRIDGE_{name}{number}": value for number in ("", 2, 3) for name, value in (("USER", "ada"), ("PASSWORD", "a-word-of-staging"))
    }
    return {"PATH": os.environ["PATH"], "BRIDGE_TARGET": url, **people, **more}


@pytest.mark.parametrize("bug", ["A", "B"])
def test_the_shop_s_bugs_over_http_and_their_files_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], bug: Any) -> None:
    recorded = record(bug, 4)
    # Bug A needs no reset: every replay makes things of its own. B is about settings of the whole shop.
    reset = {} if bug == "A" else {"reset": "/reset"}
    with serving(shop_app()) as server:
        folder = workspace(tmp_path / "w", recorded.exchanges, server.url, identities=[{"user": "ada", "password": "file:word"}], **reset)
        (folder / "word").write_text("a-word-of-staging")
        # A checkout and a refund move money: they are confirmed.
        confirmed = ("--confirm", "POST /carts/{cart}/checkout", "--confirm", "POST /orders/{order}/refund")
        code, made = bridge(capsys, folder, *SEND, "--anchor", "200", "--runs", "3", *confirmed)
        assert (code, made.get("verdict")) == (ExitCode.DONE, "reproduced"), made
        assert {step["recorded_as"] - 1 for step in made["steps"]} == recorded.essential
        assert made["links_guessed"] <= 0.02 * (made["links_proven"] + made["links_guessed"])
        files = folder / "cases" / "BR-0001" / "reproduction"
        command = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly", "test_reproduction.py")
        ran = subprocess.run(command, cwd=files, env=environment(server.url), capture_output=True, text=True, timeout=60, check=False)
        assert "REPRODUCED" in ran.stdout, ran.stdout + ran.stderr
        ran = subprocess.run(
            ("bash", "reproduce.sh"), cwd=files, env=environment(server.url), capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def requests(count: int) -> list[Request]:
    return [Request(method="GET", path="/things", query=(("n", str(n)),)) for n in range(count)]


def failing(request: Request) -> Response:
    return answer(500, {"error": "Boom"}) if dict(request.query).get("n") == "9" else answer(200, {"n": 1})


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_target_stops_it_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int) -> None:
    with serving(lambda _: answer(status, {"error": "busy"})) as server:
        folder = workspace(tmp_path / "w", played(failing, requests(10)), server.url)
        code, made = bridge(capsys, folder, *SEND, "--anchor", "10")
        assert (code, made["verdict"]) == (ExitCode.REFUSED, "blocked")
        assert f"answered {status}" in made["sentence"]
        assert len(server.seen) == 1


def test_the_budget_of_requests_holds_over_http(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(failing) as server:
        folder = workspace(tmp_path / "w", played(failing, requests(10)), server.url, requests=25)
        code, made = bridge(capsys, folder, *SEND, "--anchor", "10")
        assert (code, made["verdict"], made["requests"]) == (ExitCode.REFUSED, "blocked", 25)
        assert "25 requests is used up" in made["sentence"]
        assert len(server.seen) == 25


def test_the_budget_of_seconds_and_the_rate_hold_over_http(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(failing) as server:
        folder = workspace(tmp_path / "w", played(failing, requests(10)), server.url, rate=50, seconds=0.5)
        code, made = bridge(capsys, folder, *SEND, "--anchor", "10")
        assert (code, made["verdict"]) == (ExitCode.REFUSED, "blocked")
        gaps = [(later - earlier).total_seconds() for earlier, later in zip(server.at, server.at[1:], strict=False)]
        # 20 ms lie between two requests as they leave; on arrival a busy machine may show a little less.
        assert sorted(gaps)[len(gaps) // 2] >= 0.018
        assert len(server.seen) <= 27


@pytest.mark.parametrize(
    "location", ["https://shop.example.com/login", "//shop.example.com/x", "http://127.0.0.1:9/other", "http://else.test/"]
)
def test_a_redirect_that_leaves_the_allowed_hosts_stops_it_and_none_is_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], location: str
) -> None:
    with serving(lambda _: answer(302, {}, ("Location", location))) as server:
        folder = workspace(tmp_path / "w", played(failing, requests(10)), server.url)
        code, made = bridge(capsys, folder, *SEND, "--anchor", "10")
        assert (code, made["verdict"], len(server.seen)) == (ExitCode.REFUSED, "blocked", 1)


def test_a_redirect_within_the_target_is_an_answer_like_any_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda _: answer(302, {}, ("Location", "/elsewhere"))) as server:
        folder = workspace(tmp_path / "w", played(failing, requests(10)), server.url)
        code, made = bridge(capsys, folder, *SEND, "--anchor", "10", "--runs", "4")
        assert (code, made["verdict"]) == (ExitCode.NO, "not reproduced")
        assert "/elsewhere" not in {request.path for request in server.seen}


class Notes:
    """Things that only their maker may delete; one kind can't be deleted; the failure needs one of each."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.count = 0

    def __call__(self, request: Request) -> Response:
        who = request.header("authorization")
        if request.path == "/login":
            return answer(200, {"token": "token-" + json.loads(request.body)["user"] + "-1234567"})
        if not who:
            return answer(401, {"error": "who?"})
        if request.method == "POST":
            self.count += 1
            kind = request.path.strip("/").partition("/")[0]
            key = f"{kind}-{self.count:08d}"
            self.there[key] = who
            where = (("Location", f"/archive/{key}"),) if kind == "files" else ()
            return answer(201, {"id": key}, *where)
        key = request.path.rpartition("/")[2]
        if request.method == "DELETE":
            if self.there.get(key) != who or key.startswith("logs"):
                return answer(403, {"error": "no"})
            del self.there[key]
            return Response(status=204)
        kinds = Counter(name.partition("-")[0] for name in self.there)
        return answer(500, {"error": "TooMuch"}) if kinds["notes"] and kinds["files"] and kinds["logs"] else answer(200, {})


def signed(method: str, path: str) -> Request:
    return Request(
        method=method, path=path, headers=(*JSON, ("Authorization", "Bearer token-kim-1234567")), body="{}" if method == "POST" else ""
    )


@pytest.mark.parametrize("clean", [False, True])
def test_what_was_made_is_listed_and_deleted_on_request_as_who_made_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    clean: bool,  # noqa: FBT001 - a table
) -> None:
    login = Request(method="POST", path="/login", headers=JSON, body=json.dumps({"user": "kim", "password": "hunter22"}))
    asked = [login, *(signed("POST", path) for path in ("/notes", "/files", "/logs", "/notes")), signed("GET", "/sum")]
    there = Notes()
    with serving(there) as server:
        folder = workspace(tmp_path / "w", played(Notes(), asked), server.url, identities=[{"user": "qa", "password": "file:word"}])
        (folder / "word").write_text("a-word-of-staging")
        code, made = bridge(capsys, folder, *SEND, "--anchor", "6", "--runs", "2", *(("--clean-up",) if clean else ()))
        assert code == ExitCode.DONE
        left = {path.rpartition("/")[2] for path in made["created"]}
        assert left == set(there.there)
        assert {key.partition("-")[0] for key in left} == ({"logs"} if clean else {"notes", "files", "logs"})
        assert "target has no reset" in " ".join(made["limits"])
        deleted = [request.path for request in server.seen if request.method == "DELETE"]
        assert deleted == sorted(deleted, key=lambda path: -int(path[-8:]))


class Form:
    """Takes a change only with the token of the last form: in a header, in a cookie, in the body."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self, request: Request) -> Response:
        if request.path == "/form":
            self.given.append(f"tok{uuid.uuid4().hex}")
            return answer(200, {"csrf_token": self.given[-1]}, ("Set-Cookie", f"XSRF-TOKEN={self.given[-1]}; Path=/"))
        if not self.given or self.sent(request) != {self.given[-1]}:
            return answer(403, {"error": "CsrfError"})
        return answer(500, {"error": "SaveError"}) if json.loads(request.body)["rows"] == 0 else answer(200, {"ok": True})

    @staticmethod
    def sent(request: Request) -> set[str]:
        return {request.header("X-CSRF-Token"), request.header("Cookie").partition("=")[2], json.loads(request.body).get("csrf_token", "")}


def test_csrf_tokens_are_made_anew_in_each_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then = Form()
    asked: list[Exchange] = []
    for rows in (3, 2, 0):
        for path in ("/form", "/save"):
            token = then.given[-1] if then.given else ""
            headers = (*JSON, ("X-CSRF-Token", token), ("Cookie", f"XSRF-TOKEN={token}"))
            body = json.dumps({"csrf_token": token, "rows": rows})
            request = Request(method="GET", path=path) if path == "/form" else Request(method="POST", path=path, headers=headers, body=body)
            asked.append(Exchange(index=len(asked), request=request, response=then(request)))
    now = Form()
    with serving(now) as server:
        folder = workspace(tmp_path / "w", timed(asked), server.url)
        code, made = bridge(capsys, folder, *SEND, "--anchor", "6", "--runs", "3")
        assert (code, made["verdict"]) == (ExitCode.DONE, "reproduced"), made
        assert [step["recorded_as"] for step in made["steps"]] == [5, 6]
        sent = set().union(*(Form.sent(request) for request in server.seen if request.path == "/save")) - {""}
        assert sent <= set(now.given)
        assert not sent & set(then.given)
        everything = "".join(path.read_text() for path in (folder / "cases").rglob("*") if path.is_file())
        assert not any(token in everything for token in (*then.given, *now.given))


class Pages:
    """A list of two to a page; with the filter on, what was made last falls between the pages."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.filtered = False

    def __call__(self, request: Request) -> Response:
        if request.path == "/filter":
            self.filtered = True
            return answer(200, {"on": True})
        if request.method == "POST" and request.path == "/items":
            self.rows.append({"id": f"item-{len(self.rows) + 1:06d}", "name": json.loads(request.body)["name"]})
            return answer(201, self.rows[-1])
        page = int(dict(request.query).get("page", "1"))
        shown = [row for at, row in enumerate(self.rows, start=1) if not (self.filtered and at == 3)]
        return answer(200, {"data": shown[2 * page - 2 : 2 * page], "page": page})


def test_an_oracle_of_several_steps_is_chosen_from_the_case_s_failing_things() -> None:
    make = [Request(method="POST", path="/items", headers=JSON, body=json.dumps({"name": name})) for name in "abcd"]
    pages = [Request(method="GET", path="/items", query=(("page", str(number)),)) for number in (1, 2)]
    asked = [*make[:2], Request(method="PUT", path="/filter", headers=JSON, body="{}"), *make[2:], *pages]
    found = [
        Recording(exchanges=tuple(replace(each, account=name) for each in played(Pages(), asked)), hosts=(), source=f"{name}.jsonl")
        for name in ("acc-small", "acc-big")
    ]
    # The case's failing event is the third thing; of the two accounts that show it, the one with the higher revenue is taken.
    chosen = from_lost(found, frozenset({"item-000003"}), {"acc-big": 0, "acc-small": 1})
    assert chosen is not None
    recording, anchor, why, oracle = chosen
    assert (recording.source, anchor.index) == ("acc-big.jsonl", 6)
    assert "request 4 made one of the case's 1 failing things, and no page of its list shows it up to request 7" in why
    assert oracle.absent is not None
    assert (oracle.absent.producer, oracle.absent.pages) == (3, (5, 6))
    scenario = scenario_of(recording.exchanges, oracle)
    for broken in (True, False):
        there = Pages()

        def send(request: Request, _: int, *, there: Pages = there, broken: bool = broken) -> Response:
            return there(request) if broken or request.path != "/filter" else answer(200, {})

        assert play(plan(scenario), range(7), send).seen == broken
    # A thing that stands on a page is no such failure.
    assert from_lost(found, frozenset({"item-000001"}), {}) is None


def test_an_item_on_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def make(name: str) -> Request:
        return Request(method="POST", path="/items", headers=JSON, body=json.dumps({"name": name}))

    def page(number: int) -> Request:
        return Request(method="GET", path="/items", query=(("page", str(number)),))

    asked = [
        make("a"),
        page(1),
        make("b"),
        Request(method="PUT", path="/filter", headers=JSON, body="{}"),
        make("c"),
        page(1),
        make("d"),
        page(1),
        page(2),
    ]

    def reset(request: Request) -> Response:
        if request.path == "/reset":
            there.__init__()  # type: ignore[misc] # the app forgets everything
            return answer(200, {})
        return there(request)

    there = Pages()
    with serving(reset) as server:
        folder = workspace(tmp_path / "w", played(Pages(), asked), server.url, reset="/reset")
        code, made = bridge(capsys, folder, *SEND, "--anchor", "9", "--absent", "5", "--runs", "3")
        assert (code, made["verdict"]) == (ExitCode.DONE, "reproduced"), made
        assert "what request 5 made is on none of 2 pages" in made["oracle"]
        assert [step["recorded_as"] for step in made["steps"]] == [1, 3, 4, 5, 8, 9]
        files = folder / "cases" / "BR-0001" / "reproduction"
        command = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly", "test_reproduction.py")
        for broken in (True, False):
            there.__init__()  # type: ignore[misc] # the app forgets everything
            server.app = reset if broken else (lambda request: there(request) if request.path != "/filter" else answer(200, {}))
            ran = subprocess.run(command, cwd=files, env=environment(server.url), capture_output=True, text=True, timeout=60, check=False)
            assert ("REPRODUCED" in ran.stdout) == broken, ran.stdout + ran.stderr
            there.__init__()  # type: ignore[misc] # the app forgets everything
            ran = subprocess.run(
                ("bash", "reproduce.sh"), cwd=files, env=environment(server.url), capture_output=True, text=True, timeout=60, check=False
            )
            assert ran.returncode == (0 if broken else 1), ran.stdout + ran.stderr
        server.app = reset
        code, made = bridge(capsys, folder, *SEND, "--anchor", "9", "--absent", "7")
        assert code == ExitCode.INPUT
        assert "stands on a recorded page" in made["error"]["message"]
