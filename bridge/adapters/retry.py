"""When a call may be sent again, and what its failure means.

| effect     | what it is                          | sent again on                                              |
|------------|-------------------------------------|------------------------------------------------------------|
| read       | GET, a search by POST               | connection errors, cut answers, 408, 429, 502, 503, 504    |
| repeatable | PUT, DELETE, a POST that upserts    | the same                                                   |
| once       | POST issue, comment, file; a note   | 429, or a failure before a byte of the request went out    |

No request leaves before a Retry-After that was named, for any call of the same `Caller`; all waits and
attempts of one call together stay within its patience, and those of a server that can't be reached at all
within `UNSENT_SECONDS`: a person is waiting, and nothing suggests that it comes back soon. A write with effect `once` whose answer was lost
(reset, timeout, any 5xx, an answer that can't be read, a redirect) is an UnknownOutcomeError at once.
"""

from __future__ import annotations

import email.utils
import random
import re
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import requests
import urllib3

from bridge.adapters.transport import LEAVING, LongAnswerError, RedirectedError
from bridge.errors import (
    AccessError,
    BridgeError,
    ChangedMeanwhileError,
    NotFoundError,
    Problem,
    RefusedError,
    RetryLaterError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

    from bridge.ports import Leaving

T = TypeVar("T")
Effect = Literal["read", "repeatable", "once"]
Kind = Literal["unsent", "lost", "busy", "down", "page", "garbled", "access", "missing", "conflict", "refused", "redirected", "setup"]
PATIENCE_SECONDS = 120.0
"""Longer than the minute that a limit by the minute may ask for."""
UNSENT_SECONDS = 5.0
"""How long a server is tried again that refuses the connection or whose name is unknown."""
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 15.0
_AGAIN = frozenset({"unsent", "lost", "busy", "garbled"})
_LOST = frozenset({"lost", "down", "page", "garbled", "redirected"})
_RETRIED_STATUS = frozenset({408, 502, 503, 504})
_TEXT_LIMIT = 300


class AnswerError(Exception):
    """An answer that is not what was asked for: an error status, or a body that can't be used."""

    def __init__(self, response: Response | None, text: str = "") -> None:
        """`text` replaces what the body says."""
        super().__init__(text)
        self.response = response
        self.text = text


def json_object(response: Response) -> dict[str, Any]:
    """Return the JSON object of an answer; AnswerError for an error status and for anything else."""
    if not response.ok:
        raise AnswerError(response)
    try:
        found = response.json()
    except ValueError as error:
        raise AnswerError(response, "the answer is not JSON") from error
    if not isinstance(found, dict):
        raise AnswerError(response, "the answer is no JSON object")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed attempt."""

    kind: Kind
    text: str
    status: int | None = None
    after: float | None = None
    """Seconds to wait that the server named."""
    fields: tuple[tuple[str, str], ...] = ()
    """What is wrong by field id."""
    again: bool = False
    """True for a server error that passes: 408, 502, 503, 504."""


class Caller:
    """Makes the calls to one server; remembers how long the server asked to be left alone."""

    def __init__(
        self,
        product: str,
        *,
        access_hint: str,
        site: str = "",
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`product` is the name people know, `site` its host; `access_hint` says where its credentials come from."""
        self._product = product
        self._site = f" at {site}" if site else ""
        self._access_hint = access_hint
        self._patience = patience
        self._sleep = sleep
        self._monotonic = monotonic
        self._not_before = 0.0

    def run(self, what: str, effect: Effect, call: Callable[[], T], *, leaving: Leaving | None = None) -> T:
        """Return what `call` returns; it makes one attempt and raises AnswerError or a requests exception.

        `what` names the request for messages: `GET /rest/api/2/issue/REP-1`. `leaving` is told when the request is
        about to leave, and when it has to be sent again. Raises bridge.errors only, and what `leaving` raises.
        """
        began = self._monotonic()
        ends = began + self._patience
        wait = _FIRST_WAIT
        may_have_happened = False
        while True:
            self._hold_back(what, ends, may_have_happened=may_have_happened)
            told = LEAVING.set(partial(leaving, True) if leaving else None)
            try:
                return call()
            except (AnswerError, requests.RequestException) as error:
                failure = failure_of(error)
                may_have_happened = may_have_happened or (effect != "read" and failure.kind in _LOST)
                if failure.after is not None:
                    self._not_before = self._monotonic() + failure.after
                pause = failure.after if failure.after is not None else wait * random.uniform(0.5, 1.0)
                last = min(ends, began + UNSENT_SECONDS) if failure.kind == "unsent" else ends
                if not _may_repeat(failure, effect) or self._monotonic() + pause > last:
                    raise self._error(failure, what, effect, may_have_happened=may_have_happened) from error
                if leaving and not may_have_happened:
                    leaving(False)
                self._sleep(pause)
                wait = min(wait * 2, _LONGEST_WAIT)
            finally:
                LEAVING.reset(told)

    def _hold_back(self, what: str, ends: float, *, may_have_happened: bool) -> None:
        left = self._not_before - self._monotonic()
        if left <= 0:
            return
        if self._monotonic() + left > ends:
            kind = UnknownOutcomeError if may_have_happened else RetryLaterError
            raise kind(
                f"{self._product} asked to be left alone for {left:.0f} s more",
                where=what,
                hint=f"run the same command again in {left:.0f} s",
                after_seconds=left,
            )
        self._sleep(left)

    def _error(self, failure: Failure, what: str, effect: Effect, *, may_have_happened: bool) -> BridgeError:  # noqa: PLR0911 - a table
        name, text = self._product, failure.text
        if effect != "read" and failure.kind in _LOST and (effect == "once" or failure.kind != "page"):
            return UnknownOutcomeError(f"{name} may have done it, but its answer was lost ({text})", where=what)
        if failure.kind == "access":
            return AccessError(f"{name} refused the credentials or the right is missing ({text})", where=what, hint=self._access_hint)
        if failure.kind in {"page", "redirected"}:
            hint = f"check url in bridge.yaml: it must be the address of {name} itself, not of a login page or proxy; {self._access_hint}"
            return AccessError(f"{name} answered with something that is not its API ({text})", where=what, hint=hint)
        if failure.kind == "missing":
            return NotFoundError(f"{name} does not have it, or does not show it to you ({text})", where=what)
        if failure.kind == "conflict":
            return ChangedMeanwhileError(f"somebody changed it in {name} meanwhile ({text})", where=what, hint="run the same command again")
        if failure.kind in {"refused", "setup"}:
            problems = tuple(Problem(message=message, where=field) for field, message in failure.fields)
            return RefusedError(f"{name} refused it ({text})", where=what, problems=problems)
        when = f"in {failure.after:.0f} s" if failure.after is not None else "in a minute"
        error = UnknownOutcomeError if may_have_happened else RetryLaterError
        message = f"{name} did not answer properly ({text})"
        if failure.kind == "unsent":
            message = f"{name}{self._site} can't be reached ({text})"
        if failure.kind == "busy":
            message = f"{name} is busy ({text})"
        return error(message, where=what, hint=f"run the same command again {when}", after_seconds=failure.after)


def _may_repeat(failure: Failure, effect: Effect) -> bool:
    if effect == "once":
        return failure.kind in {"unsent", "busy"}
    return failure.kind in _AGAIN or failure.again


def failure_of(error: AnswerError | requests.RequestException) -> Failure:  # noqa: PLR0911 - a table
    """Say what one failed attempt was; text holds no request headers, so no credentials."""
    if isinstance(error, AnswerError):
        return _of_answer(error)
    if isinstance(error, RedirectedError):
        return Failure(kind="redirected", text=str(error))
    if isinstance(error, LongAnswerError):
        return Failure(kind="down", text=str(error))
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return Failure(kind="garbled", text="the answer is not JSON")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema | requests.exceptions.InvalidSchema):
        return Failure(kind="setup", text=str(error))
    if isinstance(error, requests.TooManyRedirects):
        return Failure(kind="redirected", text="redirected in a circle")
    if _is_unsent(error):
        return Failure(kind="unsent", text=_plain(error))
    return Failure(kind="lost", text=_plain(error))


