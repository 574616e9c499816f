"""Requests and their answers: recorded, planned, or sent. Bodies are text; bytes that are no UTF-8 are kept as base64 by the reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

Pairs = tuple[tuple[str, str], ...]
"""Names and values in order; a name may come twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request without the host it goes to."""

    method: str
    path: str
    """Starts with a slash, still percent-encoded, without the query."""
    query: Pairs = ()
    """Decoded names and values."""
    headers: Pairs = ()
    body: str = ""

    def header(self, name: str) -> str:
        """Return the first value of a header, empty when it is missing; names are compared without case."""
        return _first(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer. Status 0: no answer was recorded."""

    status: int
    headers: Pairs = ()
    body: str = ""

    def header(self, name: str) -> str:
        """Return the first value of a header, empty when it is missing; names are compared without case."""
        return _first(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One recorded request with its answer."""

    index: int
    """Position in the recording, from 0: what links and verdicts name."""
    request: Request
    response: Response
    at: datetime | None = None
    """When it was sent, UTC; None: not recorded."""
    account: str = ""
    user: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What was recorded, oldest first."""

    exchanges: tuple[Exchange, ...]
    hosts: tuple[str, ...]
    """Hosts that the requests went to: refused as targets for ever."""
    source: str
    """Where it came from, for people: `checkout.har`."""
    notes: tuple[str, ...] = field(default=())
    """What this source can't tell, in sentences."""


def _first(pairs: Pairs, name: str) -> str:
    wanted = name.lower()
    return next((value for key, value in pairs if key.lower() == wanted), "")
