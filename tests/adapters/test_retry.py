from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from bridge.adapters.retry import UNSENT_SECONDS, AnswerError, Caller, failure_of, retry_after, said_by
from bridge.errors import AccessError, BridgeError, RetryLaterError, UnknownOutcomeError

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "cases" / "adapters" / "failures.json").read_text(encoding="utf-8"))


def answer(status: int, body: object = None, **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    text = body if isinstance(body, str) else json.dumps(body)
    made._content = b"" if body is None else text.encode()
    made.headers.update({"Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}})
    return made


@dataclass
class Time:
    at: float = 100.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds

    def monotonic(self) -> float:
        return self.at


def caller(time: Time, patience: float = 60) -> Caller:
    return Caller("Jira", access_hint="check user and token", patience=patience, sleep=time.sleep, monotonic=time.monotonic)


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = [times]

    def call() -> str:
        if left[0]:
            left[0] -= 1
            raise error
        return "done"

    return call


def error_of(name: str) -> Exception:
    refused = urllib3.exceptions.NewConnectionError(None, "refused")  # type: ignore[arg-type]  # a name for the message only
    made: dict[str, Exception] = {
        "refused connection": requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/", refused)),  # type: ignore[arg-type]  # as urllib3 makes it
        "connect timeout": requests.ConnectTimeout(),
        "read timeout": requests.ReadTimeout(),
        "reset": requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))),
        "cut": requests.exceptions.ChunkedEncodingError("IncompleteRead"),
        "not json": AnswerError(answer(200, "{")),
        "login page": AnswerError(answer(200, "<html><title>Log in</title>", Content_Type="text/html")),
        "no answer": AnswerError(None),
    }
    return made[name] if name in made else AnswerError(answer(int(name), {"errorMessages": ["why"]}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['failure']} / {case['effect']}")
def test_what_a_failure_means(case: dict[str, Any]) -> None:
    time = Time()
    once = failing(1, error_of(case["failure"]))
    if case["then"] == "again":
        assert caller(time).run("GET x", case["effect"], once) == "done"
        assert len(time.waits) == 1
        with pytest.raises(BridgeError) as raised:
            caller(time).run("GET x", case["effect"], failing(10_000, error_of(case["failure"])))
        assert type(raised.value).__name__ == case["error"]
        return
    with pytest.raises(BridgeError) as raised:
        caller(time).run("GET x", case["effect"], once)
    assert type(raised.value).__name__ == case["error"]
    assert not time.waits


def test_waits_end_within_the_patience() -> None:
    time = Time()
    with pytest.raises(RetryLaterError):
        caller(time, 30).run("GET x", "read", failing(10_000, error_of("503")))
    assert 5 < sum(time.waits) <= 30


def test_no_request_before_its_retry_after_not_even_another_one() -> None:
    time = Time()
    made = caller(time)
    assert made.run("GET x", "read", failing(1, AnswerError(answer(429, Retry_After="20")))) == "done"
    assert time.waits == [20.0]
    with pytest.raises(UnknownOutcomeError):
        made.run("POST x", "once", failing(1, AnswerError(answer(503, Retry_After="30"))))
    assert made.run("GET y", "read", lambda: "done") == "done"
    assert time.waits == [20.0, 30.0]


def test_a_longer_wait_than_the_patience_is_told() -> None:
    with pytest.raises(RetryLaterError) as raised:
        caller(Time()).run("GET x", "read", failing(1, AnswerError(answer(429, Retry_After="3600"))))
    assert raised.value.after_seconds == 3600
    assert "3600 s" in raised.value.hint


def test_a_write_that_was_lost_once_stays_unknown_when_it_can_not_be_repeated() -> None:
    time = Time()
    errors = iter([error_of("reset"), error_of("429"), *[error_of("refused connection")] * 1000])

    def call() -> str:
        raise next(errors)

    with pytest.raises(UnknownOutcomeError):
        caller(time).run("PUT x", "repeatable", call)


def test_an_earlier_failure_in_our_caller_does_not_make_this_one_look_unsent() -> None:
    lost = error_of("reset")
    lost.__context__ = error_of("refused connection")
    assert isinstance(lost, requests.RequestException)
    assert failure_of(lost).kind == "lost"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30.0), ("0", 0.0), ("1.5", 1.5), ("", None), ("soon", None), ("-3", None), ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
     ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(answer(429, Retry_After=text, Date="Wed, 21 Oct 2026 07:28:00 GMT")) == seconds


def test_what_servers_say() -> None:
    jira = answer(400, {"errorMessages": [], "errors": {"customfield_10105": "Severity is required."}})
    assert said_by(jira) == ("customfield_10105: Severity is required.", (("customfield_10105", "Severity is required."),))
    zendesk = answer(
        422, {"error": "RecordInvalid", "description": "Record validation errors", "details": {"status": [{"description": "closed"}]}}
    )
    assert said_by(zendesk) == ("Record validation errors; status: closed", (("status", "closed"),))
    assert said_by(answer(401, {"error": "Couldn't authenticate you"})) == ("Couldn't authenticate you", ())
    assert said_by(answer(500, "oops\x1b[31m")) == ("oops [31m", ())
    assert said_by(answer(400, [1])) == ("", ())


def test_access_tells_where_the_credentials_are() -> None:
    with pytest.raises(AccessError) as raised:
        caller(Time()).run("GET x", "read", failing(1, error_of("401")))
    assert raised.value.hint == "check user and token"
    assert "why" in raised.value.message


def test_a_server_that_can_not_be_reached_is_told_within_seconds_and_by_its_address() -> None:
    time = Time()
    made = Caller("Jira", site="jira.example.test", access_hint="", sleep=time.sleep, monotonic=time.monotonic)
    with pytest.raises(RetryLaterError) as raised:
        made.run("GET x", "read", failing(10_000, error_of("refused connection")))
    assert 2 < sum(time.waits) <= UNSENT_SECONDS
    assert "Jira at jira.example.test can't be reached" in raised.value.message
