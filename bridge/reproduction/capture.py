"""What leaves the capture step: no credential, each replaced by a stand-in that keeps links findable."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

from bridge.model.exchange import Exchange, Pairs, Recording, Request, Response
from bridge.reproduction.atoms import cookies, json_of
from bridge.reproduction.people import Pseudonyms

PASSWORD: Final = "${password}"  # noqa: S105  the name of a hole, filled from the target's identity
STAND_IN: Final = "cred-"
_PASSWORDS = re.compile(
    r"pass(word|wd|phrase|code)?|pwd|pin|otp|totp|cvv|cvc|card_?number|client_?secret|secret|private_?key", re.IGNORECASE
)
_TOKENS = re.compile(
    r".*(token|jwt|api[_-]?key|apikey|session[_-]?id|sessionid|csrf|xsrf|assertion|signature|credential)s?|sid|auth|authorization|nonce",
    re.IGNORECASE,
)
_HEADERS = re.compile(
    r"authorization|proxy-authorization|cookie|set-cookie|.*(token|api-?key|secret|session|csrf|xsrf|signature).*", re.IGNORECASE
)
_LEAST = 4
"""Shorter values are replaced where they stand, not wherever the same letters occur."""


def scrub(recording: Recording, key: bytes, people: Pseudonyms | None = None) -> Recording:
    """Return the recording with every credential replaced (passwords by a hole, tokens by a keyed stand-in), and people too.

    The same token gets the same stand-in everywhere, so links are found as before; the key is never stored, so nobody can
    try tokens against a stand-in. A token is replaced wherever its text occurs, in paths and in other fields too.
    """
    found: dict[str, str] = {}
    for exchange in recording.exchanges:
        for name, value in _secrets(exchange):
            hole = PASSWORD if _PASSWORDS.fullmatch(name) else STAND_IN + hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:24]
            if value and (found.get(value) != PASSWORD):
                found[value] = hole
    everywhere = sorted((value for value in found if len(value) >= _LEAST), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, everywhere))) if everywhere else None

    people = people or Pseudonyms(key=key)

    def clean(text: str) -> str:
        return people.document(pattern.sub(lambda match: found[match[0]], text) if pattern else text)

    return replace(recording, exchanges=tuple(_cleaned(exchange, clean) for exchange in recording.exchanges))


def _secrets(exchange: Exchange) -> Iterator[tuple[str, str]]:
    for pairs, body in ((exchange.request.headers, exchange.request.body), (exchange.response.headers, exchange.response.body)):
        yield from _header_secrets(pairs)
        if body[:1] in {"{", "["}:
            yield from _json_secrets(json_of(body, "json"))
    request = exchange.request
    fields: Iterable[tuple[str, str]] = request.query
    if "form-urlencoded" in request.header("content-type"):
        fields = (*fields, *parse_qsl(request.body, keep_blank_values=True))
    for name, value in fields:
        if _PASSWORDS.fullmatch(name) or _TOKENS.fullmatch(name):
            yield name, value


def _header_secrets(pairs: Pairs) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        low = name.lower()
        if low == "cookie":
            yield from cookies(value)
        elif low == "set-cookie":
            yield value.partition("=")[0], value.partition("=")[2].split(";")[0].strip()
        elif _HEADERS.fullmatch(low):
            yield "token", value.rpartition(" ")[2]


def _json_secrets(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _json_secrets(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _json_secrets(item, name)
    elif isinstance(value, str) and value and (_PASSWORDS.fullmatch(name) or _TOKENS.fullmatch(name)):
        yield name, value


def _cleaned(exchange: Exchange, clean: Any) -> Exchange:
    def pairs(given: Pairs) -> Pairs:
        return tuple((name, clean(value)) for name, value in given)

    asked, given = exchange.request, exchange.response
    request = Request(
        method=asked.method, path=clean(asked.path), query=pairs(asked.query), headers=pairs(asked.headers), body=_short(clean(asked.body))
    )
    response = Response(status=given.status, headers=pairs(given.headers), body=_short(clean(given.body)))
    return replace(exchange, request=request, response=response)


def _short(body: str) -> str:
    """Return a JSON body with what is left of passwords (those too short to be replaced everywhere) made holes."""
    document = json_of(body, "json") if body[:1] in {"{", "["} else None
    if document is None or not any(_PASSWORDS.fullmatch(name) and value != PASSWORD for name, value in _json_secrets(document)):
        return body
    return json.dumps(_holes(document), ensure_ascii=False)


def _holes(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _holes(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_holes(item, name) for item in value]
    return PASSWORD if isinstance(value, str) and _PASSWORDS.fullmatch(name) else value
