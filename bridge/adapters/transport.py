"""How bytes travel to a tracker or help desk: encrypted, to the named host only, and always with an end.

requests bounds each wait for a socket, not a whole answer: a server that drips one byte every 20 seconds
holds a caller for ever. Here an answer has a deadline (headers and body) and a size limit, redirects stay on
the host and never carry a write, and loopback is reached without a proxy.
"""

from __future__ import annotations

import contextlib
import contextvars
import ipaddress
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from loguru import logger
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bridge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests import PreparedRequest, Response, Session
    from urllib3.response import HTTPResponse

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0
"""How long one answer may take from the first to the last byte."""
ANSWER_BYTES = 64 * 1024 * 1024
_CHUNK = 64 * 1024
LEAVING: contextvars.ContextVar[Callable[[], None] | None] = contextvars.ContextVar("leaving", default=None)
"""Called once, when a connection stands and before the first byte of the next request leaves; what it raises ends the request unsent."""


class RedirectedError(requests.RequestException):
    """The server wants the request elsewhere: on another host, or it was a write. It was not followed."""


class EndlessAnswerError(requests.ConnectionError):
    """The answer was too long or took too long. What it answered to may have happened."""


class LongAnswerError(EndlessAnswerError):
    """It was longer than what is taken; asked again, it would be as long."""


def checked_url(url: object, *, where: str) -> str:
    """Return an address without its trailing slash; InputError unless it is https, or http to loopback, without credentials."""
    if not isinstance(url, str) or not url.strip():
        raise InputError(f"url must be an address, not {url!r}", where=where, hint="url: https://example.atlassian.net")
    parts = urlsplit(url.strip())
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        raise InputError(f"url '{_without_user(url)}' is no http(s) address", where=where, hint="url: https://example.atlassian.net")
    if parts.username is not None or parts.password is not None:
        raise InputError("url holds credentials", where=where, hint="put them in user and token: token: env:NAME")
    if parts.query or parts.fragment:
        raise InputError(f"url '{url}' has a query or a fragment", where=where, hint="leave out everything from ? or #")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InputError(
            f"url '{url}' is not encrypted: credentials and customers' data would be readable on the way",
            where=where,
            hint=f"url: https://{url.strip()[7:]}",
        )
    return url.strip().rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bound(session: Session, url: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
    """Make every call of a session end and stay on the host of `url`; TLS is always verified."""
    if is_loopback(urlsplit(url).hostname or ""):
        session.trust_env = False  # a proxy can't reach our loopback, and must not see what is said there
    session.max_redirects = 5
    adapter = BoundedAdapter(answer_seconds)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


class BoundedAdapter(HTTPAdapter):
    """An HTTPAdapter that reads the whole answer itself, against a deadline."""

    def __init__(self, answer_seconds: float) -> None:
        """`answer_seconds` bounds headers and body together, plus at most one wait for the socket."""
        self._answer_seconds = answer_seconds
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let connections watch the clock while headers arrive."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._answer_seconds)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Do the same behind a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _pools(self._answer_seconds)
        return manager

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - requests' signature; everything is read here
        timeout: Any = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - requests' signature
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and read all of its answer."""
        begun = time.monotonic()
        ends = begun + self._answer_seconds
        response = super().send(
            request,
            stream=True,
            timeout=timeout or (CONNECT_SECONDS, self._answer_seconds),
            verify=verify or True,
            cert=cert,
            proxies=proxies,
        )
        _refuse_redirect(request, response)
        response._content = _read(response, ends)  # noqa: SLF001 - what requests' own .content fills
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        # Method, path and status only: bodies, queries and headers hold customers' words and credentials.
        path = urlsplit(request.url or "").path
        logger.debug("{} {} answered {} in {:.2f} s", request.method, path, response.status_code, time.monotonic() - begun)
        return response


def _refuse_redirect(request: PreparedRequest, response: Response) -> None:
    if not response.is_redirect:
        return
    here, there = urlsplit(request.url or ""), urlsplit(urljoin(request.url or "", response.headers["location"]))
    same = (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)
    if same and request.method in {"GET", "HEAD"}:
        return
    response.close()
    raise RedirectedError(f"redirected to {there.scheme}://{there.hostname}", response=response)


def _read(response: Response, ends: float) -> bytes:
    raw = cast("HTTPResponse", response.raw)
    parts: list[bytes] = []
    size = 0
    try:
        while chunk := raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > ANSWER_BYTES:
                raise LongAnswerError(f"the answer is longer than {ANSWER_BYTES // 1024 // 1024} MB", response=response)
            if time.monotonic() > ends:
                raise EndlessAnswerError("the answer takes too long", response=response)
            parts.append(chunk)
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(f"the answer broke off: {error}", response=response) from error
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise
        raise requests.ConnectionError(f"the answer broke off: {error}", response=response) from error
    finally:
        # A half-read connection must not be used again; a fully read one is already back in the pool.
        raw.close() if not raw.closed and raw.length_remaining else raw.release_conn()
    return b"".join(parts)


def _pools(seconds: float) -> dict[str, Any]:
    """Return urllib3's pools with connections that give up on headers after `seconds`."""

    class Plain(HTTPConnection):
        def send(self, data: Any) -> None:
            _tell_leaving(self)
            super().send(data)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 overrides it the same way
            with _watched(self, seconds):
                return super().getresponse()

    class Encrypted(HTTPSConnection):
        def send(self, data: Any) -> None:
            _tell_leaving(self)
            super().send(data)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 overrides it the same way
            with _watched(self, seconds):
                return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _tell_leaving(connection: HTTPConnection) -> None:
    told = LEAVING.get()
    if told is None:
        return
    LEAVING.set(None)  # first: connecting may itself send, to a proxy
    if connection.sock is None:
        connection.connect()
    told()


@contextlib.contextmanager
def _watched(connection: HTTPConnection, seconds: float) -> Iterator[None]:
    """End the waiting for headers; what came until then must not pass for an answer."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):  # it ended by itself meanwhile: nothing is left to abort
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if ended.is_set():
        raise TimeoutError("the headers take too long")


def _without_user(url: str) -> str:
    """Return an address for a message, without what may be a password before the @."""
    scheme, separator, rest = url.rpartition("://")
    return scheme + separator + rest.rpartition("@")[2]
