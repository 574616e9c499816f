"""The WSGI application: who may ask, which product answers, which fault hits, what the journal notes."""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from bridge.sandbox import control, journal
from bridge.sandbox.calls import Call, Personality, Product, RefusalError, Route, answer
from bridge.sandbox.faults import Fault, FaultList
from bridge.sandbox.jira.product import product as jira
from bridge.sandbox.limits import Limits
from bridge.sandbox.pages import views
from bridge.sandbox.product.product import product as reporting
from bridge.sandbox.state import State
from bridge.sandbox.zendesk.product import product as zendesk

BODY_LIMIT = 128 * 1024 * 1024
LOGIN_PAGE = "<!doctype html><html><head><title>Log in</title></head><body><form><h1>Log in to continue</h1></form></body></html>"
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class DroppedError(ConnectionError):
    """The connection ends here without an answer; the server closes it quietly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """A product with its compiled routes."""

    product: Product
    map: Map


@dataclass(slots=True, kw_only=True)
class App:
    """Everything behind one port."""

    state: State
    personality: Personality
    tracker_token: str
    desk_token: str
    faults: FaultList = field(default_factory=FaultList)
    limits: Limits = field(default_factory=Limits)
    stopping: threading.Event = field(default_factory=threading.Event)
    served: tuple[_Served, ...] = ()

    def __post_init__(self) -> None:
        """Compile the routes."""
        self.served = tuple(_Served(product=product, map=_map(product)) for product in (jira(self.personality), zendesk(), reporting()))

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; a fault may close the connection instead."""
        request = Request(environ)
        request.max_content_length = BODY_LIMIT
        response = self._answer(request, environ)
        return response(environ, start_response)

    def _answer(self, request: Request, environ: Environ) -> Response:
        stranger = _stranger(request)
        if stranger is not None:
            return Response(stranger, status=403, content_type="text/plain; charset=utf-8")
        try:
            # Read to the end before answering: a connection closed over unread bytes is reset.
            body = request.get_data(cache=True)
        except HTTPException:
            return Response("body too large", status=413, content_type="text/plain; charset=utf-8")
        for served in self.served:
            if request.path.startswith(f"{served.product.prefix}/") and _is_api(request.path):
                return self._product(served, request, body, environ)
        if request.path.startswith("/_control/"):
            return control.answer_control(request, state=self.state, faults=self.faults, limits=self.limits)
        return views.answer_page(request, state=self.state, personality=self.personality)

    def _product(self, served: _Served, request: Request, body: bytes, environ: Environ) -> Response:
        fault = self.faults.take(request.method, request.path)
        route, args, refused = _match(served, request, environ)
        writes = request.method not in {"GET", "HEAD", "OPTIONS"} and not (route is not None and route.reads)
        status: int | None = None
        try:
            wait, reason = self.limits.wait(request.path) if writes and fault is None else (0.0, "")
            if wait > 0:
                limit = Fault(kind="status", status=429, retry_after=str(math.ceil(wait)), headers={"RateLimit-Reason": reason})
                response = _status(limit, served.product)
            else:
                response = self._with_fault(
                    fault, lambda: self._handle(served.product, request, route, args, refused), environ=environ, product=served.product
                )
            status = response.status_code
            return response
        finally:
            journal.record(
                self.state,
                method=request.method,
                path=request.full_path.rstrip("?"),
                writes=writes,
                body=body,
                media_type=request.mimetype,
                status=status,
                fault=None if fault is None else fault.name,
            )

    def _handle(
        self, product: Product, request: Request, route: Route | None, args: dict[str, str], refused: RefusalError | None
    ) -> Response:
        try:
            with self.state.transaction():
                token = self.tracker_token if product.prefix == "/jira" else self.desk_token
                user = product.authenticate(request, self.state, self.personality, token)
                if route is None or refused is not None:
                    raise refused or product.missing(404, request.path)
                if user is None and not route.anonymous:
                    raise product.unauthorised()
                call = Call(
                    request=request,
                    state=self.state,
                    personality=self.personality,
                    base=request.host_url.rstrip("/") + product.prefix,
                    user=user,
                    args={**args, "path": request.path.removeprefix(product.prefix)},
                )
                return route.handler(call)
        except RefusalError as error:
            if isinstance(error.body, str):
                return Response(error.body, status=error.status, headers=error.headers, content_type="text/plain; charset=utf-8")
            return answer(error.body, error.status, error.headers)

    def _with_fault(self, fault: Fault | None, handle: Callable[[], Response], *, environ: Environ, product: Product) -> Response:
        if fault is None:
            return handle()
        if fault.kind == "late":
            timer = threading.Timer(fault.seconds, self._late, args=(handle,))
            timer.daemon = True
            timer.start()
            _drop(environ, reset=False)
        if fault.kind in {"delay", "drip"} and fault.when == "before":
            self.stopping.wait(fault.seconds if fault.kind == "delay" else 0)
        acts = fault.when == "after" or fault.kind in {"delay", "drip", "empty", "cut"}
        response = handle() if acts else Response()
        return self._spoil(fault, response, environ=environ, product=product)

    def _late(self, handle: Callable[[], Response]) -> None:
        if not self.stopping.is_set():
            handle()

    def _spoil(self, fault: Fault, response: Response, *, environ: Environ, product: Product) -> Response:
        if fault.kind in {"close", "reset"}:
            _drop(environ, reset=fault.kind == "reset")
        if fault.kind == "hang":
            self.stopping.wait(fault.seconds)
            _drop(environ, reset=False)
        if fault.kind == "delay" and fault.when == "after":
            self.stopping.wait(fault.seconds)
        if fault.kind == "html":
            return Response(LOGIN_PAGE, content_type="text/html; charset=utf-8")
        if fault.kind == "empty":
            return Response(b"", status=response.status_code, content_type="application/json")
        if fault.kind == "status":
            return _status(fault, product)
        if fault.kind == "cut":
            _send_cut(environ, response)
        if fault.kind == "drip":
            return _drip(response, fault.seconds, self.stopping)
        return response


