"""JSON over HTTP to a log store: encrypted or loopback, bounded in time and size, reads repeated when that is safe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from bridge.adapters.option_keys import OptionReader
from bridge.adapters.retry import Caller, json_object
from bridge.adapters.transport import bound, checked_url
from bridge.plugins import AdapterOptions

TOO_LONG = re.compile(r"the answer (?:is longer than|takes too long)")
"""In the words of an error: a smaller page may fit."""
KEYS = ("url", "user", "token", "patience_seconds", "tenant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Requests to one server; every one of them only reads."""

    url: str
    session: requests.Session
    caller: Caller

    def json(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: Any = None, form: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the object that the server answers, to a body of JSON or of a form; bridge.errors only."""

        def call() -> dict[str, Any]:
            return json_object(self.session.request(method, f"{self.url}{path}", params=params, json=body, data=form))

        return self.caller.run(f"{method} {path}", "read", call)

    def close(self) -> None:
        """Close the connections."""
        self.session.close()


def opened(options: AdapterOptions, reader: OptionReader, product: str) -> Client:
    """Return the client for the keys url, user, token, patience_seconds; nothing is sent yet."""
    url = reader.checked(lambda value: checked_url(value, where=options.where), options.values.get("url"))
    user = reader.text("user", default="")
    patience = reader.number("patience_seconds", default=60, least=1, most=600)
    session = requests.Session()
    if url:
        bound(session, url)
    session.headers.update({"Accept": "application/json", "User-Agent": "ticket-bridge"})
    if options.values.get("tenant"):
        session.headers["X-Scope-OrgID"] = reader.text("tenant")
    if options.values.get("token"):
        token = options.secret("token")
        session.auth = (user, token) if user else _Bearer(token)
    hint = f"check user and token ({options.where})"
    return Client(url=url, session=session, caller=Caller(product, site=urlsplit(url).netloc, access_hint=hint, patience=patience))


class _Bearer(requests.auth.AuthBase):
    """An access token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
