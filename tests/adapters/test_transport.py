from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from bridge.adapters.retry import AnswerError, Caller, failure_of
from bridge.adapters.transport import RedirectedError, bound, checked_url
from bridge.errors import InputError


@pytest.mark.parametrize(
    "url",
    [
        "https://example.atlassian.net",
        "https://example.test:8443/jira",
        "http://127.0.0.1:8765/jira",
        "http://localhost:1/",
        "http://[::1]:8000",
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert checked_url(url + "/", where="bridge.yaml:3") == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.test", "not encrypted"),
        ("http://127.0.0.1.example.test", "not encrypted"),
        ("ftp://example.test", "no http"),
        ("example.test", "no http"),
        ("https://", "no http"),
        ("https://example.test:0x", "no http"),
        ("https://sam:secret@example.test", "holds credentials"),
        ("https://example.test/?a=b", "query"),
        ("", "must be an address"),
        (None, "must be an address"),
        (7, "must be an address"),
    ],
)
def test_addresses_that_are_refused(url: object, says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        checked_url(url, where="bridge.yaml:3")
    assert "secret" not in raised.value.message + raised.value.hint
    assert raised.value.where == "bridge.yaml:3"


@contextmanager
def serving(answer: Callable[[socket.socket], None], heard: list[bytes] | None = None) -> Iterator[str]:
    """Answer each connection with a function of its socket; `heard` gets what came in."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def loop() -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                came = connection.recv(65536)
                if heard is not None and came:
                    heard.append(came)
                try:
                    answer(connection)
                except OSError:
                    continue  # the client has hung up, as it should

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    stopping.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def session(url: str, seconds: float) -> requests.Session:
    made = requests.Session()
    bound(made, url, answer_seconds=seconds)
    return made


def drip(head: bytes, rest: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(40):
            connection.sendall(rest)
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    ("head", "rest"),
    [(b"HTTP/1.1 200 OK\r\n", b"X"), (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ")],
    ids=["headers", "body"],
)
def test_a_dripping_server_does_not_hold_us(head: bytes, rest: bytes) -> None:
    with serving(drip(head, rest)) as url, session(url, 0.4) as client:
        began = time.monotonic()
        with pytest.raises(requests.RequestException) as raised:
            client.get(url, timeout=(1, 1))
        assert time.monotonic() - began < 1.5
        assert failure_of(raised.value).kind == "lost"


def test_a_cut_body_is_an_error() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"a": 1}')

    with serving(answer) as url, session(url, 5) as client:
        with pytest.raises(requests.RequestException) as raised:
            client.get(url, timeout=(1, 1))
        assert failure_of(raised.value).kind == "lost"


def test_whole_answers_come_through() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")

    with serving(answer) as url, session(url, 5) as client:
        assert client.get(url, timeout=(1, 1)).text == "hello world"


@pytest.mark.parametrize(
    ("method", "location", "followed"),
    [
        ("GET", "/there", True),
        ("GET", "http://127.0.0.2:9/", False),
        ("GET", "https://example.test/login", False),
        ("POST", "/there", False),
        ("PUT", "http://127.0.0.2:9/", False),
    ],
)
def test_redirects(method: str, location: str, followed: bool) -> None:  # noqa: FBT001 - pytest's parameter
    answers = iter(
        [f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]
    )

    def answer(connection: socket.socket) -> None:
        connection.sendall(next(answers).encode())

    with serving(answer) as url, session(url, 5) as client:
        if followed:
            assert client.request(method, url, timeout=(1, 1)).text == "ok"
        else:
            with pytest.raises(RedirectedError):
                client.request(method, url, timeout=(1, 1))


def test_loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with serving(answer) as url, session(url, 5) as client:
        assert client.get(url, timeout=(1, 1)).text == "ok"


def test_a_refused_connection_is_certainly_unsent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with session(url, 5) as client, pytest.raises(requests.ConnectionError) as raised:
        client.post(url, timeout=(1, 1))
    assert failure_of(raised.value).kind == "unsent"
    assert failure_of(raised.value).text == "connection refused"


def test_a_write_is_told_when_it_leaves_and_when_it_is_held_back() -> None:
    heard: list[bytes] = []
    told: list[tuple[bool, int]] = []

    def answer(connection: socket.socket) -> None:
        busy = b"HTTP/1.1 429 Wait\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        connection.sendall(busy if len(heard) == 1 else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    def leaving(leaves: bool, /) -> None:  # noqa: FBT001 - see bridge.ports.Leaving
        told.append((leaves, len(heard)))

    def refuse(_leaves: bool, /) -> None:  # noqa: FBT001 - see bridge.ports.Leaving
        raise InputError("the disk is full")

    with serving(answer, heard) as url:
        made = session(url, 5)

        def post() -> int:
            response = made.post(url, json={"a": 1}, timeout=2)
            if response.status_code != 200:
                raise AnswerError(response)
            return response.status_code

        caller = Caller("Jira", access_hint="", sleep=lambda _: None)
        assert caller.run("POST issue", "once", post, leaving=leaving) == 200
        assert told == [(True, 0), (False, 1), (True, 1)]
        with pytest.raises(InputError, match="disk is full"):
            caller.run("POST issue", "once", post, leaving=refuse)
        assert caller.run("GET issue", "read", post) == 200  # and nobody is told of what may be repeated
        assert len(told) == 3
    assert len(heard) == 3
