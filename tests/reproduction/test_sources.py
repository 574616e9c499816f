from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.errors import InputError
from bridge.model.exchange import Exchange, Recording, Request, Response
from bridge.reproduction.capture import PASSWORD, scrub
from bridge.reproduction.identities import Identity, anonymous, filled
from bridge.reproduction.links import find_links
from bridge.reproduction.sources import NO_BODIES, read
from bridge.reproduction.traces import NO_BODIES as TRACE_NO_BODIES
from tests.reproduction.kit import bridge, workspace

ENTRY = {
    "startedDateTime": "2026-03-11T03:13:32+01:00",
    "request": {
        "method": "POST",
        "url": "https://shop.example.com/api/carts?kind=a&kind=b%20c",
        "headers": [{"name": "Content-Type", "value": "application/json"}, {"name": "Sec-Fetch-Mode", "value": "cors"}],
        "postData": {"mimeType": "application/json", "text": '{"name": "x"}'},
    },
    "response": {
        "status": 201,
        "headers": [{"name": "Content-Type", "value": "application/json"}],
        "content": {"text": "eyJpZCI6IDd9", "encoding": "base64"},
    },
}
PICTURE = {**ENTRY, "_resourceType": "image"}


def test_har() -> None:
    recording = read(json.dumps({"log": {"version": "1.2", "entries": [ENTRY, PICTURE]}}), name="a.har")
    (exchange,) = recording.exchanges
    assert exchange.request.path == "/api/carts"
    assert exchange.request.query == (("kind", "a"), ("kind", "b c"))
    assert exchange.request.headers == (("Content-Type", "application/json"),)
    assert exchange.response.body == '{"id": 7}'
    assert exchange.at is not None
    assert exchange.at.isoformat() == "2026-03-11T02:13:32+00:00"
    assert recording.hosts == ("shop.example.com",)
    assert "1 requests for pictures" in recording.notes[0]


def test_a_request_log_is_put_in_the_order_of_time_and_one_broken_line_is_told() -> None:
    def line(at: str, path: str) -> str:
        return json.dumps(
            {"at": at, "method": "get", "path": path, "status": 200, "response_body": {"id": 1}, "host": "api.example.com:443"}
        )

    recording = read("\n".join([line("2026-03-11T02:00:01Z", "/b"), "{oops", line("2026-03-11T02:00:00Z", "/a")]), name="r.jsonl")
    assert [exchange.request.path for exchange in recording.exchanges] == ["/a", "/b"]
    assert [exchange.index for exchange in recording.exchanges] == [0, 1]
    assert recording.hosts == ("api.example.com",)
    assert "r.jsonl:2" in recording.notes[0]


def test_an_access_log_says_what_it_can_t_tell() -> None:
    text = '203.0.113.9 - kim [11/Mar/2026:03:13:32 +0100] "POST /reports/7/exports HTTP/1.1" 202 187 "-" "x" rt=0.1 account=ac-1 trace=abc'
    recording = read(text, name="access.log")
    (exchange,) = recording.exchanges
    assert (exchange.account, exchange.trace, exchange.user, exchange.response.status) == ("ac-1", "abc", "kim", 202)
    assert NO_BODIES in recording.notes
    assert find_links(recording.exchanges) == ()


@pytest.mark.parametrize("text", ["", "{}", '{"log": {"entries": 3}}', "hello\nworld", '{"method": "GET"}', "[]"])
def test_what_is_no_recording_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text, name="x")
    assert caught.value.where == "x"


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(InputError):
        read('{"at": "2026-03-11T02:00:01", "method": "GET", "path": "/", "status": 200}', name="x")


TOKEN = "t0k" + "9f" * 12


def session() -> Recording:
    signed_in = Exchange(
        index=0,
        request=Request(
            method="POST",
            path="/login",
            headers=(("Content-Type", "application/json"),),
            body=json.dumps({"email": "kim@customer.example", "password": "hunter22"}),
        ),
        response=Response(status=200, headers=(("Set-Cookie", f"sid={TOKEN}; Secure"),), body=json.dumps({"access_token": TOKEN})),
    )
    used = Exchange(
        index=1,
        request=Request(
            method="GET",
            path=f"/sessions/{TOKEN}",
            headers=(("Authorization", f"Bearer {TOKEN}"), ("Cookie", f"sid={TOKEN}"), ("X-Api-Key", "key-of-somebody-1")),
            query=(("email", "kim@customer.example"), ("pin", "123")),
        ),
        response=Response(status=200, body=json.dumps({"note": f"your token is {TOKEN}"})),
    )
    return Recording(exchanges=(signed_in, used), hosts=(), source="x")


