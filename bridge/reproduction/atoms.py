"""The single values of requests and answers: where each stands, and of which resource it may be an id."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from bridge.model.exchange import Request, Response

Place = Literal["path", "query", "header", "cookie", "json", "form"]
CREDENTIAL = "credential"
"""The resource of tokens and session ids: they say who asks, not about what."""
_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}")
_VERSION = re.compile(r"v\d+(\.\d+)*")
_NOUN = re.compile(r"[A-Za-z][A-Za-z_\-.]*")
_TOKEN_NAMES = re.compile(r"(^|[_\-.])(token|session|sid|jwt|csrf|xsrf|auth|authorization|api[_-]?key)s?$|token$", re.IGNORECASE)
_AUTH_HEADERS = frozenset({"authorization", "x-api-key", "x-auth-token", "x-csrf-token", "x-xsrf-token", "x-session-id"})
CREDENTIAL_HEADERS = _AUTH_HEADERS | {"cookie"}
_LINK_HEADERS = frozenset({"etag", "location", "if-match", "if-none-match"})
_LIST_WORDS = frozenset(
    {"data", "items", "results", "result", "rows", "list", "entries", "values", "content", "records", "response", "body"}
)
LONG = 8
"""From this length on a value that no one chose is nearly never the same by chance."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Location:
    """Where a value stands: a path segment by number, a name, or a JSON pointer."""

    place: Place
    key: str
    select: tuple[str, str] | None = None
    """For a row of a list: a sibling field and its value, by which the row is found again (the position changes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """One value with its place."""

    where: Location
    text: str
    resource: str
    """What it seems to be an id of: `cart`; empty: unknown."""
    before: str = ""
    """Text around it in the same field: `Bearer `."""
    after: str = ""
    number: bool = False
    """A JSON number: written back as one."""

    @property
    def opaque(self) -> bool:
        """Tell whether nobody would type it: long, with a digit."""
        return len(self.text) >= LONG and any(c.isdigit() for c in self.text)


def singular(word: str) -> str:
    """Return `cart` for `carts`, `Carts`, `cart_id`, `cartId`."""
    plain = re.sub(r"([a-z])([A-Z])", r"\1_\2", word).lower().replace("-", "_")
    plain = re.sub(r"_(id|ids|uuid|key|no|number|ref)$", "", plain)
    if plain.endswith("ies"):
        return plain[:-3] + "y"
    if plain.endswith(("sses", "shes", "ches", "xes")):
        return plain[:-2]
    return plain[:-1] if plain.endswith("s") and not plain.endswith(("ss", "us")) else plain


def is_id(segment: str) -> bool:
    """Tell whether a path segment looks like an id rather than a word of the API."""
    return bool(segment) and not _VERSION.fullmatch(segment) and (any(c.isdigit() for c in segment) or bool(_ID.fullmatch(segment)))


def route(request: Request) -> str:
    """Return the route template: `POST /orders/{order}/refund`."""
    shown = [f"{{{resource or 'id'}}}" if resource is not None else text for text, resource in _segments(request.path)]
    return f"{request.method} /" + "/".join(shown)


def _segments(path: str) -> list[tuple[str, str | None]]:
    """Return each segment with None (a word of the API) or the resource it is an id of."""
    found: list[tuple[str, str | None]] = []
    noun = ""
    for raw in path.strip("/").split("/"):
        text = unquote(raw)
        if is_id(text):
            found.append((text, singular(noun) if noun else ""))
        else:
            found.append((text, None))
            noun = text
    return found


def noun_of(request: Request) -> str:
    """Return the resource that a request's answer is about: the last word of its path."""
    words = [text for text, resource in _segments(request.path) if resource is None and _NOUN.fullmatch(text)]
    return singular(words[-1]) if words else ""


