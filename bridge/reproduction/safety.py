"""What may be sent where: checked for every request, again at every redirect. Nothing here can be overridden but by its own rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Final, Literal
from urllib.parse import urlsplit

from bridge.errors import Problem, RefusedError
from bridge.model.exchange import Exchange, Request, Response
from bridge.reproduction.atoms import Location as Place
from bridge.reproduction.atoms import at_pointer, json_of, route, substitute

Danger = Literal["read", "write", "delete", "money", "message"]
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MONEY = re.compile(r"pay(ment|out|s)?|charge|refund|invoice|billing|transfer|subscription|withdraw|purchase|checkout|donat", re.IGNORECASE)
_MESSAGE = re.compile(r"mail|invit|notif|sms|message|webhook|share|send|broadcast", re.IGNORECASE)
_FRESH_HEADERS: Final = frozenset({"idempotency-key", "x-idempotency-key", "x-nonce", "nonce", "x-request-id", "x-correlation-id"})
_FRESH_KEYS: Final = ("idempotency_key", "idempotencyKey", "nonce", "request_id", "client_request_id", "clientRequestId")
_STOPS: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a target allows."""

    allow: tuple[str, ...]
    """Hosts, with a port where only that one is meant: `staging.example.test`, `127.0.0.1:8765`."""
    refused: tuple[str, ...] = ()
    """The recording's hosts and patterns such as `*.example.com`: never a target, whatever `allow` says."""
    writes: bool = False
    confirmed: frozenset[str] = frozenset()
    """Routes that may run although they delete, move money or send messages: `DELETE /reports/{report}`."""
    requests: int = 5_000
    rate: float = 5.0
    """Requests a second."""
    seconds: float = 3_600.0


def check_target(url: str, rules: Rules) -> None:
    """Refuse a host that is not allowed, or that was recorded; RefusedError names the rule."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
        raise RefusedError(f"'{url}' is no target", hint="write http(s)://host[:port] without a user name")
    for pattern in rules.refused:
        if fnmatch(host, pattern.lower().split(":")[0]):
            raise RefusedError(
                f"{host} is a host of the recording or on the deny list",
                where=url,
                hint="reproduce on another system; no option changes this",
            )
    if not any(allowed.lower() in {host, f"{host}:{port}"} for allowed in rules.allow):
        raise RefusedError(
            f"{host}:{port} is not on the allow-list",
            where=url,
            hint=f"allowed: {', '.join(rules.allow) or 'none'}; set it under reproduction.targets",
        )


def danger(request: Request) -> Danger:
    """Say what a request may do. A verb alone proves nothing (a GET may change things): it is shown before anything is sent."""
    if request.method in _SAFE:
        return "read"
    words = [segment for segment in request.path.split("/") if segment and not any(c.isdigit() for c in segment)]
    if any(_MONEY.match(word) for word in words):
        return "money"
    if any(_MESSAGE.match(word) for word in words):
        return "message"
    return "delete" if request.method == "DELETE" else "write"


def unconfirmed(steps: Iterable[Exchange], rules: Rules) -> dict[str, Danger]:
    """Return the routes that need a confirmation of their own and have none."""
    found = {route(step.request): danger(step.request) for step in steps}
    return {name: kind for name, kind in found.items() if kind in {"delete", "money", "message"} and name not in rules.confirmed}


def check_request(request: Request, rules: Rules, recorded_route: str) -> None:
    """Refuse a request that the rules don't allow."""
    kind = danger(request)
    if kind != "read" and not rules.writes:
        raise RefusedError(f"{request.method} {request.path} may write", hint="allow it: writes: true under reproduction.targets")
    if kind in {"delete", "money", "message"} and recorded_route not in rules.confirmed:
        raise RefusedError(f"{recorded_route} was not confirmed ({kind})", hint=f"confirm it: --confirm '{recorded_route}'")


def check_answer(response: Response, target: str, rules: Rules) -> None:
    """Stop at 429 and 503, and refuse a redirect that leaves the allowed hosts."""
    if response.status in _STOPS:
        raise RefusedError(
            f"the target answered {response.status}: stopped",
            where=target,
            hint="it is busy; try later, or lower rate under reproduction.targets",
        )
    location = response.header("location")
    if response.status in range(300, 400) and urlsplit(location).netloc:
        check_target(location, rules)


def fresh(request: Request, make: Callable[[], str]) -> Request:
    """Return the request with idempotency keys and nonces made anew: a recorded one is never sent again."""
    request = replace(
        request, headers=tuple((name, make() if name.lower() in _FRESH_HEADERS else value) for name, value in request.headers)
    )
    body = json_of(request.body, request.header("content-type"))
    for key in _FRESH_KEYS if isinstance(body, dict) else ():
        try:
            at_pointer(body, f"/{key}")
        except KeyError:
            continue
        request = substitute(request, Place(place="json", key=f"/{key}"), make())
    return request


def problems(steps: Sequence[Exchange], url: str, rules: Rules) -> tuple[Problem, ...]:
    """Return every rule that sending these steps would break, for the dry run."""
    found: list[Problem] = []
    try:
        check_target(url, rules)
    except RefusedError as error:
        found.append(Problem(message=error.message, where=error.where, hint=error.hint))
    writes = sum(danger(step.request) != "read" for step in steps)
    if writes and not rules.writes:
        found.append(
            Problem(message=f"{writes} of {len(steps)} requests may write", hint="allow it: writes: true under reproduction.targets")
        )
    return tuple(found)