def test_no_recorded_credential_leaves_the_capture_step_and_links_stay() -> None:
    clean = scrub(session(), b"key")
    text = repr(clean)
    for secret in (TOKEN, "hunter22", "key-of-somebody-1"):
        assert secret not in text
    assert PASSWORD in clean.exchanges[0].request.body
    targets = {(link.target.place, link.target.key) for link in find_links(clean.exchanges)}
    assert targets >= {("header", "authorization"), ("cookie", "sid")}
    assert repr(scrub(session(), b"other")) != text


def test_people_become_holes_that_the_target_s_identity_fills() -> None:
    people = anonymous(scrub(session(), b"key").exchanges)
    (person,) = people.recorded
    assert person.endswith("@example.test")
    requests = repr([step.request for step in people.steps])
    assert "kim@" not in requests
    assert person not in requests
    sent = filled(people.steps[0].request, [Identity(user="qa@example.test", password='wo"rd')])
    assert json.loads(sent.body) == {"email": "qa@example.test", "password": 'wo"rd'}
    assert "wo" not in repr(Identity(user="qa", password="wo"))


CASES = Path(__file__).parents[1] / "cases" / "reproduction" / "sources"
FULL = ("requests.jsonl", "gateway.jsonl", "session.har", "trace.otlp.json", "trace.jaeger.json")


@pytest.mark.parametrize("name", FULL)
def test_the_same_session_from_every_source(name: str) -> None:
    recording = read((CASES / name).read_text(), name=name)
    assert [(e.request.method, e.request.path, e.response.status) for e in recording.exchanges] == [
        ("POST", "/carts", 201),
        ("GET", "/carts/c-00000017", 200),
        ("POST", "/carts/c-00000017/checkout", 500),
    ]
    assert recording.hosts == ("shop.example.com",)
    assert {(e.account, e.trace) for e in recording.exchanges} == {("acc-1", "t1")}
    assert [e.at.isoformat() if e.at else "" for e in recording.exchanges] == [f"2026-03-11T02:13:3{n}+00:00" for n in range(3)]
    assert recording.notes == ()
    assert next(json.loads(e.response.body) for e in recording.exchanges) == {"id": "c-00000017"}
    assert [(link.producer, link.consumer, link.target.key) for link in find_links(recording.exchanges)] == [(0, 1, "1"), (0, 2, "1")]


@pytest.mark.parametrize(("name", "note"), [("access.log", NO_BODIES), ("trace-without-bodies.otlp.json", TRACE_NO_BODIES)])
def test_what_has_no_bodies_says_what_can_t_be_known(name: str, note: str) -> None:
    recording = read((CASES / name).read_text(), name=name)
    assert [e.request.path for e in recording.exchanges] == ["/carts", "/carts/c-00000017", "/carts/c-00000017/checkout"]
    assert recording.notes == (note,)
    assert find_links(recording.exchanges) == ()


@pytest.mark.parametrize(("session", "kept"), [("account", [1, 2, 4]), ("user", [2, 4]), ("trace", [4])])
def test_whose_requests_before_the_failure_are_taken(
    session: str, kept: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    who = [("acc-1", "kim", "t1"), ("acc-1", "ada", "t2"), ("acc-2", "bo", "t3"), ("acc-1", "ada", "t4"), ("acc-1", "ada", "t4")]
    steps = [
        Exchange(
            index=n,
            request=Request(method="GET", path=f"/p/x{n}"),
            response=Response(status=500 if n == 3 else 200),
            account=a,
            user=u,
            trace=t,
        )
        for n, (a, u, t) in enumerate(who)
    ]
    folder = workspace(tmp_path / "w", steps, "http://127.0.0.1:9")
    code, dry = bridge(capsys, folder, "reproduce", "BR-0001", "--target", "staging", "--anchor", "4", "--session", session)
    assert code == 0
    assert dry["would_send"]["requests_a_replay"] == len(kept)
    assert dry["chosen"] == "named by the caller"
