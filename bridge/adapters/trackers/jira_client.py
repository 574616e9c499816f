"""The `jira` library's session, tamed: bounded, repeated by verb, its errors translated. Its private names are used here only.

What it gets wrong is worked around, measured with 3.10.5 (docs/jira.md): it re-sends POSTs (so `max_retries=0`,
and `bridge.adapters.retry` decides by verb), it has no timeouts, it asks for application links before every
remote link, and its error text drops the field ids.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from jira import JIRA
from jira.exceptions import JIRAError

from bridge.adapters.retry import AnswerError, Caller, Effect
from bridge.adapters.transport import CONNECT_SECONDS, bound
from bridge.errors import InputError
from bridge.model.filing import IssueRef

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.ports import Leaving

NO_LINK = "none"
T = TypeVar("T")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraSettings:
    """Checked options."""

    url: str
    user: str
    """Empty: the token is a personal access token (Data Center)."""
    project: str
    issue_type: str
    timeout: float
    where: str
    duplicate_link: str = ""
    """Name of the link type for duplicates; empty: the one that is called so; `NO_LINK`: they are closed without a link."""
    api: str = "2"
    """2: wiki markup, Cloud and Data Center; 3: Atlassian Document Format, Cloud only."""


class JiraClient:
    """Makes requests; connects with the first one."""

    def __init__(self, settings: JiraSettings, token: str, caller: Caller) -> None:
        """Keep what is needed to connect."""
        self.settings = settings
        self._token = token
        self._caller = caller
        self._library: JIRA | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._library is not None:
            self._library.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped
            self._library = None

    @property
    def is_cloud(self) -> bool:
        """Tell which deployment it is; asks the server the first time."""
        return bool(self.library().deploymentType == "Cloud")

    def get(self, path: str, arguments: Mapping[str, Any]) -> Any:
        """GET a path below the API's root and return its JSON."""
        return self.request("GET", path, "read", arguments=arguments)

    def request(
        self,
        method: str,
        path: str,
        effect: Effect,
        *,
        arguments: Mapping[str, Any] | None = None,
        body: Json | None = None,
        leaving: Leaving | None = None,
    ) -> Any:
        """Make one request, repeated as its effect allows, and return its JSON; {} for an empty answer to a write."""
        return self.run(f"{method} {path}", effect, partial(_exchange, method, path, arguments, body), leaving=leaving)

    def run(self, what: str, effect: Effect, call: Callable[[JIRA], T], *, leaving: Leaving | None = None) -> T:
        """Call the library; `what` names the request: `POST issue`."""
        library = self.library()
        return self._caller.run(self._where(what), effect, lambda: _translated(partial(call, library)), leaving=leaving)

    def ref(self, raw: Mapping[str, Any]) -> IssueRef:
        """Return an issue's id, key and address."""
        return IssueRef(id=str(raw["id"]), key=str(raw["key"]), url=f"{self.settings.url}/browse/{raw['key']}")

    def library(self) -> JIRA:
        """Return the connected library."""
        if self._library is None:
            made = self._new()
            info = self._caller.run(
                self._where("GET serverInfo"), "read", lambda: _translated(lambda: _exchange("GET", "serverInfo", None, None, made))
            )
            if self.settings.api == "3" and info.get("deploymentType") != "Cloud":
                raise InputError("API 3 is Jira Cloud's only, and this is Data Center", where=self.settings.where, hint="tracker: {api: 2}")
            # What JIRA(get_server_info=True) does, but within our time limits: it chooses Cloud's or Data Center's paths by these.
            made.deploymentType = info.get("deploymentType")
            made._version = tuple(info.get("versionNumbers") or (0, 0, 0))  # noqa: SLF001 - see above
            self._library = made
        return self._library

    def _where(self, what: str) -> str:
        method, _, path = what.partition(" ")
        return f"{method} /rest/api/{self.settings.api}/{path}"

    def _new(self) -> JIRA:
        settings = self.settings
        credentials: Json = {"basic_auth": (settings.user, self._token)} if settings.user else {"token_auth": self._token}
        made = JIRA(
            settings.url,
            options={"rest_api_version": settings.api, "check_update": False},
            max_retries=0,
            timeout=(CONNECT_SECONDS, settings.timeout),
            get_server_info=False,
            validate=False,
            logging=False,
            **credentials,
        )
        bound(made._session, settings.url)  # noqa: SLF001 - the library has no public way
        made._applicationlinks = []  # noqa: SLF001 - else an administrators' call precedes every remote link
        weakref.finalize(self, made.close)
        return made


def _exchange(method: str, path: str, arguments: Mapping[str, Any] | None, body: Json | None, library: JIRA) -> Any:
    """Make one request through the library's session and return its JSON; an empty answer to a write is fine."""
    session: requests.Session = library._session  # noqa: SLF001 - the library has no public way
    response = session.request(method, library._get_url(path), params=arguments, json=body)  # noqa: SLF001 - the same
    try:
        found = response.json()
    except ValueError as error:
        if method != "GET" and not response.content:
            return {}
        raise AnswerError(response, "the answer is not JSON") from error
    if not isinstance(found, dict | list):
        raise AnswerError(response, "the answer is no JSON object")
    return found


def _translated(call: Callable[[], T]) -> T:
    """Turn the library's errors into an answer that can be judged. This is the adapter's edge.

    Whatever the library stumbles over after a request went out (an error body of another shape, an answer
    without a key) is an answer that can't be read, not a bug of the caller.
    """
    try:
        return call()
    except (AnswerError, requests.RequestException):
        raise
    except JIRAError as error:
        raise AnswerError(error.response) from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise AnswerError(None, f"the answer can't be read: {type(error).__name__}") from error
