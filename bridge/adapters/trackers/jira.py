"""Jira, Cloud and Data Center, through the `jira` library: API v2, wiki markup.

The library is used for its session, its create and its upload. What it gets wrong is worked around here,
measured with 3.10.5 (docs/jira.md): it re-sends POSTs (so `max_retries=0`, and `bridge.adapters.retry` decides
by verb), it has no timeouts, it reads a created issue back and loses the key when that fails
(`prefetch=False`), it asks for application links before every remote link, its search silently truncates or
answers None, and its error text drops the field ids. Its private names are used in this module only.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests
from jira import JIRA
from jira.exceptions import JIRAError

from bridge.adapters.option_keys import OptionReader
from bridge.adapters.retry import AnswerError, Caller, Effect
from bridge.adapters.trackers import jira_preflight as checks
from bridge.adapters.trackers.jira_fields import FieldMeta, shaped
from bridge.adapters.transport import CONNECT_SECONDS, bound, checked_url
from bridge.errors import BridgeError, InputError, NotFoundError, RefusedError
from bridge.model.filing import Attachment, Check, IssueDraft, IssueRef, RemoteLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bridge.plugins import AdapterOptions

KEYS = ("url", "user", "token", "project", "issue_type", "labels", "fields", "timeout", "patience")
GAPS = 60
"""How many missing keys in a row are walked over: burnt by refused creates, hidden, moved or deleted."""
WALK = 1000
"""How many keys are read at most; what is older than that is in the search index by now."""
_BULK = 100
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


def open_tracker(options: AdapterOptions) -> Jira:
    """Return the tracker; nothing is sent yet. InputError lists every wrong option."""
    reader = OptionReader(options, KEYS)
    settings = JiraSettings(
        url=reader.checked(lambda: checked_url(options.values.get("url"), where=options.where)),
        user=reader.text("user", default=""),
        project=reader.text("project", example="REP"),
        issue_type=reader.text("issue_type", example="Bug"),
        timeout=reader.number("timeout", default=30, least=1, most=600),
        where=options.where,
    )
    patience = reader.number("patience", default=60, least=0, most=3600)
    reader.finish()
    hint = f"check user and token ({options.where}): Cloud wants the account's address and an API token, Data Center a personal access token alone"
    caller = Caller("Jira", site=urlsplit(settings.url).netloc, access_hint=hint, patience=patience)
    return Jira(settings, options.secret("token"), caller)


class Jira:
    """The port `IssueTracker`."""

    product = "jira"
    markup = "wiki"

    def __init__(self, settings: JiraSettings, token: str, caller: Caller) -> None:
        """Keep what is needed to connect; the first call connects."""
        self._settings = settings
        self._token = token
        self._caller = caller
        self._client: JIRA | None = None
        self._fields: dict[str, FieldMeta] = {}
        self._type_id = ""

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped
            self._client = None

    # Reading

    def preflight(self, draft: IssueDraft, attachments: Sequence[Attachment]) -> Sequence[Check]:
        """Return what would make Jira refuse this draft; `ok=False` ones name the lines of bridge.yaml that mend it."""
        found = [*checks.draft_checks(draft), *self._permissions(draft.project, bool(attachments))]
        found += self._attachment_checks(attachments)
        try:
            types = self._issue_types(draft.project)
        except NotFoundError:
            detail = f"project '{draft.project}' does not exist or is not shown to this user"
            return [*found, Check(connection="tracker", what="project", ok=False, detail=detail, hint="tracker: {project: KEY}")]
        type_check, self._type_id = checks.type_check(types, draft.issue_type)
        found.append(type_check)
        if self._type_id:
            self._fields = self._field_metas(draft.project, self._type_id)
            found += checks.field_checks(self._fields, draft)
        return found

    def newest_key(self, project: str) -> str | None:
        """Return the highest key that search knows; it lags, so the true one may be higher."""
        found = self._search(f"project = {_quoted(project)} ORDER BY key DESC", "key", 1)
        return str(found[0]["key"]) if found else None

    def find(self, project: str, marker: str, above: str | None) -> IssueRef | None:
        """Look for the marker: direct reads of the keys above the mark, then search. Of several the oldest."""
        hits = list(self._walk(project, marker, above)) if above else []
        hits += [row for row in self._search(f"labels = {_quoted(marker)} ORDER BY key ASC", "labels", 50) if _has(row, marker)]
        if not hits:
            return None
        return self._ref(min(hits, key=lambda row: int(row["id"])))

    def get(self, key: str) -> IssueRef | None:
        """Return the issue under its present key; None when it is deleted or hidden."""
        try:
            return self._ref(self._get(f"issue/{key}", {"fields": "summary"}))
        except NotFoundError:
            return None

    def attachments(self, issue: IssueRef) -> Sequence[str]:
        """Return the names of its attachments."""
        rows = (self._get(f"issue/{issue.id}", {"fields": "attachment"}).get("fields") or {}).get("attachment") or []
        return [str(row.get("filename")) for row in rows]

    def remote_links(self, issue: IssueRef) -> Sequence[RemoteLink]:
        """Return its remote links that have a global id; the others are not ours."""
        rows = self._get(f"issue/{issue.id}/remotelink", {})
        return [_remote_link(row) for row in rows if row.get("globalId")]

    # Writing

    def create(self, draft: IssueDraft) -> IssueRef:
        """Create it once; a lost answer is an UnknownOutcomeError."""
        if not self._fields:
            refused = [check for check in self.preflight(draft, ()) if not check.ok]
            if refused:
                raise RefusedError(f"Jira would refuse it: {refused[0].detail}", hint=refused[0].hint)
        fields = {
            "project": {"key": draft.project},
            "issuetype": {"id": self._type_id},
            "summary": draft.summary,
            "description": draft.description,
            "labels": list(draft.labels),
            **{name: shaped(self._fields[name], value) if name in self._fields else value for name, value in draft.fields.items()},
        }
        created = self._run("POST issue", "once", lambda client: client.create_issue(fields=fields, prefetch=False).raw)
        return self._ref(created)

    def attach(self, issue: IssueRef, attachment: Attachment) -> None:
        """Upload one file under its name with the content's hash; a lost answer is an UnknownOutcomeError."""
        try:
            content = Path(attachment.path).open("rb")  # noqa: SIM115 - closed below; opening it is told apart from sending it
        except OSError as error:
            raise InputError(
                f"{attachment.path} can't be read: {error.strerror}", hint="run `bridge report` again: it makes the files"
            ) from error
        with content:
            self._run(
                f"POST issue/{issue.key}/attachments",
                "once",
                lambda client: client.add_attachment(issue.id, content, filename=attachment.name),
            )

    def put_remote_link(self, issue: IssueRef, link: RemoteLink) -> None:
        """Create or update the link with this global id; the whole object, because left-out fields become null."""
        body = {
            "globalId": link.global_id,
            "relationship": link.relationship,
            "object": {
                "url": link.url,
                "title": link.title,
                "summary": link.summary,
                "status": {"resolved": link.resolved},
            },
        }
        self._request("POST", f"issue/{issue.id}/remotelink", "repeatable", body=body)

    def check(self) -> Sequence[Check]:
        """Tell which deployment it is, who we are, and whether project, type and permissions are there."""
        found: list[Check] = []

        def tried(what: str, call: Callable[[], str]) -> None:
            try:
                found.append(Check(connection="tracker", what=what, ok=True, detail=call()))
            except BridgeError as error:
                found.append(Check(connection="tracker", what=what, ok=False, detail=error.message, hint=error.hint))

        tried("deployment", self._deployment)
        if found[0].ok:
            tried("credentials", lambda: str(self._get("myself", {}).get("displayName") or "known"))
        if all(item.ok for item in found):
            tried("project", lambda: str(self._get(f"project/{self._settings.project}", {}).get("name") or self._settings.project))
        if all(item.ok for item in found):
            found += self._permissions(self._settings.project, attachments=True)
            found.append(checks.type_check(self._issue_types(self._settings.project), self._settings.issue_type)[0])
        return found

    # Details

    def _deployment(self) -> str:
        info = self._get("serverInfo", {})
        return f"Jira {info.get('deploymentType') or 'Server'} {info.get('version', '')}".strip()

    def _permissions(self, project: str, attachments: bool) -> list[Check]:  # noqa: FBT001 - one private caller each way
        wanted = {"BROWSE_PROJECTS": "see issues", "CREATE_ISSUES": "create issues", "LINK_ISSUES": "link tickets to issues"}
        if attachments:
            wanted["CREATE_ATTACHMENTS"] = "attach files"
        try:
            answer = self._get("mypermissions", {"projectKey": project, "permissions": ",".join(wanted)})
        except NotFoundError:
            return []  # there is no such project: the check of the project says so
        return checks.permission_checks(answer.get("permissions") or {}, wanted, project)

    def _attachment_checks(self, attachments: Sequence[Attachment]) -> list[Check]:
        if not attachments:
            return []
        meta = self._get("attachment/meta", {})
        return checks.attachment_checks(attachments, enabled=meta.get("enabled") is not False, limit=meta.get("uploadLimit"))

    def _issue_types(self, project: str) -> list[Json]:
        return list(self._meta_pages(f"issue/createmeta/{project}/issuetypes", "issueTypes"))

    def _field_metas(self, project: str, type_id: str) -> dict[str, FieldMeta]:
        metas = [FieldMeta.of(row) for row in self._meta_pages(f"issue/createmeta/{project}/issuetypes/{type_id}", "fields")]
        return {meta.id: meta for meta in metas}

    def _meta_pages(self, path: str, name: str) -> Iterator[Json]:
        """Page through create metadata; Cloud answers under `name`, Data Center under `values`."""
        start = 0
        while True:
            body = self._get(path, {"startAt": start, "maxResults": _BULK})
            rows = body.get("values") if body.get(name) is None else body.get(name)
            yield from rows or []
            start += len(rows or [])
            if not rows or start >= int(body.get("total") or 0) or body.get("isLast") is True:
                return

    def _search(self, jql: str, fields: str, limit: int) -> list[Json]:
        """Return up to `limit` issues; Cloud pages by token (a repeated one ends it), Data Center by position."""
        rows: list[Json] = []
        cloud = bool(self._connected().deploymentType == "Cloud")
        arguments: Json = {"jql": jql, "fields": fields, "maxResults": min(limit, _BULK)}
        seen: set[str] = set()
        while len(rows) < limit:
            body = self._get("search/jql" if cloud else "search", arguments)
            page = body.get("issues") or []
            rows += page
            token = body.get("nextPageToken")
            if not page or (cloud and (not token or token in seen)) or (not cloud and len(rows) >= int(body.get("total") or 0)):
                break
            seen.add(str(token))
            arguments |= {"nextPageToken": token} if cloud else {"startAt": len(rows)}
        return rows[:limit]

    def _walk(self, project: str, marker: str, above: str) -> Iterator[Json]:
        """Read the keys above the mark directly, until `GAPS` in a row beyond the newest known key are missing."""
        newest = _number(self.newest_key(project) or above)
        position = first = max(_number(above) + 1, newest - WALK)
        last_seen = max(newest, first - 1)
        while position <= last_seen + GAPS and position < first + 2 * WALK:
            numbers = range(position, min(position + _BULK, last_seen + GAPS + 1))
            position = numbers.stop
            for row in self._read_keys([f"{project}-{number}" for number in numbers]):
                if str(row["key"]).startswith(f"{project}-"):
                    last_seen = max(last_seen, _number(str(row["key"])))
                if _has(row, marker):
                    yield row

    def _read_keys(self, keys: Sequence[str]) -> list[Json]:
        """Return those of the issues that exist and are shown to us."""
        if self._connected().deploymentType == "Cloud":
            body = {"issueIdsOrKeys": list(keys), "fields": ["labels"]}
            return list(self._request("POST", "issue/bulkfetch", "read", body=body).get("issues") or [])
        found: list[Json] = []
        for key in keys:
            try:
                found.append(self._get(f"issue/{key}", {"fields": "labels"}))
            except NotFoundError:
                continue
        return found

    def _ref(self, raw: Mapping[str, Any]) -> IssueRef:
        return IssueRef(id=str(raw["id"]), key=str(raw["key"]), url=f"{self._settings.url}/browse/{raw['key']}")

    # The library

    def _get(self, path: str, arguments: Mapping[str, Any]) -> Any:
        return self._request("GET", path, "read", arguments=arguments)

    def _request(
        self, method: str, path: str, effect: Effect, *, arguments: Mapping[str, Any] | None = None, body: Json | None = None
    ) -> Any:
        return self._run(f"{method} {path}", effect, partial(_exchange, method, path, arguments, body))

    def _run(self, what: str, effect: Effect, call: Callable[[JIRA], T]) -> T:
        client = self._connected()
        return self._caller.run(_where(what), effect, lambda: _translated(partial(call, client)))

    def _connected(self) -> JIRA:
        if self._client is None:
            client = self._new_client()
            info = self._caller.run(
                _where("GET serverInfo"), "read", lambda: _translated(lambda: _exchange("GET", "serverInfo", None, None, client))
            )
            # What JIRA(get_server_info=True) does, but within our time limits: it chooses Cloud's or Data Center's paths by these.
            client.deploymentType = info.get("deploymentType")
            client._version = tuple(info.get("versionNumbers") or (0, 0, 0))  # noqa: SLF001 - see above
            self._client = client
        return self._client

    def _new_client(self) -> JIRA:
        credentials: Json = {"basic_auth": (self._settings.user, self._token)} if self._settings.user else {"token_auth": self._token}
        client = JIRA(
            self._settings.url,
            options={"rest_api_version": "2", "check_update": False},
            max_retries=0,
            timeout=(CONNECT_SECONDS, self._settings.timeout),
            get_server_info=False,
            validate=False,
            logging=False,
            **credentials,
        )
        bound(client._session, self._settings.url)  # noqa: SLF001 - the library has no public way
        client._applicationlinks = []  # noqa: SLF001 - else an administrators' call precedes every remote link
        weakref.finalize(self, client.close)
        return client


def _exchange(method: str, path: str, arguments: Mapping[str, Any] | None, body: Json | None, client: JIRA) -> Any:
    """Make one request through the library's session and return its JSON; an empty answer to a write is fine."""
    session: requests.Session = client._session  # noqa: SLF001 - the library has no public way
    response = session.request(method, client._get_url(path), params=arguments, json=body)  # noqa: SLF001 - the same
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


def _where(what: str) -> str:
    method, _, path = what.partition(" ")
    return f"{method} /rest/api/2/{path}"


def _quoted(text: str) -> str:
    """Return a JQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(key: str) -> int:
    return int(key.rpartition("-")[2])


def _has(row: Mapping[str, Any], marker: str) -> bool:
    return marker in ((row.get("fields") or {}).get("labels") or [])


def _remote_link(row: Mapping[str, Any]) -> RemoteLink:
    target = row.get("object") or {}
    return RemoteLink(
        global_id=str(row["globalId"]),
        url=str(target.get("url") or ""),
        title=str(target.get("title") or ""),
        summary=str(target.get("summary") or ""),
        relationship=str(row.get("relationship") or ""),
        resolved=(target.get("status") or {}).get("resolved") is True,
    )
