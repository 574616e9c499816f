from __future__ import annotations

import json

import pytest

from bridge.errors import InputError
from bridge.model.exchange import Exchange, Recording, Request, Response
from bridge.reproduction.capture import PASSWORD, scrub
from bridge.reproduction.identities import Identity, anonymous, filled
from bridge.reproduction.links import find_links
from bridge.reproduction.sources import NO_BODIES, read

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