def json_of(body: str, headers_type: str = "") -> Any:
    """Return the body as JSON, None when it is none."""
    if "json" not in headers_type.lower() and body[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def request_atoms(request: Request) -> list[Atom]:
    """Return every value that a request carries and that an earlier answer may have given."""
    found = [
        Atom(where=Location(place="path", key=str(at)), text=text, resource=resource)
        for at, (text, resource) in enumerate(_segments(request.path))
        if resource is not None
    ]
    for name, value in request.query:
        found += _leaf(Location(place="query", key=name), value, _named(name, ""))
    for name, value in request.headers:
        low = name.lower()
        if low == "cookie":
            found += [Atom(where=Location(place="cookie", key=key), text=text, resource=CREDENTIAL) for key, text in cookies(value)]
        elif low in _AUTH_HEADERS or _TOKEN_NAMES.search(low):
            scheme, _, rest = value.rpartition(" ")
            found.append(
                Atom(where=Location(place="header", key=low), text=rest, resource=CREDENTIAL, before=f"{scheme} " if scheme else "")
            )
        elif low in _LINK_HEADERS:
            found += _leaf(Location(place="header", key=low), value.strip('"'), low.removeprefix("if-none-").replace("if-match", "etag"))
    if "form-urlencoded" in request.header("content-type").lower():
        for name, value in parse_qsl(request.body, keep_blank_values=True):
            found += _leaf(Location(place="form", key=name), value, _named(name, ""))
        return found
    body = json_of(request.body, request.header("content-type"))
    return found if body is None else found + _json_atoms(body, noun_of(request), "", own_id=False)


def response_atoms(request: Request, response: Response) -> list[Atom]:
    """Return every value that an answer gave."""
    found: list[Atom] = []
    for name, value in response.headers:
        low = name.lower()
        if low == "set-cookie":
            key, _, rest = value.partition("=")
            found.append(Atom(where=Location(place="cookie", key=key.strip()), text=rest.split(";")[0].strip(), resource=CREDENTIAL))
        elif low == "location":
            segments = _segments(urlsplit(value).path)
            found += [
                Atom(where=Location(place="header", key=f"location/{at}"), text=text, resource=resource)
                for at, (text, resource) in enumerate(segments)
                if resource is not None
            ]
        elif low in _LINK_HEADERS or low in _AUTH_HEADERS:
            found += _leaf(Location(place="header", key=low), value.strip('"'), CREDENTIAL if low in _AUTH_HEADERS else low)
    body = json_of(response.body, response.header("content-type"))
    return found if body is None else found + _json_atoms(body, noun_of(request), "", own_id=True)


def _named(name: str, container: str) -> str:
    """Return the resource that a key speaks of: `cart_id` and `cart` say cart, `id` says the thing it stands in."""
    if _TOKEN_NAMES.search(name):
        return CREDENTIAL
    if name.lower() in {"id", "uuid", "_id", "key", "number", "no", "ref"}:
        return container
    return singular(name)


def _json_atoms(
    value: Any, container: str, pointer: str, *, own_id: bool, name: str = "", select: tuple[str, str] | None = None
) -> list[Atom]:
    if isinstance(value, dict):
        inner = container if not name or name.lower() in _LIST_WORDS else singular(name)
        found = []
        for key, item in value.items():
            found += _json_atoms(item, inner, f"{pointer}/{_escape(str(key))}", own_id=own_id, name=str(key), select=select)
        return found
    if isinstance(value, list):
        found = []
        for at, item in enumerate(value):
            row = _stable_field(item) if own_id else None
            found += _json_atoms(item, container, f"{pointer}/{at}", own_id=own_id, name=name, select=row or select)
        return found
    if value is None or isinstance(value, bool | float):
        return []
    where = Location(place="json", key=pointer, select=select)
    return _leaf(where, str(value), _named(name, container), number=isinstance(value, int))


_STABLE = ("name", "sku", "slug", "title", "email", "code", "label")


def _stable_field(item: Any) -> tuple[str, str] | None:
    """Return a field by which this row of a list can be found again on another system."""
    if isinstance(item, dict):
        for name in _STABLE:
            if isinstance(item.get(name), str) and item[name]:
                return name, item[name]
    return None


def _leaf(where: Location, text: str, resource: str, *, number: bool = False) -> list[Atom]:
    """Return the value, and the opaque ids inside a longer text."""
    found = [Atom(where=where, text=text, resource=resource, number=number)] if text else []
    if not number and len(text) > LONG:
        found += [
            Atom(where=where, text=match[0], resource="", before=text[: match.start()], after=text[match.end() :])
            for match in _ID.finditer(text)
            if match[0] != text
        ]
    return found


def cookies(value: str) -> list[tuple[str, str]]:
    """Return the names and values of a Cookie header."""
    parts = (part.strip().partition("=") for part in value.split(";"))
    return [(name, text) for name, _, text in parts if name]


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _unescape(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")


def at_pointer(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer points to; KeyError when it is not there."""
    for raw in pointer.split("/")[1:]:
        step = _unescape(raw)
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise KeyError(pointer)
    return value


def extract(response: Response, where: Location) -> str | None:
    """Return the value at a place of an answer, None when it is not there."""
    if where.place == "cookie":
        for name, value in response.headers:
            if name.lower() == "set-cookie" and value.partition("=")[0].strip() == where.key:
                return value.partition("=")[2].split(";")[0].strip()
        return None
    if where.place == "header":
        name, _, at = where.key.partition("/")
        value = response.header(name)
        if not at:
            return value.strip('"') or None
        segments = urlsplit(value).path.strip("/").split("/")
        return unquote(segments[int(at)]) if int(at) < len(segments) else None
    return _from_json(json_of(response.body, response.header("content-type")), where)


def _from_json(body: Any, where: Location) -> str | None:
    try:
        value = at_pointer(body, _same_row(body, where) if where.select else where.key)
    except KeyError:
        return None
    return None if value is None or isinstance(value, dict | list) else str(value)


def _same_row(body: Any, where: Location) -> str:
    """Return the pointer with the list position of the row that carries the same stable field; KeyError when none does."""
    steps = where.key.split("/")
    name, wanted = where.select or ("", "")
    for at in range(len(steps) - 1, 0, -1):
        if not steps[at].isdigit():
            continue
        rows = at_pointer(body, "/".join(steps[:at]))
        if isinstance(rows, list):
            for number, row in enumerate(rows):
                if isinstance(row, dict) and row.get(name) == wanted:
                    return "/".join([*steps[:at], str(number), *steps[at + 1 :]])
            raise KeyError(where.key)
    return where.key


def substitute(request: Request, where: Location, text: str) -> Request:
    """Return the request with the value at a place replaced; a place that is gone (it was cut away) changes nothing."""
    if where.place == "path":
        segments = request.path.lstrip("/").split("/")
        segments[int(where.key)] = quote(text, safe="")
        return replace(request, path="/" + "/".join(segments))
    if where.place == "query":
        return replace(request, query=tuple((name, text if name == where.key else value) for name, value in request.query))
    if where.place == "header":
        return replace(request, headers=tuple((name, text if name.lower() == where.key else value) for name, value in request.headers))
    if where.place == "cookie":
        return replace(
            request,
            headers=tuple(
                (name, _with_cookie(value, where.key, text) if name.lower() == "cookie" else value) for name, value in request.headers
            ),
        )
    if where.place == "form":
        pairs = parse_qsl(request.body, keep_blank_values=True)
        return replace(request, body=urlencode([(name, text if name == where.key else value) for name, value in pairs]))
    return replace(request, body=_with_json(request.body, where.key, text))


def _with_cookie(header: str, key: str, text: str) -> str:
    return "; ".join(f"{name}={text if name == key else value}" for name, value in cookies(header))


def _with_json(body: str, pointer: str, text: str) -> str:
    document = json_of(body, "json")
    steps = pointer.split("/")[1:]
    if not steps:
        return json.dumps(text, ensure_ascii=False)
    try:
        holder = at_pointer(document, "".join(f"/{step}" for step in steps[:-1]))
        old = at_pointer(document, pointer)
    except KeyError:
        return body
    value: Any = int(text) if isinstance(old, int) and not isinstance(old, bool) and text.lstrip("-").isdigit() else text
    last = _unescape(steps[-1])
    if isinstance(holder, list):
        holder[int(last)] = value
    else:
        holder[last] = value
    return json.dumps(document, ensure_ascii=False)