def _map(product: Product) -> Map:
    rules = [Rule(product.prefix + route.path, methods=[route.method], endpoint=route) for route in product.routes]
    return Map(rules, strict_slashes=False, merge_slashes=False)


def _match(served: _Served, request: Request, environ: Environ) -> tuple[Route | None, dict[str, str], RefusalError | None]:
    path = request.path.removesuffix(served.product.suffix) if served.product.suffix else request.path
    try:
        route, args = served.map.bind_to_environ(environ).match(path, method="GET" if request.method == "HEAD" else request.method)
    except MethodNotAllowed:
        return None, {}, served.product.missing(405, request.path)
    except HTTPException:
        return None, {}, served.product.missing(404, request.path)
    return route, {key: str(value) for key, value in args.items()}, None


def _is_api(path: str) -> bool:
    return "/rest/" in path or "/api/" in path or path.startswith("/jira/secure/")


def _stranger(request: Request) -> str | None:
    """Say why a request is not from here: a foreign Host (DNS rebinding) or a foreign page's Origin."""
    host = request.headers.get("Host", "")
    if not _LOOPBACK.fullmatch(host):
        return f"This sandbox answers to 127.0.0.1 and localhost only, not to '{host}'."
    origin = request.headers.get("Origin")
    if origin is not None and not _LOOPBACK.fullmatch(origin.partition("://")[2]):
        return "This sandbox answers no requests from other pages."
    return None


def _socket(environ: Environ) -> socket.socket | None:
    found = environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None


def _drop(environ: Environ, *, reset: bool) -> None:
    """End the connection without an answer; with `reset` the client sees a TCP reset."""
    connection = _socket(environ)
    if connection is not None:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.shutdown(socket.SHUT_RDWR)
    raise DroppedError("an ordered fault closed the connection")


def _send_cut(environ: Environ, response: Response) -> None:
    """Promise the whole body, send half of it, and close."""
    data = response.get_data()
    connection = _socket(environ)
    if connection is not None:
        head = f"HTTP/1.0 {response.status}\r\n" + "".join(f"{key}: {value}\r\n" for key, value in response.headers.items())
        connection.sendall(head.encode("latin-1") + b"\r\n" + data[: len(data) // 2])
    _drop(environ, reset=False)


def _drip(response: Response, seconds: float, stopping: threading.Event) -> Response:
    data = response.get_data()
    pause = seconds / max(1, len(data))

    def pieces() -> Iterable[bytes]:
        owed = 0.0
        for at in range(len(data)):
            owed += pause
            if owed > 0.01:  # noqa: PLR2004  finer sleeps are not kept anyway
                stopping.wait(owed)
                owed = 0.0
            yield data[at : at + 1]

    headers = {key: value for key, value in response.headers.items() if key != "Content-Length"}
    return Response(pieces(), status=response.status_code, headers={**headers, "Content-Length": str(len(data))})


def _status(fault: Fault, product: Product) -> Response:
    text = f"ordered fault {fault.status}"
    shape: dict[str, Any] = {"errorMessages": [text], "errors": {}} if product.prefix == "/jira" else {"error": text, "description": text}
    response = Response(fault.body or json.dumps(shape), status=fault.status, content_type="application/json")
    for key, value in fault.headers.items():
        response.headers[key] = value
    if fault.retry_after:
        response.headers["Retry-After"] = fault.retry_after
    return response
