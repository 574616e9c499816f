"""One HTTP(S) target: plain requests, no redirects, no repeats, no proxies or credentials from the machine's settings."""

from __future__ import annotations

import socket
from urllib.parse import quote, urlencode, urlsplit

import requests

from bridge.errors import RefusedError, RetryLaterError
from bridge.model.exchange import Request, Response

TIMEOUT = 30.0
_LIMIT = 5_000_000
"""Bytes of an answer that are read."""


class Target:
    """A target at one address."""

    def __init__(self, url: str, *, refused: frozenset[str] = frozenset(), timeout: float = TIMEOUT) -> None:
        """`refused` are hosts whose addresses must never be reached, under whatever name."""
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        # Neither ~/.netrc nor proxy variables: what is sent is what was shown.
        self._session.trust_env = False
        self._forbidden = frozenset(address for host in refused for address in _addresses(host))

    def send(self, request: Request) -> Response:
        """Send it; RetryLaterError when no answer came, RefusedError when the name leads to a forbidden address."""
        where = f"{request.method} {self.url}{request.path}"
        host = urlsplit(self.url).hostname or ""
        # Looked up anew for each request: a name may point elsewhere by now.
        if self._forbidden and self._forbidden & _addresses(host):
            raise RefusedError(f"{host} leads to the address of a recorded host", where=where, hint="name a target that is another machine")
        query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
        try:
            with self._session.request(
                request.method,
                self.url + request.path + query,
                headers={name: value.encode() for name, value in request.headers},
                data=request.body.encode() if request.body else None,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as got:
                body = got.raw.read(_LIMIT, decode_content=True)
                headers = tuple((str(name), str(value)) for name, value in got.raw.headers.items())
                # The session must not carry cookies on: the links say which request has which.
                self._session.cookies.clear()
                return Response(status=got.status_code, headers=headers, body=body.decode("utf-8", "replace"))
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(
                f"no answer from the target: {type(error).__name__}", where=where, hint="is it running? its address: reproduction.targets"
            ) from error

    def close(self) -> None:
        """Release the connection."""
        self._session.close()


def _addresses(host: str) -> frozenset[str]:
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, None))
    except OSError:
        return frozenset()