def _is_unsent(error: requests.RequestException) -> bool:
    """Tell whether it certainly failed before a byte of the request went out: resolving, connecting, the handshake."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    for cause in _causes(error):
        if isinstance(
            cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError | urllib3.exceptions.ConnectTimeoutError
        ):
            return True
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        if isinstance(cause, ssl.SSLError) and re.search("HANDSHAKE|WRONG_VERSION|UNSUPPORTED_PROTOCOL|UNKNOWN_CA", str(cause.reason)):
            return True
    return False


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and everything wrapped in it: requests and urllib3 keep the inner error in args and reason.

    `__context__` is left out: it may be an error of an earlier call that our caller is just handling, and an
    earlier failure to connect must not make this one look unsent.
    """
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            waiting += [*item.args, getattr(item, "reason", None), item.__cause__]
    return found


def _plain(error: requests.RequestException) -> str:
    """Return the innermost words without addresses of Python objects."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection within the time limit"
    if isinstance(error, requests.Timeout):
        return "no answer within the time limit"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        if isinstance(cause, urllib3.exceptions.NameResolutionError):
            return "its host name is unknown"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
    return clean(re.sub(r"<[^>]*object at 0x[0-9a-f]+>:?\s*", "", str(error)))


def _of_answer(error: AnswerError) -> Failure:  # noqa: PLR0911 - a table
    response = error.response
    if response is None:
        return Failure(kind="garbled", text=error.text or "no answer")
    status = response.status_code
    said, fields = said_by(response)
    text = f"{status}: {error.text or said}" if (error.text or said) else str(status)
    after = retry_after(response) if status in {429, 503} else None

    def failure(kind: Kind, *, again: bool = False) -> Failure:
        return Failure(kind=kind, text=text, status=status, after=after, fields=fields, again=again)

    if status < 300:  # noqa: PLR2004 - a success whose body can't be used
        return failure("page" if _is_page(response) else "garbled")
    if status == 429:  # noqa: PLR2004 - HTTP's numbers are names
        reason = response.headers.get("RateLimit-Reason", "")
        text = f"429: {reason or said or 'too many requests'}"
        return failure("busy")
    kinds: dict[int, Kind] = {401: "access", 403: "access", 407: "access", 404: "missing", 410: "missing", 409: "conflict"}
    if status in kinds:
        return failure(kinds[status])
    if status >= 500 or status == 408:  # noqa: PLR2004 - HTTP's numbers are names
        return failure("down", again=status in _RETRIED_STATUS)
    if status < 400:  # noqa: PLR2004 - HTTP's numbers are names
        return failure("redirected")
    return failure("refused")


def said_by(response: Response) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return an error answer's words and its complaints by field, in the shapes of Jira, Zendesk and Elasticsearch."""
    if _is_page(response):
        title = re.search(r"<title[^>]*>(.*?)</title>", response.text[:20_000], re.IGNORECASE | re.DOTALL)
        return clean(f"a web page: {title.group(1)}" if title else "a web page"), ()
    try:
        body = response.json()
    except ValueError:
        return clean(response.text), ()
    if not isinstance(body, dict):
        return "", ()
    fields = [*_jira_fields(body), *_zendesk_fields(body)]
    words = [str(item) for item in body.get("errorMessages") or [] if item]
    words += [str(body[key]) for key in ("message", "errorMessage", "description") if body.get(key)]
    problem = body.get("error")
    if isinstance(problem, dict):
        words += [str(problem[key]) for key in ("title", "message", "reason") if problem.get(key)]
    elif problem and not words:
        words.append(str(problem))
    words += [f"{name}: {message}" for name, message in fields]
    return clean("; ".join(words)), tuple(fields)


