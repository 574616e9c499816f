"""Shapes that all of the help desk's answers share: errors, times, pages, credentials."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from bridge.sandbox.calls import Call, Json, Personality, RefusalError, User, body_of
from bridge.sandbox.jira.answers import decode_basic
from bridge.sandbox.state import State

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

PAGE = 100
Item = TypeVar("Item")


def refuse(status: int, error: str, description: str, details: dict[str, list[Json]] | None = None) -> RefusalError:
    """Return a refusal in Zendesk's shape."""
    body: Json = {"error": error, "description": description}
    if details:
        body["details"] = details
    return RefusalError(status, body)


def invalid(**faults: str) -> RefusalError:
    """Return 422 with one complaint per attribute."""
    details = {name: [{"description": text, "error": "InvalidValue"}] for name, text in faults.items()}
    return refuse(422, "RecordInvalid", "Record validation errors", details)


def not_found() -> RefusalError:
    """Return 404 as Zendesk does."""
    return refuse(404, "RecordNotFound", "Not found")


def missing(status: int, path: str) -> RefusalError:
    """Return the answer for an unknown path or method."""
    if status == 405:  # noqa: PLR2004  an HTTP status
        return refuse(405, "MethodNotAllowed", "Method not allowed")
    return RefusalError(404, {"error": {"title": "Invalid endpoint", "message": f"Not found: {path}"}})


def unauthorised() -> RefusalError:
    """Return the answer to missing or wrong credentials."""
    return RefusalError(401, {"error": "Couldn't authenticate you"}, {"WWW-Authenticate": 'Basic realm="Web Password"'})


def authenticate(request: Request, state: State, _personality: Personality, token: str) -> User | None:
    """Check basic `mail/token:TOKEN`; None without credentials, 401 for wrong ones."""
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    kind, _, value = header.partition(" ")
    name, _, given = decode_basic(value)
    mail, _, word = name.rpartition("/")
    row = state.one("SELECT id, name, email FROM users WHERE email = ? AND role IN ('agent', 'admin')", mail)
    if kind.lower() != "basic" or word != "token" or row is None or not hmac.compare_digest(given.encode(), token.encode()):
        raise unauthorised()
    return User(id=row["id"], name=row["name"], email=row["email"])


def json_body(call: Call) -> Json:
    """Return the request's JSON object or refuse."""
    return body_of(call, lambda message: refuse(400, "Unprocessable", message))


def part(body: Json, name: str) -> Json:
    """Return the object under a name, as every Zendesk request wraps one."""
    found = body.get(name)
    if not isinstance(found, dict):
        raise RefusalError(400, {"error": {"title": "Invalid attribute", "message": f"Parameter {name} is required"}})
    return found


def zendesk_time(text: str) -> str:
    """Return a stored time as Zendesk writes it: 2026-03-17T06:00:00Z."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_LONGEST_ID = 18
"""Digits of an id that a database holds."""


def integer(text: str) -> int:
    """Return an id of a path or query; 404 when it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_ID:
        raise not_found()
    return int(text)


def ids(call: Call, name: str = "ids") -> list[int]:
    """Return the ids of show_many."""
    text = call.request.args.get(name, "")
    return [int(item) for item in text.split(",") if item.strip().isdigit()]


def page(call: Call, name: str, items: Sequence[Item], show: Callable[[Item], Any], *, most: int = PAGE) -> Json:
    """Return one page of items: by cursor when page[size] is given, else by page number."""
    args = call.request.args
    if "page[size]" in args or "page[after]" in args:
        return _cursor_page(call, name, items, show, most=most)
    size, number = _positive(call, "per_page", most, most), _positive(call, "page", 1, 1_000_000)
    start = (number - 1) * size
    shown = [show(item) for item in items[start : start + size]]
    following = number + 1 if start + size < len(items) else None
    return {
        name: shown,
        "next_page": _address(call, {"page": str(following), "per_page": str(size)}) if following else None,
        "previous_page": _address(call, {"page": str(number - 1), "per_page": str(size)}) if number > 1 else None,
        "count": len(items),
    }


def _positive(call: Call, name: str, default: int, most: int) -> int:
    text = call.request.args.get(name, "")
    if not text:
        return default
    if not text.isdigit() or int(text) < 1:
        raise refuse(400, "InvalidPaginationParameter", f"Invalid value for parameter {name}: {text}")
    return min(int(text), most)


def _cursor_page(call: Call, name: str, items: Sequence[Item], show: Callable[[Item], Any], *, most: int) -> Json:
    args = call.request.args
    size = _positive(call, "page[size]", most, most)
    start = int(open_cursor(args["page[after]"])) if args.get("page[after]") else 0
    shown = [show(item) for item in items[start : start + size]]
    more = start + size < len(items)
    after = cursor(str(start + size)) if shown else None
    # A list that is itself called `links` keeps its name: the addresses of the neighbours give way.
    neighbours = "links" if name != "links" else "pages"
    return {
        name: shown,
        "meta": {"has_more": more, "after_cursor": after, "before_cursor": cursor(str(start)) if shown else None},
        neighbours: {
            "next": _address(call, {"page[size]": str(size), "page[after]": after or ""}) if more else None,
            "prev": _address(call, {"page[size]": str(size), "page[before]": cursor(str(start))}) if start else None,
        },
    }


def cursor(text: str) -> str:
    """Return text as an opaque cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def open_cursor(text: str) -> str:
    """Return what a cursor holds: digits, dots and bars; a broken one is refused."""
    try:
        found = base64.urlsafe_b64decode(text.encode()).decode()
    except ValueError as error:
        raise refuse(400, "InvalidPaginationParameter", f"invalid cursor: {text}") from error
    if not found.replace(".", "").replace("|", "").isdigit():
        raise refuse(400, "InvalidPaginationParameter", f"invalid cursor: {text}")
    return found


def _address(call: Call, changed: dict[str, str]) -> str:
    from urllib.parse import urlencode

    dropped = {"page", "per_page", "page[size]", "page[after]", "page[before]"}
    kept = [(key, value) for key, value in call.request.args.items(multi=True) if key not in dropped]
    return f"{call.base}{call.args['path']}?{urlencode([*kept, *changed.items()])}"
