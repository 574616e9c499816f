"""One request on its way through the sandbox: what a handler gets, what it may answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from werkzeug.wrappers import Request, Response

from bridge.sandbox.state import State

Personality = Literal["cloud", "datacenter"]
Json = dict[str, Any]


class RefusalError(Exception):
    """An answer that says no: whatever the handler wrote is taken back, but for the numbers it used up."""

    def __init__(self, status: int, body: Json | list[Any] | str, headers: dict[str, str] | None = None) -> None:
        """A str body is sent as plain text."""
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who is calling."""

    id: int
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    request: Request
    state: State
    personality: Personality
    base: str
    """Address of the product in the sandbox: http://127.0.0.1:8765/jira."""
    user: User | None
    args: dict[str, str] = field(default_factory=dict)
    """Variable parts of the path."""

    @property
    def cloud(self) -> bool:
        """Tell whether the tracker plays Jira Cloud."""
        return self.personality == "cloud"

    @property
    def now(self) -> datetime:
        """The real time, UTC."""
        return self.state.now()

    @property
    def caller(self) -> User:
        """The authenticated user; only routes that need one are asked."""
        if self.user is None:
            raise RefusalError(401, {"errorMessages": ["You are not authenticated."], "errors": {}})
        return self.user

    def number(self, name: str, default: int) -> int:
        """Return an integer of the query string; anything else is a 400."""
        text = self.request.args.get(name, "")
        if not text:
            return default
        if not text.lstrip("-").isdigit():
            raise RefusalError(400, {"errorMessages": [f"'{name}' must be a number, not '{text}'"], "errors": {}})
        return int(text)


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and a path of a product, and who answers."""

    method: str
    path: str
    handler: Handler
    anonymous: bool = False
    """True: no credentials needed (wrong ones are still refused)."""
    reads: bool = False
    """A POST that changes nothing (a search): not counted among the writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product under its prefix."""

    prefix: str
    routes: tuple[Route, ...]
    authenticate: Callable[[Request, State, Personality, str], User | None]
    """Return the user, None without credentials; RefusalError for wrong ones. The last argument is the token."""
    unauthorised: Callable[[], RefusalError]
    missing: Callable[[int, str], RefusalError]
    """Build the answer for an unknown path (404) or method (405)."""
    suffix: str = ""
    """Ending that every path may carry: .json."""


def answer(body: Json | list[Any] | None, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer; None is an empty one."""
    data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    response = Response(data, status=status, headers=headers)
    if body is None:
        response.headers.pop("Content-Type", None)
    else:
        response.headers["Content-Type"] = "application/json;charset=UTF-8"
    return response


def body_of(call: Call, refuse: Callable[[str], RefusalError]) -> Json:
    """Return the request's JSON object; `refuse` builds the answer for anything else."""
    kind = call.request.mimetype
    if kind != "application/json":
        raise RefusalError(415, {"errorMessages": [f"Unsupported Media Type: '{kind}'"], "errors": {}, "error": "Unsupported Media Type"})
    try:
        found = json.loads(call.request.get_data())
    except (ValueError, RecursionError) as error:
        raise refuse(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise refuse(f"the body must be an object, not {type(found).__name__}")
    return found


def segment(text: str) -> str:
    """Return text as one part of a URL's path."""
    return quote(text, safe="")