def _jira_fields(body: dict[str, object]) -> list[tuple[str, str]]:
    errors = body.get("errors")
    return [(clean(str(name)), clean(str(message))) for name, message in errors.items()] if isinstance(errors, dict) else []


def _zendesk_fields(body: dict[str, object]) -> list[tuple[str, str]]:
    details = body.get("details")
    found: list[tuple[str, str]] = []
    for name, items in details.items() if isinstance(details, dict) else ():
        for item in items if isinstance(items, list) else [items]:
            words = item.get("description") or item.get("error") if isinstance(item, dict) else item
            found.append((clean(str(name)), clean(str(words))))
    return found


def retry_after(response: Response) -> float | None:
    """Return the seconds a server asks to wait: Retry-After as seconds or as an HTTP date; None when it says nothing usable."""
    text = (response.headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return max(0.0, (_aware(at) - (server_time(response) or datetime.now(UTC))).total_seconds())


def server_time(response: Response) -> datetime | None:
    """Return the server's own clock from its Date header, to the second; None when it sent none."""
    try:
        return _aware(email.utils.parsedate_to_datetime(response.headers.get("Date") or ""))
    except (TypeError, ValueError, IndexError):
        return None


def clean(text: str) -> str:
    """Return foreign text as one printable line of limited length."""
    flat = re.sub(r"\s+", " ", "".join(char if char.isprintable() else " " for char in text[:5000])).strip()
    return flat if len(flat) <= _TEXT_LIMIT else flat[:_TEXT_LIMIT] + "…"


def _is_page(response: Response) -> bool:
    kind = response.headers.get("Content-Type", "").lower()
    return "html" in kind or response.text[:200].lstrip().lower().startswith(("<!doctype html", "<html"))


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
